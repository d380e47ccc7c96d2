-- params: limit
-- E14: what depends on user functions: their triggers, defaults, constraints, indexes, views, policies.
WITH links AS MATERIALIZED (
    SELECT p.oid AS function, x.classid, x.objid
      FROM pg_catalog.pg_depend x
      JOIN pg_catalog.pg_proc p ON x.refclassid = 'pg_catalog.pg_proc'::regclass AND x.refobjid = p.oid
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
     WHERE x.deptype IN ('n', 'a') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     LIMIT $1::int8
)
SELECT DISTINCT l.function::int8 AS function_oid,
       CASE WHEN t.oid IS NOT NULL THEN 'trigger'
            WHEN e.oid IS NOT NULL THEN 'event trigger'
            WHEN d.oid IS NOT NULL THEN CASE WHEN a.attgenerated <> '' THEN 'generated column' ELSE 'default' END
            WHEN k.oid IS NOT NULL THEN 'constraint'
            WHEN i.oid IS NOT NULL THEN 'index'
            WHEN v.oid IS NOT NULL THEN CASE v.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'matview' ELSE 'rule' END
            WHEN o.oid IS NOT NULL THEN 'policy'
            WHEN l.classid = 'pg_catalog.pg_proc'::regclass THEN 'function'
            ELSE 'other' END AS kind,
       coalesce(pg_describe_object(l.classid, l.objid, 0), '') AS description,
       coalesce(t.tgrelid, d.adrelid, nullif(k.conrelid, 0), i.oid, v.oid, o.polrelid)::int8 AS relation_oid
  FROM links l
  LEFT JOIN pg_catalog.pg_trigger t ON l.classid = 'pg_catalog.pg_trigger'::regclass AND t.oid = l.objid
  LEFT JOIN pg_catalog.pg_event_trigger e ON l.classid = 'pg_catalog.pg_event_trigger'::regclass AND e.oid = l.objid
  LEFT JOIN pg_catalog.pg_attrdef d ON l.classid = 'pg_catalog.pg_attrdef'::regclass AND d.oid = l.objid
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
  LEFT JOIN pg_catalog.pg_constraint k ON l.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = l.objid
  LEFT JOIN pg_catalog.pg_class i ON l.classid = 'pg_catalog.pg_class'::regclass AND i.oid = l.objid
                                 AND i.relkind IN ('i', 'I')
  LEFT JOIN pg_catalog.pg_rewrite r ON l.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = l.objid
  LEFT JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
  LEFT JOIN pg_catalog.pg_policy o ON l.classid = 'pg_catalog.pg_policy'::regclass AND o.oid = l.objid
 ORDER BY 1, 2, 3
