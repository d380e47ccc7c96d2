-- params: limit
-- E16: tables with the name and the columns of a known migration tool's history. Only catalogs are read.
WITH known(tool, role, name, needed) AS (
    VALUES ('alembic', 'history', 'alembic_version', '{version_num}'::text[]),
           ('django', 'history', 'django_migrations', '{app,name,applied}'::text[]),
           ('rails', 'history', 'schema_migrations', '{version}'::text[]),
           ('golang-migrate', 'history', 'schema_migrations', '{version,dirty}'::text[]),
           ('ecto', 'history', 'schema_migrations', '{version,inserted_at}'::text[]),
           ('supabase', 'history', 'schema_migrations', '{version,statements}'::text[]),
           ('prisma', 'history', '_prisma_migrations', '{id,checksum,migration_name,finished_at}'::text[]),
           ('drizzle', 'history', '__drizzle_migrations', '{id,hash,created_at}'::text[]),
           ('flyway', 'history', 'flyway_schema_history', '{installed_rank,version,success}'::text[]),
           ('flyway', 'history', 'schema_version', '{installed_rank,version,success}'::text[]),
           ('tern', 'history', 'schema_version', '{version}'::text[]),
           ('knex', 'history', 'knex_migrations', '{name,batch,migration_time}'::text[]),
           ('knex', 'lock', 'knex_migrations_lock', '{is_locked}'::text[]),
           ('liquibase', 'history', 'databasechangelog', '{id,author,filename,orderexecuted,md5sum}'::text[]),
           ('liquibase', 'lock', 'databasechangeloglock', '{id,locked,lockgranted,lockedby}'::text[]),
           ('goose', 'history', 'goose_db_version', '{version_id,is_applied}'::text[]),
           ('sequelize', 'history', 'SequelizeMeta', '{name}'::text[]),
           ('typeorm', 'history', 'migrations', '{id,timestamp,name}'::text[]),
           ('laravel', 'history', 'migrations', '{migration,batch}'::text[]),
           ('diesel', 'history', '__diesel_schema_migrations', '{version,run_on}'::text[]),
           ('sqlx', 'history', '_sqlx_migrations', '{version,description,success,checksum}'::text[]),
           ('atlas', 'history', 'atlas_schema_revisions', '{version,applied,total,executed_at}'::text[]),
           ('sqitch', 'history', 'changes', '{change_id,change,project,committed_at}'::text[]),
           ('efcore', 'history', '__EFMigrationsHistory', '{"MigrationId","ProductVersion"}'::text[]),
           ('node-pg-migrate', 'history', 'pgmigrations', '{name,run_on}'::text[]),
           ('mikro-orm', 'history', 'mikro_orm_migrations', '{name,executed_at}'::text[]),
           ('kysely', 'history', 'kysely_migration', '{name,timestamp}'::text[]),
           ('kysely', 'lock', 'kysely_migration_lock', '{id,is_locked}'::text[]),
           ('refinery', 'history', 'refinery_schema_history', '{version,name,applied_on}'::text[]),
           ('seaorm', 'history', 'seaql_migrations', '{version,applied_at}'::text[]),
           ('yoyo', 'history', '_yoyo_migration', '{migration_hash,migration_id}'::text[]),
           ('phinx', 'history', 'phinxlog', '{version,migration_name}'::text[]),
           ('doctrine', 'history', 'doctrine_migration_versions', '{version,executed_at}'::text[])
), found AS MATERIALIZED (
    SELECT k.tool, k.role, k.needed, c.oid, n.nspname, c.relname, c.reltuples, n.oid AS namespace,
           array_agg(a.attname::text ORDER BY a.attnum) AS columns,
           array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS types
      FROM known k
      JOIN pg_catalog.pg_class c ON c.relname = k.name AND c.relkind IN ('r', 'p')
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     GROUP BY k.tool, k.role, k.needed, c.oid, n.nspname, c.relname, c.reltuples, n.oid
    HAVING array_agg(a.attname::text) @> k.needed
), best AS (
    SELECT DISTINCT ON (f.oid) f.* FROM found f ORDER BY f.oid, cardinality(f.needed) DESC, f.tool
)
SELECT CASE -- Rails and dbmate share name and column: Rails keeps a second table beside it, dbmate limits the length
            WHEN b.tool = 'rails' AND b.types <> '{"character varying"}'
                 AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class r
                                  WHERE r.relname = 'ar_internal_metadata' AND r.relnamespace = b.namespace)
            THEN 'dbmate' ELSE b.tool END AS tool,
       b.role,
       b.oid::int8 AS relation_oid,
       b.nspname::text AS schema,
       b.relname::text AS name,
       b.columns,
       b.reltuples::float8 AS rows,
       has_schema_privilege(b.namespace, 'USAGE') AND has_table_privilege(b.oid, 'SELECT') AS can_select,
       EXISTS (SELECT 1 FROM pg_catalog.pg_locks l
                WHERE l.locktype = 'relation' AND l.relation = b.oid AND l.mode = 'AccessExclusiveLock'
                  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()))
           AS locked,
       b.types AS column_types
  FROM best b
 ORDER BY b.nspname, b.relname
 LIMIT $1::int8
