"""The migration as a table: a line a statement with its lock, how long, who waits, and the verdict in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runbook.migration.result import LOCK_MODES, FileForecast, Forecast, RelationLock, StatementForecast
from runbook.session.state import State
from runbook.sql import split_qualified
from runbook.text import clean_line
from runbook.tui.lines import Line, column, fit, line, paragraph
from runbook.tui.views.rail import Group
from runbook.words import duration

SEVERITY = {
    "danger": ("!! DANGER", "bad bold"),
    "warning": ("! warning", "warn bold"),
    "notice": ("- notice", "info"),
    "ok": ("ok", "good"),
}
ALARMING = frozenset({"danger", "warning"})
_VERDICT = 9
_NUMBER = 7


@dataclass(frozen=True)
class View:
    """What of the forecast is shown, and how. ``imagined``: a what-if beside it, with what it assumes."""

    alarming: bool = False
    search: str = ""
    imagined: Forecast | None = None
    assumed: str = ""
    groups: Mapping[int, Group] = field(default_factory=dict)

    def shows(self, one: StatementForecast, file: FileForecast) -> bool:
        """Whether the filter and the search let a statement through."""
        if self.alarming and one.severity not in ALARMING and one.fails is None:
            return False
        return not self.search or self.search.lower() in _haystack(one, file)


def _haystack(one: StatementForecast, file: FileForecast) -> str:
    """What a search looks in: text, file, kind, relations, hazards, SQLSTATE."""
    names = " ".join((*(k.relation for k in one.locks), *(h.id for h in one.hazards)))
    failing = one.fails.sqlstate if one.fails is not None else ""
    return clean_line(f"{one.sql} {file.path} {one.kind} {names} {failing} {one.severity}").lower()


PLAIN = View()


def statements(state: State, width: int, view: View = PLAIN) -> list[Line]:
    """One line a statement under a fixed head; a line per file where there are several."""
    now = state.forecast
    if now is None:
        return _unforecast(state, width)
    forecast = view.imagined or now
    before = {s.index: s for s in now.statements} if view.imagined is not None else {}
    widths = _Widths.of(width, what_if=view.imagined is not None)
    lines = [_head(widths)]
    hidden = 0
    for file in forecast.files:
        shown = [one for one in file.statements if view.shows(one, file)]
        hidden += len(file.statements) - len(shown)
        if len(forecast.files) > 1 and shown:
            lines.append(line((fit(f"{file.path}  {transaction_of(file)}", width), "muted")))
        for one in shown:
            lines.append(_row(one, widths, view.groups.get(one.index), before.get(one.index)))
    if hidden:
        why = " and ".join(w for w in ("no alarm" if view.alarming else "", "another text" if view.search else "") if w)
        lines.append(line((fit(f"{hidden:,} more are hidden: {why}", width), "muted")))
    return lines


def summary(forecast: Forecast) -> str:
    """What it comes to, in one line."""
    counts = (
        (forecast.summary.danger, "danger"),
        (forecast.summary.warning, "warning"),
        (forecast.summary.notice, "notice"),
    )
    found = ", ".join(f"{n} {word}" for n, word in counts if n) or "nothing to worry about"
    basis = {"production": "on production", "local": "on local: production is unknown"}.get(
        forecast.basis, "no server: tables are assumed large and busy"
    )
    return f"{found} · forecast {basis} · PostgreSQL {forecast.server_version_num // 10000}"


def alarm_after(forecast: Forecast, keys: list[str], cursor: str | None, step: int) -> str | None:
    """The next (``step`` 1) or previous (-1) alarming statement among the lines ``keys``, round the end."""
    alarming = {
        key_of(s) for s in forecast.statements if s.severity in ALARMING or (s.fails is not None and s.fails.certain)
    }
    start = keys.index(cursor) if cursor in keys else -1
    around = [keys[(start + step * n) % len(keys)] for n in range(1, len(keys) + 1)]
    return next((key for key in around if key in alarming), None)


def key_of(statement: StatementForecast) -> str:
    return f"statement:{statement.index}"


def find_statement(forecast: Forecast | None, key: str | None) -> StatementForecast | None:
    """The statement of a line."""
    if forecast is None or key is None:
        return None
    return next((s for s in forecast.statements if key_of(s) == key), None)


@dataclass(frozen=True, slots=True)
class _Widths:
    """Cells of each column; 0: the column is left out."""

    sql: int
    locks: int
    held: int
    before: int
    waits: int
    verdict: int
    number: int = _NUMBER

    @classmethod
    def of(cls, width: int, *, what_if: bool) -> _Widths:
        held = 13
        waits = 12 if width >= 90 and not what_if else 0
        verdict = _VERDICT + (12 if what_if else 0)
        room = width - _NUMBER - held * (2 if what_if else 1) - waits - verdict
        locks = min(max(room * 2 // 5, 16), 44) if room >= 40 else 0
        return cls(room - locks, locks, held, held if what_if else 0, waits, verdict)


def _head(widths: _Widths) -> Line:
    held = "held, if" if widths.before else "held"
    names = (
        ("#", widths.number),
        ("statement", widths.sql),
        ("locks", widths.locks),
        (held, widths.held),
        ("held now", widths.before),
        ("waits for", widths.waits),
    )
    verdict = "verdict, if" if widths.before else "verdict"
    return line(*((column(name, w), "muted") for name, w in names if w), (verdict, "muted"))


def _row(one: StatementForecast, widths: _Widths, group: Group | None, before: StatementForecast | None) -> Line:
    word, paint = SEVERITY[one.severity]
    if one.confidence == "opaque":
        word = "? opaque"
    waiting = ", ".join(f"pid {w.pid}" if w.pid else "prepared" for w in one.waits_for[:2]) or "-"
    changed = before is not None and held_text(before) != held_text(one)
    was = ""
    if before is not None and before.severity != one.severity:
        was = f" was {before.severity}"
    pieces = [
        (column(f"{group.mark(one) if group is not None else ' '} {one.index}", widths.number), "muted"),
        (column(fit(_one_line(one.sql), widths.sql - 2), widths.sql), ""),
    ]
    if widths.locks:
        text = fit(locks_text(one), widths.locks - 2)
        pieces.append((column(text, widths.locks), "" if one.locks else "muted"))
    pieces.append((column(held_text(one), widths.held), "accent bold" if changed else ""))
    if widths.before:
        pieces.append((column(held_text(before) if before is not None and changed else "same", widths.before), "muted"))
    if widths.waits:
        pieces.append((column(waiting, widths.waits), "warn" if one.waits_for else "muted"))
    return line(*pieces, (word, paint), (was, "muted"), key=key_of(one))


def locks_text(one: StatementForecast) -> str:
    """The strongest locks first, with what else it does: ``ACCESS EXCLUSIVE orders  scan``."""
    existing = sorted((k for k in one.locks if k.pre_existing), key=strongest_first)
    if one.confidence == "opaque" and not existing:
        return "cannot be told"
    strongest = [k for k in existing if k.mode == existing[0].mode]
    text = ""
    if strongest:
        names = ", ".join(_short(k.relation) for k in strongest[:2]) + (", …" if len(strongest) > 2 else "")
        text = f"{_camel(strongest[0].mode)} {names}"
    extra = [
        word for word, there in (("rewrite", one.rewrites), ("scan", one.scans), ("build", one.index_builds)) if there
    ]
    return "  ".join(p for p in (text, " ".join(extra)) if p) or "-"


def _camel(mode: str) -> str:
    return mode.removesuffix("Lock")


def strongest_first(lock: RelationLock) -> tuple[int, str]:
    """A sort key: strong locks first, then by name."""
    return (-LOCK_MODES.index(lock.mode) if lock.mode in LOCK_MODES else 0, lock.relation)


def held_text(one: StatementForecast) -> str:
    """``< 10 ms``, ``~ 52 s``, ``6-9 min``; ``?`` where nobody can tell."""
    seconds = one.seconds
    if seconds is None:
        return "?" if one.confidence == "opaque" else "-"
    if seconds.high <= 0.01:
        return "< 10 ms"
    if seconds.low >= 60:
        return f"{seconds.low / 60:.0f}-{seconds.high / 60:.0f} min"
    return f"~ {duration(seconds.likely)}"


def _short(relation: str) -> str:
    schema, name = split_qualified(relation)
    return name if schema in (None, "public") else relation


def _one_line(sql: str) -> str:
    return " ".join(sql.split())


def transaction_of(file: FileForecast) -> str:
    """How the file's runner uses transactions, in words."""
    return {
        "per_file": "one transaction for this file",
        "all_files": "one transaction for all files: locks are held to the very end",
        "none": "each statement commits by itself",
        "implicit": "sent as one string: one transaction without BEGIN",
    }.get(file.transaction_mode, file.transaction_mode)


def _unforecast(state: State, width: int) -> list[Line]:
    migration = state.migration
    if migration is None:
        return [line(("no migration was given", "muted")), line(), line(("g", "key"), (" gives one", "muted"))]
    lines = [line((column("#", 5) + "statement", "muted"))]
    for one in migration.statements:
        text = column(fit(_one_line(one.sql), width - 6), width - 5)
        lines.append(
            line(
                (column(str(one.index), 5), "muted"), (text, "bad" if one.problem else ""), key=f"statement:{one.index}"
            )
        )
        if one.problem:
            lines += paragraph(one.problem, width, "bad", indent=5, key=f"statement:{one.index}")
    return lines
