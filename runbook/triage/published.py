"""Published tables whose rows nothing identifies: UPDATE and DELETE of them are refused, whoever sends them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration.ast import relations_used
from runbook.migration.catalog import Catalog, Relation, RelationKey
from runbook.migration.edit import lineage
from runbook.migration.refusals.published import has_identity
from runbook.sql import quote_ident
from runbook.triage.case import Case, Facts

_WORDS = {"d": "default", "n": "nothing", "f": "full", "i": "index"}
_REFUSED = ("55000", "42P10")
"""No identity at all; one that the row filter, the column list or a generated column goes beyond (15+)."""
_ENOUGH = 20


def state(facts: Facts, case: Case) -> None:
    """State ``replication.unidentified``."""
    id_ = "replication.unidentified"
    side = case.production
    catalog = side.catalog if side is not None else None
    if side is None or catalog is None or not side.ok("publications"):
        facts.unknown(id_, side.why_not("publications") if side is not None else "no production side was given")
        return
    named = _named_by_error(case, catalog)
    refused = case.error is not None and case.error.sqlstate in _REFUSED
    # an insufficient identity is one that is there: the error alone tells of it
    wanted = list(named) if refused else []
    wanted += [k for k in _written(case, catalog) if k not in named] if case.error is None or not named else []
    found = []
    for key in wanted:
        relation = catalog.relations[key]
        names = tuple(dict.fromkeys((*relation.updates_published_by, *relation.deletes_published_by)))
        if names and (key in named or not has_identity(relation)):
            found.append(_row(relation, names, key in named, case))
    because = f"{len(found)} published tables without an identity for their rows, of those that matter here"
    facts.know(id_, found[:_ENOUGH], because, side="production", readings="production/publications production/indexes")


def _named_by_error(case: Case, catalog: Catalog) -> tuple[RelationKey, ...]:
    """The table that the error names; the message has no schema: of several, the published ones."""
    name = case.error.subject.relation if case.error is not None else None
    if name is None:
        return ()
    schema = case.error.subject.schema if case.error is not None else None
    alike = [r for r in catalog.relations.values() if r.name == name and schema in (None, r.schema)]
    return tuple(r.key for r in alike if r.updates_published_by or r.deletes_published_by)


def _written(case: Case, catalog: Catalog) -> Iterator[RelationKey]:
    """Tables whose rows the migration changes or deletes; a partitioned table by its partitions."""
    seen: set[RelationKey] = set()
    for statement in case.migration.statements if case.migration is not None else ():
        for use in relations_used(statement.node) if statement.node is not None else ():
            relation = (
                catalog.find(use.name.schema, use.name.name) if use.use in ("update", "delete", "merge") else None
            )
            for member in lineage(catalog, relation) if relation is not None else ():
                if member.kind == "r" and member.key not in seen:
                    seen.add(member.key)
                    yield member.key


def _row(relation: Relation, publications: tuple[str, ...], in_error: bool, case: Case) -> dict[str, Any]:
    side = case.production
    for_all = {p.name for p in side.rows("publications") if p.all_tables} if side is not None else set()
    return {
        "relation": relation.qualified,
        "publications": list(publications),
        "all_tables": bool(for_all & set(publications)),
        "identity": _WORDS.get(relation.replica_identity, relation.replica_identity),
        "key": _usable_key(relation),
        "in_error": in_error,
        "on_local": _on_local(relation, case),
    }


def _usable_key(relation: Relation) -> str:
    """A unique index that ALTER TABLE ... REPLICA IDENTITY USING INDEX takes (ATExecReplicaIdentity, tablecmds.c)."""
    late = {c.index or c.name for c in relation.constraints if c.deferrable}
    for index in relation.indexes:
        columns = [relation.column(name) if name is not None else None for name in index.columns]
        whole = index.unique and index.valid and not index.has_expressions and not index.has_predicate
        if whole and index.name not in late and all(c is not None and c.not_null for c in columns):
            return quote_ident(index.name)
    return ""


def _on_local(relation: Relation, case: Case) -> str:
    catalog = case.local.catalog if case.local is not None else None
    if catalog is None:
        return ""
    here = catalog.relations.get(relation.key)
    if here is None:
        return "not there"
    if has_identity(here):
        return "identified"
    return "" if here.updates_published_by or here.deletes_published_by else "not published"
