-- params: limit
-- E13: columns of user relations from pg_attribute; information_schema.columns would wait for locks.
WITH wanted AS MATERIALIZED (
    SELECT c.oid
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), used AS MATERIALIZED (
    SELECT t.oid, format_type(t.oid, NULL) AS name, n.nspname, t.typtype, t.typcollation, t.typstorage
      FROM (SELECT DISTINCT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attnum > 0) AS d
      JOIN pg_catalog.pg_type t ON t.oid = d.atttypid
      JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
)
SELECT a.attrelid::int8 AS relation_oid,
       a.attnum::int8 AS attnum,
       a.attname::text AS name,
       t.name AS type,
       a.atttypmod::int8 AS typmod,
       t.nspname::text AS type_schema,
       t.typtype::text AS type_kind,
       a.attnotnull AS not_null,
       a.atthasdef AND a.attgenerated = '' AS has_default,
       a.attidentity::text AS identity,
       a.attgenerated::text AS generated,
       k.collname::text AS collation,
       NOT a.attislocal AS inherited,
       a.attacl IS NOT NULL OR a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1
           OR a.attstorage <> t.typstorage
           OR (a.attrelid, a.attnum::int4) IN (SELECT b.objoid, b.objsubid FROM pg_catalog.pg_description b
                                                WHERE b.classoid = 'pg_catalog.pg_class'::regclass AND b.objsubid > 0)
           AS customised
  FROM pg_catalog.pg_attribute a
  JOIN wanted w ON w.oid = a.attrelid
  JOIN used t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_collation k ON k.oid = a.attcollation AND a.attcollation <> t.typcollation
 WHERE a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum
 LIMIT $1::int8
