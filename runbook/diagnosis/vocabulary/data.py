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
    (
        "data",
        "triggers_fired",
        "list",
        "triggers on production that the migration's statements fire: [{trigger, trigger_name, relation, function, events, "
        "on_local, many, rows, file, line}]; on_local: same, absent, disabled, other (another function or body) or "
        "unknown; many: it may fire for very many rows; rows: of the table, -1 unknown",
        [
            {
                "trigger": "notify_customer",
                "trigger_name": "notify_customer",
                "relation": "public.orders",
                "function": "public.notify_customer",
                "events": ["UPDATE"],
                "on_local": "absent",
                "many": True,
                "rows": 39_000_000,
                "file": "0007.sql",
                "line": 3,
            }
        ],
    ),
    (
        "data",
        "error_in_trigger",
        "str",
        "the function of such a trigger in which the error arose, by the error's CONTEXT, or empty",
        "public.notify_customer",
    ),
    (
        "data",
        "old_rule",
        "list",
        "the constraint that the statement broke and that production had before the migration, at most one: [{constraint, "
        "relation, kind, validated, enforced, met_by, on_local, offenders_sql}]; kind: foreign key or check; met_by: "
        "validate, enforce, retype (of a column of it), readd, update (of other columns) or write (of its columns); "
        "on_local: validated, not validated, not enforced, absent or unknown; offenders_sql: a query for the rows, or empty",
        [
            {
                "constraint": "orders_customer_id_fkey",
                "relation": "public.orders",
                "kind": "foreign key",
                "validated": False,
                "enforced": True,
                "met_by": "validate",
                "on_local": "validated",
                "offenders_sql": "SELECT c.* FROM public.orders AS c LIMIT 50",
            }
        ],
    ),
    (
        "data",
        "missing_label",
        "list",
        "the label that production's enum lacks, at most one: [{type, label, labels, after, on_local}]; labels: those it "
        "has; after: the one that stands before it on local, or empty; on_local: yes, no or unknown",
        [
            {
                "type": "public.status",
                "label": "archived",
                "labels": ["new", "paid"],
                "after": "paid",
                "on_local": "yes",
            }
        ],
    ),
    (
        "data",
        "missing_parent",
        "list",
        "the row that the migration's own rows refer to and that production lacks, at most one: [{constraint, relation, "
        "parent, columns, value, rows, rows_local}]; parent: the table it should be in; value: of its key, as DETAIL has it",
        [
            {
                "constraint": "orders_status_fkey",
                "relation": "public.orders",
                "parent": "public.statuses",
                "columns": ["code"],
                "value": "archived",
                "rows": 4,
                "rows_local": 5,
            }
        ],
    ),
    (
        "data",
        "unencodable",
        "list",
        "statements with characters that production's encoding does not have: [{characters, file, line}]",
        [{"characters": "Łź", "file": "0007.sql", "line": 3}],
    ),
    (
        "data",
        "single_row_queries",
        "list",
        "subqueries of the statement at fault that may give one row only and can be run by themselves",
        ["SELECT id FROM customers WHERE email = 'a@example.com'"],
    ),
    ("data", "date_style_local", "str", "DateStyle of the migration's role on local", "ISO, DMY"),
    ("data", "date_style_production", "str", "the same on production", "ISO, MDY"),
    ("data", "date_orders_differ", "bool", "day and month stand in another order in the two sides' DateStyle", True),
    (
        "data",
        "ambiguous_dates",
        "list",
        "dates in the migration that DateStyle decides about: [{date, file, line}]; of the failing statement, where one failed",
        [{"date": "13/05/2026", "file": "0007.sql", "line": 3}],
    ),
    ("data", "key_value", "str", "the value that was taken already, from the error's DETAIL, or empty", "7"),
)
"""Group, name, type, meaning, sample."""
