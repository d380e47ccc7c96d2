"""The exact error, read out of whatever was printed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from runbook.failure.gave_up import GaveUp


@dataclass(frozen=True, slots=True)
class Subject:
    """The names that the error itself speaks of, as PostgreSQL stores them (unquoted). None: it names none."""

    schema: str | None = None
    relation: str | None = None
    column: str | None = None
    constraint: str | None = None
    index: str | None = None
    type: str | None = None
    function: str | None = None  # bare name
    function_signature: str | None = None  # "any_value(integer)"
    operator: str | None = None
    extension: str | None = None
    role: str | None = None
    database: str | None = None
    setting: str | None = None
    token: str | None = None  # 42601: at or near "..."
    object_kind: str | None = None  # table, column, index, sequence, schema, function, type, view, trigger ...
    privilege: str | None = None
    key_columns: tuple[str, ...] = ()  # Key (a, b)=(...)
    referenced_relation: str | None = None  # "... is not present in table "p""


@dataclass(frozen=True, slots=True)
class LoggedWait:
    """A line of a server log: process N still waiting for MODE on relation OID, or acquired after."""

    pid: int
    mode: str
    on: str
    waited_ms: float | None
    acquired: bool
    holders: tuple[int, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """One error. ``sqlstate_from`` says whether the SQLSTATE was printed or follows from the message's structure.

    ``framework`` is the tool whose format it is (psql, alembic, django, rails, prisma, flyway, ..., server-log, bare).
    ``tool_code`` is the framework's own code (P3009, P1002, E-codes) and ``tool_condition`` what it means in our words:
    dirty, failed_migration, checksum_mismatch, lock_not_acquired, unknown_revision, out_of_order, connection_failed,
    not_in_transaction, drift.
    """

    framework: str
    message: str
    severity: str = "ERROR"
    sqlstate: str | None = None
    sqlstate_from: str | None = None  # "printed" | "class" (exception class name) | "message"
    condition: str | None = None  # PostgreSQL's condition name: lock_not_available, syntax_error ...
    detail: str | None = None
    hint: str | None = None
    context: str | None = None
    statement: str | None = None
    statement_position: int | None = None  # 1-based character in the statement
    file: str | None = None
    line: int | None = None
    migration_version: str | None = None
    subject: Subject = Subject()
    timeout: str | None = None  # statement | lock | idle_in_transaction | transaction | idle_session | user_request
    is_connection: bool = False  # failed before any SQL ran
    refusal_kind: str | None = None  # RefusalKind, when is_connection
    connection_lost: bool = False
    tool_code: str | None = None
    tool_condition: str | None = None
    tool_version: str | None = None  # "Dirty database version 12" -> "12"
    at: datetime | None = None
    role: str | None = None  # from a log prefix
    database: str | None = None
    pid: int | None = None
    application_name: str | None = None
    duration_ms: float | None = None
    waits: tuple[LoggedWait, ...] = ()
    later_errors: int = 0  # errors after the first real one
    language: str | None = None  # lc_messages family when it is not English
    gave_up: GaveUp | None = None  # who ended the client, as the rest of the output tells; None: nothing tells
    raw: str = ""  # the lines it was read from, cleaned, at most some 4 kB
