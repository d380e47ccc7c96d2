-- params: limit
-- E10: commands that report progress. A relation is named only where it is in this database.
SELECT p.pid::int8 AS pid,
       p.command,
       nullif(p.relid, 0)::int8 AS relation_oid,
       CASE WHEN p.datid = d.oid AND p.relid <> 0 THEN p.relid::regclass::text END AS relation,
       nullif(p.index_relid, 0)::int8 AS index_oid,
       coalesce(p.phase, '') AS phase,
       p.done,
       p.total,
       p.unit,
       p.lockers_done,
       p.lockers_total,
       p.current_locker_pid::int8 AS current_locker_pid,
       coalesce(p.datid = d.oid, false) AS this_database
  FROM (
    SELECT p.pid, p.datid, p.command, p.relid, p.index_relid, p.phase,
           CASE WHEN p.blocks_total > 0 THEN p.blocks_done WHEN p.tuples_total > 0 THEN p.tuples_done
                WHEN p.lockers_total > 0 THEN p.lockers_done END AS done,
           CASE WHEN p.blocks_total > 0 THEN p.blocks_total WHEN p.tuples_total > 0 THEN p.tuples_total
                WHEN p.lockers_total > 0 THEN p.lockers_total END AS total,
           CASE WHEN p.blocks_total > 0 THEN 'blocks' WHEN p.tuples_total > 0 THEN 'tuples'
                WHEN p.lockers_total > 0 THEN 'lockers' END AS unit,
           p.lockers_done, p.lockers_total, nullif(p.current_locker_pid, 0) AS current_locker_pid
      FROM pg_catalog.pg_stat_progress_create_index p
    UNION ALL
    SELECT p.pid, p.datid, 'VACUUM', p.relid, NULL, p.phase, p.heap_blks_scanned, p.heap_blks_total, 'blocks',
           NULL, NULL, NULL
      FROM pg_catalog.pg_stat_progress_vacuum p
    UNION ALL
    SELECT p.pid, p.datid, p.command, p.relid, p.cluster_index_relid, p.phase, p.heap_blks_scanned, p.heap_blks_total,
           'blocks', NULL, NULL, NULL
      FROM pg_catalog.pg_stat_progress_cluster p
    UNION ALL
    SELECT p.pid, p.datid, 'ANALYZE', p.relid, NULL, p.phase, p.sample_blks_scanned, p.sample_blks_total, 'blocks',
           NULL, NULL, NULL
      FROM pg_catalog.pg_stat_progress_analyze p
    UNION ALL
    SELECT p.pid, NULL::oid, 'BASE BACKUP', NULL, NULL, p.phase, p.backup_streamed, p.backup_total, 'bytes',
           NULL, NULL, NULL
      FROM pg_catalog.pg_stat_progress_basebackup p
  ) AS p
  JOIN pg_catalog.pg_database d ON d.datname = current_database()
 ORDER BY 1
 LIMIT $1::int8
