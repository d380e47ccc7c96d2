-- params: limit
-- E05: which columns and index expressions of the largest tables the planner knows nothing of, and the mean width of a row.
-- pg_stats waits for no lock. A small table is read whole whatever its statistics say.
WITH wanted AS MATERIALIZED (
    SELECT c.oid, c.relkind, c.relname, n.nspname, i.indrelid, coalesce(t.relpages, c.relpages) AS pages,
           c.relrowsecurity AND row_security_active(c.oid) AS filtered
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
      LEFT JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
     WHERE (c.relkind IN ('r', 'm', 'p') OR c.relkind = 'i' AND i.indexprs IS NOT NULL)
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND (coalesce(t.reltuples, c.reltuples) >= 1000 OR coalesce(t.relkind, c.relkind) = 'p')
     ORDER BY coalesce(t.relpages, c.relpages) DESC, coalesce(i.indrelid, c.oid), c.oid
     LIMIT $1::int8
), columns AS MATERIALIZED (
    SELECT w.oid, w.nspname, w.relname, w.relkind, a.attname,
           NOT w.filtered AND has_column_privilege(w.oid, a.attnum, 'SELECT') AS readable
      FROM wanted w
      JOIN pg_catalog.pg_attribute a ON a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped
     -- a target of 0 means never; virtual columns (18) and plain columns of an index have none of their own
     WHERE coalesce(a.attstattarget, -1) <> 0 AND a.attgenerated <> 'v'
       AND (w.indrelid IS NULL OR EXISTS (SELECT FROM pg_catalog.pg_index i
                                           WHERE i.indexrelid = w.oid AND (i.indkey::int2[])[a.attnum - 1] = 0))
)
SELECT w.oid::int8 AS relation_oid,
       coalesce(w.indrelid, w.oid)::int8 AS table_oid,
       w.relname::text AS name,
       count(s.attname) AS known,
       coalesce(array_agg(c.attname::text ORDER BY c.attname) FILTER (WHERE s.attname IS NULL AND c.readable), '{}') AS without,
       count(*) FILTER (WHERE NOT c.readable) AS hidden,
       coalesce(sum(s.avg_width), 0)::float8 AS width_bytes
  FROM columns c
  JOIN wanted w USING (oid)
  LEFT JOIN pg_catalog.pg_stats s ON s.schemaname = c.nspname AND s.tablename = c.relname AND s.attname = c.attname
                                 AND s.inherited = (c.relkind = 'p')
 GROUP BY w.oid, w.indrelid, w.relname
 ORDER BY 2, 1
