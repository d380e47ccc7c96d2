"""Facts of the group extension: versions, preloading and schemas of the extensions that the migration needs."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "extension",
        "lacks",
        "list",
        "what the migration uses of an extension that both sides have, in a version on production that does not bring it: "
        "[{extension, kind, name, version, version_local, default_version (of production's files), in_files (they have "
        "local's version), schema, sql, file, line, in_error (the error names it)}]",
        [
            {
                "extension": "pg_trgm",
                "kind": "function",
                "name": "strict_word_similarity",
                "version": "1.3",
                "version_local": "1.6",
                "default_version": "1.6",
                "in_files": True,
                "schema": "public",
                "sql": "SELECT strict_word_similarity(name, 'x') FROM customers",
                "file": "0007_search.sql",
                "line": 3,
                "in_error": True,
            }
        ],
    ),
    (
        "extension",
        "refused_versions",
        "list",
        "versions that the migration (or the error) asks for and production's files cannot give: [{extension, wanted, "
        "version (installed, or empty), default_version, versions, sql, file, line (0: from the error)}]",
        [
            {
                "extension": "hstore",
                "wanted": "1.8",
                "version": "1.6",
                "default_version": "1.6",
                "versions": ["1.4", "1.5", "1.6"],
                "sql": "CREATE EXTENSION hstore VERSION '1.8'",
                "file": "0007_search.sql",
                "line": 1,
            }
        ],
    ),
    (
        "extension",
        "library",
        "str",
        "the library that the error says must be preloaded, or else the first that the migration runs and production does "
        "not preload; or empty",
        "pg_stat_statements",
    ),
    (
        "extension",
        "library_used",
        "list",
        "statements of the migration that run it on production: [{sql, file, line}]",
        [{"sql": "SELECT pg_stat_statements_reset()", "file": "0007_stats.sql", "line": 1}],
    ),
    (
        "extension",
        "only_schema",
        "str",
        "the one schema in which production's provider lets extensions be created (as the error or its name says); or empty",
        "heroku_ext",
    ),
    (
        "extension",
        "elsewhere",
        "list",
        "CREATE EXTENSION statements that name another schema: [{extension, schema, sql, without (the statement without "
        "that), file, line}]",
        [
            {
                "extension": "citext",
                "schema": "public",
                "sql": "CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public",
                "without": "CREATE EXTENSION IF NOT EXISTS citext",
                "file": "0007_citext.sql",
                "line": 1,
            }
        ],
    ),
    ("extension", "preloaded", "list", "libraries in production's shared_preload_libraries", ["auto_explain"]),
    ("extension", "preloaded_local", "list", "the same on local", ["auto_explain", "pg_stat_statements"]),
    (
        "extension",
        "preload_pending",
        "bool",
        "production's configuration has another shared_preload_libraries than its server, which waits for a restart",
        False,
    ),
)
"""Group, name, type, meaning, sample."""
