-- params: limit
-- E04: row-level security policies without their expressions (those would wait for locks): only whether one is just TRUE.
SELECT p.polrelid::int8 AS relation_oid,
       p.polname::text AS name,
       p.polpermissive AS permissive,
       p.polcmd::text AS command,
       ARRAY(SELECT CASE WHEN r = 0 THEN 'public' ELSE pg_get_userbyid(r)::text END FROM unnest(p.polroles) AS r) AS roles,
       coalesce(p.polqual::text ~ '^\{CONST :consttype 16 .*:constvalue 1 \[ 1 ', false) AS shows_all,
       coalesce(coalesce(p.polwithcheck, p.polqual)::text ~ '^\{CONST :consttype 16 .*:constvalue 1 \[ 1 ', false) AS takes_all
  FROM pg_catalog.pg_policy p
 ORDER BY 1, 2
 LIMIT $1::int8
