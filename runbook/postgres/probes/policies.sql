-- params: limit
-- E04: row-level security policies without their expressions (those would wait for locks).
SELECT p.polrelid::int8 AS relation_oid,
       p.polname::text AS name,
       p.polpermissive AS permissive,
       p.polcmd::text AS command,
       ARRAY(SELECT CASE WHEN r = 0 THEN 'public' ELSE pg_get_userbyid(r)::text END FROM unnest(p.polroles) AS r) AS roles
  FROM pg_catalog.pg_policy p
 ORDER BY 1, 2
 LIMIT $1::int8
