-- params: limit
-- E18: subscriptions of this database; never their connection strings.
SELECT s.subname::text AS name,
       s.subenabled AS enabled,
       pg_get_userbyid(s.subowner)::text AS owner,
       s.subslotname::text AS slot_name,
       s.subpublications AS publications,
       w.pid::int8 AS worker_pid,
       extract(epoch FROM clock_timestamp() - w.last_msg_receipt_time)::float8 AS last_message_age_s,
       e.apply_error_count AS apply_errors
  FROM pg_catalog.pg_subscription s
  LEFT JOIN pg_catalog.pg_stat_subscription w ON w.subname = s.subname AND w.relid IS NULL
  LEFT JOIN pg_catalog.pg_stat_subscription_stats e ON e.subname = s.subname
 WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
 ORDER BY 1
 LIMIT $1::int8
