"""UPDATE and DELETE of a table that is published and whose rows nothing identifies (55000)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration.ast import enum_name, is_node, relations_used, unwrap
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.edit import lineage
from runbook.migration.result import Fails

_QUERIES = ("UpdateStmt", "DeleteStmt", "MergeStmt", "SelectStmt", "InsertStmt")


def unidentified_rows(node: Any, catalog: Catalog) -> Iterator[Fails]:
    """What CheckCmdReplicaIdentity refuses (execReplication.c). It asks before any row is looked at, and whether or not
    anybody subscribes. Minors of 2025 and before let MERGE and ON CONFLICT DO UPDATE pass (measured: 16.2)."""
    if not is_node(node, *_QUERIES):
        return
    for use in relations_used(node):
        actions = {"update": ("UPDATE",), "delete": ("DELETE",), "merge": _merged(node)}.get(use.use, ())
        relation = catalog.find(use.name.schema, use.name.name) if actions else None
        for action in actions if relation is not None else ():
            if relation is not None:
                yield from _refused(relation, action, use.use != "merge", catalog)


def publishes(relation: Relation, action: str) -> tuple[str, ...]:
    """The publications that publish ``action`` (UPDATE, DELETE) of the relation."""
    return relation.updates_published_by if action == "UPDATE" else relation.deletes_published_by


def has_identity(relation: Relation) -> bool:
    """Whether its rows can be told apart by a subscriber: FULL, a primary key that is checked at once, or an index."""
    if relation.replica_identity == "f":
        return True
    if relation.replica_identity == "i":
        return any(i.replica_identity and i.valid for i in relation.indexes)
    if relation.replica_identity == "d":
        late = {c.index or c.name for c in relation.constraints if c.deferrable}
        return any(i.primary and i.valid and i.name not in late for i in relation.indexes)
    return False


def _refused(relation: Relation, action: str, certain: bool, catalog: Catalog) -> Iterator[Fails]:
    members = [m for m in lineage(catalog, relation) if m.kind == "r"] if relation.kind == "p" else [relation]
    bad = [m for m in members if m.kind == "r" and publishes(m, action) and not has_identity(m)]
    if not bad:
        return
    verb = "update" if action == "UPDATE" else "delete from"
    word = "updates" if action == "UPDATE" else "deletes"
    because = f"cannot {verb} table {bad[0].name} because it does not have a replica identity and publishes {word}"
    yield Fails("55000", because, certain=certain and len(bad) == len(members))


def _merged(node: Any) -> tuple[str, ...]:
    """What a MERGE may do to rows that are there."""
    if not is_node(node, "MergeStmt"):
        return ()
    commands = [enum_name(unwrap(c), "command_type") for c in node.merge_when_clauses]
    return tuple(a for a, c in (("UPDATE", "CMD_UPDATE"), ("DELETE", "CMD_DELETE")) if c in commands)
