"""Step 8, migration state: what the tools' own history tables say, and what earlier runs left behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from runbook.migration.model import MigrationFile
from runbook.postgres.rows import HistoryEntry, HistoryTableRow
from runbook.sql import quote_qualified
from runbook.triage import drift, kinds, order, partial, together, two_histories
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.model import ComparedRow, Mark, Step, StepVerdict

_STEP = ("history", "Migration state")


@dataclass(frozen=True, slots=True)
class Applied:
    """One migration as a history table knows it. ``state``: applied, failed, unfinished, rolled_back."""

    version: str
    state: str = "applied"
    checksum: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """One tool's history on one side, newest first."""

    tool: str
    table: str
    entries: tuple[Applied, ...]
    lock_held: bool = False

    @property
    def applied(self) -> tuple[str, ...]:
        return tuple(e.version for e in self.entries if e.state == "applied")

    @property
    def broken(self) -> Applied | None:
        return next((e for e in self.entries if e.state in ("failed", "unfinished")), None)


Values = Mapping[str, str | None]


def _true(value: str | None) -> bool:
    return (value or "").lower() in ("t", "true", "1", "yes")


def _plain(column: str) -> Callable[[Values], Applied | None]:
    return lambda row: Applied(str(row.get(column) or ""))


def _golang(row: Values) -> Applied:
    dirty = _true(row.get("dirty"))
    return Applied(
        str(row.get("version") or ""), "failed" if dirty else "applied", detail="dirty = true" if dirty else ""
    )


def _prisma(row: Values) -> Applied:
    name = str(row.get("migration_name") or "")
    checksum = row.get("checksum")
    if row.get("rolled_back_at"):
        return Applied(name, "rolled_back", checksum)
    if row.get("finished_at"):
        return Applied(name, "applied", checksum)
    logs = (row.get("logs") or "").strip()
    steps = row.get("applied_steps_count") or "0"
    return Applied(
        name, "failed" if logs else "unfinished", checksum, logs or f"finished_at is null, {steps} steps applied"
    )


def _flyway(row: Values) -> Applied | None:
    version = row.get("version") or row.get("script") or ""
    if (row.get("type") or "").upper() in ("SCHEMA", "BASELINE", "DELETE") or not version:
        return None
    ok = _true(row.get("success"))
    return Applied(str(version), "applied" if ok else "failed", row.get("checksum"), "" if ok else "success = false")


def _goose(row: Values) -> Applied | None:
    if (row.get("version_id") or "0") == "0":
        return None
    return Applied(str(row.get("version_id")), "applied" if _true(row.get("is_applied")) else "rolled_back")


def _sqlx(row: Values) -> Applied:
    ok = _true(row.get("success"))
    checksum = (row.get("checksum") or "").removeprefix("\\x")  # bytea, as to_jsonb writes it
    return Applied(str(row.get("version") or ""), "applied" if ok else "failed", checksum)


def _drizzle(row: Values) -> Applied:
    return Applied(str(row.get("created_at") or ""), "applied", row.get("hash"))


def _django(row: Values) -> Applied:
    return Applied(f"{row.get('app')}.{row.get('name')}")


def _atlas(row: Values) -> Applied | None:
    version = str(row.get("version") or "")
    if version.startswith("."):
        return None
    failed = bool((row.get("error") or "").strip()) or (row.get("applied") != row.get("total"))
    return Applied(version, "failed" if failed else "applied", row.get("hash"), row.get("error") or "")


READERS: Mapping[str, Callable[[Values], Applied | None]] = {
    "alembic": _plain("version_num"),
    "django": _django,
    "rails": _plain("version"),
    "dbmate": _plain("version"),
    "golang-migrate": _golang,
    "prisma": _prisma,
    "drizzle": _drizzle,
    "flyway": _flyway,
    "liquibase": _plain("id"),
    "goose": _goose,
    "knex": _plain("name"),
    "sequelize": _plain("name"),
    "typeorm": _plain("name"),
    "diesel": _plain("version"),
    "sqlx": _sqlx,
    "atlas": _atlas,
    "sqitch": _plain("change"),
    "ecto": _plain("version"),
    "efcore": _plain("MigrationId"),
}
"""How one row of each tool's table reads. Sources: each tool's own CREATE TABLE (see FACTS.md, Runners)."""

_ONE_ROW_TOOLS = frozenset({"alembic", "golang-migrate"})
"""Tools whose table holds only the current version, not the way there."""


def examine(case: Case) -> Step:
    facts = Facts("history")
    partial.state(facts, case)
    together.state(facts, case)
    drift.state(facts, case)
    kinds.state(facts, case)
    side = case.production
    if side is None or not side.ok("history_tables"):
        reason = "no production side was given" if side is None else side.why_not("history_tables")
        names = (
            "found",
            "tool",
            "table",
            "dirty",
            "dirty_version",
            "dirty_detail",
            "latest",
            "latest_local",
            "pending",
            "unknown",
            "edited",
            "out_of_order",
            "only_local",
            "lock_held",
            "late_are",
            "late_makers",
            "edited_are",
            "unknown_are",
            "unknown_newer",
            "elsewhere",
        )
        facts.unknown_all([f"history.{n}" for n in names], reason)
        return Step(
            *_STEP, "skipped" if side is None else "unknown", f"not seen: {reason}", "?", facts=tuple(facts.stated)
        )
    histories = histories_of(side, case)
    local = histories_of(case.local, case) if case.local is not None else []
    history = relevant(histories, case)
    other = next((h for h in local if history is not None and h.tool == history.tool), local[0] if local else None)
    _state_leftovers(facts, case)
    comparison = _compare(history, other, case)
    _state(facts, side, history, other, comparison)
    tool = history.tool if history is not None else ""
    late, unknown = comparison.out_of_order, comparison.unknown
    two_histories.state(facts, case, histories)
    order.state(facts, case, tool, late, unknown, lambda f: version_of(tool, f), _order)
    rows = tuple(_rows(case, histories, history, other, comparison))
    verdict, summary, badge = _summary(history, comparison, rows)
    return Step(*_STEP, verdict, summary, badge, rows, tuple(facts.stated))


# -- reading the tables ---------------------------------------------------------------------------------------------


def read_histories(side: SideCase) -> list[History]:
    """Every known history table of a side that could be read, in the order found."""
    tables: list[HistoryTableRow] = list(side.rows("history_tables"))
    histories = []
    for table in tables:
        if table.role != "history" or table.tool not in READERS:
            continue
        reading = side.readings.get(f"history:{table.qualified}")
        if reading is None or not reading.ok:
            continue
        read = READERS[table.tool]
        entries = [a for row in reading.rows if isinstance(row, HistoryEntry) and (a := read(row.values)) is not None]
        histories.append(History(table.tool, table.qualified, tuple(entries), _lock_held(side, tables, table)))
    return histories


_SAME_TABLE = {"dbmate": "rails"}
"""Tools whose table looks like another's: schema_migrations (version varchar) is Rails' and dbmate's."""


def histories_of(side: SideCase, case: Case) -> list[History]:
    """``read_histories``, a table that two tools make alike counted as that of the tool whose files were given."""
    runner = case.migration.runner if case.migration else ""
    return [replace(h, tool=runner) if h.tool == _SAME_TABLE.get(runner) else h for h in read_histories(side)]


def _lock_held(side: SideCase, tables: list[HistoryTableRow], of: HistoryTableRow) -> bool:
    for table in tables:
        if table.role != "lock" or table.tool != of.tool:
            continue
        reading = side.readings.get(f"history:{table.qualified}")
        for row in reading.rows if reading is not None and reading.ok else ():
            if any(_true(v) for k, v in row.values.items() if k in ("locked", "is_locked")):
                return True
    return False


def relevant(histories: list[History], case: Case) -> History | None:
    """The history of the runner at hand; a broken one before a healthy one; the fullest otherwise."""
    if not histories:
        return None
    runner = case.migration.runner if case.migration else (case.error.framework if case.error else None)
    return max(histories, key=lambda h: (h.tool == runner, h.broken is not None, len(h.entries)))


# -- comparing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Comparison:
    pending: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    only_local: list[str] = field(default_factory=list)
    only_production: list[str] = field(default_factory=list)
    of_files: bool = False  # the files are a whole folder of this tool: pending and unknown mean something


def _compare(history: History | None, local: History | None, case: Case) -> _Comparison:
    if history is None:
        return _Comparison()
    applied = set(history.applied)
    given = case.whole or case.migration
    files = [f for f in (given.files if given else ()) if f.version and not f.is_down]
    same_tool = given is not None and given.runner == history.tool
    pending: list[str] = []
    unknown: list[str] = []
    edited: list[str] = []
    out_of_order: list[str] = []
    if files and same_tool:
        pending, unknown, out_of_order = _against_files(history, files)
        edited = _edited(history, files)
    here = set(local.applied) if local is not None and local.tool == history.tool else set()
    whole = history.tool not in _ONE_ROW_TOOLS
    return _Comparison(
        pending,
        unknown,
        edited,
        out_of_order,
        sorted(here - applied, key=_order) if local is not None and whole else [],
        sorted(applied - here, key=_order) if local is not None and whole and here else [],
        bool(files and same_tool),
    )


def _against_files(history: History, files: list[MigrationFile]) -> tuple[list[str], list[str], list[str]]:
    """Pending, unknown and out-of-order versions, given the runner's files."""
    versions = [version_of(history.tool, f) for f in files]
    if history.tool == "golang-migrate":
        current = history.entries[0].version if history.entries else ""
        pending = [v for v in versions if not current or _order(v) > _order(current)]
        return (
            pending,
            [current]
            if current and current not in {str(int(v)) if v.isdigit() else v for v in versions} and len(files) > 1
            else [],
            [],
        )
    known = set(versions)
    recorded = {e.version for e in history.entries}
    done = set(history.applied)
    pending = [v for v in versions if v not in done]
    # One file alone says nothing about the others' absence.
    unknown = sorted(recorded - known, key=_order) if len(files) > 1 and history.tool != "alembic" else []
    newest = max((_order(v) for v in done), default=())
    return pending, unknown, [v for v in pending if done and _order(v) < newest]


def versions_pending(history: History, files: list[MigrationFile]) -> list[str]:
    """Versions of ``files`` that the history does not count as applied."""
    return _against_files(history, files)[0]


def version_of(tool: str, file: MigrationFile) -> str:
    version = file.version or ""
    if tool in ("golang-migrate", "goose", "flyway", "sqlx") and version.isdigit():
        return str(int(version))
    return version


def _edited(history: History, files: list[MigrationFile]) -> list[str]:
    stored = {e.version: e.checksum for e in history.entries if e.checksum and e.state == "applied"}
    return [v for f in files if f.checksum and (v := version_of(history.tool, f)) in stored and stored[v] != f.checksum]


def _order(version: str) -> tuple[tuple[int, int | str], ...]:
    """Versions in the order runners use: numbers as numbers, the rest as text."""
    return tuple(
        (0, int(p)) if p.isdigit() else (1, p) for p in re.split(r"[._-]|(?<=\d)(?=\D)|(?<=\D)(?=\d)", version) if p
    )


# -- facts --------------------------------------------------------------------------------------------------------


def _state(
    facts: Facts, side: SideCase, history: History | None, local: History | None, comparison: _Comparison
) -> None:
    facts.know(
        "history.found",
        history is not None,
        history.table if history else "no tool's history table was found",
        readings="production/history_tables",
    )
    if history is None:
        unread = [r for name, r in side.readings.items() if name.startswith("history:") and not r.ok]
        reason = unread[0].reason or "it could not be read" if unread else "no tool's history table was found"
        if unread:
            facts.unknown("history.dirty", reason)
        else:
            facts.know("history.dirty", False, reason)
        for name in ("tool", "table", "dirty_version", "dirty_detail", "latest", "latest_local"):
            facts.know(f"history.{name}", "", reason)
        for name in ("pending", "unknown", "edited", "out_of_order", "only_local"):
            facts.know(f"history.{name}", [], reason)
        facts.know("history.lock_held", False, reason)
        return
    broken = history.broken
    reading = f"production/history:{history.table}"
    facts.know("history.tool", history.tool, history.table, readings=reading)
    facts.know("history.table", history.table, history.table, readings=reading)
    facts.know(
        "history.dirty", broken is not None, broken.detail if broken else "every row is finished", readings=reading
    )
    facts.know("history.dirty_version", broken.version if broken else "", "from the history table", readings=reading)
    facts.know("history.dirty_detail", broken.detail if broken else "", "from the history table", readings=reading)
    facts.know("history.latest", _latest(history), "newest applied", readings=reading)
    facts.know("history.latest_local", _latest(local) if local else "", "newest applied on local")
    for name in ("pending", "unknown", "edited", "out_of_order", "only_local"):
        facts.know(
            f"history.{name}", getattr(comparison, name), f"{name.replace('_', ' ')} migrations", readings=reading
        )
    facts.know("history.lock_held", history.lock_held, "the tool's lock row", readings=reading)


def _state_leftovers(facts: Facts, case: Case) -> None:
    """Invalid indexes and NOT VALID constraints of both sides."""
    for key in ("local", "production"):
        side: SideCase | None = getattr(case, key)
        catalog = side.catalog if side is not None else None
        if side is None or catalog is None:
            reason = f"no {key} side was given" if side is None else side.why_not("indexes")
            facts.unknown_all([f"{key}.invalid_indexes", f"{key}.not_valid_constraints"], reason)
            continue
        invalid = [
            {"index": quote_qualified(i.schema or r.schema, i.name), "relation": r.qualified}
            for r in catalog.relations.values()
            for i in r.indexes
            if not i.valid and not i.building and r.kind != "p"
        ]
        not_valid = [
            {"constraint": c.name, "relation": r.qualified, "kind": c.kind}
            for r in catalog.relations.values()
            for c in r.constraints
            if not c.validated and c.enforced
        ]
        facts.know(f"{key}.invalid_indexes", invalid, f"{len(invalid)} invalid indexes", readings=f"{key}/indexes")
        facts.know(
            f"{key}.not_valid_constraints",
            not_valid,
            f"{len(not_valid)} NOT VALID constraints",
            readings=f"{key}/constraints",
        )


def _latest(history: History) -> str:
    return max(history.applied, key=_order, default="")


# -- what people read -----------------------------------------------------------------------------------------------


def _rows(
    case: Case, histories: list[History], history: History | None, local: History | None, comparison: _Comparison
) -> list[ComparedRow]:
    rows = []
    if history is not None:
        rows.append(ComparedRow("tool", local.tool if local else "-", f"{history.tool} ({history.table})", "info"))
        broken, mark = history.broken, "matters"
        if broken is not None:
            rows.append(ComparedRow(broken.state, "-", broken.version, "matters", broken.detail))
        here, there = _latest(local) if local else "-", _latest(history)
        mark_latest: Mark = "same" if here == there else "differs"
        rows.append(ComparedRow("newest applied", here or "none", there or "none", mark_latest))
        for name, items, mark in (
            ("pending", comparison.pending, "info"),
            ("unknown to the files", comparison.unknown, "matters"),
            ("edited after applied", comparison.edited, "matters"),
            ("out of order", comparison.out_of_order, "matters"),
            ("only on local", comparison.only_local, "differs"),
            ("only on production", comparison.only_production, "differs"),
        ):
            if items:
                rows.append(ComparedRow(name, "", _some(items), mark))  # type: ignore[arg-type]
        if history.lock_held:
            rows.append(ComparedRow("the tool's lock", "", "held", "matters"))
    for extra in histories:
        if extra is not history:
            rows.append(ComparedRow("another history", "", f"{extra.tool} ({extra.table})", "differs"))
    for side in case.sides():
        for name, reading in side.readings.items():
            if name.startswith("history:") and not reading.ok:
                cell = {side.key: None}
                rows.append(
                    ComparedRow(
                        name.removeprefix("history:"),
                        cell.get("local"),
                        cell.get("production"),
                        "unknown",
                        reading.reason or reading.status,
                    )
                )
    rows.extend(_leftover_rows(case))
    return rows


def _leftover_rows(case: Case) -> list[ComparedRow]:
    """Invalid indexes and NOT VALID constraints by name, wherever they are."""
    found: dict[tuple[str, str], set[str]] = {}
    for side in case.sides():
        for relation in side.catalog.relations.values() if side.catalog else ():
            for index in relation.indexes:
                if not index.valid and relation.kind != "p":
                    word = "index being built" if index.building else "invalid index"
                    found.setdefault((word, f"{index.name} on {relation.qualified}"), set()).add(side.key)
            for constraint in relation.constraints:
                if not constraint.validated and constraint.enforced:
                    found.setdefault(("NOT VALID", f"{constraint.name} on {relation.qualified}"), set()).add(side.key)
    return [
        ComparedRow(
            word,
            name if "local" in sides else "-",
            name if "production" in sides else "-",
            "only_here" if len(sides) == 1 else "info",
        )
        for (word, name), sides in sorted(found.items())
    ][:20]


def _some(items: list[str]) -> str:
    return ", ".join(items[:4]) + (f" and {len(items) - 4} more" if len(items) > 4 else "")


def _summary(
    history: History | None, comparison: _Comparison, rows: tuple[ComparedRow, ...]
) -> tuple[StepVerdict, str, str]:
    if history is not None and history.broken is not None:
        broken = history.broken
        return "attention", f"{history.tool} says {broken.version} {broken.state}: {broken.detail}", "dirty"
    matters = next((r for r in rows if r.mark == "matters"), None)
    if matters is not None:
        return "attention", f"{matters.name}: {matters.production}", matters.name.split()[0]
    left = [r for r in rows if r.name in ("invalid index", "NOT VALID") and r.production not in ("-", None)]
    if left:
        return "differs", f"left behind on production: {left[0].name} {left[0].production}", f"{len(left)} left"
    if history is None:
        return "same", "no migration tool's history table, and nothing left behind", "none"
    if comparison.pending:
        return (
            "differs",
            f"{len(comparison.pending)} pending on production: {_some(comparison.pending)}",
            f"{len(comparison.pending)} pending",
        )
    if comparison.only_local or comparison.only_production:
        return (
            "differs",
            f"applied on one side only: {_some(comparison.only_local or comparison.only_production)}",
            "differs",
        )
    return "same", f"{history.tool} is at {_latest(history) or 'nothing'}", "same"
