"""A scenario: a real fault on real servers, as data and a few lines; `running` puts it in force and takes it away.

Nothing here is pretended: the migration really ran on the local server, the sessions that hold the fault are real, and
the error text comes from running the migration against the production server.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import pkgutil
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runbook.lab.worlds import AS_WRITTEN, World

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from runbook.lab.servers import Server
    from runbook.lab.tools import Outcome, Tool

Seen = Literal["failed", "hanging", "running", "broken", "planned"]
Side = Literal["local", "production"]
Kind = Literal["fault", "healthy", "decoy", "two causes", "unreadable", "outside", "wrong answer"]

DATABASE = "shop"
DEVELOPER = "dev"
"""Who the laptop connects as: a superuser, as laptops do."""
BYSTANDER = "watcher"
"""Somebody who may log in on production and nothing else."""
DEPLOYER = "deploy"
"""Who runs migrations on production: owns the tables, is no superuser, may read statistics and end sessions."""
READY_S = 30.0
"""How long a fault may take until the server shows it."""


@dataclass(frozen=True)
class Scenario:
    """One fault with its surroundings. ``expected`` is for tests and the training's debrief, never for a diagnosis."""

    id: str
    title: str
    story: str
    """One line: what the engineer on call is told."""
    seen: Seen
    expected: str | None
    """The cause's id, None for a healthy pair."""
    migration: Mapping[str, str]
    """Relative path -> text, in the runner's own layout."""
    runner: str = "psql"
    """The tool as written: one of ``runbook.lab.tools.TOOLS``."""
    runners: tuple[str, ...] = ()
    """The tools that a seed may draw instead."""
    local_runner: str | None = None
    """What runs it on local, where that is another tool."""
    kind: Kind = "fault"
    """outside: something is wrong that the catalogue does not have; ``expected`` is None then."""
    beside: tuple[str, ...] = ()
    """Causes that are true as well."""
    decoys: tuple[str, ...] = ()
    """Causes that the alarming part looks like and that must not be called likely."""
    harmful: tuple[str, ...] = ()
    """Patterns of SQL that would do harm here: the first cause's playbook must not offer it."""
    answers: tuple[str, ...] = ()
    """What the engineer answers, as ``question=answer``; right or, on purpose, wrong."""
    local_major: int = 18
    production_major: int = 16
    local_majors: Collection[int] = range(12, 19)
    """The majors that a seed may draw for local, never one before production's."""
    production_majors: Collection[int] = range(12, 19)
    world: World = AS_WRITTEN
    """The names in which it plays."""
    orders: int = 400_000
    """Rows of production's largest table; local always has few."""
    items: int = 100_000
    """Rows of production's order_items."""
    prepare: Callable[[Stage], Awaitable[None]] | None = None
    """What both sides need before the migration comes: functions, earlier migrations."""
    fault: Callable[[Stage], Awaitable[None]] | None = None
    """What is different on production."""
    unfault: Callable[[Stage], Awaitable[None]] | None = None
    """Takes away the fault and nothing else."""
    attempt: bool = True
    """Whether the migration is run against production to get the error; False where it is in flight or yet to come."""
    incident: Callable[[Stage], Awaitable[str | None]] | None = None
    """What happens after the fault is there; returns the error text if it is not the migration's own."""
    sqlstate: str | None = None
    """The SQLSTATE that the attempt must end with."""
    in_force: str | None = None
    """SQL that returns a row on production while the fault shows."""
    observer: str = DEPLOYER
    """Who looks at production with this program."""
    standby: bool = False
    """Production's address leads to a standby of it."""
    traffic: bool = True
    """Whether application sessions read and write on production."""


@dataclass(frozen=True)
class Running:
    """A scenario in force. The DSNs connect as the developer and as the deployer."""

    scenario: Scenario
    local_dsn: str
    production_dsn: str
    migration_paths: tuple[Path, ...]
    error_text: str | None
    seen: Seen
    expected: str | None
    sqlstate: str | None
    stage: Stage = field(repr=False)


class Stage:
    """The two servers of a scenario and everything that plays on them."""

    def __init__(self, scenario: Scenario, local: Server, production: Server, folder: Path) -> None:
        self.scenario = scenario
        self.text = scenario.world.text
        """SQL or a name of the scenario's source, as it is in this world."""
        self.local = local
        self.production = production
        self.standby: Server | None = None
        self.folder = folder
        self._tasks: set[asyncio.Task[Any]] = set()
        self._connections: list[AsyncConnection[Any]] = []
        self.sessions: dict[str, AsyncConnection[Any]] = {}
        self.database = DATABASE
        """The database that the address for production names; the shop is in ``DATABASE``."""
        self.workload: dict[str, None] = {}
        """What the application runs here, in the scenario's own words, in order."""

    def dsn(self, side: Side, role: str | None = None) -> str:
        """Where ``side`` is reached, by default as the one who runs migrations there."""
        if side == "local":
            return self.local.dsn(self.text(DATABASE), self.text(role or DEVELOPER))
        return self.production.dsn(self.text(DATABASE), self.text(role or DEPLOYER))

    @property
    def production_dsn(self) -> str:
        """The address that the migration tool has for production."""
        return self._production_dsn(DEPLOYER)

    @property
    def observer_dsn(self) -> str:
        """The address that the engineer has for production."""
        return self._production_dsn(self.scenario.observer)

    def _production_dsn(self, role: str) -> str:
        return (self.standby or self.production).dsn(self.text(self.database), self.text(role))

    @property
    def files(self) -> list[Path]:
        """The files that the tool applies, in order."""
        return [self.folder / path for path in sorted(self.scenario.migration) if not path.endswith(".down.sql")]

    async def connect(self, side: Side, role: str | None = None, application_name: str = "") -> AsyncConnection[Any]:
        """A new session in autocommit, closed at the end at the latest."""
        from psycopg import AsyncConnection

        name = self.text(application_name) or "psql"
        made = await AsyncConnection.connect(self.dsn(side, role), autocommit=True, application_name=name)
        self._connections.append(made)
        return made

    async def execute(self, side: Side, sql: str, role: str | None = None) -> list[tuple[Any, ...]]:
        """Run SQL in a session of its own; the rows of its last statement."""
        async with await self.connect(side, role) as connection:
            cursor = await connection.execute(self.text(sql).encode())
            return await cursor.fetchall() if cursor.description else []

    async def both(self, sql: str) -> None:
        """Run SQL on both sides, as the one who runs migrations there."""
        await asyncio.gather(self.execute("local", sql), self.execute("production", sql))

    async def hold(self, name: str, role: str, *statements: str) -> None:
        """A production session called ``name`` that runs ``statements`` and then stays as it is."""
        connection = await self.connect("production", role, name)
        for sql in statements:
            await connection.execute(self.text(sql).encode())
        self.sessions[name] = connection

    async def leave(self, name: str) -> None:
        """End the session that ``hold`` opened."""
        await self.sessions.pop(name).close()

    def background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Let ``work`` go on until the scenario ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        return task

    def migrating(self, *, again: str | None = None) -> None:
        """Run the migration on production in a session called ``deploy`` and leave it running or waiting.

        With ``again`` (SQL that undoes it) it is repeated for as long as the scenario lives. Whoever cancels or
        terminates it has ended it: it does not come back.
        """

        from runbook.lab.tools.base import statements_of, up_part, without_comments

        async def work() -> None:
            import psycopg

            connection = await self.connect("production", DEPLOYER, "deploy")
            with contextlib.suppress(psycopg.Error):
                while True:
                    for path in self.files:
                        for statement in map(without_comments, statements_of(up_part(path.read_text()))):
                            await connection.execute(statement.encode())
                    if again is None:
                        return
                    await connection.execute(self.text(again).encode())

        self.background(work())

    def application(self, count: int, *statements: str, pause_s: float = 0.2) -> None:
        """``count`` sessions of the web application that run ``statements`` at random, with pauses, for ever."""

        self.workload.update(dict.fromkeys(statements))

        async def work(seed: int) -> None:
            import psycopg

            chance = random.Random(seed)
            while True:
                try:
                    connection = await self.connect("production", "web", "web")
                    while True:
                        await asyncio.sleep(pause_s * chance.uniform(0.5, 1.5))
                        sql = chance.choice(statements).replace(":id", str(chance.randint(1, 1000)))
                        with contextlib.suppress(psycopg.errors.UndefinedColumn):
                            await connection.execute(self.text(sql).encode())
                except psycopg.Error:
                    await asyncio.sleep(0.5)  # a pool reconnects

        for seed in range(count):
            self.background(work(seed))

    async def until(self, sql: str, deadline_s: float = READY_S) -> None:
        """Wait until ``sql`` returns a row on production. Raises TimeoutError."""
        async with await self.connect("production", "postgres", "lab") as connection, asyncio.timeout(deadline_s):
            while not await (await connection.execute(self.text(sql).encode())).fetchall():  # noqa: ASYNC110 - no event to await
                await asyncio.sleep(0.02)

    async def migrate(self, side: Side) -> Outcome:
        """Run the migration with its tool and say how it ended."""
        from runbook.lab.tools import TOOLS

        if side == "production":
            return await self.tool.run(self.production_dsn, self.folder, self.files)
        tool = TOOLS[self.scenario.local_runner or self.scenario.runner]
        return await tool.run(self.dsn("local"), self.folder, self.files)

    @property
    def tool(self) -> Tool:
        """The migration tool in use."""
        from runbook.lab.tools import TOOLS

        return TOOLS[self.scenario.runner]

    def rewrite(self, sql: str) -> None:
        """Give the migration other SQL, in the same file and its tool's form."""
        (path,) = self.files
        path.write_text(f"{self.tool.before}{self.text(sql)}{self.tool.after}")

    async def remove_fault(self) -> None:
        """Take away the fault, and nothing else; then do what the tool asks for after a failed run."""
        if self.scenario.unfault is not None:
            await self.scenario.unfault(self)
        if self.tool.recover:
            await self.execute("production", self.tool.recover)

    async def end(self) -> None:
        """Stop and remove the servers; every session ends with them."""
        servers = [server for server in (self.standby, self.production, self.local) if server is not None]
        await asyncio.gather(*(asyncio.to_thread(server.stop) for server in servers))
        for task in self._tasks:  # only now: a cancelled task would try to cancel its query on the server first
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in self._connections:
            await connection.close()


Doing = Callable[[Stage], Awaitable[None]]


def on_production(sql: str, role: str | None = None) -> Doing:
    """Run SQL on production as ``role`` (the deployer): most faults are no more than this."""

    async def run(stage: Stage) -> None:
        await stage.execute("production", sql, role)

    return run


def on_local(sql: str) -> Doing:
    """Run SQL on local as the developer."""

    async def run(stage: Stage) -> None:
        await stage.execute("local", sql)

    return run


def on_both(sql: str) -> Doing:
    """Run SQL on both sides, as the one who runs migrations there."""
    return lambda stage: stage.both(sql)


def rewritten(sql: str) -> Doing:
    """Give the migration other SQL."""

    async def run(stage: Stage) -> None:
        stage.rewrite(sql)

    return run


def as_superuser(sql: str) -> Doing:
    """Run SQL on production as its superuser."""
    return on_production(sql, "postgres")


def both(*doings: Doing) -> Doing:
    """One thing after the other."""

    async def run(stage: Stage) -> None:
        for doing in doings:
            await doing(stage)

    return run


ROLES = f"""
CREATE ROLE {DEVELOPER} LOGIN SUPERUSER;
CREATE ROLE {DEPLOYER} LOGIN;
GRANT pg_monitor, pg_signal_backend TO {DEPLOYER};
CREATE ROLE {BYSTANDER} LOGIN;
CREATE ROLE web LOGIN;
CREATE ROLE reporting LOGIN;
"""

READS = (
    "SELECT count(*) FROM orders WHERE customer_id = :id",
    "SELECT id, status FROM open_orders WHERE customer_id = :id",
)
WRITES = (
    "UPDATE orders SET status = 'paid' WHERE id = :id",
    "INSERT INTO orders (customer_id, reference, total_net) VALUES (:id, 'R-web', 42)",
)


def rows_at_first(scenario: Scenario) -> Mapping[str, int]:
    """Rows of production's tables before anything happens in ``scenario``, by the names in shop.sql."""
    orders = scenario.orders
    return {"customers": orders // 10, "products": 500, "orders": orders, "order_items": scenario.items}


def _start(scenario: Scenario, side: Side) -> Server:
    """One side's server with roles, schema and data in it."""
    import hashlib

    from runbook.lab.servers import start_filled

    major, owner, orders, items = scenario.local_major, DEVELOPER, 2_000, 2_000
    if side == "production":
        major, owner, orders, items = scenario.production_major, DEPLOYER, scenario.orders, scenario.items
    shop = (Path(__file__).parent / "shop.sql").read_text()
    rename = scenario.world.text
    for name, count in (("customers", orders // 10), ("orders", orders), ("items", items)):
        shop = shop.replace(f"{{{name}}}", str(count))
    shop, roles, owner, database = rename(shop), rename(ROLES), rename(owner), rename(DATABASE)
    key = hashlib.sha256(f"{roles}{owner}{shop}".encode()).hexdigest()[:12]
    settings = {"log_lock_waits": "on", "log_statement": "ddl"}
    return start_filled(
        major,
        f"shop-{key}",
        partial(_fill, roles=roles, owner=owner, database=database, shop=shop),
        settings=settings,
        tcp=False,
    )


def _fill(server: Server, *, roles: str, owner: str, database: str, shop: str) -> None:
    import psycopg

    from runbook.lab.tools.base import statements_of

    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for sql in statements_of(roles):
            connection.execute(sql.encode())
        connection.execute(f"CREATE DATABASE {database} OWNER {owner}".encode())
    with psycopg.connect(server.dsn(database, owner)) as connection:
        connection.execute(f"SET maintenance_work_mem = '128MB'; {shop}".encode())
    with psycopg.connect(server.dsn(database), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


async def _start_both(scenario: Scenario) -> tuple[Server, Server]:
    """Both sides at the same time; both or none."""
    sides: tuple[Side, Side] = ("local", "production")
    jobs = [asyncio.to_thread(_start, scenario, side) for side in sides]
    started = await asyncio.gather(*jobs, return_exceptions=True)
    failed = [outcome for outcome in started if isinstance(outcome, BaseException)]
    if failed:
        for outcome in started:
            if not isinstance(outcome, BaseException):
                outcome.stop()
        raise failed[0]
    local, production = started
    assert not isinstance(local, BaseException)
    assert not isinstance(production, BaseException)
    return local, production


@asynccontextmanager
async def running(scenario: Scenario) -> AsyncIterator[Running]:
    """Put ``scenario`` in force: two servers, data, the fault and its sessions. Everything ends with the block.

    Raises LabError where a server cannot be started or the scenario does not come out as it says.
    """
    import logging

    from runbook.lab.servers import LabError, start_standby

    # Sessions that end with their server have nobody to send a cancel request to; psycopg would print that.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    local, production = await _start_both(scenario)
    folder = local.folder / scenario.world.text(DATABASE)  # the project's checkout; goes with the server's folder
    stage = Stage(scenario, local, production, folder)
    try:
        for path, text in scenario.migration.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        if stage.tool.history:
            await stage.both(stage.tool.history)
        if scenario.prepare is not None:
            await scenario.prepare(stage)
        passed = await stage.migrate("local")
        if passed.error_text is not None:
            raise LabError(f"scenario {scenario.id}: the migration must pass on local, and said: {passed.error_text}")
        if scenario.fault is not None:
            await scenario.fault(stage)
        if scenario.standby:
            stage.standby = await asyncio.to_thread(start_standby, production, tcp=False)
        if scenario.traffic:
            stage.application(3, *READS, *WRITES)
        outcome = await stage.migrate("production") if scenario.attempt else None
        if outcome is not None and outcome.sqlstate != scenario.sqlstate:
            raise LabError(f"scenario {scenario.id}: production answered {outcome.sqlstate}: {outcome.error_text}")
        told = outcome.error_text if outcome is not None else None
        if scenario.incident is not None:
            told = await scenario.incident(stage) or told
        if scenario.in_force is not None:
            await stage.until(scenario.in_force)
        yield Running(
            scenario,
            local_dsn=stage.dsn("local"),
            production_dsn=stage.observer_dsn,
            migration_paths=_given(folder, scenario.migration),
            error_text=told,
            seen=scenario.seen,
            expected=scenario.expected,
            sqlstate=outcome.sqlstate if outcome is not None else None,
            stage=stage,
        )
    finally:
        await asyncio.shield(asyncio.ensure_future(stage.end()))


def _given(folder: Path, paths: Sequence[str] | Mapping[str, str]) -> tuple[Path, ...]:
    """What an engineer would give as ``--migration``: the files, or for Prisma the migration's own folder."""
    return tuple(sorted({(folder / p).parent if p.endswith("/migration.sql") else folder / p for p in paths}))


@cache
def list_scenarios() -> tuple[Scenario, ...]:
    """All scenarios, those for a first look first."""
    from runbook.lab import scenarios

    names = [found.name for found in pkgutil.iter_modules(scenarios.__path__) if not found.name.startswith("_")]
    modules = [importlib.import_module(f"{scenarios.__name__}.{name}") for name in names]
    every = [s for module in modules for s in getattr(module, "SCENARIOS", None) or (module.SCENARIO,)]
    found = {scenario.id: scenario for scenario in every}
    first = [found.pop(name) for name in scenarios.FIRST]
    return (*first, *(found[name] for name in sorted(found)))


def find_scenario(name: str) -> Scenario:
    """The scenario called ``name``. Raises KeyError with the names there are."""
    for candidate in list_scenarios():
        if candidate.id == name:
            return candidate
    raise KeyError(f"no scenario {name!r}; there are: {', '.join(s.id for s in list_scenarios())}")
