"""Hazards that are no lock: rows that are gone, CASCADE's reach, timeouts that are too short, checks that are off."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from runbook.migration.ast import alter_commands, constant, enum_name, is_node, qualified
from runbook.migration.catalog import Relation
from runbook.migration.conflicts import blocks_writes
from runbook.migration.hazard_context import Context, duration_words, hazard, size_words
from runbook.migration.result import Hazard
from runbook.sql import quote_qualified

_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def _removed_rows(context: Context) -> Iterator[Hazard]:
    """TRUNCATE of a table that existed before the migration."""
    if not is_node(context.statement.node, "TruncateStmt"):
        return
    gone = [w.relation for w in context.effects.work if w.kind == "truncate" and not context.is_new(w.relation)]
    if gone:
        first = gone[0]
        more = f" and of {len(gone) - 1} more" if len(gone) > 1 else ""
        because = f"every row of {quote_qualified(*first)} ({size_words(context, first)}){more} is gone at COMMIT"
        yield hazard(context, "data-is-removed", because)


def _reach(context: Context) -> Iterator[Hazard]:
    """What CASCADE takes along: relations that the statement locks for reads and writes and does not name."""
    node = context.statement.node
    if is_node(node, "DropStmt", "TruncateStmt"):
        if enum_name(node, "behavior") != "DROP_CASCADE":
            return
    elif not any(c.cascade for c in alter_commands(node)):
        return
    named = _named(context)
    tables = [
        quote_qualified(*key)
        for key, mode in context.effects.modes
        if key not in named
        and not context.is_new(key)
        and blocks_writes(mode)
        and context.relation(key).kind in ("r", "p", "v", "m", "f")
        and context.relation(key).oid
    ]
    objects = [d.description for k in named for d in context.relation(k).dependants if d.kind in ("view", "matview")]
    if tables or objects:
        word = "are emptied" if is_node(node, "TruncateStmt") else "are dropped, or lose a constraint or a column"
        reached = sorted({*tables, *(o for o in objects if not is_node(node, "TruncateStmt"))})
        if reached:
            shown = ", ".join(reached[:4]) + (f" and {len(reached) - 4} more" if len(reached) > 4 else "")
            yield hazard(context, "cascade-reaches-further", f"CASCADE reaches what is not named: {shown} {word}")


def _named(context: Context) -> set[tuple[str, str]]:
    """The relations that the statement itself names."""
    node = context.statement.node
    catalog = context.before
    found: list[Relation | None] = []
    if is_node(node, "DropStmt"):
        names = [qualified(item) for item in node.objects]
        found = [catalog.find(name.schema, name.name) for name in names]
    elif is_node(node, "TruncateStmt"):
        found = [catalog.find(i.range_var.schemaname or None, i.range_var.relname) for i in node.relations]
    elif is_node(node, "AlterTableStmt"):
        found = [catalog.find(node.relation.schemaname or None, node.relation.relname)]
    return {relation.key for relation in found if relation is not None}


def _timeout(context: Context) -> Iterator[Hazard]:
    """The session's statement_timeout against the time that the statement is likely to take."""
    limit = seconds_of_setting(context.before.settings.get("statement_timeout", "0"))
    if not limit or context.seconds.likely < limit or not context.effects.work:
        return
    if all(context.is_new(w.relation) for w in context.effects.work):
        return
    because = f"statement_timeout is {limit:g} s, and the statement is likely to take {duration_words(context)} (57014)"
    yield hazard(context, "statement-timeout", because)


def seconds_of_setting(value: str) -> float | None:
    """A timeout as SET takes it ("5s", "1500", "2 min"): seconds; None where it is off or cannot be read."""
    text = value.strip().strip("'").strip()
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text[len(number) :].strip() or "ms"
    try:
        found = float(number) * _UNITS_S[unit]
    except (ValueError, KeyError):
        return None
    return found if found > 0 else None


def _replication_role(context: Context) -> Iterator[Hazard]:
    """SET session_replication_role = replica: no trigger fires, and foreign keys are not checked."""
    node = context.statement.node
    if not is_node(node, "VariableSetStmt") or node.name.lower() != "session_replication_role" or not node.args:
        return
    if str(constant(node.args[0])).lower() == "replica":
        because = "triggers do not fire and foreign keys are not checked until session_replication_role is reset"
        yield hazard(context, "dirty-data-under-unvalidated-constraint", because)


LOSS_RULES: tuple[Callable[[Context], Iterator[Hazard]], ...] = (
    _removed_rows,
    _reach,
    _timeout,
    _replication_role,
)
