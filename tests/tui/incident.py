"""An incident as events, with the numbers of SCREENS.md: what the screens are tested with where no server is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from runbook.diagnosis.facts import Fact
from runbook.diagnosis.vocabulary import samples
from runbook.migration.result import (
    Blocks,
    Fails,
    FileForecast,
    Forecast,
    Hazard,
    RelationLock,
    Seconds,
    StatementForecast,
    Summary,
    WaitsFor,
)
from runbook.session import events as ev
from runbook.triage.model import ComparedRow, LockNode, LockSession, LockTree, Step

START = datetime(2026, 11, 21, 3, 0, 0, tzinfo=UTC)
ALTER = "ALTER TABLE orders ADD COLUMN note text"
TITLES = {
    "lock-queue-behind-waiting-ddl": "A queue behind waiting DDL",
    "lock-wait-idle-in-transaction": "Lock held by a session that is idle in transaction",
}


def events(payloads: Sequence[ev.Payload], step_s: float = 0.2) -> list[ev.Event]:
    """Payloads as events, one every ``step_s``."""
    return [
        ev.Event(n, (START + timedelta(seconds=n * step_s)).isoformat(timespec="milliseconds"), round(n * step_s, 3), p)
        for n, p in enumerate(payloads, start=1)
    ]


def session(pid: int, label: str, *, state: str = "active", query: str | None = None, **more: Any) -> LockSession:
    values: dict[str, Any] = {
        "backend_start": f"2026-11-21T02:{pid % 60:02}:00+00:00",
        "role": label,
        "application_name": label,
        "xact_age_s": 271.0,
        "state_age_s": 271.0,
    }
    return LockSession(pid=pid, label=label, state=state, query=query, **{**values, **more})


def waiter(pid: int, mode: str, query: str, wait_s: float = 269.0) -> LockNode:
    return LockNode(session(pid, "app", query=query), waits_for=f"{mode} on public.orders", wait_s=wait_s)


def lock_tree(readers: int = 41) -> LockTree:
    """4182 idle in transaction; the migration waits for it; a writer and ``readers`` readers wait for that."""
    queue = [waiter(5133, "RowExclusiveLock", "UPDATE orders SET status = $1 WHERE id = $2")]
    queue += [waiter(5134 + n, "AccessShareLock", "SELECT * FROM orders WHERE id = $1") for n in range(readers)]
    migration = LockNode(
        session(5120, "deploy", query=ALTER, is_migration=True, wait_event_type="Lock", wait_event="relation"),
        waits_for="AccessExclusiveLock on public.orders",
        wait_s=271.0,
        children=tuple(queue),
    )
    idle = session(
        4182,
        "app (nightly report)",
        state="idle in transaction",
        query="SELECT count(*) FROM orders",
        xact_age_s=1510.0,
        state_age_s=1500.0,
        client="10.0.0.7",
    )
    root = LockNode(idle, ("AccessShareLock on public.orders",), kind="idle_in_transaction", children=(migration,))
    return LockTree(
        "production",
        (START + timedelta(seconds=6)).isoformat(timespec="milliseconds"),
        (root,),
        readers + 2,
        271.0,
        (
            f"If 5120 is cancelled: {readers + 1} sessions go on now.",
            f"If 4182 ends: 5120 runs, then {readers + 1} sessions go on.",
        ),
    )


def forecast(basis: str = "production", scale: float = 1.0) -> Forecast:
    exclusive = frozenset({RelationLock("public.orders", "AccessExclusiveLock")})
    blocks = Blocks(("public.orders",), ("public.orders",))
    statements = (
        StatementForecast(
            1,
            3,
            ALTER,
            "ALTER TABLE",
            exclusive,
            blocks=blocks,
            waits_for=(
                WaitsFor(
                    4182,
                    START,
                    "public.orders",
                    "AccessShareLock",
                    1510.0,
                    "idle in transaction",
                    "SELECT count(*) FROM orders",
                    "nightly report",
                ),
            ),
            seconds=Seconds(0.002, 0.004, 0.01, "catalogue change only"),
            severity="warning",
            hazards=(
                Hazard(
                    "lock-queue-behind-waiting-ddl",
                    "while it waits, everybody who uses orders waits behind it",
                    ("SET lock_timeout = '2s';", ALTER + ";"),
                    "lock-queue-behind-waiting-ddl",
                ),
            ),
        ),
        StatementForecast(
            2,
            5,
            "ALTER TABLE orders ALTER total SET NOT NULL",
            "ALTER TABLE",
            exclusive,
            scans=("public.orders",),
            blocks=blocks,
            seconds=Seconds(20 * scale, 52 * scale, 120 * scale, "39 M rows, 11 GB at 200 MB/s"),
            severity="danger",
            hazards=(
                Hazard(
                    "scan-under-exclusive-lock",
                    "it reads 39 M rows while nobody can read or write orders",
                    (
                        "ALTER TABLE orders ADD CONSTRAINT orders_total_nn CHECK (total IS NOT NULL) NOT VALID;",
                        "ALTER TABLE orders VALIDATE CONSTRAINT orders_total_nn;",
                        "ALTER TABLE orders ALTER total SET NOT NULL;",
                    ),
                ),
            ),
        ),
        StatementForecast(
            3,
            7,
            "CREATE INDEX ON orders (customer_id)",
            "CREATE INDEX",
            frozenset({RelationLock("public.orders", "ShareLock")}),
            index_builds=("public.orders_customer_id_idx",),
            blocks=Blocks((), ("public.orders",)),
            seconds=Seconds(360 * scale, 430 * scale, 540 * scale, "39 M rows, maintenance_work_mem 64 MB"),
            severity="danger",
        ),
        StatementForecast(
            4,
            9,
            "DO $$ BEGIN EXECUTE 'x'; END $$",
            "DO",
            severity="notice",
            confidence="opaque",
            opaque_because="it runs SQL that is put together while it runs",
            fails=Fails("42501", "deploy may not create objects in schema public", certain=False),
        ),
    )
    file = FileForecast("migrations/0007_add_note.sql", "psql", "per_file", statements)
    return Forecast(160002, "production" if basis == "production" else "local", (file,), Summary(2, 1, 1))


def steps() -> list[Step]:
    facts = tuple(Fact(id_, value, "sample", "locks") for id_, value in samples())
    return [
        Step(
            "versions",
            "Versions",
            "differs",
            "production runs an older major: 16.2, local 18.6",
            "differs",
            (
                ComparedRow(
                    "server", "18.6", "16.2", "differs", "two majors apart; this SQL does not touch what changed"
                ),
                ComparedRow("pgcrypto", "1.3", "1.3", "same"),
                ComparedRow("collation", "en_US.UTF-8", "en_US.UTF-8", "same"),
            ),
        ),
        Step(
            "sizes",
            "Table sizes",
            "attention",
            "orders holds 39.2 M rows on production, 1,300 times local",
            "1,300×",
            (
                ComparedRow(
                    "public.orders", "30,000 rows  4.1 MB", "39.2 M rows  11 GB", "matters", "1,300× the rows of local"
                ),
            ),
        ),
        Step("error", "Exact error", "skipped", "no error was given", "none"),
        Step(
            "locks",
            "Blocking locks",
            "attention",
            "1 session waits, 42 queue behind it, longest 00:04:31",
            "1+42",
            (
                ComparedRow("waiting for locks", "0", "43", "matters"),
                ComparedRow("idle in transaction", "0", "1  for 00:25:10", "matters"),
                ComparedRow("prepared", "0", "0", "same"),
                ComparedRow("advisory (migrator)", "0", "1  pid 5120", "differs"),
                ComparedRow(
                    "connections", "3 / 100", "96 / 100", "matters", "one more web worker and nobody can connect"
                ),
            ),
            facts,
        ),
        Step("role", "Role permissions", "same", "deploy may do all that the migration needs", "same"),
        Step(
            "settings",
            "Settings",
            "differs",
            "3 settings differ, none of them matters here",
            "3 differ",
            (
                ComparedRow("lock_timeout", "0", "0", "same"),
                ComparedRow(
                    "work_mem", "4MB", None, "unknown", "permission denied: GRANT pg_read_all_settings TO shop"
                ),
            ),
        ),
        Step("schema", "Schema", "same", "no drift in what the migration touches", "same"),
        Step("history", "Migration state", "differs", "1 migration is pending", "1 pending"),
    ]


def diagnosed(**more: Any) -> ev.Diagnosed:
    found = ev.Diagnosed(
        "causes",
        "proved: A queue behind waiting DDL, and 1 more cause to look at",
        (
            ev.CauseView(
                "lock-queue-behind-waiting-ddl",
                TITLES["lock-queue-behind-waiting-ddl"],
                "stall",
                "proved",
                0.993,
                (
                    ev.ReasonView("5120 waits for ACCESS EXCLUSIVE on public.orders", "proves"),
                    ev.ReasonView("42 sessions wait behind 5120", "strong"),
                    ev.ReasonView("the ALTER alone takes < 10 ms", "suggests"),
                ),
            ),
            ev.CauseView(
                "lock-wait-idle-in-transaction",
                TITLES["lock-wait-idle-in-transaction"],
                "stall",
                "proved",
                0.978,
                (
                    ev.ReasonView("4182 is idle in transaction for 25 min", "proves"),
                    ev.ReasonView("it holds a lock on public.orders", "strong"),
                ),
                (ev.ReasonView("nobody cancelled it yet", "against"),),
                (ev.UnseenView("whether its client is alive", ("a server cannot tell",)),),
            ),
        ),
        (
            ev.CauseView(
                "needs-newer-major",
                "Needs a newer major",
                "fail",
                "ruled_out",
                0.001,
                (),
                (ev.ReasonView("every statement parses on 16", "refutes"),),
            ),
            ev.CauseView(
                "table-rewrite",
                "Table rewrite",
                "stall",
                "ruled_out",
                0.001,
                (),
                (ev.ReasonView("no default: catalogue change only", "refutes"),),
            ),
        ),
        ev.QuestionView(
            "blocker_may_end",
            "May the session that blocks it be ended?",
            "decides between cancelling the migration and ending the report",
            (
                ev.AnswerView("yes", "yes", "y"),
                ev.AnswerView("no", "no", "n"),
                ev.AnswerView("unknown", "don't know", "u"),
            ),
        ),
    )
    return replace(found, **more)


def payloads() -> list[ev.Payload]:
    """The whole incident, from opening to a diagnosis with a question."""
    probes = ("identity", "settings", "extensions", "activity", "locks", "blocking", "relations", "role")
    readings: list[ev.Payload] = []
    for side in ("local", "production"):
        for n, probe in enumerate(probes):
            readings.append(ev.ReadingTaken(side, probe, "ok", 10 * n + 1, 0.004 + n / 1000))
    readings.append(
        ev.ReadingTaken(
            "production", "horizon", "denied", 0, 0.002, "permission denied: GRANT pg_read_all_stats TO shop", "42501"
        )
    )
    readings.append(ev.ReadingTaken("production", "wal", "timed_out", 0, 5.0, "no answer within 5 s"))
    statements = tuple(
        ev.StatementRead(s.index, "migrations/0007_add_note.sql", s.line, s.kind, s.sql) for s in forecast().statements
    )
    return [
        ev.SessionOpened("20261121-030000-7f3a", "0.1.0", "deploy-4711"),
        ev.SideGiven(ev.SideInput("local", "local", "dev@localhost")),
        ev.SideGiven(ev.SideInput("production", "production", "shop@db-1")),
        ev.MigrationRead("psql", "per_file", ("migrations/0007_add_note.sql",), statements),
        ev.RoundStarted(1),
        *readings,
        ev.SideSeen("local", "local", True, None, "18.6", 180006, "dev", "dev", False),
        ev.SideSeen("production", "production", True, None, "16.2", 160002, "shop", "deploy", False, "self-managed"),
        ev.ForecastMade(forecast(), forecast("local", 0.001)),
        *(ev.StepExamined(step) for step in steps()),
        ev.LocksSampled(lock_tree()),
        diagnosed(),
        ev.RoundFinished(1, 0.31),
    ]
