-- params: limit
-- E04: ALTER DEFAULT PRIVILEGES: what new objects of whom grant to whom.
SELECT pg_get_userbyid(a.defaclrole)::text AS creator,
       n.nspname::text AS schema,
       a.defaclobjtype::text AS object_type,
       CASE WHEN x.grantee = 0 THEN 'public' ELSE pg_get_userbyid(x.grantee)::text END AS grantee,
       array_agg(x.privilege_type::text ORDER BY x.privilege_type) AS privileges
  FROM pg_catalog.pg_default_acl a
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = a.defaclnamespace
 CROSS JOIN LATERAL aclexplode(a.defaclacl) AS x
 GROUP BY 1, 2, 3, 4
 ORDER BY 1, 2, 3, 4
 LIMIT $1::int8
