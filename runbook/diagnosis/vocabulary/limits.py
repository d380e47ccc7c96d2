"""Facts of the group limits: what a server has room for, whatever the disk holds: locks, columns, numbers, memory."""

from __future__ import annotations

from typing import Any

_FULL = {
    "relation": "public.orders",
    "used": 1598,
    "live": 64,
    "dropped": 1534,
    "adds": 3,
    "left": -1,
    "used_local": 64,
}

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "limits",
        "exhausted",
        "str",
        "53200: which memory was out: lock_table (the HINT says so), predicate_locks, shared (no HINT was printed), "
        "private (of one process); empty for any other error",
        "lock_table",
    ),
    (
        "limits",
        "locks_needed",
        "int",
        "relations that the transaction of the statement at fault (without one: of the first that is foretold to run out "
        "of room) locks by its end, tables, partitions and indexes; 0: not known of any",
        12_004,
    ),
    (
        "limits",
        "locks_of",
        "list",
        "the tables that these belong to, most locks first: [{relation (a partitioned table stands for all of it), "
        "partitions, indexes, locks}]",
        [{"relation": "public.measurements", "partitions": 4000, "indexes": 8001, "locks": 12_002}],
    ),
    ("limits", "lock_statements", "int", "statements of that transaction up to there", 1),
    (
        "limits",
        "lock_room",
        "int",
        "locks that production's lock table is made for: max_locks_per_transaction x (backends of all kinds + "
        "max_prepared_transactions)",
        8448,
    ),
    ("limits", "lock_room_local", "int", "the same on local", 8448),
    (
        "limits",
        "lock_room_most",
        "int",
        "locks that fit in production's lock table when nothing else wants the memory, as measured: never more",
        15_484,
    ),
    ("limits", "locks_held_now", "int", "locks in production's lock table now, of all sessions", 40),
    (
        "limits",
        "max_locks_wanted",
        "int",
        "max_locks_per_transaction that has room for limits.locks_needed beside as many of others; 0: not known",
        256,
    ),
    (
        "limits",
        "columns",
        "list",
        "tables of production that get columns from the statement at fault (without one: from all that is yet to run), their "
        "partitions and heirs too, the fullest first: [{relation, used (column numbers given out, of at most 1600), live, "
        "dropped, adds, left (numbers that are then left; negative: that many too few), used_local (-1: not known)}]",
        [_FULL],
    ),
    ("limits", "columns_full", "list", "those of limits.columns whose numbers do not last", [_FULL]),
    (
        "limits",
        "too_wide",
        "str",
        "what the error says is too wide: table (54011, more than 1600 columns), row (54000, a row that does not fit a page), "
        "or empty",
        "table",
    ),
    (
        "limits",
        "too_complex",
        "str",
        "what the error says a statement is too deep for: stack (54001), parser (memory exhausted at or near), parameters "
        "(more than 65535), recursion (54001 in a function that calls itself), or empty",
        "stack",
    ),
    ("limits", "recursive_function", "str", "the function that called itself until the stack was full, or empty", ""),
    ("limits", "nested_levels", "int", "levels that the statement at fault nests, at most", 6_001),
    ("limits", "nested_by", "str", "what it nests by: ||, +, UNION ALL, (, CASE ..., or empty", "||"),
    ("limits", "statement_bytes", "int", "its text", 180_000),
    ("limits", "stack_bytes", "int", "max_stack_depth of production", 2_097_152),
    ("limits", "stack_local_bytes", "int", "max_stack_depth of local", 2_097_152),
    (
        "limits",
        "refused_numbers",
        "str",
        "54000: which numbers the server gives out no more to prevent wraparound: transactions, multixacts; or empty",
        "transactions",
    ),
    (
        "limits",
        "xids_left",
        "int",
        "transaction numbers until the server refuses to give out more, for the oldest database; 0 or less: it refuses now",
        12_000_000,
    ),
    ("limits", "multixacts_left", "int", "the same of MultiXactIds", 2_100_000_000),
    ("limits", "wraparound_warned", "bool", "the server warns of it in every transaction that gets a number", True),
    ("limits", "oldest_database", "str", "the database with the oldest transaction number, as stored", "shop"),
    ("limits", "oldest_database_age", "int", "age(datfrozenxid) of it, in transactions", 2_132_000_000),
    (
        "limits",
        "xid_holders",
        "list",
        "what keeps numbers from being reused, as old as the oldest of them or nearly so: [{kind (session, prepared "
        "transaction, replication slot, standby), name, pid, age_xids, this_database, detail}]",
        [
            {
                "kind": "prepared transaction",
                "name": "payment-42",
                "pid": 0,
                "age_xids": 2_131_999_990,
                "this_database": True,
                "detail": "web",
            }
        ],
    ),
    (
        "limits",
        "crash_age_s",
        "float",
        "how long ago production's server began anew because one of its processes had crashed (it ends all sessions then, "
        "and its start time stays); -1: not since it was started",
        95.0,
    ),
    ("limits", "killed_in_text", "bool", "the text given holds: was terminated by signal 9", True),
    (
        "limits",
        "requested_bytes",
        "int",
        "the piece of memory that the error says was not to be had; 0: it names none",
        134_217_728,
    ),
    ("limits", "memory_context", "str", "what it was for, as DETAIL names it, or empty", "TupleSort main"),
)
"""Group, name, type, meaning, sample."""
