-- params: limit
-- E05: counters of user tables and the server's clock; two samples give a rate.
SELECT c.oid::int8 AS relation_oid,
       pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid) AS writes,
       pg_stat_get_numscans(c.oid) AS reads,
       extract(epoch FROM clock_timestamp())::float8 AS at_s
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY c.oid
 LIMIT $1::int8
