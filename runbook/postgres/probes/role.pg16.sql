-- params: role
-- E04: the migration's role. No row: there is no such role.
SELECT r.rolname::text AS name,
       r.rolsuper AS superuser,
       r.rolinherit AS inherit,
       r.rolcreaterole AS create_role,
       r.rolcreatedb AS create_db,
       r.rolcanlogin AS can_login,
       r.rolreplication AS replication,
       r.rolbypassrls AS bypass_rls,
       r.rolconnlimit::int8 AS connection_limit,
       CASE WHEN isfinite(r.rolvaliduntil) THEN r.rolvaliduntil END AS valid_until,
       ARRAY(SELECT m.rolname::text FROM pg_catalog.pg_roles m
              WHERE m.oid <> r.oid AND NOT r.rolsuper AND pg_has_role(r.oid, m.oid, 'MEMBER') ORDER BY 1) AS member_of,
       ARRAY(SELECT m.rolname::text FROM pg_catalog.pg_roles m
              WHERE pg_has_role(r.oid, m.oid, 'USAGE') ORDER BY 1) AS usable_roles,
       ARRAY(SELECT m.rolname::text FROM pg_catalog.pg_roles m
              WHERE pg_has_role(r.oid, m.oid, 'SET') ORDER BY 1) AS settable_roles,
       has_database_privilege(r.oid, d.oid, 'CREATE') AS can_create_schema,
       has_database_privilege(r.oid, d.oid, 'TEMPORARY') AS can_create_temp,
       has_database_privilege(r.oid, d.oid, 'CONNECT') AS can_connect,
       r.rolname = current_user AS is_us
  FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
 WHERE r.rolname = coalesce($1::text, current_user)
   AND d.datname = current_database()
