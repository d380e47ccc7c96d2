-- E02: what a new session of ours gets. reset_val is untouched by our guard; its source we look up where the guard hid it.
SELECT s.name,
       coalesce(s.reset_val, '') AS value,
       s.unit,
       s.boot_val AS boot_value,
       CASE WHEN s.source = 'session' THEN
                 coalesce((SELECT CASE WHEN e.setrole <> 0 AND e.setdatabase <> 0 THEN 'role in database'
                                       WHEN e.setrole <> 0 THEN 'role'
                                       WHEN e.setdatabase <> 0 THEN 'database'
                                       ELSE 'all roles' END
                             FROM pg_catalog.pg_db_role_setting e
                            CROSS JOIN LATERAL unnest(e.setconfig) AS entry
                            WHERE lower(split_part(entry, '=', 1)) = lower(s.name)
                              AND e.setrole IN (0, (SELECT r.oid FROM pg_catalog.pg_roles r
                                                     WHERE r.rolname = session_user))
                              AND e.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d
                                                         WHERE d.datname = current_database()))
                            ORDER BY e.setrole <> 0 AND e.setdatabase <> 0 DESC, e.setrole <> 0 DESC,
                                     e.setdatabase <> 0 DESC
                            LIMIT 1),
                          CASE WHEN s.reset_val IS DISTINCT FROM s.boot_val THEN 'configuration file'
                               ELSE 'default' END)
            WHEN s.source = 'database user' THEN 'role in database'
            WHEN s.source = 'user' THEN 'role'
            WHEN s.source = 'global' THEN 'all roles'
            ELSE s.source END AS source,
       s.vartype AS type,
       s.context,
       s.pending_restart
  FROM pg_catalog.pg_settings s
 WHERE s.category <> 'Developer Options'
   AND s.name NOT IN ('application_name', 'client_encoding', 'transaction_read_only', 'transaction_isolation',
                      'transaction_deferrable', 'seed', 'is_superuser', 'session_authorization', 'role')
 ORDER BY s.name
