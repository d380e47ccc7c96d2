-- params: role, limit
-- E04: user schemas, and what the migration's role may do in them.
SELECT n.oid::int8 AS oid,
       n.nspname::text AS name,
       pg_get_userbyid(n.nspowner)::text AS owner,
       coalesce(has_schema_privilege(m.oid, n.oid, 'CREATE'), false) AS can_create,
       coalesce(has_schema_privilege(m.oid, n.oid, 'USAGE'), false) AS can_use,
       n.nspname = ANY (current_schemas(false)) AS in_search_path,
       e.extname::text AS extension
  FROM pg_catalog.pg_namespace n
  LEFT JOIN pg_catalog.pg_roles m ON m.rolname = coalesce($1::text, current_user)
  LEFT JOIN pg_catalog.pg_depend x ON x.classid = 'pg_catalog.pg_namespace'::regclass AND x.objid = n.oid
                                  AND x.deptype = 'e'
  LEFT JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY 2
 LIMIT $2::int8
