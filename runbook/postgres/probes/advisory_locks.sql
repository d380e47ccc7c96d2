-- params: limit
-- E17: advisory locks of this database with their holders. objsubid 1 is the 64-bit key, 2 the two 32-bit keys.
SELECT l.pid::int8 AS pid,
       l.mode,
       l.granted,
       ((l.classid::int8 << 32) | l.objid::int8) AS key,
       l.objsubid = 2 AS two_keys,
       a.usename::text AS role,
       a.application_name,
       a.state,
       a.backend_start,
       extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS state_age_s,
       CASE WHEN a.query <> '<insufficient privilege>' THEN a.query END AS query
  FROM pg_catalog.pg_locks l
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'advisory'
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
 ORDER BY l.granted, l.pid
 LIMIT $1::int8
