"""A step's result: two sides compared, facts stated. Made of plain values, so that a journal can hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runbook.diagnosis.facts import Fact

StepVerdict = Literal["same", "differs", "attention", "unknown", "skipped"]
Mark = Literal["same", "matters", "differs", "only_here", "unknown", "info"]
"""How SCREENS.md marks a row: ``=`` same, ``!!`` matters, ``~`` differs, ``-`` only_here, ``?`` unknown, blank info."""

MARKS: dict[str, str] = {"same": "=", "matters": "!!", "differs": "~", "only_here": "-", "unknown": "?", "info": " "}

STEP_TITLES: tuple[tuple[str, str], ...] = (
    ("versions", "Versions"),
    ("sizes", "Table sizes"),
    ("error", "Exact error"),
    ("locks", "Blocking locks"),
    ("role", "Role permissions"),
    ("settings", "Settings"),
    ("schema", "Schema"),
    ("history", "Migration state"),
)
"""The first ten minutes, in order: id and title."""


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """One compared thing. A value of None is not known; then ``why`` says the reason in its place."""

    name: str
    local: str | None
    production: str | None
    mark: Mark = "info"
    why: str = ""  # why it matters here, or why it is unknown


@dataclass(frozen=True, slots=True)
class Step:
    """One of the eight. ``badge`` is the word or number beside its title: ``differs``, ``1,300x``, ``42601``."""

    id: str
    title: str
    verdict: StepVerdict
    summary: str
    badge: str = ""
    rows: tuple[ComparedRow, ...] = ()
    facts: tuple[Fact, ...] = ()
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LockSession:
    """A session of the lock tree, as of one sample. Ages in seconds. ``pid`` 0 is a prepared transaction (``gid``)."""

    pid: int
    backend_start: str | None
    label: str
    role: str | None
    application_name: str | None
    state: str | None
    query: str | None
    xact_age_s: float | None
    state_age_s: float | None
    backend_type: str | None = None
    wait_event_type: str | None = None
    wait_event: str | None = None
    client: str | None = None
    gid: str | None = None
    is_migration: bool = False
    hidden: bool = False  # query and ages are not shown to our role: pg_read_all_stats would


@dataclass(frozen=True, slots=True)
class LockNode:
    """One session in the tree: what it holds that others wait for, what it waits for, and who waits behind it."""

    session: LockSession
    holds: tuple[str, ...] = ()  # "AccessShareLock on public.orders"
    waits_for: str | None = None  # "AccessExclusiveLock on public.orders"
    wait_s: float | None = None
    kind: str = "other"  # of a root: idle_in_transaction, active, prepared, wraparound_autovacuum, ...
    in_cycle: bool = False
    children: tuple[LockNode, ...] = ()

    @property
    def behind(self) -> int:
        """How many sessions wait behind this one, all the way down."""
        return sum(1 + child.behind for child in self.children)


@dataclass(frozen=True, slots=True)
class LockTree:
    """Who waits for whom on one side, as of ``sampled_at`` (ISO, UTC)."""

    side: str
    sampled_at: str
    roots: tuple[LockNode, ...] = ()
    waiting: int = 0
    longest_wait_s: float = 0.0
    advice: tuple[str, ...] = ()  # "If 4182 ends: 5120 runs, then 40 sessions go on."
    note: str = ""  # what could not be seen, and the grant that would show it
