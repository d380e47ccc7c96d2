"""The timeline of a transcript: what happened when, and where each time comes from. What repeats itself is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Protocol

from runbook.session import events as ev
from runbook.session.events import Event
from runbook.text import plural, shorten
from runbook.transcript.times import instant, stamped_lines
from runbook.triage.alike import node_key
from runbook.triage.model import LockNode, LockTree
from runbook.triage.tree_ages import aged
from runbook.words import duration, lock_name

MOST = 400
"""So many moments at most; a reader of more of them reads none. Key moments go last."""

_SAME_BEGIN_S = 5.0
"""Ages come from the server and the moment of a sample from us: begins that are no further apart are one."""

FIRST_SCREEN = 12
"""So many moments before anything is unfolded."""

_TELLING = (("opened", "error", "diagnosis", "closed"), ("action",), ("answer", "note", "exercise", "server"))
"""Kinds of key moments, the most telling first; the others, which may come by the hundred, are last."""

_ANNOUNCED_GROWTH = 1.5
"""A queue is told of again when it has grown by so much."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline. Texts are as they came: every format makes them inert in its own way.

    ``at``: ISO 8601, UTC. ``kind``: one word. ``source``: whose clock told the time, and through what.
    ``key``: it belongs to the story, and is told before anything is unfolded.
    """

    at: str
    kind: str
    text: str
    source: str
    key: bool = False
    derived: bool = False  # worked out from an age or a log line: it may lie before everything recorded

    @property
    def time(self) -> datetime | None:
        """None where the journal holds no readable time."""
        return instant(self.at)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Moments in order of time. ``left_out``: word -> how many events are not told one by one."""

    moments: tuple[Moment, ...]
    events: int
    left_out: tuple[tuple[str, int], ...] = ()
    thinned: int = 0  # moments that were left out because there were more than ``MOST``

    @property
    def key(self) -> tuple[Moment, ...]:
        return tuple(m for m in self.moments if m.key)

    @property
    def first_screen(self) -> tuple[Moment, ...]:
        """The key moments that tell the story, at most ``FIRST_SCREEN``, in order of time."""
        return tuple(_thinned(list(self.key), FIRST_SCREEN))

    @property
    def note(self) -> str:
        """What was left out, as a sentence; empty when nothing was."""
        parts = [f"{word} ({n:,})" for word, n in self.left_out]
        told = f"{plural(self.events, 'event')}: not listed one by one are {', '.join(parts)}." if parts else ""
        thinned = f"{plural(self.thinned, 'moment')} between those shown were left out." if self.thinned else ""
        where = "The journal holds all of them." if told or thinned else ""
        return " ".join(part for part in (told, thinned, where) if part)


def timeline(events: Iterable[Event], most: int = MOST) -> Timeline:
    """The moments of a session. Pure: the same events give the same timeline."""
    events = tuple(events)
    teller = _Teller()
    found: list[Moment] = []
    for event in events:
        found.extend(teller.told(event))
    # By time, and where times are equal as it was recorded; a time that cannot be read stays where it was.
    last = datetime.min.replace(tzinfo=UTC)
    keyed: list[tuple[datetime, int, Moment]] = []
    for number, moment in enumerate(found):
        at = moment.time or last
        if not moment.derived:
            last = at
        keyed.append((at, number, moment))
    ordered = [moment for _, _, moment in sorted(keyed, key=lambda k: k[:2])]
    kept = _thinned(ordered, most)
    left_out = tuple(sorted(teller.left_out.items(), key=lambda item: (-item[1], item[0])))
    return Timeline(tuple(kept), len(events), left_out, len(ordered) - len(kept))


@dataclass(frozen=True, slots=True)
class LockSample:
    """Who waited for whom when ``event`` was recorded: as in ``tree``, with every age ``older_s`` more."""

    event: Event
    tree: LockTree
    older_s: float = 0.0

    @property
    def aged(self) -> LockTree:
        """The tree as it was at that moment."""
        payload = self.event.payload
        if isinstance(payload, ev.LocksUnchanged):
            return aged(self.tree, self.older_s, payload.sampled_at)
        return self.tree


def lock_samples(events: Iterable[Event]) -> list[LockSample]:
    """Every sample of who waits for whom, in order; those that showed nothing new share the tree they repeat."""
    found: list[LockSample] = []
    for event in events:
        match event.payload:
            case ev.LocksSampled(tree=tree):
                found.append(LockSample(event, tree))
            case ev.LocksUnchanged(elapsed_s=elapsed_s) if found:
                found.append(LockSample(event, found[-1].tree, found[-1].older_s + elapsed_s))
    return found


def nodes(tree: LockTree) -> Iterator[LockNode]:
    """Every session of a tree, from the roots down."""
    todo = list(reversed(tree.roots))
    while todo:
        node = todo.pop()
        yield node
        todo.extend(reversed(node.children))


def named(node: LockNode) -> str:
    """``4182 (app)``; a prepared transaction has no pid."""
    session = node.session
    return f"{session.pid} ({session.label})" if session.pid else session.label


class _Teller:
    """Walks the events once; tells what is new and counts the rest."""

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()
        self._sides: dict[str, tuple[object, ...]] = {}
        self._readings: dict[tuple[str, str], tuple[str, str | None]] = {}
        self._known: dict[str, object] = {}
        self._waiting = 0
        self._announced = 0
        self._placed: dict[tuple[str, str], datetime] = {}

    def told(self, event: Event) -> Iterator[Moment]:
        source = f"runbook's clock, event {event.seq}"

        def moment(kind: str, text: str, key: bool = False) -> Moment:
            return Moment(event.at, kind, text, source, key)

        match event.payload:
            case ev.SessionOpened(runbook_version=version):
                yield moment("opened", f"session opened by runbook {version}", True)
            case ev.SideGiven(side=side):
                if self._new(f"side {side.key}", side, "inputs given again"):
                    source_told = f" (from {side.source})" if side.source else ""
                    yield moment("given", f"{side.key}: {side.target}{source_told}")
            case ev.SideSeen() as seen:
                yield from self._side(seen, moment)
            case ev.MigrationRead(runner=runner, files=files, statements=statements) as migration:
                if self._new("migration", migration, "inputs given again"):
                    told = f"{plural(len(files), 'file')}, {plural(len(statements), 'statement')} ({runner})"
                    yield moment("migration", told)
            case ev.ErrorRead() as error:
                if self._new("error", error, "inputs given again"):
                    yield moment("error", f"error read: {error.sqlstate or 'no SQLSTATE'} {error.message}", True)
                    yield from _stamped(error, event)
            case ev.InputFailed(what=what, reason=reason):
                if self._new(f"failed {what}", reason, "inputs given again"):
                    yield moment("problem", f"{what} could not be used: {reason}")
            case ev.ReadingTaken() as reading:
                yield from self._reading(reading, moment)
            case ev.StepExamined(step=step):
                if self._new(f"step {step.id}", (step.verdict, step.summary), "steps that came out as before"):
                    yield moment("step", f"{step.title}: {step.verdict}, {step.summary}")
            case ev.Diagnosed() as found:
                yield from self._diagnosed(found, moment)
            case ev.Answered(question=question, answer=answer, by=by):
                if self._new(f"answer {question}", (answer, by), "answers given again"):
                    yield moment("answer", f"{by} answered {question}: {answer}", True)
            case ev.Noted(text=text, by=by):
                yield moment("note", f"{by}: {text}", True)
            case ev.LocksSampled(tree=tree):
                yield from self._locks(event, tree, moment)
            case ev.CheckRun(side=side_key, sql=sql, status=status, rows=rows, reason=reason):
                outcome = plural(len(rows), "row") if status == "ok" else f"{status}: {reason or ''}"
                yield moment("check", f"on {side_key}, {outcome}: {shorten(sql, 160)}")
            case ev.Acted(what=what, side=side_key, role=role, status=status, answer=answer):
                said = f": {answer}" if answer else ""
                yield moment("action", f"{what} on {side_key} as {role}, {status}{said}", True)
            case ev.Trained(what=what, text=text):
                yield moment("exercise", f"{what.replace('_', ' ')}: {text}" if text else what.replace("_", " "), True)
            case ev.ForecastMade(forecast=forecast):
                s = forecast.summary
                if self._new("forecast", s, "forecasts that said the same"):
                    yield moment("forecast", f"{s.danger} danger, {s.warning} warning, {s.notice} notice")
            case ev.SessionClosed(reason=reason):
                yield moment("closed", f"session closed ({reason})", True)
            case ev.LocksUnchanged():
                self.left_out["samples of locks that showed no more"] += 1
            case ev.ScreenVisited():
                self.left_out["visits of screens"] += 1
            case ev.RoundStarted() | ev.RoundFinished():
                self.left_out["beginnings and ends of a look at the servers"] += 1
            case other:
                yield moment(_words(type(other).__name__), _generic(other))

    def _new(self, what: str, value: object, otherwise: str) -> bool:
        """Whether ``value`` is another than it was; if not, it is counted as ``otherwise``."""
        if self._known.get(what) == value:
            self.left_out[otherwise] += 1
            return False
        self._known[what] = value
        return True

    def _side(self, seen: ev.SideSeen, moment: _Make) -> Iterator[Moment]:
        now = (seen.reachable, seen.reason, seen.server_version, seen.database, seen.role, seen.is_standby)
        before = self._sides.get(seen.key)
        if before == now:
            self.left_out["looks that found a server as before"] += 1
            return
        self._sides[seen.key] = now
        if not seen.reachable:
            yield moment("server", f"{seen.name} could not be reached: {seen.reason or 'no reason was given'}", True)
        else:
            again = "again: " if before is not None else ""
            standby = ", a standby" if seen.is_standby else ""
            yield moment(
                "server",
                f"{seen.name} answered{', ' + again if again else ': '}PostgreSQL {seen.server_version or '?'}{standby}, "
                f"database {seen.database or '?'}, as {seen.role or '?'}",
                before is not None,
            )

    def _reading(self, reading: ev.ReadingTaken, moment: _Make) -> Iterator[Moment]:
        where = (reading.side, reading.probe)
        now = (reading.status, reading.reason)
        before = self._readings.get(where)
        self._readings[where] = now
        if reading.status == "ok" and (before is None or before[0] == "ok"):
            self.left_out["readings that came back"] += 1
        elif before == now:
            self.left_out["readings that were refused as before"] += 1
        else:
            reason = f": {reading.reason}" if reading.reason else ""
            yield moment("reading", f"{reading.side} {reading.probe}: {reading.status.replace('_', ' ')}{reason}")

    def _diagnosed(self, found: ev.Diagnosed, moment: _Make) -> Iterator[Moment]:
        first = found.causes[0] if found.causes else None
        belief = (found.conclusion, first and first.id, first and first.verdict)
        if not self._new("belief", belief, "diagnoses that said the same"):
            return
        because = f" ({first.supporting[0].because})" if first is not None and first.supporting else ""
        yield moment("diagnosis", found.summary.rstrip(".") + because, True)

    def _locks(self, event: Event, tree: LockTree, moment: _Make) -> Iterator[Moment]:
        waiting, before = tree.waiting, self._waiting
        self._waiting = waiting
        if before and not waiting:
            self._announced = 0
            yield moment("locks", f"nobody waits for a lock on {tree.side} any more", True)
        elif waiting and (not before or waiting >= self._announced * _ANNOUNCED_GROWTH):
            first = not before
            self._announced = waiting
            longest = f", the longest for {duration(tree.longest_wait_s)}"
            waits = "waits" if waiting == 1 else "wait"
            yield moment("locks", f"{plural(waiting, 'session')} {waits} for locks on {tree.side}{longest}", first)
        else:
            self.left_out["samples of locks that showed no more"] += 1
        yield from self._begun(event, tree)

    def _begun(self, event: Event, tree: LockTree) -> Iterator[Moment]:
        """When the transactions at the head of the queue, and the migration's wait, began: ages of the server."""
        for root in tree.roots:
            yield from self._since(root, "transaction", root.session.xact_age_s, tree, event)
        for node in nodes(tree):
            if node.session.is_migration and node.waits_for:
                yield from self._since(node, node.waits_for, node.wait_s, tree, event)

    def _since(self, node: LockNode, what: str, age_s: float | None, tree: LockTree, event: Event) -> Iterator[Moment]:
        """The begin of a transaction or a wait of that age, told once; another one of the same session is another."""
        key = (node_key(node), what)
        begun = _earlier(tree.sampled_at, age_s)
        if begun is None or age_s is None:
            return
        told, self._placed[key] = self._placed.get(key), begun
        if told is not None and abs((begun - told).total_seconds()) < _SAME_BEGIN_S:
            return
        text = (
            f"{named(node)} began the transaction that {_holding(node)}"
            if what == "transaction"
            else f"the migration, {named(node)}, began to wait for {lock_words(what)}"
        )
        source = f"{tree.side}'s clock: {duration(age_s)} old when sampled (event {event.seq})"
        yield Moment(begun.isoformat(timespec="milliseconds"), "locks", text, source, True, True)


class _Make(Protocol):
    """The signature of ``moment`` inside ``_Teller.told``."""

    def __call__(self, kind: str, text: str, key: bool = False) -> Moment: ...


def _stamped(error: ev.ErrorRead, event: Event) -> Iterator[Moment]:
    """The time that stands on the error's own line, where a log wrote one with its zone."""
    for at, line in stamped_lines(error.raw):
        if error.message and error.message[:60] in line:
            text = f"the error was logged: {error.sqlstate or ''} {error.message}".replace(":  ", ": ")
            source = f"the log line in event {event.seq}"
            yield Moment(at.isoformat(timespec="milliseconds"), "error", text, source, True, True)
            return


def _earlier(at: str, seconds: float | None) -> datetime | None:
    """So many seconds before an ISO time; None where either is unknown."""
    found = instant(at)
    if found is None or seconds is None or seconds < 0:
        return None
    try:
        return found - timedelta(seconds=seconds)
    except OverflowError:
        return None


def _holding(node: LockNode) -> str:
    held = wanted_first(node)
    return f"holds {lock_words(held[0])}" if held else "others wait for"


def wanted_first(node: LockNode) -> list[str]:
    """What a session holds; first that on which somebody below waits."""
    wanted = {child.waits_for.partition(" on ")[2] for child in node.children if child.waits_for}
    return sorted(node.holds, key=lambda held: held.partition(" on ")[2] not in wanted)


def lock_words(text: str | None) -> str:
    """``AccessExclusiveLock on public.orders`` -> ``ACCESS EXCLUSIVE on public.orders``."""
    mode, on, relation = (text or "a lock").partition(" on ")
    return (lock_name(mode) if mode.endswith("Lock") else mode) + on + relation


def _thinned(moments: list[Moment], most: int) -> list[Moment]:
    """At most ``most``: the telling ones before others, of those that are too many evenly over the time."""
    if len(moments) <= most:
        return moments
    by_rank: dict[int, list[int]] = {}
    for number, moment in enumerate(moments):
        by_rank.setdefault(_rank(moment), []).append(number)
    chosen: set[int] = set()
    for rank in sorted(by_rank):
        chosen |= set(_evenly(by_rank[rank], most - len(chosen)))
    return [m for n, m in enumerate(moments) if n in chosen]


def _rank(moment: Moment) -> int:
    if not moment.key:
        return len(_TELLING) + 1
    if moment.derived:
        return 1
    return next((n for n, kinds in enumerate(_TELLING) if moment.kind in kinds), len(_TELLING))


def _evenly(numbers: list[int], most: int) -> list[int]:
    if len(numbers) <= most:
        return numbers
    if most <= 1:
        return numbers[:most]
    return [numbers[round(n * (len(numbers) - 1) / (most - 1))] for n in range(most)]


def _words(name: str) -> str:
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()


def _generic(payload: object) -> str:
    """An event of a kind that has no sentence of its own here: its plain values, by name."""
    values = ((f.name, getattr(payload, f.name)) for f in fields(payload))  # type: ignore[arg-type]
    told = [f"{name.replace('_', ' ')} {value}" for name, value in values if isinstance(value, str | int | float)]
    return shorten("; ".join(told), 300)
