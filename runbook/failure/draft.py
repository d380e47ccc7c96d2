"""One error while it is being read: what the formats fill in before it becomes an ErrorReport."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from runbook.failure.report import LoggedWait, Subject

_ABSORBED = (
    *("detail", "hint", "context", "statement", "statement_line", "statement_line_number", "statement_position"),
    *("file", "line", "migration_version", "tool_code", "tool_condition", "tool_version"),
    *("at", "role", "database", "pid", "application_name", "duration_ms", "framework"),
)


@dataclass(slots=True)
class Draft:
    """Fields as in ``ErrorReport``. ``at_line`` is the line of the input (from 1) where it was found."""

    message: str
    at_line: int = 0
    framework: str | None = None
    severity: str = "ERROR"
    severity_word: str = "ERROR"
    sqlstate: str | None = None
    sqlstate_from: str | None = None
    detail: str | None = None
    hint: str | None = None
    context: str | None = None
    statement: str | None = None
    statement_line: str | None = None  # the text after LINE n:
    statement_line_number: int | None = None
    statement_position: int | None = None
    file: str | None = None
    line: int | None = None
    migration_version: str | None = None
    tool_code: str | None = None
    tool_condition: str | None = None
    tool_version: str | None = None
    language: str | None = None
    at: datetime | None = None
    role: str | None = None
    database: str | None = None
    pid: int | None = None
    application_name: str | None = None
    duration_ms: float | None = None
    subject: Subject = field(default_factory=Subject)
    waits: tuple[LoggedWait, ...] = ()
    raw: list[str] = field(default_factory=list)
    from_server_log: bool = False
    weak: bool = False  # nothing but the word "error" speaks for it

    def set_sqlstate(self, sqlstate: str | None, source: str) -> None:
        """Keep the better of two sources: printed before class before message."""
        order = ("printed", "class", "message")
        if sqlstate and (self.sqlstate_from is None or order.index(source) < order.index(self.sqlstate_from)):
            self.sqlstate, self.sqlstate_from = sqlstate, source

    def absorb(self, other: Draft) -> None:
        """Take from ``other``, which tells of the same failure, what this one does not know."""
        if other.sqlstate and other.sqlstate_from:
            self.set_sqlstate(other.sqlstate, other.sqlstate_from)
        for name in _ABSORBED:
            if getattr(self, name) is None:
                setattr(self, name, getattr(other, name))
        self.waits = self.waits or other.waits
        self.weak = self.weak and other.weak
