"""The events of a session: the truth of which everything else is a reading.

Each payload is a frozen dataclass of JSON types, so that what is read back from a journal equals what was appended.
Strings from outside are redacted by the recorder before they get here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runbook.diagnosis.facts import Fact
from runbook.migration.result import Forecast
from runbook.triage.model import LockTree, Step

JOURNAL_VERSION = 1


@dataclass(frozen=True, slots=True)
class SideInput:
    """A side as it was asked for: no password ever."""

    key: str
    name: str
    target: str
    colour: str = ""
    source: str = ""  # option, environment, config file, service


@dataclass(frozen=True, slots=True)
class SessionOpened:
    session_id: str
    runbook_version: str
    title: str
    journal_version: int = JOURNAL_VERSION


@dataclass(frozen=True, slots=True)
class SideGiven:
    side: SideInput


@dataclass(frozen=True, slots=True)
class SideSeen:
    """What a side turned out to be (SIDE of CONTRACT.md)."""

    key: str
    name: str
    reachable: bool
    reason: str | None = None
    server_version: str | None = None
    server_version_num: int | None = None
    database: str | None = None
    role: str | None = None
    is_standby: bool | None = None
    provider: str | None = None
    pooler: str | None = None


@dataclass(frozen=True, slots=True)
class ReadingTaken:
    """One probe's outcome. ``data`` holds the rows (at most some hundred; ``rows`` counts them all)."""

    side: str
    probe: str
    status: str
    rows: int
    duration_s: float
    reason: str | None = None
    sqlstate: str | None = None
    truncated: bool = False
    data: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class StatementRead:
    index: int
    file: str
    line: int
    kind: str
    sql: str
    in_transaction: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class MigrationRead:
    runner: str
    transaction_mode: str
    files: tuple[str, ...]
    statements: tuple[StatementRead, ...]
    problems: tuple[str, ...] = ()  # "file:line:column: message"


@dataclass(frozen=True, slots=True)
class ErrorRead:
    """The error report, flat (CONTRACT.md), with the lines it was read from."""

    framework: str
    message: str
    sqlstate: str | None = None
    detail: str | None = None
    hint: str | None = None
    context: str | None = None
    statement: str | None = None
    statement_index: int | None = None
    file: str | None = None
    line: int | None = None
    severity: str = "ERROR"
    condition: str | None = None
    raw: str = ""


@dataclass(frozen=True, slots=True)
class InputFailed:
    """A migration, an error text or a playbook that could not be used: one sentence, nothing lost."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class StepExamined:
    step: Step


@dataclass(frozen=True, slots=True)
class ForecastMade:
    forecast: Forecast
    local: Forecast | None = None


@dataclass(frozen=True, slots=True)
class ReasonView:
    because: str
    strength: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class UnseenView:
    because: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CauseView:
    id: str
    title: str
    kind: str
    verdict: str
    probability: float
    supporting: tuple[ReasonView, ...] = ()
    opposing: tuple[ReasonView, ...] = ()
    unseen: tuple[UnseenView, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerView:
    id: str
    text: str
    key: str


@dataclass(frozen=True, slots=True)
class QuestionView:
    id: str
    text: str
    why: str
    answers: tuple[AnswerView, ...]


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A change of belief: every suspect and what was ruled out, and the question worth asking."""

    conclusion: str  # causes, nothing_wrong, not_in_catalogue, not_enough_seen
    summary: str
    causes: tuple[CauseView, ...]  # suspects, most probable first
    ruled_out: tuple[CauseView, ...] = ()
    question: QuestionView | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    question: str
    answer: str
    by: str
    fact: Fact | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class LocksSampled:
    tree: LockTree


@dataclass(frozen=True, slots=True)
class LocksUnchanged:
    """A sample that shows what the one before showed, ``elapsed_s`` older: every age in it has grown by that much."""

    sampled_at: str
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A read-only check of a playbook, run on a side, with what came back."""

    side: str
    sql: str
    status: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    reason: str | None = None
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Acted:
    """Something that a person did through this program that may change a server, with its guard and the server's answer.

    ``what``: cancel, terminate, execute, migrate, edit. ``status``: done, refused (by our guard), failed (by the server).
    ``effect``: what was seen of it right after, a sentence each.
    """

    what: str
    side: str
    role: str
    sql: str
    status: str
    answer: str = ""
    guard: str = ""
    sqlstate: str | None = None
    effect: tuple[str, ...] = ()
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Trained:
    """A moment of an exercise. ``what``: begun, hint, stated, ruled_out, declared, gave_up, measured.

    ``text`` is for people; ``data`` is what the debrief is made of. The answer stands in ``measured``, never before it.
    """

    what: str
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScreenVisited:
    screen: str


@dataclass(frozen=True, slots=True)
class RoundStarted:
    """A look at both sides begins."""

    round: int


@dataclass(frozen=True, slots=True)
class RoundFinished:
    round: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class SessionClosed:
    reason: str  # quit, interrupted, done


Payload = (
    SessionOpened
    | SideGiven
    | SideSeen
    | ReadingTaken
    | MigrationRead
    | ErrorRead
    | InputFailed
    | StepExamined
    | ForecastMade
    | Diagnosed
    | Answered
    | Noted
    | LocksSampled
    | LocksUnchanged
    | CheckRun
    | Acted
    | Trained
    | ScreenVisited
    | RoundStarted
    | RoundFinished
    | SessionClosed
)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: when (ISO UTC), how long after the opening, and what."""

    seq: int
    at: str
    offset_s: float
    payload: Payload = field(compare=True)
    removed: dict[str, int] = field(default_factory=dict)
    """What was taken out of it before it was written, by kind: ``{"password": 1, "row value": 2}``."""
