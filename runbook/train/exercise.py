"""An exercise: a scenario in force, the session that looks at it, and a trainee who states, acts and declares.

Every step is an event of the session's journal, so that the debrief needs nothing else. The answer stands in the last
of them, ``measured``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runbook.session import events as ev
from runbook.session.live import LiveSession, Options, Playbooks, SideChoice
from runbook.session.source import Listener
from runbook.session.state import State
from runbook.sql import quote_literal
from runbook.text import clean_line, shorten

if TYPE_CHECKING:
    from runbook.lab.census import Census, SessionSeen
    from runbook.lab.fixed import Before, Fixed
    from runbook.lab.hands import Did, How
    from runbook.lab.scenario import Running, Side, Stage
    from runbook.train.curriculum import Drill, Trap

NOTHING_WRONG = "nothing"
"""What is stated where nothing is wrong."""
ADMIN = "postgres"


class NotNow(Exception):
    """What was asked cannot be done in this exercise, or no more; a sentence."""


class TrainingSession(LiveSession):
    """A live session whose diagnosis can be kept from the screens; the journal holds all of it."""

    def __init__(
        self,
        options: Options,
        playbooks: Callable[[], Playbooks],
        *,
        folder: Path | None,
        suspects: bool,
        interim: bool,
    ) -> None:
        self._suspects = True  # while the base class begins
        super().__init__(options, playbooks, folder=folder, interim=interim)
        self._suspects = suspects
        self._reason = "done"

    async def close(self, reason: str = "quit") -> None:
        """Whoever looks has left; the journal stays open for what is measured. ``finish`` ends it."""
        self._reason = reason

    async def finish(self) -> None:
        """End: nothing of ours runs on a server afterwards."""
        await super().close(self._reason)

    @property
    def state(self) -> State:
        return self._recorder.state if self._suspects else masked(self._recorder.state)

    @property
    def whole(self) -> State:
        """The state with the diagnosis, whatever is shown."""
        return self._recorder.state

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        def heard(event: ev.Event, state: State) -> None:
            if self._suspects:
                listener(event, state)
            elif not isinstance(event.payload, ev.Diagnosed):
                listener(event, masked(state))

        return super().subscribe(heard)

    def show_suspects(self) -> None:
        """From now on nothing is hidden: the exercise is over."""
        self._suspects = True

    def record(self, payload: ev.Payload) -> None:
        """Append an event of the exercise."""
        self._append(payload)


def masked(state: State) -> State:
    """``state`` without what the tool makes of it."""
    events = tuple(e for e in state.events if not isinstance(e.payload, ev.Diagnosed))
    return replace(state, diagnosis=None, events=events)


class Exercise:
    """One trainee on one scenario. ``session`` is what the app shows; the rest is what the trainee does."""

    def __init__(self, drill: Drill, seed: int, now: Running, session: TrainingSession, known: Before) -> None:
        self.drill = drill
        self.seed = seed
        self.session = session
        self.over = False
        self._now = now
        self._known = known
        self._hints = 0
        self._acts: list[Did] = []
        self._ended: list[SessionSeen] = []
        self._busy = asyncio.Lock()
        session.record(ev.Trained("begun", self.story, {"suspects": not self.suspects_hidden}))

    @property
    def stage(self) -> Stage:
        return self._now.stage

    @property
    def story(self) -> str:
        """What the person on call is told."""
        return self._told(self.drill.story)

    @property
    def files(self) -> tuple[Path, ...]:
        """The migration's files: what is written into them is what runs next."""
        return tuple(self.stage.files)

    @property
    def suspects_hidden(self) -> bool:
        """The diagnosis is kept from the screens."""
        return self.session.state is not self.session.whole

    @property
    def hints_left(self) -> int:
        return len(self.drill.hints) - self._hints

    # -- what the trainee says ------------------------------------------------------------------------------------------

    def hint(self) -> str | None:
        """The next hint, None when there are no more."""
        self._still()
        if not self.hints_left:
            return None
        text = self._told(self.drill.hints[self._hints])
        self._hints += 1
        self.session.record(ev.Trained("hint", text, {"number": self._hints}))
        return text

    def state(self, cause: str) -> None:
        """Say what it is: a cause's id, or ``nothing``. Several may be true; saying something wrong is remembered."""
        self._still()
        if cause != NOTHING_WRONG and cause not in self.session.playbooks:
            raise NotNow(f"there is no cause {cause!r}; `runbook causes` lists them")
        title = "nothing is wrong" if cause == NOTHING_WRONG else self.session.playbooks[cause].title
        self.session.record(ev.Trained("stated", title, {"cause": cause}))

    def rule_out(self, cause: str, because: str = "") -> None:
        """Say what it is not, and what speaks against it."""
        self._still()
        if cause not in self.session.playbooks:
            raise NotNow(f"there is no cause {cause!r}; `runbook causes` lists them")
        text = self.session.playbooks[cause].title + (f": {because}" if because else "")
        self.session.record(ev.Trained("ruled_out", text, {"cause": cause}))

    # -- what the trainee does ------------------------------------------------------------------------------------------

    async def end_session(self, how: How, pid: int, backend_start: str | None = None, *, admin: bool = False) -> Did:
        """Cancel or terminate a session of production. Without ``backend_start``: the one that has the pid now."""
        from runbook.lab import hands
        from runbook.lab.scenario import DEPLOYER

        async with self._turn():
            if backend_start is None:
                meant = await self.session_of(pid)
                backend_start = meant.backend_start if meant is not None else "1970-01-01"
            did = await hands.end_session(self.stage, how, pid, backend_start, ADMIN if admin else DEPLOYER)
            self._ended += did.ended
            return self._did(did)

    async def session_of(self, pid: int) -> SessionSeen | None:
        """The session of production that has this pid now, for somebody who is about to end it."""
        from runbook.lab import census

        return next((s for s in (await census.sessions(self.stage)).values() if s.pid == pid), None)

    async def execute(self, side: Side, sql: str, *, admin: bool = False) -> Did:
        """Run SQL as the one who runs migrations there, or as the superuser."""
        from runbook.lab import hands

        async with self._turn():
            did = await hands.execute(self.stage, side, sql, ADMIN if admin else None)
            if hands.signals(sql):
                self._ended += did.ended
            return self._did(did)

    async def migrate(self) -> Did:
        """Run the migration again with its tool, as its files are now."""
        from runbook.lab import hands

        async with self._turn():
            return self._did(await hands.migrate(self.stage))

    async def resolve(self) -> Did:
        """What the tool's documentation asks for after a failed run, before it runs again."""
        recover = self.stage.tool.recover
        if not recover:
            raise NotNow(f"{self.stage.tool.name} needs nothing of that kind")
        return await self.execute("production", recover)

    def edit(self, sql: str) -> None:
        """Give the migration other SQL, in its file and in its tool's form."""
        self._still()
        if len(self.files) != 1:
            raise NotNow(f"there are {len(self.files)} files: edit them in {self.files[0].parent}")
        text = sql if sql.endswith("\n") else sql + "\n"
        self.stage.rewrite(text)
        self.session.record(ev.Acted("edit", "local", "", text, "done", f"{self.files[0].name} was rewritten"))

    def write_file(self, path: Path, text: str) -> None:
        """Replace one of the migration's files as it is, with all that its tool needs around the SQL."""
        self._still()
        if path not in self.files:
            raise NotNow(f"{path.name} is no file of this migration")
        path.write_text(text, encoding="utf-8")
        self.session.record(ev.Acted("edit", "local", "", text, "done", f"{path.name} was rewritten"))

    # -- the end --------------------------------------------------------------------------------------------------------

    async def declare(self, *, gave_up: bool = False, most_s: float | None = None) -> State:
        """Say that it is fixed, or give up. Measures, writes the answer into the journal; the whole state.

        Whoever gives up is measured by looking only: no migration is run for them.
        """
        from runbook.lab import census
        from runbook.lab.fixed import SETTLE_S, fixed

        async with self._turn():
            self.over = True
            self.session.record(
                ev.Trained("gave_up" if gave_up else "declared", "gives up" if gave_up else "says fixed")
            )
            passed = any(a.what == "migrate" and a.status == "done" for a in self._acts)
            result = await fixed(
                self.stage, self._known, run=not gave_up, passed=passed, most_s=SETTLE_S if most_s is None else most_s
            )
            after = await census.take(self.stage, self._known.census)
            shown = await self._trap_shows()
            data = await self._measured(after, result, shown)
        self.session.record(ev.Trained("measured", " ".join(result.why) or "the migration passed, the work runs", data))
        self.session.show_suspects()
        return self.session.whole

    async def _measured(self, after: Census, result: Fixed, shown: bool) -> dict[str, object]:
        from runbook.lab import census
        from runbook.lab.scenario import DEPLOYER
        from runbook.lab.variation import also
        from runbook.train.harm import harms, innocent

        stage, drill, scenario = self.stage, self.drill, self._now.scenario
        may_end = [stage.text(name) for name in (*drill.may_end, *(() if drill.number else stage.sessions))]
        quiet = scenario.kind in ("healthy", "decoy")
        killed = [
            s for s in self._ended if innocent(s, deployer=stage.text(DEPLOYER), nothing_wrong=quiet, may_end=may_end)
        ]
        if not drill.number:
            drill = replace(drill, may_delete=await self._brought_by_the_fault())
        else:
            drill = replace(drill, may_delete={stage.text(table): count for table, count in drill.may_delete.items()})
        found = harms(
            drill,
            self._known.census,
            after,
            killed,
            self._acts,
            of_local=await census.objects_of_local(stage),
        )
        return {
            "drill": drill.id,
            "number": drill.number,
            "title": drill.title,
            "scenario": scenario.id,
            "scenario_title": scenario.title,
            "seed": self.seed,
            "truths": [list(group) for group in drill.truths],
            "also": list(also(scenario)),
            "migration": result.migration,
            "workload": result.workload,
            "why": list(result.why),
            "harms": [asdict(harm) for harm in found],
            "trap": _plain(drill.trap),
            "trap_shows": shown,
            "needs": [list(one) for one in drill.needs],
            "rivals": {cause: list(looks) for cause, looks in drill.rivals.items()},
            "hints": len(drill.hints),
            "lesson": drill.lesson,
            "par_minutes": drill.par_minutes,
        }

    async def _brought_by_the_fault(self) -> dict[str, int]:
        """Rows that production has and would not have without the fault: a drawn exercise's repair may remove so many.

        The shop's tables begin with a known number; a table of the scenario's own is as local has it.
        """
        from runbook.lab.scenario import rows_at_first

        first = {self.stage.text(table): count for table, count in rows_at_first(self._now.scenario).items()}
        allowed = {}
        for name, rows in self._known.census.rows.items():
            if name not in first:
                there = await self.stage.execute("local", f"SELECT to_regclass({quote_literal(name)}) IS NOT NULL")
                counted = await self.stage.execute("local", f"SELECT count(*) FROM {name}") if there[0][0] else [(0,)]
                first[name] = counted[0][0]
            allowed[name] = max(rows.count - first[name], 0)
        return allowed

    async def _trap_shows(self) -> bool:
        if self.drill.trap is None or self.drill.trap.shows is None or not self._acted:
            return False
        return bool(await self.stage.execute("production", self.drill.trap.shows, ADMIN))

    @property
    def _acted(self) -> bool:
        return any(not act.only_read for act in self._acts)

    def _did(self, did: Did) -> Did:
        self._acts.append(did)
        effect = tuple(f"ended: {clean_line(s.application)} ({s.role}, pid {s.pid})" for s in did.ended)
        what = "look" if did.only_read else did.what
        self.session.record(
            ev.Acted(
                what,
                did.side,
                did.role,
                did.sql,
                did.status,
                shorten(did.answer, 4000),
                did.guard,
                did.sqlstate,
                effect,
                did.duration_s,
            )
        )
        return did

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One act after the other, and none after the end."""
        async with self._busy:
            self._still()
            yield

    def _still(self) -> None:
        if self.over:
            raise NotNow("the exercise is over")

    def _told(self, text: str) -> str:
        """A drill's prose as it is; what a scenario tells, with this world's tables. Deploys stay deploys."""
        if self.drill.number:
            return text
        return "deploy".join(map(self.stage.text, text.split("deploy")))


def _plain(trap: Trap | None) -> dict[str, object] | None:
    if trap is None:
        return None
    return {"text": trap.text, "causes": list(trap.causes), "harms": list(trap.harms), "too_early": trap.too_early}


@asynccontextmanager
async def exercise(
    drill: Drill,
    *,
    playbooks: Callable[[], Playbooks],
    folder: Path | None,
    seed: int = 0,
    suspects: bool = True,
    interim: bool = False,
    smaller: int | None = None,
) -> AsyncIterator[Exercise]:
    """Put the drill's scenario in force with a trainee's session on it. Everything ends with the block.

    ``suspects``: the screens show what the tool suspects. ``smaller``: at most so many orders on production, where a
    machine is small. Raises LabError.
    """
    from runbook.lab.scenario import find_scenario, running
    from runbook.lab.variation import vary

    scenario = vary(find_scenario(drill.scenario), seed)
    if smaller is not None:
        scenario = replace(scenario, orders=min(scenario.orders, smaller))
    async with running(scenario) as now:
        made = await enter(
            drill, now, playbooks=playbooks, folder=folder, seed=seed, suspects=suspects, interim=interim
        )
        try:
            yield made
        finally:
            await made.session.finish()


async def enter(
    drill: Drill,
    now: Running,
    *,
    playbooks: Callable[[], Playbooks],
    folder: Path | None,
    seed: int = 0,
    suspects: bool = True,
    interim: bool = False,
) -> Exercise:
    """A trainee on a scenario that is in force already. Whoever calls ends it with ``session.finish()``."""
    from runbook.lab.fixed import before
    from runbook.lab.scenario import DEPLOYER

    known = await before(now.stage)
    options = Options(
        sides=(
            SideChoice("local", now.local_dsn, "local", source="exercise"),
            SideChoice(
                "production",
                now.production_dsn,
                "production",
                source="exercise",
                role=now.stage.text(DEPLOYER),
            ),
        ),
        migration=now.migration_paths,
        error_text=now.error_text,
        seen=now.seen,
        title="exercise",
    )
    session = TrainingSession(options, playbooks, folder=folder, suspects=suspects, interim=interim)
    return Exercise(drill, seed, now, session, known)
