-- params: limit
-- E06: relation locks on user relations, everything that somebody waits for, and advisory and object locks.
WITH this AS (
    SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()
), held AS MATERIALIZED (
    SELECT * FROM pg_catalog.pg_locks
), waited AS MATERIALIZED (
    SELECT w.locktype, w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid
      FROM held w WHERE NOT w.granted
), shown AS MATERIALIZED (
    SELECT h.*, c.relname, c.relkind, n.nspname
      FROM held h
      LEFT JOIN pg_catalog.pg_class c ON h.database = (SELECT oid FROM this) AND c.oid = h.relation
      LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE h.pid IS DISTINCT FROM pg_backend_pid()
       AND (NOT h.granted
            OR (h.locktype = 'relation' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
            OR (h.locktype IN ('advisory', 'object') AND h.database IN ((SELECT oid FROM this), 0))
            OR (h.locktype = 'transactionid' AND h.pid IS NULL)
            OR EXISTS (SELECT 1 FROM waited w
                        WHERE w.locktype = h.locktype AND w.database IS NOT DISTINCT FROM h.database
                          AND w.relation IS NOT DISTINCT FROM h.relation AND w.page IS NOT DISTINCT FROM h.page
                          AND w.tuple IS NOT DISTINCT FROM h.tuple AND w.virtualxid IS NOT DISTINCT FROM h.virtualxid
                          AND w.transactionid IS NOT DISTINCT FROM h.transactionid
                          AND w.classid IS NOT DISTINCT FROM h.classid AND w.objid IS NOT DISTINCT FROM h.objid))
     ORDER BY h.granted, h.mode NOT IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock',
                                        'ShareUpdateExclusiveLock'), h.relation, h.pid
     LIMIT $1::int8
)
SELECT s.pid::int8 AS pid,
       s.locktype,
       s.mode,
       s.granted,
       s.relation::int8 AS relation_oid,
       s.nspname::text AS schema,
       s.relname::text AS relation,
       s.relkind::text AS relation_kind,
       coalesce(i.indrelid, o.oid, s.relation)::int8 AS table_oid,
       coalesce(tn.nspname, s.nspname)::text AS table_schema,
       coalesce(t.relname, s.relname)::text AS "table",
       s.page::int8 AS page,
       s.tuple::int8 AS tuple,
       s.transactionid::text::int8 AS transaction_id,
       s.virtualxid AS virtual_xid,
       s.classid::int8 AS class_oid,
       s.objid::int8 AS object_id,
       s.objsubid::int8 AS object_subid,
       s.virtualtransaction AS virtual_transaction,
       extract(epoch FROM clock_timestamp() - s.waitstart)::float8 AS wait_s,
       s.fastpath
  FROM shown s
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = s.relation AND s.relkind IN ('i', 'I')
  LEFT JOIN pg_catalog.pg_class o ON o.reltoastrelid = s.relation AND s.relkind = 't'
  LEFT JOIN pg_catalog.pg_class t ON t.oid = coalesce(i.indrelid, o.oid)
  LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
