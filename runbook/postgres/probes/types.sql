-- params: limit
-- E13: enums, domains, ranges and free-standing composite types of user schemas.
SELECT t.oid::int8 AS oid,
       n.nspname::text AS schema,
       t.typname::text AS name,
       t.typtype::text AS kind,
       CASE WHEN t.typtype = 'e' THEN
           ARRAY(SELECT v.enumlabel::text FROM pg_catalog.pg_enum v WHERE v.enumtypid = t.oid ORDER BY v.enumsortorder)
           ELSE '{}' END AS labels,
       CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, NULL) END AS base,
       t.typtypmod::int8 AS base_typmod,
       EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c') AS has_constraints,
       t.typnotnull AS not_null,
       t.typdefault IS NOT NULL AS has_default,
       pg_get_userbyid(t.typowner)::text AS owner,
       e.extname::text AS extension,
       ARRAY(SELECT k.conname::text FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid ORDER BY 1) AS constraints
  FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
  LEFT JOIN pg_catalog.pg_depend x ON x.classid = 'pg_catalog.pg_type'::regclass AND x.objid = t.oid AND x.deptype = 'e'
  LEFT JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND (t.typtype IN ('e', 'd', 'r', 'm') OR (t.typtype = 'c' AND c.relkind = 'c'))
 ORDER BY t.oid
 LIMIT $1::int8
