"""Follow files that ran before: what they made is known to those that come, and is by now as large and busy as any.

Pure, as ``forecast`` is: for checks that are asked about some files of a history and have no server to ask for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from runbook.migration.apply import apply
from runbook.migration.ast import enum_name, is_node
from runbook.migration.catalog import Catalog, Relation, RelationKey
from runbook.migration.edit import replace_keeping, with_relations
from runbook.migration.effects import effects
from runbook.migration.model import MigrationFile


def follow(files: Iterable[MigrationFile], catalog: Catalog) -> Catalog:
    """``catalog`` after ``files`` have run, each in a session of its own: what they SET is forgotten."""
    now = catalog
    for file in files:
        before: Catalog | None = None  # as a ROLLBACK would restore it
        for statement in file.statements:
            if statement.node is None:
                continue
            if is_node(statement.node, "TransactionStmt"):
                kind = enum_name(statement.node, "kind")
                if kind in ("TRANS_STMT_BEGIN", "TRANS_STMT_START"):
                    before = now
                elif kind == "TRANS_STMT_ROLLBACK" and before is not None:
                    now = before
                continue
            found = effects(statement, now)
            if found.after is not None:
                now = found.after
            elif found.fails is None or not found.fails.certain:
                now = apply(now, statement)
        now = replace_keeping(
            now,
            search_path=catalog.search_path,
            role=catalog.role,
            settings=catalog.settings,
            timezone=catalog.timezone,
        )
    return now


def settled(catalog: Catalog, *, new: Iterable[RelationKey] = ()) -> Catalog:
    """``catalog`` some time later: what was created has filled up since, temporary tables are gone.

    ``new``: relations that are to stay as they are, because they are still to be created.
    """
    kept = set(new)
    changes: dict[RelationKey, Relation | None] = {}
    for key, relation in catalog.relations.items():
        if key in kept or not (relation.created_here or any(i.created_here for i in relation.indexes)):
            continue
        if relation.persistence == "t" or key[0] == "pg_temp":
            changes[key] = None
            continue
        indexes = tuple(replace(i, created_here=False) for i in relation.indexes)
        changes[key] = replace(relation, created_here=False, rows=-1, indexes=indexes)
    return with_relations(catalog, changes)


def created(catalog: Catalog) -> frozenset[RelationKey]:
    """The relations that the files followed so far have made."""
    return frozenset(key for key, relation in catalog.relations.items() if relation.created_here)
