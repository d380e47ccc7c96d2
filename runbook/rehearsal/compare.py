"""Forecast beside measurement: what the server did, in the forecast's words, and where the two differ. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from runbook.migration.ast import alter_commands, is_node
from runbook.migration.catalog import Catalog
from runbook.migration.conflicts import STRENGTH
from runbook.migration.model import Statement
from runbook.migration.result import Forecast, RelationLock, StatementForecast
from runbook.rehearsal.measure import Done, Seen, Snapshot
from runbook.rehearsal.result import Disagreement, Rehearsal, ServerError, StatementRehearsal, TableSize
from runbook.sql import split_qualified
from runbook.words import lock_name

# Their plans depend on sizes and values: a small table is read from end to end where a large one is not.
_PLANNED = frozenset(
    {"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "DoStmt", "CopyStmt", "CallStmt",
     "CreateTableAsStmt", "ExplainStmt"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    """What one statement did, by name. Names are those before the statement, as in a forecast."""

    locks: frozenset[RelationLock]
    held: Mapping[str, frozenset[str]]  # modes that earlier statements of the transaction hold
    rewrites: tuple[str, ...]
    scans: tuple[str, ...]
    index_builds: tuple[str, ...]
    wal_bytes: int
    new_index_builds: tuple[str, ...] = ()  # on tables that the migration made


def in_words_of_forecast(found: Done, before: Snapshot, after: Snapshot, first: Snapshot) -> Measured:
    """``first``: before the migration's first statement; what is in it existed before.

    An index that one statement drops and builds anew (ALTER COLUMN TYPE) is the same one to everybody else: names count,
    too. What another statement drops or renames leaves its name free for something new.
    """
    old_names = {r.qualified for r in first.relations.values()} & {r.qualified for r in before.relations.values()}

    def seen(oid: int) -> Seen | None:
        return before.relations.get(oid) or after.relations.get(oid)

    def names(oids: Iterable[int], kinds: str) -> tuple[str, ...]:
        known = (seen(oid) for oid in oids)
        return tuple(sorted(r.qualified for r in known if r is not None and r.kind in kinds))

    def of_old_table(oid: int) -> bool:
        relation = after.relations.get(oid)
        return relation is not None and (oid in first.relations or relation.table in first.relations)

    held: dict[str, set[str]] = {}
    for oid, mode in before.locks:
        relation = seen(oid)
        if relation is not None:
            held.setdefault(relation.qualified, set()).add(mode)
    locks: dict[str, RelationLock] = {}
    for oid, mode in sorted(found.locks.items(), key=lambda item: STRENGTH[item[1]]):
        if (relation := seen(oid)) is not None:
            name = relation.qualified
            of_old = relation.table in first.relations if relation.kind in "iI" else False
            rebuilt = (of_old or relation.schema == "pg_toast") and name in old_names
            locks[name] = RelationLock(name, mode, oid in first.relations or rebuilt)
    return Measured(
        locks=frozenset(locks.values()),
        held={name: frozenset(modes) for name, modes in held.items()},
        rewrites=names((o for o in found.rewrites if o in first.relations), "rm"),
        scans=names((o for o in found.scans if o in first.relations), "rm"),
        index_builds=names((o for o in found.index_builds if of_old_table(o)), "i"),
        new_index_builds=names((o for o in found.index_builds if not of_old_table(o)), "i"),
        wal_bytes=found.wal_bytes,
    )


def disagreements(
    statement: Statement,
    told: StatementForecast,
    did: Measured,
    catalog: Catalog,
    *,
    shielded: Iterable[str] = (),
    missing: Container[str] = (),
) -> tuple[Disagreement, ...]:
    """Where a statement that ran did other things than forecast. ``catalog``: of this server, before the migration.

    ``shielded``: sequences that we locked ourselves; ``missing``: names that statements which were not run would have
    made: the forecast followed them, the server did not.
    """
    found: list[Disagreement] = []
    told = _without(told, missing)
    if told.fails is not None and told.fails.certain:
        found.append(Disagreement("fails", told.fails.sqlstate, "it succeeds"))
    found += _locks(told, did, frozenset(shielded))
    found += _sets("rewrites", told.rewrites, did.rewrites, catalog)
    if statement.node is not None and not is_node(statement.node, *_PLANNED):
        # A new, empty file is read when its indexes are built: that is part of the rewrite.
        scans = tuple(name for name in did.scans if name in told.scans or name not in told.rewrites)
        found += _sets("scans", () if _uncounted(statement.node) else told.scans, scans, catalog)
        builds = tuple(name for name in told.index_builds if name not in did.new_index_builds)
        found += _sets("index_builds", builds, did.index_builds, catalog)
    return tuple(found)


def _without(told: StatementForecast, missing: Container[str]) -> StatementForecast:
    """The forecast without relations that are not there."""

    def there(name: str) -> bool:
        return split_qualified(name)[1] not in missing

    return replace(
        told,
        locks=frozenset(lock for lock in told.locks if there(lock.relation)),
        rewrites=tuple(filter(there, told.rewrites)),
        scans=tuple(filter(there, told.scans)),
        index_builds=tuple(filter(there, told.index_builds)),
    )


def _uncounted(node: Any) -> bool:
    """Whether tables are read past the counters: a sample by ANALYZE, a copy of whole files by SET TABLESPACE."""
    return is_node(node, "VacuumStmt") or any(c.type == "AT_SetTableSpace" for c in alter_commands(node))


def failure_disagrees(told: StatementForecast, error: ServerError) -> tuple[Disagreement, ...]:
    """Where a statement that failed was forecast to succeed, or to fail with another SQLSTATE."""
    possible = {c.sqlstate for c in told.depends_on_data} | ({told.fails.sqlstate} if told.fails else set())
    if error.sqlstate in possible:
        return ()
    expected = told.fails.sqlstate if told.fails is not None else "it succeeds"
    return (Disagreement("fails", expected, f"{error.sqlstate} {error.message}"),)


def _locks(told: StatementForecast, did: Measured, shielded: frozenset[str]) -> list[Disagreement]:
    """A mode that an earlier statement holds already is not taken again: then the forecast cannot be refuted."""
    expected = {lock.relation: lock.mode for lock in told.locks if lock.pre_existing}
    taken = {lock.relation: lock.mode for lock in did.locks if lock.pre_existing}
    found = []
    for relation in sorted(expected.keys() | taken.keys()):
        mode, seen = expected.get(relation), taken.get(relation)
        held = did.held.get(relation, frozenset())
        hidden = mode in held and (seen is None or STRENGTH[seen] < STRENGTH[mode or seen])
        if mode != seen and not hidden and relation not in shielded:
            found.append(Disagreement("locks", _lock(relation, mode), _lock(relation, seen)))
    return found


def _lock(relation: str, mode: str | None) -> str:
    return f"{lock_name(mode)} on {relation}" if mode is not None else f"no lock on {relation}"


def _sets(facet: str, expected: tuple[str, ...], seen: tuple[str, ...], catalog: Catalog) -> list[Disagreement]:
    """Of relations that existed before; what the migration made itself is nobody's business."""
    words = {"rewrites": "rewritten", "scans": "read from end to end", "index_builds": "built"}[facet]
    missing = [name for name in expected if name not in seen and (facet == "index_builds" or _existed(name, catalog))]
    extra = [name for name in seen if name not in expected]
    if facet == "scans":
        extra = [name for name in extra if _rows(name, catalog) != 0]
    if facet == "index_builds":
        missing = [name for name in missing if not _is_partitioned(name, catalog)]
    return [Disagreement(facet, f"{n} {words}", f"{n} not {words}") for n in missing] + [  # type: ignore[arg-type]
        Disagreement(facet, f"{n} not {words}", f"{n} {words}")  # type: ignore[arg-type]
        for n in extra
    ]


def _existed(name: str, catalog: Catalog) -> bool:
    schema, bare = split_qualified(name)
    return (schema or "", bare) in catalog.relations


def _is_partitioned(name: str, catalog: Catalog) -> bool:
    """An index of a partitioned table stores nothing itself."""
    schema, bare = split_qualified(name)
    relation = catalog.relations.get((schema or "", bare))
    return relation is not None and relation.kind == "I"


def _rows(name: str, catalog: Catalog) -> float | None:
    schema, bare = split_qualified(name)
    relation = catalog.relations.get((schema or "", bare))
    if relation is None:
        return None
    return (
        0 if relation.pages == 0 and not relation.live_tuples else max(relation.rows, float(relation.live_tuples or 0))
    )


def with_production(rehearsal: Rehearsal, local: Forecast, production: Forecast) -> Rehearsal:
    """The rehearsal with what its measurements make on production: seconds and rows, statement by statement."""
    here = {s.index: s for s in local.statements}
    there = {s.index: s for s in production.statements}

    def told(one: StatementRehearsal) -> StatementRehearsal:
        far, near = there.get(one.index), here.get(one.index)
        if far is None:
            return one
        near_rows = {a.relation: a.rows for a in near.work} if near is not None else {}
        far_rows = {a.relation: a.rows for a in far.work}
        sizes = tuple(TableSize(r, near_rows.get(r), far_rows.get(r)) for r in dict.fromkeys([*near_rows, *far_rows]))
        return replace(one, production_seconds=far.seconds, sizes=sizes)

    return replace(rehearsal, statements=tuple(told(s) for s in rehearsal.statements))
