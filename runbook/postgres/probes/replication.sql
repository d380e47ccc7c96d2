-- params: limit
-- E18: standbys as this server sees them; positions and states need pg_monitor.
SELECT r.pid::int8 AS pid,
       r.usename::text AS role,
       coalesce(r.application_name, '') AS application_name,
       coalesce(host(r.client_addr), CASE WHEN r.client_port = -1 THEN 'local socket' END) AS client,
       r.state,
       r.sync_state,
       r.sync_priority::int8 AS sync_priority,
       pg_wal_lsn_diff(w.now, r.sent_lsn)::int8 AS sent_lag_bytes,
       pg_wal_lsn_diff(w.now, r.replay_lsn)::int8 AS replay_lag_bytes,
       extract(epoch FROM r.write_lag)::float8 AS write_lag_s,
       extract(epoch FROM r.flush_lag)::float8 AS flush_lag_s,
       extract(epoch FROM r.replay_lag)::float8 AS replay_lag_s,
       r.backend_start
  FROM pg_catalog.pg_stat_replication r
 CROSS JOIN (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END AS now) AS w
 ORDER BY r.application_name, r.pid
 LIMIT $1::int8
