-- params: limit
-- E18: replication slots and the WAL they keep.
SELECT s.slot_name::text AS name,
       s.plugin::text AS plugin,
       s.slot_type,
       s.database::text AS database,
       s.temporary,
       s.active,
       s.active_pid::int8 AS active_pid,
       age(s.xmin)::int8 AS xmin_age,
       age(s.catalog_xmin)::int8 AS catalog_xmin_age,
       pg_wal_lsn_diff(w.now, s.restart_lsn)::int8 AS retained_bytes,
       s.wal_status AS wal_status,
       s.safe_wal_size AS safe_wal_bytes,
       s.two_phase AS two_phase,
       NULL::float8 AS inactive_s
  FROM pg_catalog.pg_replication_slots s
 CROSS JOIN (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END AS now) AS w
 ORDER BY 1
 LIMIT $1::int8
