-- params: limit
-- E22: signs of a managed provider, a fork or a pooler, by the names that only they use.
SELECT DISTINCT h.hint, h.kind, h.value
  FROM (
    SELECT k.hint, 'setting' AS kind, s.name AS value
      FROM pg_catalog.pg_settings s
      JOIN (VALUES ('rds', 'rds.%'), ('aurora', 'aurora%'), ('aurora', 'apg_%'), ('cloudsql', 'cloudsql.%'),
                   ('alloydb', 'alloydb.%'), ('azure', 'azure.%'), ('neon', 'neon.%'), ('supabase', 'supautils.%'),
                   ('timescale', 'timescaledb.%'), ('citus', 'citus.%'), ('yugabyte', 'yb\_%'),
                   ('aiven', 'aiven.%')) AS k(hint, pattern) ON s.name LIKE k.pattern
    UNION ALL
    SELECT k.hint, 'role', r.rolname::text
      FROM pg_catalog.pg_roles r
      JOIN (VALUES ('rds', 'rds_superuser'), ('cloudsql', 'cloudsqlsuperuser'), ('alloydb', 'alloydbsuperuser'),
                   ('azure', 'azure_pg_admin'), ('supabase', 'supabase_admin'), ('neon', 'neon_superuser'),
                   ('heroku', 'heroku_admin'), ('aiven', 'avnadmin'), ('crunchy', 'crunchy_superuser'),
                   ('digitalocean', 'doadmin'), ('timescale', 'tsdbadmin')) AS k(hint, name) ON r.rolname = k.name
    UNION ALL
    SELECT k.hint, 'version', left(version(), 120)
      FROM (VALUES ('yugabyte', '%-YB-%'), ('cockroach', '%CockroachDB%'), ('redshift', '%Redshift%'),
                   ('enterprisedb', '%EnterpriseDB%'), ('greenplum', '%Greenplum%')) AS k(hint, pattern)
     WHERE version() LIKE k.pattern
    UNION ALL
    SELECT k.hint, 'application_name', a.application_name
      FROM pg_catalog.pg_stat_activity a
      JOIN (VALUES ('pgbouncer', '%pgbouncer%'), ('pgcat', '%pgcat%'), ('supavisor', '%supavisor%'),
                   ('odyssey', '%odyssey%'), ('pgpool', '%pgpool%')) AS k(hint, pattern)
        ON a.application_name ILIKE k.pattern
     WHERE a.backend_type = 'client backend'
    UNION ALL
    SELECT 'pgbouncer', 'role', r.rolname::text FROM pg_catalog.pg_roles r WHERE r.rolname IN ('pgbouncer', 'pgbouncer_auth')
  ) AS h
 ORDER BY 1, 2, 3
 LIMIT $1::int8
