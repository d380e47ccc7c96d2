-- params: limit
-- E09, E13: indexes of user relations, from pg_index; pg_get_indexdef would wait for locks.
WITH wanted AS MATERIALIZED (
    SELECT i.*, c.relname, c.relpages, c.relispartition, c.relam, c.reltablespace, c.reloptions, n.nspname
      FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     ORDER BY i.indrelid, i.indexrelid
     LIMIT $1::int8
), keys AS MATERIALIZED (
    SELECT w.indexrelid,
           array_agg(a.attname::text ORDER BY u.place) FILTER (WHERE u.place <= w.indnkeyatts) AS names,
           array_agg(a.attname::text ORDER BY u.place) FILTER (WHERE u.place > w.indnkeyatts) AS included,
           bool_and(a.attcollation = (w.indcollation::oid[])[u.place - 1 + array_lower(w.indcollation::oid[], 1)])
               FILTER (WHERE u.place <= w.indnkeyatts) AS own_collations
      FROM wanted w
     CROSS JOIN LATERAL unnest(w.indkey::int2[]) WITH ORDINALITY AS u(attnum, place)
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = w.indrelid AND a.attnum = u.attnum AND u.attnum <> 0
     GROUP BY w.indexrelid
), used AS MATERIALIZED (
    -- a key column is linked once for being a key: a second link, or one of no key, comes from an expression
    SELECT x.indexrelid, array_agg(x.attname ORDER BY x.attname) AS names
      FROM (SELECT w.indexrelid, a.attname::text AS attname
              FROM wanted w
              JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = w.indexrelid
                                         AND d.refclassid = 'pg_catalog.pg_class'::regclass
                                         AND d.refobjid = w.indrelid AND d.refobjsubid > 0
              JOIN pg_catalog.pg_attribute a ON a.attrelid = w.indrelid AND a.attnum = d.refobjsubid
             WHERE w.indexprs IS NOT NULL OR w.indpred IS NOT NULL
             GROUP BY w.indexrelid, a.attname, a.attnum, w.indkey
            HAVING count(*) > (CASE WHEN a.attnum = ANY (w.indkey::int2[]) THEN 1 ELSE 0 END)) AS x
     GROUP BY x.indexrelid
), special AS MATERIALIZED (
    SELECT coalesce(array_agg(o.oid), '{}') AS oids FROM pg_catalog.pg_opclass o WHERE NOT o.opcdefault
)
SELECT w.indexrelid::int8 AS oid,
       w.indrelid::int8 AS relation_oid,
       w.nspname::text AS schema,
       w.relname::text AS name,
       coalesce(k.names, '{}') AS columns,
       coalesce(k.included, '{}') AS included,
       w.indisunique AS "unique",
       w.indisprimary AS "primary",
       w.indisexclusion AS exclusion,
       w.indisvalid AS valid,
       w.indisready AS ready,
       w.indislive AS live,
       w.indexrelid IN (SELECT p.index_relid FROM pg_catalog.pg_stat_progress_create_index p
                         WHERE p.datname = current_database() AND p.index_relid IS NOT NULL) AS building,
       am.amname::text AS method,
       w.relpages::int8 AS pages,
       w.indexprs IS NOT NULL AS has_expressions,
       w.indpred IS NOT NULL AS has_predicate,
       w.indisreplident AS replica_identity,
       false AS nulls_not_distinct,
       w.indexrelid IN (SELECT q.conindid FROM pg_catalog.pg_constraint q WHERE q.contype IN ('p', 'u', 'x')) AS "constraint",
       w.relispartition AS is_partition,
       pg_stat_get_numscans(w.indexrelid) AS scans,
       coalesce(e.names, '{}') AS expression_columns,
       NOT (w.indclass::oid[] && (SELECT s.oids FROM special s)) AS default_operator_classes,
       h.inhparent::int8 AS parent_oid,
       ts.spcname::text AS tablespace,
       -- 950 and 951 are the C and POSIX collations on every installation
       NOT (w.indcollation::oid[] <@ '{0,950,951}'::oid[]) AS collation_dependent,
       -- what CREATE INDEX over the bare column names would make again
       am.amname = 'btree' AND w.indexprs IS NULL AND w.indpred IS NULL AND NOT w.indisclustered AND NOT w.indisreplident
           AND w.reloptions IS NULL AND w.reltablespace = 0 AND 0 = ALL (w.indoption::int2[])
           AND NOT (w.indclass::oid[] && (SELECT s.oids FROM special s))
           AND coalesce(k.own_collations, true)
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_description b
                            WHERE b.objoid = w.indexrelid AND b.classoid = 'pg_catalog.pg_class'::regclass) AS plain
  FROM wanted w
  JOIN pg_catalog.pg_am am ON am.oid = w.relam
  LEFT JOIN keys k ON k.indexrelid = w.indexrelid
  LEFT JOIN used e ON e.indexrelid = w.indexrelid
  LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = w.indexrelid
  LEFT JOIN pg_catalog.pg_tablespace ts ON ts.oid = w.reltablespace
