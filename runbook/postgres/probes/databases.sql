-- params: limit
-- E01: the server's databases, by name and by how busy they are; no other database is connected to.
SELECT d.datname::text AS name,
       d.datname = current_database() AS ours,
       has_database_privilege(d.oid, 'CONNECT') AS may_connect,
       coalesce(s.numbackends, 0)::int8 AS sessions,
       (coalesce(s.tup_inserted, 0) + coalesce(s.tup_updated, 0) + coalesce(s.tup_deleted, 0))::int8 AS rows_written
  FROM pg_catalog.pg_database d
  LEFT JOIN pg_catalog.pg_stat_database s ON s.datid = d.oid
 WHERE NOT d.datistemplate AND d.datallowconn
 ORDER BY d.datname = current_database() DESC, 4 DESC, 5 DESC, 1
 LIMIT $1::int8
