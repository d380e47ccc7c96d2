-- params: limit
-- E07: prepared transactions of all databases; what they lock, where that is in this one.
SELECT p.transaction::text::int8 AS transaction_id,
       p.gid,
       p.prepared AS prepared_at,
       extract(epoch FROM clock_timestamp() - p.prepared)::float8 AS age_s,
       p.owner::text AS owner,
       p.database::text AS database,
       p.database = current_database() AS this_database,
       coalesce(h.relations, '{}') AS relations,
       coalesce(h.modes, '{}') AS modes,
       x.virtualtransaction AS virtual_transaction
  FROM pg_catalog.pg_prepared_xacts p
  LEFT JOIN LATERAL (  -- its locks have no pid; the one on its own transaction id tells which are its
       SELECT l.virtualtransaction
         FROM pg_catalog.pg_locks l
        WHERE l.locktype = 'transactionid' AND l.pid IS NULL AND l.transactionid = p.transaction AND l.granted
        LIMIT 1) x ON true
  LEFT JOIN LATERAL (
       SELECT array_agg(DISTINCT quote_ident(n.nspname) || '.' || quote_ident(c.relname)) AS relations,
              array_agg(DISTINCT l.mode) AS modes
         FROM pg_catalog.pg_locks l
         JOIN pg_catalog.pg_class c ON c.oid = l.relation
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE l.locktype = 'relation' AND l.pid IS NULL AND p.database = current_database()
          AND l.virtualtransaction = x.virtualtransaction
          AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())) h ON true
 ORDER BY p.prepared
 LIMIT $1::int8
