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
    ("data", "key_value", "str", "the value that was taken already, from the error's DETAIL, or empty", "7"),
)
"""Group, name, type, meaning, sample."""
