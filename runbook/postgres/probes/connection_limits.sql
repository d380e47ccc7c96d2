-- params: role
-- E11: how many connections there may be and are; how full the shared lock table is.
SELECT current_setting('max_connections')::int8 AS max_connections,
       current_setting('superuser_reserved_connections')::int8 AS superuser_reserved,
       coalesce(current_setting('reserved_connections', true), '0')::int8 AS reserved,
       s.client_connections,
       s.other_slots,
       s.role_connections,
       coalesce(r.rolconnlimit, -1)::int8 AS role_limit,
       s.database_connections,
       d.datconnlimit::int8 AS database_limit,
       current_setting('max_locks_per_transaction')::int8
           * (current_setting('max_connections')::int8 + current_setting('max_prepared_transactions')::int8) AS max_locks,
       (SELECT count(*) FROM pg_catalog.pg_locks l WHERE NOT l.fastpath) AS locks
  FROM pg_catalog.pg_database d
  LEFT JOIN pg_catalog.pg_roles r ON r.rolname = coalesce($1::text, current_user)
 CROSS JOIN LATERAL (
       -- the type is hidden without pg_read_all_stats, database and role are not
       SELECT count(*) FILTER (WHERE c.client) AS client_connections,
              count(*) FILTER (WHERE c.backend_type = 'walsender') AS other_slots,
              count(*) FILTER (WHERE c.client AND c.usesysid = r.oid) AS role_connections,
              count(*) FILTER (WHERE c.client AND c.datid = d.oid) AS database_connections
         FROM (SELECT a.backend_type, a.usesysid, a.datid,
                      coalesce(a.backend_type, CASE WHEN a.datid > 0 AND a.usesysid > 0 THEN 'client backend' END) = 'client backend' AS client
                 FROM pg_catalog.pg_stat_activity a) AS c) AS s
 WHERE d.datname = current_database()
