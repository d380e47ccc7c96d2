"""Facts of the group data: what the rows, and the values that PostgreSQL makes for them, have to do with the failure."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "data",
        "key_left_to_sequence",
        "bool",
        "the statement breaks a unique key with a value that it left to a sequence: it writes no value for that column",
        True,
    ),
    ("data", "key_column", "str", "that column, quoted where needed, or empty", "id"),
    (
        "data",
        "key_sequence",
        "str",
        "the sequence that feeds it: schema.name, quoted, or empty",
        "public.orders_id_seq",
    ),
    ("data", "key_sequence_increment", "int", "by how much that sequence counts on, negative: downwards", 1),
    ("data", "key_sequence_cache", "int", "how many of its values each session takes at a time", 1),
    (
        "data",
        "generated_written",
        "list",
        "columns that the statement writes and that only PostgreSQL may fill on production: [{column, name, kind, local}]; "
        "name: as stored; kind: identity or generated; local: always, by default, plain (an ordinary column), absent, or unknown",
        [{"column": "id", "name": "id", "kind": "identity", "local": "by default"}],
    ),
    (
        "data",
        "generated_corrected_sql",
        "str",
        "the statement as production takes it: given keys kept, generated columns left out; empty where none is known",
        "INSERT INTO orders (id, total) OVERRIDING SYSTEM VALUE VALUES (7, 12)",
    ),
    (
        "data",
        "spent_sequences",
        "list",
        "sequences that feed what the migration writes and have at most a hundredth of their values left: [{sequence, "
        "sequence_type, relation, column, column_type, identity, increment, limit, left, bound_by}]; left: how many values; "
        "bound_by: sequence or column, whichever ends first",
        [
            {
                "sequence": "public.orders_id_seq",
                "sequence_type": "integer",
                "relation": "public.orders",
                "column": "id",
                "column_type": "integer",
                "identity": False,
                "increment": 1,
                "limit": 2147483647,
                "left": 0,
                "bound_by": "sequence",
            }
        ],
    ),
    ("data", "key_value", "str", "the value that was taken already, from the error's DETAIL, or empty", "7"),
)
"""Group, name, type, meaning, sample."""
