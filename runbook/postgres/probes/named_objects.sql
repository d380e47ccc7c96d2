-- params: limit
-- What DDL names and no other probe lists: tablespaces, collations but for ICU's own hundreds, foreign servers, user mappings.
SELECT 'tablespace' AS kind, NULL::text AS schema, t.spcname::text AS name, NULL::text AS detail
  FROM pg_catalog.pg_tablespace t
UNION ALL
SELECT 'collation', n.nspname::text, c.collname::text, c.collprovider::text
  FROM pg_catalog.pg_collation c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
  JOIN pg_catalog.pg_database d ON d.datname = current_database() AND c.collencoding IN (-1, d.encoding)
 WHERE n.nspname <> 'pg_catalog' OR c.collprovider <> 'i' OR c.collname IN ('und-x-icu', 'unicode')
UNION ALL
SELECT 'server', NULL, s.srvname::text, w.fdwname::text
  FROM pg_catalog.pg_foreign_server s
  JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
UNION ALL
SELECT 'foreign-data wrapper', NULL, w.fdwname::text, NULL
  FROM pg_catalog.pg_foreign_data_wrapper w
UNION ALL
SELECT 'user mapping', NULL, m.srvname::text, m.usename::text
  FROM pg_catalog.pg_user_mappings m
 ORDER BY 1, 2, 3, 4
 LIMIT $1::int8
