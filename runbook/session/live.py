"""A live session: look at both sides, read migration and error, examine, diagnose, and record every step of it."""

from __future__ import annotations

import asyncio
import dataclasses
import getpass
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from runbook import __version__
from runbook.postgres.reading import Reading, Refusal, SideKey
from runbook.session import events as ev
from runbook.session.recorder import Recorder
from runbook.session.redaction import hide_literals, redact
from runbook.session.source import Listener
from runbook.session.state import State

if TYPE_CHECKING:
    from runbook.failure.report import ErrorReport
    from runbook.migration.model import Migration
    from runbook.migration.result import DataAnswer, Forecast
    from runbook.migration.what_if import WhatIf
    from runbook.playbook import Playbook, PlaybookError, Rendered, SqlBlock
    from runbook.postgres.survey import Look
    from runbook.session.conclude import Conclusion
    from runbook.triage.case import Case, SideCase
    from runbook.triage.model import LockTree

Playbooks = tuple[Mapping[str, "Playbook"], Sequence["PlaybookError"]]
"""What ``runbook.playbook.load`` brings."""

_KEPT_ROWS = 100
"""Rows of one reading that the journal keeps; the count is always kept."""

_CATALOG_PROBES = frozenset(
    {
        "columns",
        "constraints",
        "indexes",
        "relations",
        "dependants",
        "functions",
        "types",
        "inheritance",
        "triggers",
        "tuple_counters",
        "available_extensions",
        "schemas",
        "roles",
        "sequences",
        "policies",
        "grants",
        "column_statistics",
    }
)
"""Probes whose rows would fill the journal: what they led to stands in the steps."""

_INTERIM_AFTER_S = 0.7
"""When one side has answered and the other takes longer than this, what is known is shown already."""


@dataclass(frozen=True)
class SideChoice:
    """A side to look at. ``dsn`` may hold a password and stays here: events only ever get ``target``."""

    key: SideKey
    dsn: str = field(repr=False)
    name: str
    colour: str = ""
    source: str = ""
    role: str | None = None


@dataclass(frozen=True)
class Options:
    """What a session starts with; each can be given later, too."""

    sides: tuple[SideChoice, ...] = ()
    migration: tuple[Path, ...] = ()
    runner: str | None = None
    error_text: str | bytes | Path | IO[bytes] | None = None  # a path or a stream is read line by line, however long
    seen: str | None = None
    answers: tuple[tuple[str, str], ...] = ()
    connect_timeout_s: float = 5.0
    title: str = ""
    probe_data: bool = False  # ask production's rows what only they decide, once the forecast says which query tells


class LiveSession:
    """One incident, live. See ``SessionSource`` for what screens may ask of it.

    Making one costs next to nothing: playbooks, files and the error are read in ``start``, after the first frame.
    """

    def __init__(
        self,
        options: Options,
        playbooks: Callable[[], Playbooks],
        *,
        folder: Path | None,
        interim: bool = False,
    ) -> None:
        self._recorder = Recorder(folder, version=__version__, title=options.title)
        self._options = options
        self._load = playbooks
        self._loaded: dict[str, Playbook] | None = None
        self._sides = {side.key: side for side in options.sides}
        self._looks: dict[str, Look] = {}
        self._migration: Migration | None = None
        self._error: ErrorReport | None = None
        self._seen = options.seen
        self._interim = interim
        self._closed = False
        self._round = 0
        self._forecast: Forecast | None = None
        self._forecast_local: Forecast | None = None
        self._case: Case | None = None
        self._answered: dict[tuple[int, str], DataAnswer] = {}
        self._looking: asyncio.Task[None] | None = None
        self._background_tasks: set[asyncio.Task[Any]] = set()  # asyncio itself holds tasks only weakly
        self._conclude_lock = asyncio.Lock()
        self._who = _who()
        for side in options.sides:
            self._announce(side)
        if options.seen:
            self._answer("seen", options.seen)
        for question, answer in options.answers:
            self._answer(question, answer)

    # -- what screens read ------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        return self._recorder.state

    @property
    def live(self) -> bool:
        return True

    @property
    def playbooks(self) -> dict[str, Playbook]:
        """Loaded when they are first asked for; the broken ones are named once."""
        if self._loaded is None:
            found, errors = self._load()
            self._loaded = dict(found)
            for error in errors:
                self._append(ev.InputFailed("playbook", str(error)))
        return self._loaded

    @property
    def recording_problem(self) -> str | None:
        """Why the session is not (fully) on disk, if it is not."""
        return self._recorder.problem

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        return self._recorder.subscribe(listener)

    def render(self, cause: str) -> Rendered:
        return self.playbooks[cause].render(self.state.book())

    @property
    def can_imagine(self) -> bool:
        return self._forecast is not None and self._case is not None

    def forecast_if(self, what_if: WhatIf) -> Forecast:
        from runbook.migration.what_if import WhatIfProblem
        from runbook.session.conclude import forecast_if

        if self._case is None:
            raise WhatIfProblem("the servers were not looked at yet")
        return redact(forecast_if(self._case, what_if))

    # -- looking ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        options = self._options
        if options.migration and self._migration is None:
            self._read_migration(options.migration, options.runner)
        if options.error_text is not None and self._error is None:
            self._read_error(options.error_text)
        await self.look_again()

    async def look_again(self) -> None:
        """One look at both sides, then examine and diagnose. A look under way is joined, not doubled."""
        if self._looking is not None and not self._looking.done():
            await asyncio.shield(self._looking)
            return
        self._looking = asyncio.create_task(self._look(), name="look at both sides")
        await self._looking

    async def _look(self) -> None:
        self._round += 1
        begun = time.monotonic()
        self._append(ev.RoundStarted(self._round))
        self._answered.clear()  # what rows said was true then
        tasks = [asyncio.create_task(self._look_at(side), name=f"look at {side.key}") for side in self._sides.values()]
        try:
            if tasks:
                await self._wait(tasks)
            await self._conclude()
            await self._probe_data()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._append(ev.RoundFinished(self._round, round(time.monotonic() - begun, 3)))

    async def _probe_data(self) -> None:
        """Where that was asked for: the queries of the forecast, on the side that it is about, and a new conclusion."""
        side = self._sides.get("production") or self._sides.get("local")
        forecast = self._forecast if side is not None and side.key == "production" else self._forecast_local
        if not self._options.probe_data or forecast is None or side is None or side.key not in self._looks:
            return
        from runbook.postgres.data_probe import probe_data, questions

        timeout = self._options.connect_timeout_s
        self._answered.update(await probe_data(side.key, side.dsn, questions(forecast), connect_timeout_s=timeout))
        await self._conclude()

    async def _wait(self, tasks: list[asyncio.Task[None]]) -> None:
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if pending and self._interim:
            more, pending = await asyncio.wait(pending, timeout=_INTERIM_AFTER_S)
            if pending:
                await self._conclude()
            done |= more
        if pending:
            more, _ = await asyncio.wait(pending)
            done |= more
        for task in done:
            task.result()

    async def _look_at(self, side: SideChoice) -> None:
        from runbook.postgres.survey import look

        found = await look(
            side.key,
            side.dsn,
            role=side.role,
            connect_timeout_s=self._options.connect_timeout_s,
            functions=functions_of(self._migration),
            on_reading=self._record_reading,
        )
        self._looks[side.key] = found
        self._append(_side_seen(side_case(side, found)))

    def _record_reading(self, reading: Reading[Any]) -> None:
        rows: tuple[dict[str, Any], ...] = ()
        if reading.ok and reading.probe not in _CATALOG_PROBES:
            rows = tuple(_row_view(r) for r in reading.rows[:_KEPT_ROWS])
        self._append(
            ev.ReadingTaken(
                reading.side,
                reading.probe,
                reading.status,
                len(reading.rows),
                round(reading.duration_s, 4),
                reading.reason,
                reading.sqlstate,
                reading.truncated,
                rows,
            )
        )

    async def _conclude(self) -> None:
        """Examine and diagnose what is known so far. Pure work, off the event loop; its results are events."""
        from runbook.session.conclude import conclude

        async with self._conclude_lock:
            cases = {
                key: side_case(self._sides[key], found) for key, found in self._looks.items() if key in self._sides
            }
            conclusion = await asyncio.to_thread(
                conclude,
                local=cases.get("local"),
                production=cases.get("production"),
                migration=self._migration,
                error=self._error,
                seen=self._seen,
                answers=tuple(a.fact for a in self.state.answers.values() if a.fact is not None),
                playbooks=self.playbooks,
                answered=dict(self._answered),
            )
            self._forecast, self._case = conclusion.forecast, conclusion.case
            self._forecast_local = conclusion.forecast_local
            self._record(conclusion)

    def _record(self, conclusion: Conclusion) -> None:
        for problem in conclusion.problems:
            self._append(ev.InputFailed(*problem))
        if conclusion.forecast is not None:
            self._append(ev.ForecastMade(conclusion.forecast, conclusion.forecast_local))
        for step in conclusion.steps:
            self._append(ev.StepExamined(step))
        if conclusion.locks is not None:
            self._append(ev.LocksSampled(conclusion.locks))
        self._append(conclusion.diagnosed)

    # -- what is given later ------------------------------------------------------------------------------------------

    async def give_side(self, key: str, dsn: str) -> None:
        side = SideChoice("production" if key == "production" else "local", dsn, key, source="typed")
        self._sides[side.key] = side
        self._looks.pop(side.key, None)
        self._announce(side)
        if self._looking is not None and not self._looking.done():
            await asyncio.wait([self._looking])  # it began without this side
        await self.look_again()

    async def give_error(self, text: str) -> None:
        self._read_error(text)
        await self._conclude()

    async def give_migration(self, paths: Sequence[Path], runner: str | None = None) -> None:
        self._read_migration(tuple(paths), runner)
        await self._conclude()

    async def give_seen(self, seen: str) -> None:
        self._seen = seen
        self._answer("seen", seen)
        await self._conclude()

    def answer(self, question: str, answer: str) -> None:
        """Record an answer; what follows from it is concluded in the background."""
        self._answer(question, answer)
        if question == "seen":
            self._seen = answer
        self._background(self._conclude(), "conclude from the answer")

    def note(self, text: str) -> None:
        self._append(ev.Noted(text, self._who))

    def visit(self, screen: str) -> None:
        self._append(ev.ScreenVisited(screen))

    def _answer(self, question: str, answer: str) -> None:
        from runbook.diagnosis.questions import answer_fact

        self._append(ev.Answered(question, answer, self._who, answer_fact(question, answer, self._who)))

    def _announce(self, side: SideChoice) -> None:
        from runbook.postgres.dsn import describe_target

        target = describe_target(side.dsn)
        self._append(ev.SideGiven(ev.SideInput(side.key, side.name, str(target), side.colour, side.source)))

    def _read_migration(self, paths: tuple[Path, ...], runner: str | None) -> None:
        from runbook.migration.sources import MigrationError, load

        try:
            self._migration = load(paths, runner=runner)
        except MigrationError as error:
            self._append(ev.InputFailed("migration", str(error)))
            return
        self._append(migration_view(self._migration))

    def _read_error(self, text: str | bytes | Path | IO[bytes]) -> None:
        from runbook.failure import read_error

        try:
            self._error = read_error(text, migration=self._migration)
        except OSError as error:
            self._append(ev.InputFailed("error", f"{error.filename or 'the text'} cannot be read: {error.strerror}"))
            return
        if self._error is None:
            self._append(ev.InputFailed("error", "there is no PostgreSQL or migration error in this text"))
            return
        self._append(error_view(self._error, self._migration))

    # -- locks, checks, export ----------------------------------------------------------------------------------------

    async def watch_locks(self, interval_s: float = 1.0) -> None:
        from runbook.postgres.refusals import ConnectionRefused
        from runbook.postgres.survey import Watcher
        from runbook.triage.live_locks import tree_of

        side = self._sides.get("production")
        while side is not None and not self._closed:
            try:
                watcher = await Watcher.open(side.key, side.dsn, connect_timeout_s=self._options.connect_timeout_s)
            except ConnectionRefused:
                # What is on the screen grows old and says so; the next try may be let in.
                await asyncio.sleep(interval_s)
                continue
            async with watcher:
                while not self._closed:
                    readings = await watcher.sample()
                    tree = tree_of(readings, side.name, migration=self._migration, error=self._error)
                    if tree is None:
                        break
                    self._append(self._sampled(tree))
                    await asyncio.sleep(interval_s)
            await asyncio.sleep(interval_s)

    def _sampled(self, tree: LockTree) -> ev.Payload:
        """The sample; only that time has passed where it shows nothing else: a wait of an hour is no 3,600 trees."""
        from runbook.triage.tree_ages import elapsed_s, only_older

        known = redact(tree)
        before = self.state.locks
        if before is not None and before.side == known.side and only_older(before, known):
            return ev.LocksUnchanged(known.sampled_at, round(elapsed_s(before, known), 3))
        return ev.LocksSampled(tree)

    async def run_check(self, block: SqlBlock) -> ev.CheckRun:
        """Run a read-only block on its side under guard. Raises nothing: the outcome says what happened."""
        side = self._sides.get("local" if block.on == "local" else "production")
        if side is None or block.changes or not block.runnable:
            reason = "it changes something" if block.changes else "a value in it is unknown"
            if side is None:
                reason = f"no connection to {block.on} was given"
            return self._check(ev.CheckRun(block.on, block.sql, "denied", reason=f"not run: {reason}"))
        from runbook.postgres.check import run_read_only

        timeout = self._options.connect_timeout_s
        found = await run_read_only(side.key, side.dsn, block.sql, connect_timeout_s=timeout)
        return self._check(
            ev.CheckRun(
                side.key, block.sql, found.status, found.columns, found.rows, found.reason, round(found.duration_s, 3)
            )
        )

    def _check(self, check: ev.CheckRun) -> ev.CheckRun:
        payload = self._append(check).payload
        assert isinstance(payload, ev.CheckRun)
        return payload

    def export(self, format: str, path: Path) -> Path:
        from runbook.transcript import write

        return write(self.state, self.playbooks, format, path)

    async def close(self, reason: str = "quit") -> None:
        """End: nothing of ours runs on a server afterwards. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        if self._looking is not None and not self._looking.done():
            self._looking.cancel()
            await asyncio.wait([self._looking], timeout=1.5)
        for task in tuple(self._background_tasks):
            task.cancel()
        self._append(ev.SessionClosed(reason))
        self._recorder.close()

    def _append(self, payload: ev.Payload) -> ev.Event:
        return self._recorder.append(payload)

    def _background(self, work: Any, name: str) -> None:
        try:
            task = asyncio.get_running_loop().create_task(work, name=name)
        except RuntimeError:
            work.close()
            return
        self._background_tasks.add(task)
        task.add_done_callback(self._background_tasks.discard)


def functions_of(migration: Migration | None) -> list[str]:
    """Names of the functions that the migration calls: whether a server has them is part of the look."""
    from runbook.migration.ast import functions_used

    statements = migration.statements if migration is not None else ()
    return sorted({f.name.name for s in statements if s.node is not None for f in functions_used(s.node)})


def side_case(side: SideChoice, found: Look) -> SideCase:
    """What the steps see of one side."""
    from runbook.triage.case import SideCase

    return SideCase(
        key=side.key,
        name=side.name,
        target=found.target,
        refusal=found.refusal,
        readings=found.readings,
        catalog=found.catalog,
        pooler="a pooler" if found.pooled else None,
        earlier=found.earlier,
        role=side.role,
    )


def _side_seen(side: SideCase) -> ev.SideSeen:
    from runbook.triage.versions import pooler, provider, short_version

    identity = side.identity
    refusal: Refusal | None = side.refusal
    return ev.SideSeen(
        key=side.key,
        name=side.name,
        reachable=refusal is None and identity is not None,
        reason=refusal.message if refusal else (None if identity else side.why_not("identity")),
        server_version=short_version(identity.server_version) if identity else None,
        server_version_num=identity.server_version_num if identity else None,
        database=identity.database if identity else side.target.database,
        role=side.role or (identity.role if identity else side.target.role),
        is_standby=identity.is_standby if identity else None,
        provider=provider(side) if identity else None,
        pooler=pooler(side) if identity else None,
    )


def migration_view(migration: Migration) -> ev.MigrationRead:
    return ev.MigrationRead(
        runner=migration.runner,
        transaction_mode=migration.transaction_mode,
        files=tuple(f.path for f in migration.files),
        statements=tuple(
            ev.StatementRead(s.index, s.file, s.line, s.kind, s.sql, s.in_transaction, s.problem)
            for s in migration.statements
        ),
        problems=tuple(f"{p.file}:{p.line}:{p.column}: {p.message}" for p in migration.problems),
    )


def error_view(error: ErrorReport, migration: Migration | None) -> ev.ErrorRead:
    from runbook.failure.locate import locate

    statement = locate(error, migration) if migration is not None else None
    return ev.ErrorRead(
        framework=error.framework,
        message=error.message,
        sqlstate=error.sqlstate,
        detail=error.detail,
        hint=error.hint,
        context=error.context,
        statement=error.statement or (statement.sql if statement else None),
        statement_index=statement.index if statement else None,
        file=error.file or (statement.file if statement else None),
        line=error.line or (statement.line if statement else None),
        severity=error.severity,
        condition=error.condition,
        raw=error.raw,
    )


def _row_view(row: Any) -> dict[str, Any]:
    """A row as JSON, with the literals of other sessions' queries left out."""
    view: dict[str, Any] = {}
    for f in dataclasses.fields(row):
        value = getattr(row, f.name)
        if f.name == "query" and isinstance(value, str):
            value = hide_literals(value)
        view[f.name] = _plain(value)
    return view


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        return [_plain(v) for v in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "engineer"
