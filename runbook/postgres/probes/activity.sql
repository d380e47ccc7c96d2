-- params: limit
-- Nothing but = may touch a query text: one in another database's encoding would fail the whole probe.
-- E06: sessions of the whole server except this one. Other roles' texts and times need pg_read_all_stats.
SELECT a.pid::int8 AS pid,
       a.backend_start,
       a.datname::text AS database,
       a.usename::text AS role,
       coalesce(a.application_name, '') AS application_name,
       CASE WHEN a.client_addr IS NOT NULL THEN host(a.client_addr) WHEN a.client_port = -1 THEN 'local socket' END AS client,
       coalesce(a.backend_type, '') AS backend_type,
       a.state,
       CASE WHEN a.query <> '<insufficient privilege>' THEN a.query END AS query,
       coalesce(a.query = '<insufficient privilege>', false) AS query_hidden,
       a.wait_event_type,
       a.wait_event,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS xact_age_s,
       extract(epoch FROM clock_timestamp() - a.query_start)::float8 AS query_age_s,
       extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS state_age_s,
       extract(epoch FROM clock_timestamp() - a.backend_start)::float8 AS backend_age_s,
       a.backend_xid::text::int8 AS backend_xid,
       age(a.backend_xmin)::int8 AS xmin_age,
       NULL::int8 AS leader_pid,
       coalesce(a.datname = current_database(), false) AS this_database,
       coalesce(a.usename = current_user AND a.application_name = current_setting('application_name'), false) AS ours,
       CASE WHEN a.backend_type = 'autovacuum worker' THEN coalesce(a.query LIKE '%(to prevent wraparound)%', false)
            ELSE false END AS autovacuum_wraparound
  FROM pg_catalog.pg_stat_activity a
 WHERE a.pid <> pg_backend_pid()
   AND coalesce(a.backend_type, '') NOT IN ('checkpointer', 'background writer', 'walwriter', 'archiver', 'autovacuum launcher',
                              'logical replication launcher', 'walsummarizer', 'io worker', 'slotsync worker')
 ORDER BY a.datname = current_database() DESC NULLS LAST, a.xact_start NULLS LAST, a.pid
 LIMIT $1::int8
