-- E01: how long the server's own processes have been up. After a crash of one of them all begin anew, and the postmaster does not.
SELECT extract(epoch FROM clock_timestamp() - min(a.backend_start))::float8 AS checkpointer_age_s,
       extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8 AS server_age_s
  FROM pg_catalog.pg_stat_activity a
 WHERE a.backend_type = 'checkpointer'
