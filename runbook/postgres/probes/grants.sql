-- params: limit
-- E04: who else than the owner was granted what on relations of user schemas.
SELECT c.oid::int8 AS relation_oid,
       CASE WHEN x.grantee = 0 THEN 'public' ELSE pg_get_userbyid(x.grantee)::text END AS grantee,
       array_agg(DISTINCT x.privilege_type::text ORDER BY x.privilege_type::text) AS privileges
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL aclexplode(c.relacl) AS x
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND x.grantee <> c.relowner
 GROUP BY 1, 2
 ORDER BY 1, 2
 LIMIT $1::int8
