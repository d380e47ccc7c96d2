"""A migration as a value: files in order, split into statements, with the way its runner uses transactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

TransactionMode = Literal["per_file", "all_files", "none", "implicit"]
"""per_file: one transaction a file. all_files: every pending file in one. none: each statement commits by itself.
implicit: the file is sent as one string, so that it is one transaction without BEGIN."""

Runner = str
"""psql, psql-1, prisma, drizzle, flyway, golang-migrate, goose, dbmate, sqlx, atlas, alembic, django, rails, plain ..."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as it stands in the file. ``line`` is 1-based, where its first token stands.

    ``node`` is the postgast AST of the statement (None where it could not be parsed); it takes no part in equality.
    """

    index: int  # 1-based, over the whole migration
    file: str
    line: int
    sql: str
    kind: str  # command tag as in pg: "ALTER TABLE", "CREATE INDEX", "psql \\i", "unparsed"
    in_transaction: bool = False  # whether the runner (or an explicit BEGIN) has a transaction open here
    node: Any = None
    problem: str | None = None  # why it could not be parsed: message with position

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Statement):
            return NotImplemented
        return (self.index, self.file, self.line, self.sql) == (other.index, other.file, other.line, other.sql)

    def __hash__(self) -> int:
        return hash((self.index, self.file, self.line, self.sql))


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a file that could not be read: where, what, and that the rest went on."""

    file: str
    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class MigrationFile:
    path: str
    version: str | None  # what the runner would record: "20240101120000", "V12", "0003_add_email"
    name: str
    transaction_mode: TransactionMode
    statements: tuple[Statement, ...]
    problems: tuple[Problem, ...] = ()
    checksum: str | None = None  # as the runner computes it, where that is known (flyway CRC32, prisma sha256)
    sha256: str = ""
    is_down: bool = False


@dataclass(frozen=True, slots=True)
class Migration:
    """Files in the order in which their runner would apply them."""

    runner: Runner
    runner_certain: bool  # False: deduced from names and marks
    transaction_mode: TransactionMode
    files: tuple[MigrationFile, ...]

    @property
    def statements(self) -> tuple[Statement, ...]:
        return tuple(s for f in self.files for s in f.statements)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(p for f in self.files for p in f.problems)
