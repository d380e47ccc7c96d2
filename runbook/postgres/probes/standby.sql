-- E18: this server as a standby; no row on a primary.
SELECT pg_last_wal_receive_lsn()::text AS receive_lsn,
       pg_last_wal_replay_lsn()::text AS replay_lsn,
       pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::int8 AS unreplayed_bytes,
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS replay_age_s,
       CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END AS replay_paused,
       r.status AS receiver_status,
       r.sender_host AS primary_host,
       coalesce(c.confl_tablespace, 0) AS conflicts_tablespace,
       coalesce(c.confl_lock, 0) AS conflicts_lock,
       coalesce(c.confl_snapshot, 0) AS conflicts_snapshot,
       coalesce(c.confl_bufferpin, 0) AS conflicts_bufferpin,
       coalesce(c.confl_deadlock, 0) AS conflicts_deadlock,
       current_setting('hot_standby_feedback')::bool AS hot_standby_feedback,
       (SELECT s.setting::int8 FROM pg_catalog.pg_settings s WHERE s.name = 'max_standby_streaming_delay')
           AS max_standby_streaming_delay_ms
  FROM (SELECT 1) AS one
  LEFT JOIN pg_catalog.pg_stat_wal_receiver r ON true
  LEFT JOIN pg_catalog.pg_stat_database_conflicts c ON c.datname = current_database()
 WHERE pg_is_in_recovery()
