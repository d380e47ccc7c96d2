"""Which files of a history alarm, where every table is small and idle and where every table is large and busy.

No server: the catalog is followed from an empty database, and between two files everything is given the size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from runbook.migration.catalog import Catalog, Extension, Relation, Role, Schema
from runbook.migration.forecast import forecast_and_follow
from runbook.migration.model import Migration, MigrationFile
from runbook.migration.result import StatementForecast
from tests.oracle.history_bundle import History

World = Literal["small and idle", "large and busy"]
WORLDS: tuple[World, ...] = ("small and idle", "large and busy")
ALARMING = frozenset({"warning", "danger"})
EXPECTED: dict[tuple[str, str], str] = {
    ("analytics_atlas", "20230402000000_modify_event_again.sql"): (
        "right in its way: the file before it fails on a server (a view uses the column) and was made good by this one;"
        " a followed catalog does not know which columns a view reads, and takes it to have run"
    ),
}
"""(history, file) that alarms although every table is small and idle, and why."""
_EXTENSIONS = ("btree_gist", "citext", "pg_trgm", "pgcrypto", "hstore", "ltree", "unaccent", "uuid-ossp")
_ROWS = {"small and idle": 200, "large and busy": 20_000_000}
_PAGES = {"small and idle": 3, "large and busy": 400_000}


@dataclass(frozen=True)
class FileAlarms:
    """One file with the statements that alarm."""

    history: str
    file: MigrationFile
    world: World
    statements: tuple[StatementForecast, ...]

    @property
    def alarms(self) -> tuple[StatementForecast, ...]:
        return tuple(s for s in self.statements if s.severity in ALARMING)


def empty(major: int = 17) -> Catalog:
    """A new database of a superuser, with the extensions of contrib to be had."""
    extensions = {name: Extension(name, None, default_version="1.0") for name in _EXTENSIONS}
    return Catalog(
        server_version_num=major * 10000 + 1,
        basis="local",
        schemas=MappingProxyType({"public": Schema("public", "postgres", can_create=True, can_use=True)}),
        extensions=MappingProxyType(extensions),
        roles=MappingProxyType({"postgres": Role("postgres", superuser=True)}),
        role="postgres",
        usable_roles=frozenset({"postgres"}),
        settable_roles=frozenset({"postgres"}),
        can_create_schema=True,
    )


def alarms(history: History, world: World, major: int = 17) -> Iterator[FileAlarms]:
    """Every file of the history, forecast on a server where what earlier files made is of that world."""
    start = catalog = empty(major)
    for file in history.files:
        migration = Migration(history.runner, True, file.transaction_mode, (file,))
        told, catalog = forecast_and_follow(migration, catalog)
        yield FileAlarms(history.name, file, world, told.statements)
        catalog = in_world(catalog, start, world)


def in_world(catalog: Catalog, session: Catalog, world: World) -> Catalog:
    """A followed catalog once its migration is over, with tables of a size, used as little or as much."""
    relations = {key: _sized(r, world) for key, r in catalog.relations.items() if r.persistence != "t"}
    return replace(
        catalog, relations=MappingProxyType(relations), search_path=session.search_path, role=session.role,
        settings=session.settings, timezone=session.timezone,
    )  # fmt: skip


def _sized(relation: Relation, world: World) -> Relation:
    indexes = tuple(replace(i, created_here=False, pages=_PAGES[world] // 4) for i in relation.indexes)
    relation = replace(relation, created_here=False, indexes=indexes, oid=relation.oid or _oid(relation))
    if relation.kind not in ("r", "m"):
        return relation
    busy = world == "large and busy"
    return replace(
        relation,
        rows=_ROWS[world],
        live_tuples=_ROWS[world],
        pages=_PAGES[world],
        bytes=_PAGES[world] * 8192,
        index_bytes=_PAGES[world] // 4 * 8192 * len(indexes),
        seq_scans=1000 if busy else 3,
        index_scans=2_000_000_000 if busy else 3,
        writes=500_000_000 if busy else 0,
        writes_per_s=100.0 if busy else 0.0,
    )


def _oid(relation: Relation) -> int:
    return 16384 + hash(relation.key) % 100_000


def rate(found: Iterable[FileAlarms]) -> tuple[int, int]:
    """(files that alarm, files)"""
    files = list(found)
    return sum(bool(f.alarms) for f in files), len(files)


def print_alarms(histories: Iterable[History], major: int = 17) -> None:
    histories = list(histories)
    for world in WORLDS:
        found = [f for h in histories for f in alarms(h, world, major)]
        loud, total = rate(found)
        print(f"== {world}: {loud} of {total} files alarm ({100 * loud / max(total, 1):.1f} %)")
        for one in found:
            for s in one.alarms:
                why = ", ".join(h.id for h in s.hazards) or (s.fails.because if s.fails else "")
                seconds = f"{s.seconds.likely:.1f} s" if s.seconds else "-"
                print(
                    f"  {one.history} {one.file.path}:{s.line} {s.severity} {seconds} [{why}] {' '.join(s.sql.split())[:90]}"
                )
