-- params: limit
-- E06: who stands before whom. pg_blocking_pids locks the lock manager for a moment: asked for waiters only.
SELECT w.pid::int8 AS pid,
       ARRAY(SELECT DISTINCT b::int8 FROM unnest(pg_blocking_pids(w.pid)) AS b ORDER BY 1) AS blocked_by
  FROM (SELECT DISTINCT l.pid FROM pg_catalog.pg_locks l
         WHERE NOT l.granted AND l.pid IS NOT NULL AND l.pid <> pg_backend_pid()) AS w
 LIMIT $1::int8
