-- E18: whether WAL gets to the archive.
SELECT a.archived_count::int8 AS archived,
       a.failed_count::int8 AS failed,
       a.last_failed_wal,
       extract(epoch FROM clock_timestamp() - a.last_archived_time)::float8 AS archived_s,
       extract(epoch FROM clock_timestamp() - a.last_failed_time)::float8 AS failed_s
  FROM pg_catalog.pg_stat_archiver a
