-- params: limit
-- E11: client sessions by role, database, application and state, most first.
SELECT a.usename::text AS role,
       a.datname::text AS database,
       coalesce(a.application_name, '') AS application_name,
       a.state,
       count(*) AS count,
       r.rolconnlimit::int8 AS role_limit,
       d.datconnlimit::int8 AS database_limit,
       r.rolsuper AS role_superuser
  FROM pg_catalog.pg_stat_activity a
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
  LEFT JOIN pg_catalog.pg_database d ON d.oid = a.datid
 -- the type is hidden without pg_read_all_stats, database and role are not
 WHERE coalesce(a.backend_type, CASE WHEN a.datid > 0 AND a.usesysid > 0 THEN 'client backend' END) = 'client backend'
 GROUP BY a.usename, a.datname, coalesce(a.application_name, ''), a.state, r.rolconnlimit, d.datconnlimit, r.rolsuper
 ORDER BY 5 DESC, 1, 2, 3, 4
 LIMIT $1::int8
