-- params: limit
-- E13: constraints of user relations. The expression of a CHECK is read only where no lock stands in the way.
WITH locked AS MATERIALIZED (
    SELECT DISTINCT l.relation
      FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
), wanted AS MATERIALIZED (
    SELECT k.*
      FROM pg_catalog.pg_constraint k
      JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     ORDER BY k.conrelid, k.oid
     LIMIT $1::int8
), keys AS MATERIALIZED (
    SELECT w.oid, array_agg(a.attname::text ORDER BY u.place) AS names
      FROM wanted w
     CROSS JOIN LATERAL unnest(w.conkey) WITH ORDINALITY AS u(attnum, place)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = w.conrelid AND a.attnum = u.attnum
     GROUP BY w.oid
), foreign_keys AS MATERIALIZED (
    SELECT w.oid, array_agg(a.attname::text ORDER BY u.place) AS names
      FROM wanted w
     CROSS JOIN LATERAL unnest(w.confkey) WITH ORDINALITY AS u(attnum, place)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = w.confrelid AND a.attnum = u.attnum
     GROUP BY w.oid
)
SELECT w.conrelid::int8 AS relation_oid,
       w.conname::text AS name,
       w.contype::text AS kind,
       coalesce(k.names, '{}') AS columns,
       w.convalidated AS validated,
       nullif(w.confrelid, 0)::int8 AS references_oid,
       coalesce(f.names, '{}') AS referenced_columns,
       CASE WHEN w.contype IN ('p', 'u', 'x') THEN ic.relname::text END AS index_name,
       w.connoinherit AS no_inherit,
       w.coninhcount > 0 AS inherited,
       true AS enforced,
       w.condeferrable AS deferrable,
       w.condeferred AS deferred,
       CASE WHEN w.contype = 'f' THEN w.confdeltype::text END AS on_delete,
       CASE WHEN w.contype = 'f' THEN w.confupdtype::text END AS on_update,
       w.contype = 'f' AND w.confmatchtype = 'f' AS match_full,
       false AS period,
       CASE WHEN w.contype = 'c' AND w.conrelid NOT IN (SELECT l.relation FROM locked l)
            THEN pg_get_constraintdef(w.oid) END AS expression
  FROM wanted w
  LEFT JOIN keys k ON k.oid = w.oid
  LEFT JOIN foreign_keys f ON f.oid = w.oid
  LEFT JOIN pg_catalog.pg_class ic ON ic.oid = w.conindid AND w.conindid <> 0
