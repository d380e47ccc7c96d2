-- params: limit
-- E14: what depends on user relations or their columns. pg_describe_object reads catalogs only; pg_get_viewdef would wait.
WITH wanted AS MATERIALIZED (
    SELECT c.oid, c.reltype
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), links AS MATERIALIZED (
    SELECT w.oid AS relation, x.refobjsubid AS attnum, x.classid, x.objid, x.objsubid, x.deptype
      FROM pg_catalog.pg_depend x
      JOIN wanted w ON x.refclassid = 'pg_catalog.pg_class'::regclass AND x.refobjid = w.oid
     WHERE x.deptype IN ('n', 'a')
    UNION ALL  -- through the row type: columns, functions and domains made of it
    SELECT w.oid, 0, x.classid, x.objid, x.objsubid, x.deptype
      FROM pg_catalog.pg_depend x
      JOIN wanted w ON x.refclassid = 'pg_catalog.pg_type'::regclass AND x.refobjid = w.reltype
     WHERE x.deptype = 'n'
), sorted AS (
    SELECT l.relation, l.attnum, l.deptype,
           CASE v.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'matview' ELSE 'rule' END AS kind,
           CASE WHEN v.relkind IN ('v', 'm') THEN 'pg_catalog.pg_class'::regclass ELSE l.classid END AS classid,
           CASE WHEN v.relkind IN ('v', 'm') THEN v.oid ELSE l.objid END AS objid, 0 AS objsubid, v.oid AS dependant
      FROM links l
      JOIN pg_catalog.pg_rewrite r ON l.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = l.objid
      JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND (v.oid <> l.relation OR v.relkind NOT IN ('v', 'm'))
    UNION ALL
    SELECT l.relation, l.attnum, l.deptype, 'policy', l.classid, l.objid, 0, p.polrelid
      FROM links l
      JOIN pg_catalog.pg_policy p ON l.classid = 'pg_catalog.pg_policy'::regclass AND p.oid = l.objid
    UNION ALL  -- triggers by column only: those of the whole table are in probe triggers
    SELECT l.relation, l.attnum, l.deptype, 'trigger', l.classid, l.objid, 0, t.tgrelid
      FROM links l
      JOIN pg_catalog.pg_trigger t ON l.classid = 'pg_catalog.pg_trigger'::regclass AND t.oid = l.objid
     WHERE NOT t.tgisinternal AND l.attnum > 0
    UNION ALL
    SELECT l.relation, l.attnum, l.deptype, 'function', l.classid, l.objid, 0, NULL
      FROM links l WHERE l.classid = 'pg_catalog.pg_proc'::regclass
    UNION ALL
    SELECT l.relation, l.attnum, l.deptype, 'statistics', l.classid, l.objid, 0, NULL
      FROM links l WHERE l.classid = 'pg_catalog.pg_statistic_ext'::regclass
    UNION ALL
    SELECT l.relation, l.attnum, l.deptype, 'publication', l.classid, l.objid, 0, NULL
      FROM links l WHERE l.classid = 'pg_catalog.pg_publication_rel'::regclass
    UNION ALL
    SELECT l.relation, l.attnum, l.deptype, CASE WHEN a.attgenerated <> '' THEN 'generated column' ELSE 'default' END,
           'pg_catalog.pg_class'::regclass, d.adrelid, d.adnum, d.adrelid
      FROM links l
      JOIN pg_catalog.pg_attrdef d ON l.classid = 'pg_catalog.pg_attrdef'::regclass AND d.oid = l.objid
      JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
     WHERE (d.adrelid, d.adnum) <> (l.relation, l.attnum)
    UNION ALL  -- up to 14 the column itself is linked, not its expression
    SELECT l.relation, l.attnum, l.deptype, 'generated column', l.classid, l.objid, l.objsubid, l.objid
      FROM links l
      JOIN pg_catalog.pg_attribute a ON l.classid = 'pg_catalog.pg_class'::regclass AND a.attrelid = l.objid
                                    AND a.attnum = l.objsubid AND a.attgenerated <> ''
     WHERE l.objid = l.relation AND l.attnum > 0
    UNION ALL
    SELECT l.relation, l.attnum, l.deptype, 'constraint', l.classid, l.objid, 0, nullif(k.conrelid, 0)
      FROM links l
      JOIN pg_catalog.pg_constraint k ON l.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = l.objid
     WHERE k.conrelid <> l.relation
    UNION ALL
    SELECT l.relation, l.attnum, l.deptype, CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'column' END,
           l.classid, l.objid, l.objsubid, l.objid
      FROM links l
      JOIN pg_catalog.pg_class c ON l.classid = 'pg_catalog.pg_class'::regclass AND c.oid = l.objid
     WHERE c.relkind = 'S' OR (l.objsubid > 0 AND l.attnum = 0 AND c.oid <> l.relation AND NOT c.relispartition)
    UNION ALL
    SELECT l.relation, l.attnum, l.deptype, 'type', l.classid, l.objid, 0, NULL
      FROM links l
      JOIN pg_catalog.pg_type t ON l.classid = 'pg_catalog.pg_type'::regclass AND t.oid = l.objid
     WHERE t.typtype = 'd'
)
SELECT DISTINCT s.relation::int8 AS relation_oid,
       s.attnum::int8 AS attnum,
       s.kind,
       pg_describe_object(s.classid, s.objid, s.objsubid) AS description,
       s.dependant::int8 AS dependant_oid,
       s.deptype::text AS deptype,
       CASE WHEN s.kind = 'default' THEN s.objsubid END::int8 AS default_attnum
  FROM sorted s
 ORDER BY 1, 2, 3, 4
 LIMIT $1::int8
