"""Facts of the group locale: libraries that sort text, and indexes that do not hold what they promise."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "locale",
        "mismatches",
        "list",
        "the database and the collations in use on production whose library now has another version than their indexes were "
        "built with: [{kind, name, provider, recorded, actual}]; kind: database or collation; provider: libc, icu, builtin. "
        "Unknown where nothing was recorded: the database's own collation before 15",
        [{"kind": "database", "name": "shop", "provider": "libc", "recorded": "2.28", "actual": "2.36"}],
    ),
    (
        "locale",
        "databases_differ",
        "list",
        "how the two databases sort and fold text otherwise: [{what, local, production}]; what: collation, ctype, provider",
        [{"what": "ctype", "local": "C", "production": "en_US.utf8"}],
    ),
    (
        "locale",
        "columns_differ",
        "list",
        "columns of the failing statement's tables that have another collation on each side: [{relation, column, local, "
        "production}]; default: the database's",
        [{"relation": "public.customers", "column": "email", "local": "default", "production": "case_insensitive"}],
    ),
    (
        "locale",
        "depends",
        "str",
        "what in the failing statement gives other results under another locale: lower(), upper(), a pattern, < on text "
        "...; empty: nothing that is seen",
        "lower()",
    ),
    (
        "locale",
        "not_ascii",
        "bool",
        "DETAIL of the error shows letters beyond ASCII, which C and POSIX do not know",
        True,
    ),
    (
        "locale",
        "damaged",
        "list",
        "the damage that the error reports, one row or none: [{kind, file, filenode, tablespace, block, index}]; kind: file "
        "or index; file: path in the data directory, or empty; tablespace: its OID, 0 for the database's own; block: -1 "
        "where none is named; index: its name, or empty",
        [{"kind": "file", "file": "base/16384/16402", "filenode": 16_402, "tablespace": 0, "block": 3, "index": ""}],
    ),
    (
        "locale",
        "contradicted",
        "list",
        "valid unique indexes on production whose own columns hold the duplicates that the error speaks of: [{index, "
        "relation, columns, rebuilt, by_collation, mismatch}]; rebuilt: it is the index that was to be built anew; "
        "by_collation: it is sorted by a language; mismatch: that collation's library has another version now",
        [
            {
                "index": "public.customers_email_key",
                "relation": "public.customers",
                "columns": ["email"],
                "rebuilt": False,
                "by_collation": True,
                "mismatch": True,
            }
        ],
    ),
)
"""Group, name, type, meaning, sample."""
