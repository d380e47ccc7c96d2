-- params: role, limit
-- E19: sequences. last_value takes a lock on its sequence until the transaction ends: asked only for those that can run
-- out (32 bits or less, or feeding such a column), not locked, at most 100, so that no lock table fills.
WITH me AS (
    SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = coalesce($1::text, current_user)
), locked AS MATERIALIZED (
    SELECT DISTINCT l.relation
      FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'relation' AND l.mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock')
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
), wanted AS MATERIALIZED (
    SELECT s.*, c.relname, c.relowner, n.nspname, x.refobjid, x.refobjsubid, a.atttypid
      FROM pg_catalog.pg_sequence s
      JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_depend x ON x.classid = 'pg_catalog.pg_class'::regclass AND x.objid = s.seqrelid
                                      AND x.refclassid = 'pg_catalog.pg_class'::regclass AND x.deptype IN ('a', 'i')
                                      AND x.refobjsubid > 0
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.refobjid AND a.attnum = x.refobjsubid
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relpersistence = 'p'
     ORDER BY s.seqrelid
     LIMIT $2::int8
), asked AS MATERIALIZED (
    SELECT w.seqrelid
      FROM wanted w
     WHERE (w.seqtypid <> 'int8'::regtype OR w.atttypid IN ('int4'::regtype, 'int2'::regtype))
       AND w.seqrelid NOT IN (SELECT l.relation FROM locked l)
       AND has_sequence_privilege(w.seqrelid, 'USAGE, SELECT')
     LIMIT 100
)
SELECT w.seqrelid::int8 AS oid,
       w.nspname::text AS schema,
       w.relname::text AS name,
       format_type(w.seqtypid, NULL) AS type,
       w.seqstart AS start,
       w.seqmin AS minimum,
       w.seqmax AS maximum,
       w.seqincrement AS increment,
       w.seqcycle AS cycle,
       w.seqcache AS cache,
       CASE WHEN w.seqrelid IN (SELECT q.seqrelid FROM asked q) THEN pg_sequence_last_value(w.seqrelid) END AS last_value,
       w.refobjid::int8 AS owned_by_oid,
       w.refobjsubid::int8 AS owned_by_attnum,
       pg_get_userbyid(w.relowner)::text AS owner,
       array_remove(ARRAY[CASE WHEN has_sequence_privilege(me.oid, w.seqrelid, 'USAGE') THEN 'USAGE' END,
                          CASE WHEN has_sequence_privilege(me.oid, w.seqrelid, 'SELECT') THEN 'SELECT' END,
                          CASE WHEN has_sequence_privilege(me.oid, w.seqrelid, 'UPDATE') THEN 'UPDATE' END], NULL)
           AS privileges
  FROM wanted w
  LEFT JOIN me ON true
