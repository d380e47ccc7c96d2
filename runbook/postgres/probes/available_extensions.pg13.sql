-- E03: what CREATE EXTENSION could install. The server reads its control files: placed late.
SELECT a.name::text AS name,
       a.default_version::text AS default_version,
       coalesce(array_agg(v.version::text ORDER BY v.version) FILTER (WHERE v.version IS NOT NULL), '{}') AS versions,
       coalesce(bool_or(v.trusted) FILTER (WHERE v.version = a.default_version), false) AS trusted,
       coalesce(bool_or(v.superuser) FILTER (WHERE v.version = a.default_version), bool_or(v.superuser), true)
           AS needs_superuser,
       coalesce(string_to_array(max(array_to_string(v.requires, ',')) FILTER (WHERE v.version = a.default_version), ','),
                '{}') AS requires
  FROM pg_catalog.pg_available_extensions a
  LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = a.name
 GROUP BY a.name, a.default_version
 ORDER BY 1
