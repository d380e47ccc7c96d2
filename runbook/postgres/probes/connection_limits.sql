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
       SELECT count(*) FILTER (WHERE a.backend_type = 'client backend') AS client_connections,
              count(*) FILTER (WHERE a.backend_type = 'walsender') AS other_slots,
              count(*) FILTER (WHERE a.backend_type = 'client backend' AND a.usesysid = r.oid) AS role_connections,
              count(*) FILTER (WHERE a.backend_type = 'client backend' AND a.datid = d.oid) AS database_connections
         FROM pg_catalog.pg_stat_activity a) AS s
 WHERE d.datname = current_database()
