-- params: limit
-- E08: how old the oldest transaction number and MultiXactId of each database are. No relation is touched.
SELECT d.datname::text AS database,
       age(d.datfrozenxid)::int8 AS age_xids,
       mxid_age(d.datminmxid)::int8 AS age_multixacts,
       d.datname = current_database() AS this_database,
       d.datallowconn AS allows_connections
  FROM pg_catalog.pg_database d
 ORDER BY age(d.datfrozenxid) DESC, d.datname
 LIMIT $1::int8
