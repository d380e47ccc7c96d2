"""Two sessions compared: what changed in servers, inputs, steps, facts and causes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from runbook.diagnosis.facts import Fact
from runbook.migration.result import Forecast
from runbook.session.events import CauseView, SideSeen
from runbook.session.state import State
from runbook.text import clean_line, plural, shorten
from runbook.words import percent

Change = Literal["appeared", "gone", "changed"]

_MOVING_FACTS = frozenset(
    {
        "connections",
        "role_connections",
        "connections_by_role",
        "database_bytes",
        "elapsed_s",
        "longest_wait_s",
        "replication_lag_s",
        "replication_lag_bytes",
        "frozen_age",
        "samples",
    }
)
"""Facts that are another with every look, also where nothing happened: told apart from what changed."""

_MOVING_PARTS = frozenset({"pid", "backend_start", "wait_s", "lag_s", "done", "percent", "blocked_by", "at"})
_MOVING_ENDS = ("_age_s", "_start", "_lag_bytes")


class Named(msgspec.Struct, frozen=True):
    """One of the two sessions."""

    id: str
    path: str
    title: str
    started_at: str
    duration_s: float


class ServerChange(msgspec.Struct, frozen=True):
    """``what`` is a field of SIDE in CONTRACT.md; None: the side was not there, or it was not known."""

    side: str
    what: str
    a: str | int | bool | None
    b: str | int | bool | None


class InputChange(msgspec.Struct, frozen=True):
    """The migration, the error and the forecast, each by a name and as text."""

    what: str
    a: str | None
    b: str | None


class StepChange(msgspec.Struct, frozen=True):
    id: str
    title: str
    a: str | None
    b: str | None
    a_summary: str | None
    b_summary: str | None


class FactChange(msgspec.Struct, frozen=True):
    """``a`` and ``b`` are values; None where it was not known. ``moves``: it is another with every look."""

    id: str
    side: str | None
    change: Change
    a: Any
    b: Any
    a_because: str | None
    b_because: str | None
    moves: bool


class Held(msgspec.Struct, frozen=True):
    verdict: str
    probability: float


class CauseChange(msgspec.Struct, frozen=True):
    """``a`` or ``b`` None: it was neither a suspect nor shown as ruled out. Reasons are those that only one side has."""

    id: str
    title: str
    a: Held | None
    b: Held | None
    reasons_gone: list[str]
    reasons_new: list[str]


class DifferenceDocument(msgspec.Struct, frozen=True):
    """``runbook diff --json``."""

    schema_version: int
    a: Named
    b: Named
    a_summary: str | None
    b_summary: str | None
    servers: list[ServerChange]
    inputs: list[InputChange]
    steps: list[StepChange]
    facts: list[FactChange]
    causes: list[CauseChange]

    @property
    def same(self) -> bool:
        """Nothing changed but what is another with every look."""
        settled = [f for f in self.facts if not f.moves]
        return not (self.servers or self.inputs or self.steps or settled or self.causes)


def difference(a: State, b: State) -> DifferenceDocument:
    """What changed from ``a`` to ``b``."""
    return DifferenceDocument(
        schema_version=1,
        a=_named(a),
        b=_named(b),
        a_summary=a.diagnosis.summary if a.diagnosis else None,
        b_summary=b.diagnosis.summary if b.diagnosis else None,
        servers=list(_servers(a, b)),
        inputs=list(_inputs(a, b)),
        steps=list(_steps(a, b)),
        facts=list(_facts(a, b)),
        causes=list(_causes(a, b)),
    )


def _named(state: State) -> Named:
    return Named(state.session_id, state.path, state.title, state.started_at, state.duration_s)


_OF_A_SERVER = (
    "name",
    "reachable",
    "reason",
    "server_version",
    "database",
    "role",
    "is_standby",
    "provider",
    "pooler",
)


def _servers(a: State, b: State) -> Iterator[ServerChange]:
    for key in ("local", "production"):
        before, after = a.sides.get(key), b.sides.get(key)
        if before is None and after is None:
            continue
        for what in _OF_A_SERVER:
            old, new = _field(before, what), _field(after, what)
            if old != new:
                yield ServerChange(key, what, old, new)


def _field(seen: SideSeen | None, what: str) -> Any:
    return None if seen is None else getattr(seen, what)


def _inputs(a: State, b: State) -> Iterator[InputChange]:
    for what, old, new in (
        ("migration", _migration(a), _migration(b)),
        ("statements", _statements(a), _statements(b)),
        ("error", _error(a), _error(b)),
        ("forecast", _forecast(a.forecast), _forecast(b.forecast)),
        ("answers", _answers(a), _answers(b)),
    ):
        if old != new:
            yield InputChange(what, old, new)


def _migration(state: State) -> str | None:
    m = state.migration
    return None if m is None else f"{', '.join(m.files)} run by {m.runner}, transactions: {m.transaction_mode}"


def _statements(state: State) -> str | None:
    return None if state.migration is None else "\n".join(s.sql for s in state.migration.statements)


def _error(state: State) -> str | None:
    return None if state.error is None else f"{state.error.sqlstate or 'no SQLSTATE'} {state.error.message}"


def _forecast(forecast: Forecast | None) -> str | None:
    if forecast is None:
        return None
    s = forecast.summary
    return f"{s.danger} danger, {s.warning} warning, {s.notice} notice, by {forecast.basis}"


def _answers(state: State) -> str | None:
    return "; ".join(f"{q}: {a.answer}" for q, a in sorted(state.answers.items())) or None


def _steps(a: State, b: State) -> Iterator[StepChange]:
    for id_ in dict.fromkeys([*a.steps, *b.steps]):
        before, after = a.steps.get(id_), b.steps.get(id_)
        known = before or after
        assert known is not None
        if before is None or after is None or before.verdict != after.verdict:
            yield StepChange(
                id_,
                known.title,
                before.verdict if before else None,
                after.verdict if after else None,
                before.summary if before else None,
                after.summary if after else None,
            )


def _facts(a: State, b: State) -> Iterator[FactChange]:
    before, after = a.book().facts, b.book().facts
    for id_ in sorted({*before, *after}):
        old, new = before.get(id_), after.get(id_)
        value_a, value_b = _value(old), _value(new)
        known_a, known_b = old is not None and old.known, new is not None and new.known
        if known_a == known_b and value_a == value_b:
            continue
        change: Change = "changed" if known_a and known_b else "appeared" if known_b else "gone"
        name = id_.partition(".")[2]
        moves = name in _MOVING_FACTS or (change == "changed" and _settled(value_a) == _settled(value_b))
        side = new.side if new is not None else old.side if old is not None else None
        yield FactChange(id_, side, change, value_a, value_b, _because(old), _because(new), moves)


def _value(fact: Fact | None) -> Any:
    return fact.value if fact is not None and fact.known else None


def _because(fact: Fact | None) -> str | None:
    return None if fact is None else fact.because


def _settled(value: Any) -> Any:
    """A value without the parts that are others with every look."""
    if isinstance(value, dict):
        return {
            key: _settled(part)
            for key, part in value.items()
            if key not in _MOVING_PARTS and not str(key).endswith(_MOVING_ENDS)
        }
    if isinstance(value, list | tuple):
        return [_settled(part) for part in value]
    return value


def _causes(a: State, b: State) -> Iterator[CauseChange]:
    before, after = _held(a), _held(b)
    for id_ in dict.fromkeys([*after, *before]):
        old, new = before.get(id_), after.get(id_)
        if (
            old is not None
            and new is not None
            and old.verdict == new.verdict
            and abs(old.probability - new.probability) < 0.05
        ):
            continue
        known = new or old
        assert known is not None
        reasons_a, reasons_b = _reasons(old), _reasons(new)
        yield CauseChange(
            id_,
            known.title,
            Held(old.verdict, old.probability) if old else None,
            Held(new.verdict, new.probability) if new else None,
            [r for r in reasons_a if r not in reasons_b],
            [r for r in reasons_b if r not in reasons_a],
        )


def _held(state: State) -> dict[str, CauseView]:
    if state.diagnosis is None:
        return {}
    return {c.id: c for c in (*state.diagnosis.causes, *state.diagnosis.ruled_out)}


def _reasons(cause: CauseView | None) -> list[str]:
    if cause is None:
        return []
    return [*(r.because for r in cause.supporting), *(f"against: {r.because}" for r in cause.opposing)]


# -- as text -----------------------------------------------------------------------------------------------------------


def text(found: DifferenceDocument, *, moving: bool = False) -> str:
    """The difference for people; ``moving``: also facts that are others with every look. Safe for a terminal."""
    lines = [f"a  {_who(found.a)}", f"b  {_who(found.b)}", ""]
    if found.same:
        lines.append("Nothing changed in servers, inputs, steps, facts and causes.")
    lines += _section(
        "Diagnosis", _pair("", found.a_summary, found.b_summary) if found.a_summary != found.b_summary else []
    )
    lines += _section("Causes", [line for c in found.causes for line in _cause_lines(c)])
    lines += _section(
        "Servers", [x for s in found.servers for x in _pair(f"{s.side} {s.what.replace('_', ' ')}", s.a, s.b)]
    )
    lines += _section("Inputs", [x for i in found.inputs for x in _pair(i.what, i.a, i.b)])
    lines += _section(
        "Steps",
        [x for s in found.steps for x in _pair(s.title, _verdict(s.a, s.a_summary), _verdict(s.b, s.b_summary))],
    )
    shown = [f for f in found.facts if moving or not f.moves]
    lines += _section("Facts", [x for f in shown if f.change == "changed" for x in _fact_lines(f)])
    lines += _section("Facts known only in b", _named_by_group(f for f in shown if f.change == "appeared"))
    lines += _section("Facts known only in a", _named_by_group(f for f in shown if f.change == "gone"))
    hidden = len(found.facts) - len(shown)
    if hidden:
        lines += [
            f"{plural(hidden, 'fact')} that differ at every look (ages, pids, counters) are not listed; --all does.",
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def _who(named: Named) -> str:
    return shorten(f"{named.id}  {named.started_at[:19].replace('T', ' ')}  {named.title}", 110)


def _section(title: str, lines: list[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines), ""] if lines else []


def _pair(name: str, a: object, b: object) -> list[str]:
    head = [shorten(name, 90)] if name else []
    pad = "  " if name else ""
    return [*head, f"{pad}a  {_told(a)}", f"{pad}b  {_told(b)}"]


def _told(value: object) -> str:
    return "-" if value is None else shorten(str(value), 160)


def _verdict(verdict: str | None, summary: str | None) -> str | None:
    return None if verdict is None else f"{verdict}: {summary}"


def _shown(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _fact_lines(fact: FactChange) -> list[str]:
    """Both values; of maps the keys that differ, of lists the items that only one has."""
    a, b = fact.a, fact.b
    if isinstance(a, dict) and isinstance(b, dict):
        keys = [k for k in dict.fromkeys([*a, *b]) if a.get(k) != b.get(k)]
        return [x for k in keys for x in _pair(f"{fact.id} {k}", _shown(a.get(k)), _shown(b.get(k)))]
    if isinstance(a, list) and isinstance(b, list):
        old, new = ([_shown(_settled(x)) or "" for x in part] for part in (a, b))
        lines = [f"  - {x}" for x in _only(old, new)] + [f"  + {x}" for x in _only(new, old)]
        if lines:
            return [shorten(fact.id, 90), *lines]
    return _pair(fact.id, _shown(a), _shown(b))


_MOST_ITEMS = 6


def _only(these: list[str], others: list[str]) -> list[str]:
    """Items that the other list lacks, each once, at most some."""
    found = [x for x in dict.fromkeys(these) if x not in others]
    more = [f"and {len(found) - _MOST_ITEMS:,} more"] if len(found) > _MOST_ITEMS else []
    return [_told(x) for x in found[:_MOST_ITEMS]] + more


def _named_by_group(facts: Iterable[FactChange]) -> list[str]:
    """``failing: blocks_reads, bytes``: names alone, because the other session has nothing to compare with."""
    groups: dict[str, list[str]] = {}
    for fact in facts:
        group, _, name = fact.id.partition(".")
        groups.setdefault(group, []).append(name)
    return [clean_line(f"{group}: {', '.join(names)}") for group, names in groups.items()]


def _cause_lines(cause: CauseChange) -> list[str]:
    def held(one: Held | None) -> str:
        return "not suspected" if one is None else f"{one.verdict.replace('_', ' ')} {percent(one.probability)}"

    return [
        shorten(f"{held(cause.a)} -> {held(cause.b)}  {cause.title}", 160),
        *(f"  - {shorten(reason, 150)}" for reason in cause.reasons_gone),
        *(f"  + {shorten(reason, 150)}" for reason in cause.reasons_new),
    ]
