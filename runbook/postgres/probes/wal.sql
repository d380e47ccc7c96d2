-- E12: the WAL directory. Needs pg_monitor.
SELECT count(*) AS files,
       coalesce(sum(w.size), 0)::int8 AS bytes,
       (SELECT s.setting::int8 * 1024 * 1024 FROM pg_catalog.pg_settings s WHERE s.name = 'max_wal_size') AS max_wal_bytes,
       (SELECT count(*) FROM pg_ls_archive_statusdir() AS f WHERE f.name LIKE '%.ready') AS archive_ready
  FROM pg_ls_waldir() AS w
