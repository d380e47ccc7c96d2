"""Facts of the group dependency: what stands in the way of the statement at fault."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "dependency",
        "blockers",
        "list",
        "objects that keep the statement at fault from changing or dropping something: "
        "[{kind, description, on_kind, on, on_local, named}]; kind: policy, trigger, view, generated column, constraint, "
        "function ...; on_kind: column, table, function, type, index ...; on_local: true, false or null (not known); "
        "named: error (the error names it), forecast or catalog (it depends on the same column)",
        [
            {
                "kind": "policy",
                "description": "policy tenant on table orders",
                "on_kind": "column",
                "on": "column status of table orders",
                "on_local": False,
                "named": "error",
            }
        ],
    ),
)
"""Group, name, type, meaning, sample."""
