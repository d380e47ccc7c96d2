"""The shared lock table: how many locks it has room for, and how many the migration's transaction takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.failure.messages import translations
from runbook.failure.report import ErrorReport
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.lock_table import room
from runbook.migration.model import Statement
from runbook.sql import split_qualified
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.failing import statement_at_fault
from runbook.triage.sizes import find
from runbook.triage.together import in_its_transaction

_NEEDED = ("limits.locks_needed", "limits.locks_of", "limits.lock_statements", "limits.max_locks_wanted")
_SHARED = "out of shared memory"
_SHOWN = 12


def state(facts: Facts, case: Case) -> None:
    """State ``limits.exhausted``, ``limits.lock*`` and ``limits.max_locks_wanted``."""
    kind = _exhausted(case.error)
    facts.know("limits.exhausted", kind, "from the message and the HINT" if kind else "the error is not 53200")
    _state_room(facts, case)
    production = case.production.catalog if case.production is not None else None
    statement = _statement(case)
    if statement is None and production is not None and case.error is None and case.forecast is not None:
        for id_, nothing in zip(_NEEDED, (0, [], 0, 0), strict=True):
            facts.know(id_, nothing, "no statement is foretold to run out of room")
        return
    if statement is None or production is None:
        reason = "production's catalog is not known" if production is None else "no statement is known to be at fault"
        facts.unknown_all(list(_NEEDED), reason)
        return
    before = list(in_its_transaction(case, statement))
    locked = {
        lock.relation
        for s in (*before, statement)
        if (forecast := case.forecast_of(s)) is not None
        for lock in forecast.locks
    }
    because = (
        f"the forecast of {len(before) + 1} statements of one transaction, up to {statement.file}:{statement.line}"
    )
    readings = "production/relations production/indexes"
    facts.know(_NEEDED[0], len(locked), because, readings=readings)
    facts.know(_NEEDED[1], list(_by_table(locked, production))[:_SHOWN], because, readings=readings)
    facts.know(_NEEDED[2], len(before) + 1, because)
    facts.know(_NEEDED[3], _wanted(len(locked), production), because, readings=f"{readings} production/settings")


def in_other_words(message: str, template: str) -> bool:
    """Whether ``message`` is PostgreSQL's ``template`` (one without placeholders), in English or translated."""
    texts = (language["messages"].get(template) for language in translations().values())
    return template in message or any(text in message for text in texts if text)


def _exhausted(error: ErrorReport | None) -> str:
    """lock.c and predicate.c add the HINT that names the setting; dynahash.c says the same words without one."""
    if error is None or error.sqlstate != "53200":
        return ""
    hint = error.hint or ""
    if "max_pred_locks_per_transaction" in hint:
        return "predicate_locks"
    if "max_locks_per_transaction" in hint:
        return "lock_table"
    if "enlarge string buffer" in (error.detail or ""):
        return ""  # stringinfo.c: a value above 1 GB, which no memory helps
    return "shared" if in_other_words(error.message, _SHARED) else "private"


def _state_room(facts: Facts, case: Case) -> None:
    there = _room(facts, case.production, "limits.lock_room")
    _room(facts, case.local, "limits.lock_room_local")
    if there is None:
        facts.unknown("limits.lock_room_most", "production's settings are not known")
    else:
        # Measured on 12 to 18 with 500 to 37,000 slots: from 1.57 to 1.78 times as many and 300 to 800 beside, of one session.
        most = there * 7 // 4 + 800
        facts.know(
            "limits.lock_room_most", most, f"1.75 x {there} and 800, as measured", readings="production/settings"
        )
    side = case.production
    limits = side.first("connection_limits") if side is not None else None
    if limits is None:
        why = side.why_not("connection_limits") if side is not None else "production was not given"
        facts.unknown("limits.locks_held_now", why)
    else:
        readings = "production/connection_limits"
        facts.know("limits.locks_held_now", limits.locks, f"{limits.locks} in pg_locks", readings=readings)


def _room(facts: Facts, side: SideCase | None, id_: str) -> int | None:
    slots = room(side.catalog) if side is not None and side.catalog is not None else None
    if slots is None or side is None:
        facts.unknown(id_, "this side was not given" if side is None else f"the settings of {side.name} are not known")
        return None
    facts.know(id_, slots, f"max_locks_per_transaction on {side.name}", readings=f"{side.key}/settings")
    return slots


def _statement(case: Case) -> Statement | None:
    """The first that is foretold to find no room, where nothing failed and nothing runs; else the one at fault."""
    fault = statement_at_fault(case)
    if fault is not None and fault.how != "forecast":
        return fault.statement
    if case.error is not None or case.migration is None or case.forecast is None:
        return None
    short = [f.index for f in case.forecast.statements if f.fails is not None and f.fails.sqlstate == "53200"]
    return next((s for s in case.migration.statements if s.index in short), fault.statement if fault else None)


def _by_table(locked: set[str], catalog: Catalog) -> Iterator[dict[str, Any]]:
    """One row for each table, a partitioned one with all its partitions; the most locks first."""
    groups: dict[str, dict[str, Any]] = {}
    for name in locked:
        relation = find(catalog, name)
        index = relation is None or relation.kind in ("i", "I")
        if relation is None:
            schema, bare = split_qualified(name)
            tables = catalog.index_tables.get((schema or "", bare), ())
            relation = catalog.relations.get(tables[0]) if tables else None
        top = _top(relation, catalog) if relation is not None else None
        shown = top.qualified if top is not None else name
        row = groups.setdefault(shown, {"relation": shown, "partitions": 0, "indexes": 0, "locks": 0})
        row["locks"] += 1
        row["indexes"] += index
        row["partitions"] += not index and relation is not None and relation.is_partition
    yield from sorted(groups.values(), key=lambda row: (-row["locks"], row["relation"]))


def _top(relation: Relation, catalog: Catalog) -> Relation:
    """The partitioned table that a partition belongs to, however deep."""
    if relation.of is not None and (table := catalog.relations.get(relation.of)) is not None:
        relation = table
    seen = {relation.key}
    while relation.is_partition and relation.parents:
        above = catalog.relations.get(relation.parents[0])
        if above is None or above.key in seen:
            break
        seen.add(above.key)
        relation = above
    return relation


def _wanted(locks: int, catalog: Catalog) -> int:
    """A power of two with room for twice the locks, by the formula that the documentation gives."""
    numbers = [catalog.settings.get(name, "") for name in ("max_connections", "max_prepared_transactions")]
    if not locks or not all(n.isdecimal() for n in numbers):
        return 0
    now = catalog.settings.get("max_locks_per_transaction", "64")
    wanted = int(now) if now.isdecimal() else 64
    while wanted * sum(int(n) for n in numbers) < 2 * locks:
        wanted *= 2
    return wanted
