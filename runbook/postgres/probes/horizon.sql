-- params: limit
-- E08: who holds back the xmin horizon, oldest first.
SELECT h.kind, h.name, h.pid::int8 AS pid, h.age_xids::int8 AS age_xids, h.age_s, h.this_database, h.detail
  FROM (
    SELECT 'session' AS kind, a.pid::text AS name, a.pid,
           greatest(age(a.backend_xmin), age(a.backend_xid)) AS age_xids,
           extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_s,
           coalesce(a.datname = current_database(), false) AS this_database, a.state AS detail
      FROM pg_catalog.pg_stat_activity a
     WHERE (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.pid <> pg_backend_pid()
       AND coalesce(a.backend_type, '') <> 'walsender'
    UNION ALL
    SELECT 'prepared transaction', p.gid, NULL, age(p.transaction),
           extract(epoch FROM clock_timestamp() - p.prepared)::float8, p.database = current_database(), p.owner::text
      FROM pg_catalog.pg_prepared_xacts p
    UNION ALL
    SELECT 'replication slot', s.slot_name::text, s.active_pid, greatest(age(s.xmin), age(s.catalog_xmin)), NULL,
           coalesce(s.database = current_database(), true),
           s.slot_type || CASE WHEN s.active THEN ', active' ELSE ', inactive' END
      FROM pg_catalog.pg_replication_slots s
     WHERE s.xmin IS NOT NULL OR s.catalog_xmin IS NOT NULL
    UNION ALL
    SELECT 'standby', r.application_name, r.pid, age(r.backend_xmin), NULL, true, r.state
      FROM pg_catalog.pg_stat_replication r
     WHERE r.backend_xmin IS NOT NULL
  ) AS h
 ORDER BY h.age_xids DESC NULLS LAST
 LIMIT $1::int8
