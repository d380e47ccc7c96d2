"""Facts of the group disk: what fills production's disks, or may not: temporary files, WAL, shared memory."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "disk",
        "temp_limit_bytes",
        "int",
        "temp_file_limit of the migration's role on production: what one process may write to temporary files; -1 no limit",
        1_073_741_824,
    ),
    (
        "disk",
        "temp_limit_source",
        "str",
        "where that comes from: role deploy, configuration file, default ...",
        "role deploy",
    ),
    ("disk", "temp_limit_local_bytes", "int", "the same on local", -1),
    ("disk", "temp_limit_in_error_bytes", "int", "the limit that the error names", 1_073_741_824),
    (
        "disk",
        "sorts",
        "list",
        "indexes that the statement at fault (without one: any that is yet to run) builds by sorting: [{relation, index, sql, "
        "file, line, rows, files_bytes (about, all its processes), one_process_bytes (at least, what one of them writes to "
        "temporary files; 0: none), memory_bytes (enough to sort it without files, if no parallel worker helps)}]",
        [
            {
                "relation": "public.orders",
                "index": "orders_email_idx",
                "sql": "CREATE INDEX orders_email_idx ON orders (email)",
                "file": "0007_index.sql",
                "line": 1,
                "rows": 39_000_000,
                "files_bytes": 1_950_000_000,
                "one_process_bytes": 260_000_000,
                "memory_bytes": 5_900_000_000,
            }
        ],
    ),
    (
        "disk",
        "sorts_over_limit",
        "list",
        "those of disk.sorts whose temporary files exceed temp_file_limit for certain",
        [],
    ),
)
"""Group, name, type, meaning, sample."""
