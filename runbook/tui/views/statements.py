"""The migration statement by statement: locks, how long, who waits, what is wrong with it, and the safe form."""

from __future__ import annotations

from runbook.migration.result import LOCK_MODES, FileForecast, Forecast, Hazard, RelationLock, StatementForecast
from runbook.session.state import State
from runbook.sql import split_qualified
from runbook.tui.lines import Line, column, fit, line, paragraph, preformatted
from runbook.tui.views.lock_tree import age
from runbook.words import duration, lock_name

SEVERITY = {
    "danger": ("DANGER", "bad bold"),
    "warning": ("warning", "warn bold"),
    "notice": ("notice", "info"),
    "ok": ("ok", "good"),
}


def statements(state: State, width: int) -> list[Line]:
    """One line a statement under a fixed head; a line per file where there are several."""
    forecast = state.forecast
    if forecast is None:
        return _unforecast(state, width)
    widths = _widths(width)
    lines = [_head(widths)]
    for file in forecast.files:
        if len(forecast.files) > 1:
            lines.append(line((fit(f"{file.path}  {_transaction(file)}", width), "muted")))
        lines += [_row(one, widths) for one in file.statements]
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


def key_of(statement: StatementForecast) -> str:
    return f"statement:{statement.index}"


def find_statement(state: State, key: str | None) -> StatementForecast | None:
    """The statement of a line."""
    if state.forecast is None or key is None:
        return None
    return next((s for s in state.forecast.statements if key_of(s) == key), None)


def _widths(width: int) -> tuple[int, int, int, int, int]:
    """Number, statement, locks, held, waits for; the verdict takes the last eight cells."""
    held, waits = 13, 12 if width >= 90 else 0
    room = width - 5 - held - waits - 8
    locks = min(max(room * 2 // 5, 16), 44)
    return 5, room - locks, locks, held, waits


def _head(widths: tuple[int, int, int, int, int]) -> Line:
    number, sql, locks, held, waits = widths
    names = zip(("#", "statement", "locks", "held", "waits for"), (number, sql, locks, held, waits), strict=True)
    return line(*((column(name, w), "muted") for name, w in names if w), ("verdict", "muted"))


def _row(one: StatementForecast, widths: tuple[int, int, int, int, int]) -> Line:
    number, sql, locks, held, waits = widths
    word, paint = SEVERITY[one.severity]
    waiting = ", ".join(f"pid {w.pid}" if w.pid else "prepared" for w in one.waits_for[:2]) or "-"
    return line(
        (column(str(one.index), number), "muted"),
        column(fit(_one_line(one.sql), sql - 2), sql),
        (column(fit(locks_text(one), locks - 2), locks), "" if one.locks else "muted"),
        column(held_text(one), held),
        *(((column(waiting, waits), "warn" if one.waits_for else "muted"),) if waits else ()),
        (word if one.confidence != "opaque" else "opaque", paint),
        key=key_of(one),
    )


def locks_text(one: StatementForecast) -> str:
    """The strongest locks first, with what else it does: ``ACCESS EXCLUSIVE orders  scan``."""
    existing = sorted((k for k in one.locks if k.pre_existing), key=_strongest_first)
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


def _strongest_first(lock: RelationLock) -> tuple[int, str]:
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


def _transaction(file: FileForecast) -> str:
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


def detail(state: State, one: StatementForecast, width: int, *, safe_form: bool) -> list[Line]:
    """All that the forecast says of one statement; with ``safe_form`` the safe sequence comes first."""
    file = next((f for f in state.forecast.files if one in f.statements), None) if state.forecast else None
    word, paint = SEVERITY[one.severity]
    where = f"{file.path}:{one.line}" if file is not None else f"line {one.line}"
    lines = [line((f"{word}  ", paint), (fit(f"{one.index}  {where}", width - 10), "muted"))]
    lines += preformatted(one.sql.strip(), width, "code")[:12]
    if safe_form:
        lines += _safe_forms(one, width)
    if one.fails is not None:
        sure = "fails" if one.fails.certain else "may fail"
        lines += [
            line(),
            *paragraph(one.fails.because, width, first=(f"{sure} with {one.fails.sqlstate}: ", "bad bold"), indent=4),
        ]
    if one.opaque_because:
        lines += [line(), *paragraph(one.opaque_because, width, first=("cannot be told: ", "warn bold"), indent=4)]
    for hazard in one.hazards:
        lines += [line(), *_hazard(hazard, width, shown=safe_form)]
    lines += [line(), *_effects(one, width)]
    if file is not None:
        lines += paragraph(_transaction(file), width, "muted", first=(column("runs in", 10), "muted"), indent=10)
    return lines


def _hazard(hazard: Hazard, width: int, *, shown: bool) -> list[Line]:
    lines = paragraph(hazard.because, width, first=("! ", "bad bold"), indent=2)
    if hazard.safe_sql and not shown:
        lines.append(line(("  v", "key"), (" shows the safe form, ", "muted"), ("c", "key"), (" copies it", "muted")))
    return lines


def _safe_forms(one: StatementForecast, width: int) -> list[Line]:
    lines: list[Line] = []
    for hazard in one.hazards:
        if hazard.safe_sql:
            lines += [line(), line(("safe form", "good bold"), (fit(f"  against {hazard.id}", width - 9), "muted"))]
            for step in hazard.safe_sql:
                lines += preformatted(step, width, "code", indent=2)
    return lines or [line(), line(("no safe form is known for this statement", "muted"))]


def safe_sql(one: StatementForecast) -> str:
    """The safe sequences of a statement as SQL, or an empty text."""
    return "\n".join(step for hazard in one.hazards for step in hazard.safe_sql or ())


def _effects(one: StatementForecast, width: int) -> list[Line]:
    lines: list[Line] = []
    for number, lock in enumerate(sorted(one.locks, key=_strongest_first)):
        made = "" if lock.pre_existing else "  (made by this migration)"
        text = f"{lock_name(lock.mode)} on {lock.relation}{made}"
        lines.append(line((column("locks" if not number else "", 10), "muted"), fit(text, width - 10)))
    for name, values in (("rewrites", one.rewrites), ("scans", one.scans), ("builds", one.index_builds)):
        if values:
            lines += paragraph(", ".join(values), width, "warn", first=(column(name, 10), "muted"), indent=10)
    if one.blocks.reads or one.blocks.writes:
        both = set(one.blocks.reads) & set(one.blocks.writes)
        text = ", ".join(sorted(both)) if both else ", ".join(one.blocks.writes)
        who = "readers and writers of " if both else "writers of "
        lines += paragraph(who + text, width, "warn", first=(column("blocks", 10), "muted"), indent=10)
    for wait in one.waits_for:
        who = f"pid {wait.pid}" if wait.pid else "a prepared transaction"
        known = " ".join(word for word in (who, wait.application_name, wait.state, age(wait.age_s)) if word)
        text = f"{known}, {lock_name(wait.mode)} on {wait.relation}"
        lines += paragraph(text, width, first=(column("waits for", 10), "muted"), indent=10, most=2)
    if one.seconds is not None:
        s = one.seconds
        text = f"{duration(s.likely)} ({duration(s.low)} to {duration(s.high)}), from: {s.basis}"
        lines += paragraph(text, width, first=(column("held", 10), "muted"), indent=10)
    if one.transaction == "forbidden":
        lines += paragraph("cannot run in a transaction", width, "warn", first=(column("", 10), ""), indent=10)
    if one.min_server_version:
        lines += paragraph(
            f"PostgreSQL {one.min_server_version // 10000} or newer",
            width,
            first=(column("needs", 10), "muted"),
            indent=10,
        )
    if one.confidence != "exact":
        lines += paragraph(one.confidence, width, first=(column("how sure", 10), "muted"), indent=10)
    return lines
