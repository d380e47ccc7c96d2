-- params: limit
-- E20: encodings and collations; where a collation in use was built with another version of its library.
SELECT 'database' AS kind,
       d.datname::text AS name,
       pg_encoding_to_char(d.encoding)::text AS encoding,
       d.datcollate::text AS collation,
       d.datctype::text AS ctype,
       d.datlocprovider::text AS provider,
       d.datcollversion::text AS recorded_version,
       CASE WHEN d.datname = current_database() THEN pg_database_collation_actual_version(d.oid) END AS actual_version,
       d.datname = current_database() AS this_database
  FROM pg_catalog.pg_database d
 WHERE d.datallowconn
 UNION ALL
SELECT 'collation', quote_ident(n.nspname) || '.' || quote_ident(k.collname), NULL, k.collcollate::text, k.collctype::text,
       k.collprovider::text, k.collversion::text, pg_collation_actual_version(k.oid), true
  FROM pg_catalog.pg_collation k
  JOIN pg_catalog.pg_namespace n ON n.oid = k.collnamespace
 WHERE k.collversion IS NOT NULL
   AND k.oid IN (SELECT a.attcollation FROM pg_catalog.pg_attribute a WHERE a.attnum > 0 AND a.attcollation > 0)
 ORDER BY 9 DESC, 1 DESC, 2
 LIMIT $1::int8
