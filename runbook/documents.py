"""The JSON documents of CONTRACT.md, made from a session's state, and their JSON Schemas."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from runbook.check.document import CheckDocument
from runbook.migration.result import Forecast
from runbook.playbook import Playbook, PlaybookError
from runbook.session.events import CauseView, ReasonView
from runbook.session.state import State
from runbook.transcript.difference import DifferenceDocument

SCHEMA_VERSION = 1


class SessionDocument(msgspec.Struct, frozen=True):
    id: str
    path: str
    started_at: str
    duration_s: float


class SideDocument(msgspec.Struct, frozen=True):
    """SIDE of the contract."""

    name: str
    reachable: bool
    reason: str | None
    server_version: str | None
    server_version_num: int | None
    database: str | None
    role: str | None
    is_standby: bool | None
    provider: str | None
    pooler: str | None


class SidesDocument(msgspec.Struct, frozen=True):
    local: SideDocument | None
    production: SideDocument | None


class MigrationDocument(msgspec.Struct, frozen=True):
    runner: str
    transaction_mode: str
    files: list[str]
    statements: int
    problems: list[str]


class ErrorDocument(msgspec.Struct, frozen=True):
    framework: str
    sqlstate: str | None
    message: str
    detail: str | None
    hint: str | None
    statement: str | None
    statement_index: int | None
    file: str | None
    line: int | None
    context: str | None


class StepDocument(msgspec.Struct, frozen=True):
    id: str
    title: str
    verdict: Literal["same", "differs", "attention", "unknown", "skipped"]
    summary: str
    duration_s: float


class FactDocument(msgspec.Struct, frozen=True):
    """``known`` false: nobody could read it; ``because`` says why, and ``value`` is null."""

    id: str
    side: Literal["local", "production", "both"] | None
    value: Any
    step: str
    because: str
    known: bool


class ReasonDocument(msgspec.Struct, frozen=True):
    because: str
    strength: Literal["proves", "strong", "suggests", "against", "refutes"]


class PlaybookDocument(msgspec.Struct, frozen=True):
    title: str
    sections: dict[str, str]


class CauseDocument(msgspec.Struct, frozen=True):
    id: str
    title: str
    probability: float
    verdict: Literal["proved", "likely", "possible", "unlikely", "ruled_out"]
    for_: list[ReasonDocument] = msgspec.field(name="for")
    against: list[ReasonDocument]
    not_seen: list[str]
    playbook: PlaybookDocument | None


class AnswerDocument(msgspec.Struct, frozen=True):
    id: str
    text: str


class QuestionDocument(msgspec.Struct, frozen=True):
    id: str
    text: str
    why: str
    answers: list[AnswerDocument]


class ReadingDocument(msgspec.Struct, frozen=True):
    """``rows``: how many came back."""

    probe: str
    side: Literal["local", "production"]
    status: Literal["ok", "denied", "unsupported", "timed_out", "unreachable"]
    rows: int
    duration_s: float
    reason: str | None


class RuledOutDocument(msgspec.Struct, frozen=True):
    id: str
    title: str
    because: list[str]


class TriageDocument(msgspec.Struct, frozen=True):
    """``runbook triage --json``."""

    schema_version: int
    session: SessionDocument
    sides: SidesDocument
    migration: MigrationDocument | None
    error: ErrorDocument | None
    steps: list[StepDocument]
    facts: list[FactDocument]
    conclusion: Literal["causes", "nothing_wrong", "not_in_catalogue", "not_enough_seen"]
    summary: str
    causes: list[CauseDocument]
    ruled_out: list[RuledOutDocument]
    question: QuestionDocument | None
    forecast: Forecast | None
    readings: list[ReadingDocument]
    problems: list[str]


SCHEMAS: dict[str, type[Any]] = {
    "triage": TriageDocument,
    "forecast": Forecast,
    "check": CheckDocument,
    "diff": DifferenceDocument,
}


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a document. Raises ``KeyError`` for a document that does not exist."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(SCHEMAS[name])}


def to_json(document: Any) -> bytes:
    """A document as indented JSON, the same bytes for the same document."""
    return msgspec.json.format(msgspec.json.encode(document, order="deterministic"), indent=2) + b"\n"


def triage(state: State, playbooks: dict[str, Playbook]) -> TriageDocument:
    diagnosis = state.diagnosis
    return TriageDocument(
        schema_version=SCHEMA_VERSION,
        session=SessionDocument(state.session_id, state.path, state.started_at, round(state.duration_s, 3)),
        sides=SidesDocument(_side(state, "local"), _side(state, "production")),
        migration=_migration(state),
        error=_error(state),
        steps=[StepDocument(s.id, s.title, s.verdict, s.summary, s.duration_s) for s in state.steps.values()],
        facts=[FactDocument(f.id, f.side, f.value, f.step, f.because, f.known) for f in state.facts],
        conclusion=diagnosis.conclusion if diagnosis else "not_enough_seen",  # type: ignore[arg-type]
        summary=diagnosis.summary if diagnosis else "",
        causes=[_cause(c, state, playbooks) for c in (diagnosis.causes if diagnosis else ())],
        ruled_out=[
            RuledOutDocument(c.id, c.title, [r.because for r in c.opposing])
            for c in (diagnosis.ruled_out if diagnosis else ())
        ],
        question=_question(state),
        forecast=state.forecast,
        readings=[
            ReadingDocument(r.probe, r.side, r.status, r.rows, r.duration_s, r.reason)  # type: ignore[arg-type]
            for r in state.readings.values()
        ],
        problems=[f"{p.what}: {p.reason}" for p in state.problems],
    )


def _side(state: State, key: str) -> SideDocument | None:
    seen = state.sides.get(key)
    if seen is None:
        return None
    return SideDocument(
        seen.name,
        seen.reachable,
        seen.reason,
        seen.server_version,
        seen.server_version_num,
        seen.database,
        seen.role,
        seen.is_standby,
        seen.provider,
        seen.pooler,
    )


def _migration(state: State) -> MigrationDocument | None:
    m = state.migration
    if m is None:
        return None
    return MigrationDocument(m.runner, m.transaction_mode, list(m.files), len(m.statements), list(m.problems))


def _error(state: State) -> ErrorDocument | None:
    e = state.error
    if e is None:
        return None
    return ErrorDocument(
        e.framework,
        e.sqlstate,
        e.message,
        e.detail,
        e.hint,
        e.statement,
        e.statement_index,
        e.file,
        e.line,
        e.context,
    )


def _cause(cause: CauseView, state: State, playbooks: dict[str, Playbook]) -> CauseDocument:
    playbook = playbooks.get(cause.id)
    rendered = None
    if playbook is not None:
        try:
            rendered = PlaybookDocument(playbook.title, dict(playbook.render(state.book()).sections))
        except PlaybookError as error:
            rendered = PlaybookDocument(playbook.title, {"problem": str(error)})
    return CauseDocument(
        cause.id,
        cause.title,
        cause.probability,
        cause.verdict,  # type: ignore[arg-type]
        [_reason(r) for r in cause.supporting],
        [_reason(r) for r in cause.opposing],
        [u.because for u in cause.unseen],
        rendered,
    )


def _reason(reason: ReasonView) -> ReasonDocument:
    return ReasonDocument(reason.because, reason.strength)  # type: ignore[arg-type]


def _question(state: State) -> QuestionDocument | None:
    question = state.diagnosis.question if state.diagnosis else None
    if question is None:
        return None
    return QuestionDocument(
        question.id, question.text, question.why, [AnswerDocument(a.id, a.text) for a in question.answers]
    )
