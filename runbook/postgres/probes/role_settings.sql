-- params: role
-- E02: ALTER ROLE / ALTER DATABASE ... SET for the migration's role in this database, strongest first.
SELECT split_part(entry, '=', 1) AS name,
       substr(entry, strpos(entry, '=') + 1) AS value,
       CASE WHEN e.setrole <> 0 AND e.setdatabase <> 0 THEN 'role in database'
            WHEN e.setrole <> 0 THEN 'role'
            WHEN e.setdatabase <> 0 THEN 'database'
            ELSE 'all roles' END AS scope,
       r.rolname::text AS role,
       d.datname::text AS database
  FROM pg_catalog.pg_db_role_setting e
 CROSS JOIN LATERAL unnest(e.setconfig) AS entry
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = e.setrole
  LEFT JOIN pg_catalog.pg_database d ON d.oid = e.setdatabase
 WHERE (e.setrole = 0 OR r.rolname = coalesce($1::text, current_user))
   AND (e.setdatabase = 0 OR d.datname = current_database())
 ORDER BY e.setrole <> 0 AND e.setdatabase <> 0 DESC, e.setrole <> 0 DESC, e.setdatabase <> 0 DESC, 1
