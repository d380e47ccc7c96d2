-- params: role, limit
-- E05, E13: relations of user schemas, sizes from pg_class alone: the size functions wait for locks.
WITH me AS (
    SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = coalesce($1::text, current_user)
), server AS (
    SELECT current_setting('server_version_num')::int4 AS version, current_setting('block_size')::int8 AS block
), wanted AS MATERIALIZED (
    SELECT c.*, n.nspname
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     ORDER BY c.oid
     LIMIT $2::int8
), locked AS MATERIALIZED (
    SELECT DISTINCT l.relation
      FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
), index_totals AS MATERIALIZED (
    SELECT i.indrelid, sum(ic.relpages)::int8 AS pages, sum(pg_stat_get_numscans(ic.oid))::int8 AS scans
      FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
     GROUP BY i.indrelid
), members AS MATERIALIZED (
    SELECT x.objid, e.extname
      FROM pg_catalog.pg_depend x
      JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid
     WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.refclassid = 'pg_catalog.pg_extension'::regclass
       AND x.deptype = 'e'
)
SELECT c.oid::int8 AS oid,
       c.nspname::text AS schema,
       c.relname::text AS name,
       c.relkind::text AS kind,
       pg_get_userbyid(c.relowner)::text AS owner,
       c.relpersistence::text AS persistence,
       -- before 14, 0 rows in 0 pages also means that nobody ever counted
       CASE WHEN v.version < 140000 AND c.reltuples = 0 AND c.relpages = 0 THEN -1 ELSE c.reltuples END::float8 AS rows,
       -- a partitioned table that was analysed has relpages -1 since 14
       greatest(c.relpages, 0)::int8 AS pages,
       greatest(c.relpages, 0) * v.block AS bytes,
       (coalesce(t.relpages, 0) + coalesce(ti.pages, 0)) * v.block AS toast_bytes,
       coalesce(i.pages, 0) * v.block AS index_bytes,
       c.relispartition AS is_partition,
       c.relrowsecurity AS row_security,
       c.relforcerowsecurity AS force_row_security,
       c.relreplident::text AS replica_identity,
       array_remove(ARRAY[
           CASE WHEN has_table_privilege(me.oid, c.oid, 'SELECT') THEN 'SELECT' END,
           CASE WHEN has_table_privilege(me.oid, c.oid, 'INSERT') THEN 'INSERT' END,
           CASE WHEN has_table_privilege(me.oid, c.oid, 'UPDATE') THEN 'UPDATE' END,
           CASE WHEN has_table_privilege(me.oid, c.oid, 'DELETE') THEN 'DELETE' END,
           CASE WHEN has_table_privilege(me.oid, c.oid, 'TRUNCATE') THEN 'TRUNCATE' END,
           CASE WHEN has_table_privilege(me.oid, c.oid, 'REFERENCES') THEN 'REFERENCES' END,
           CASE WHEN has_table_privilege(me.oid, c.oid, 'TRIGGER') THEN 'TRIGGER' END,
           CASE WHEN c.relkind = 'S' THEN
               CASE WHEN has_sequence_privilege(me.oid, c.oid, 'USAGE') THEN 'USAGE' END END,
           CASE WHEN v.version >= 170000 THEN
               CASE WHEN has_table_privilege(me.oid, c.oid, 'MAINTAIN') THEN 'MAINTAIN' END END], NULL) AS privileges,
       m.extname::text AS extension,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_stat_get_live_tuples(c.oid) END AS live_tuples,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_stat_get_dead_tuples(c.oid) END AS dead_tuples,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_stat_get_mod_since_analyze(c.oid) END AS modified_since_analyze,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_stat_get_numscans(c.oid) END AS seq_scans,
       CASE WHEN c.relkind IN ('r', 'm') THEN coalesce(i.scans, 0) END AS index_scans,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_stat_get_tuples_inserted(c.oid) END AS inserts,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_stat_get_tuples_updated(c.oid) END AS updates,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_stat_get_tuples_deleted(c.oid) END AS deletes,
       CASE WHEN c.relkind IN ('r', 'm') THEN extract(epoch FROM clock_timestamp()
           - greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)))::float8 END
           AS last_vacuum_age_s,
       CASE WHEN c.relkind IN ('r', 'm', 'p') THEN extract(epoch FROM clock_timestamp()
           - greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)))::float8 END
           AS last_analyze_age_s,
       s.spcname::text AS tablespace,
       a.amname::text AS access_method,
       CASE WHEN c.relfrozenxid <> '0'::xid THEN age(c.relfrozenxid)::int8 END AS frozen_xid_age,
       coalesce(c.reloptions, '{}')::text[] AS options,
       CASE WHEN c.relkind = 'p' THEN
           ARRAY(SELECT ka.attname::text
                   FROM unnest(p.partattrs::int2[]) WITH ORDINALITY AS k(attnum, place)
                   JOIN pg_catalog.pg_attribute ka ON ka.attrelid = c.oid AND ka.attnum = k.attnum
                  ORDER BY k.place)
           ELSE '{}' END AS partition_key,
       p.partstrat::text AS partition_strategy,
       CASE WHEN c.relispartition AND c.oid NOT IN (SELECT l.relation FROM locked l)
            THEN pg_get_expr(c.relpartbound, c.oid) END AS partition_bound,
       c.reltoastrelid <> 0 AS has_toast,
       nullif(c.reloftype, 0)::int8 AS of_type_oid,
       c.relnatts::int8 AS attributes
  FROM wanted c
 CROSS JOIN server v
  LEFT JOIN me ON true
  LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid AND c.reltoastrelid <> 0
  LEFT JOIN index_totals i ON i.indrelid = c.oid
  LEFT JOIN index_totals ti ON ti.indrelid = c.reltoastrelid
  LEFT JOIN members m ON m.objid = c.oid
  LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace
  LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam
  LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid
