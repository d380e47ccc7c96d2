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
        "temporary files; 0: none), memory_bytes (enough to sort it without files, if no parallel worker helps)}], "
        "the largest first",
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
    (
        "disk",
        "error_place",
        "str",
        "what the error found no space for: wal, data, temporary (files), shared memory, other; none: it is not about space",
        "data",
    ),
    ("disk", "error_path", "str", "the file it names, in the data directory, or empty", "base/16384/24601"),
    (
        "disk",
        "error_tablespace",
        "int",
        "the oid of the tablespace that file lies in; 0: of none but the default one",
        0,
    ),
    ("disk", "wal_bytes", "int", "size of production's pg_wal", 48_000_000_000),
    (
        "disk",
        "wal_max_bytes",
        "int",
        "max_wal_size on production: what checkpoints try to keep pg_wal below",
        1_073_741_824,
    ),
    (
        "disk",
        "slots",
        "list",
        "replication slots that nobody reads from now and that keep WAL: [{name, slot_type, plugin, database, retained_bytes, "
        "wal_status (13+; or empty), inactive_s (17+; or -1)}], the one that keeps most first",
        [
            {
                "name": "old_replica",
                "slot_type": "physical",
                "plugin": "",
                "database": "",
                "retained_bytes": 46_000_000_000,
                "wal_status": "extended",
                "inactive_s": 1_209_600.0,
            }
        ],
    ),
    ("disk", "slots_over", "list", "those of disk.slots that keep more than max_wal_size", []),
    ("disk", "slot_limit_bytes", "int", "max_slot_wal_keep_size on production; -1: a slot may keep everything", -1),
    (
        "disk",
        "writes",
        "list",
        "what the statement at fault (without one: all that is yet to run) writes besides what is there: [{relation, what: "
        "rewrite, index or rows, bytes (about, WAL not counted)}], most first",
        [{"relation": "public.orders", "what": "rewrite", "bytes": 11_000_000_000}],
    ),
    (
        "disk",
        "writes_bytes",
        "int",
        "their sum: the free space that it needs on the volume of its data, at least",
        11_000_000_000,
    ),
    (
        "disk",
        "readers_behind",
        "list",
        "replication slots that are read from, and whose readers are more than max_wal_size behind: as disk.slots",
        [],
    ),
    (
        "disk",
        "wal_keep_bytes",
        "int",
        "WAL that production keeps in any case: wal_keep_size (13+), wal_keep_segments",
        0,
    ),
    ("disk", "archive_failing", "bool", "archiving is on, and its last try failed", True),
    (
        "disk",
        "archive_failed_wal",
        "str",
        "the WAL file that could not be archived last, or empty",
        "00000001000000AB00000042",
    ),
    ("disk", "archived_s", "float", "since a WAL file was archived last; -1: never", 86_400.0),
    ("disk", "archive_ready", "int", "WAL files that wait for being archived", 2_410),
    ("disk", "segment_bytes", "int", "size of the shared memory segment that the error found no room for", 67_128_672),
    (
        "disk",
        "segment_kind",
        "str",
        "dynamic_shared_memory_type on production: posix (/dev/shm on Linux), mmap (files in pg_dynshmem), sysv",
        "posix",
    ),
)
"""Group, name, type, meaning, sample."""
