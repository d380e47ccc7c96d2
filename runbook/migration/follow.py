"""Follow files that ran before: what they made is known to those that come, and is by now as large and busy as any.

Pure, as ``forecast`` is: for checks that are asked about some files of a history and have no server to ask for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from runbook.migration.catalog import Catalog, Relation, RelationKey
from runbook.migration.edit import replace_keeping, with_relations
from runbook.migration.forecast import forecast_and_follow
from runbook.migration.model import Migration


def follow(migration: Migration, catalog: Catalog, *, new: Iterable[RelationKey] = ()) -> Catalog:
    """``catalog`` some time after ``migration`` has run: its tables have filled up, its session and what was temporary
    are gone.

    ``new``: relations that are to stay as they are, because they are still to be created.
    """
    after = forecast_and_follow(migration, catalog)[1]
    kept = set(new)
    changes: dict[RelationKey, Relation | None] = {}
    for key, relation in after.relations.items():
        if key in kept or not (relation.created_here or any(i.created_here for i in relation.indexes)):
            continue
        if relation.persistence == "t" or key[0] == "pg_temp":
            changes[key] = None
            continue
        indexes = tuple(replace(i, created_here=False) for i in relation.indexes)
        changes[key] = replace(relation, created_here=False, rows=-1, indexes=indexes)
    return another_session(with_relations(after, changes), catalog)


def another_session(catalog: Catalog, before: Catalog) -> Catalog:
    """``catalog`` with what a session sets as it was ``before``."""
    return replace_keeping(
        catalog, search_path=before.search_path, role=before.role, settings=before.settings, timezone=before.timezone
    )


def created(catalog: Catalog) -> frozenset[RelationKey]:
    """The relations that the files followed so far have made."""
    return frozenset(key for key, relation in catalog.relations.items() if relation.created_here)
