-- E12: sizes that the file system is asked for; may take a moment with very many files, so it comes last.
SELECT 'database' AS kind,
       current_database()::text AS name,
       CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') OR has_database_privilege(current_database(), 'CONNECT')
            THEN pg_database_size(current_database()) END AS bytes,
       NULL::text AS location
 UNION ALL
SELECT 'tablespace', t.spcname::text,
       CASE WHEN t.spcname IN ('pg_default', 'pg_global') THEN NULL
            WHEN pg_has_role('pg_read_all_stats', 'USAGE') OR has_tablespace_privilege(t.oid, 'CREATE')
            THEN pg_tablespace_size(t.oid) END,
       nullif(pg_tablespace_location(t.oid), '')
  FROM pg_catalog.pg_tablespace t
