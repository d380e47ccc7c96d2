"""Which statements of a migration run inside a transaction: the runner's habit, and BEGIN and COMMIT followed.

Source: FACTS.md "Runners"; PreventInTransactionBlock() in src/backend/access/transam/xact.c (a string of several
statements is one implicit transaction, a string of one is not); psql's command_no_begin() for AUTOCOMMIT off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from runbook.migration.model import MigrationFile, Statement, TransactionMode

_OPENS = {"BEGIN", "START TRANSACTION"}
_ENDS = {"COMMIT", "ROLLBACK", "PREPARE TRANSACTION"}
# With AUTOCOMMIT off psql opens no transaction before these.
_NO_BEGIN = (
    _OPENS
    | _ENDS
    | {
        "VACUUM",
        "CREATE DATABASE",
        "DROP DATABASE",
        "CREATE TABLESPACE",
        "DROP TABLESPACE",
        "ALTER SYSTEM",
        "DISCARD ALL",
    }
)


def mark_transactions(files: Sequence[MigrationFile]) -> tuple[MigrationFile, ...]:
    """``files`` with ``in_transaction`` set on every statement: whether a transaction is open when it begins."""
    marked: list[MigrationFile] = []
    shared_open = True  # of all files in one transaction, while no file has ended it
    for file in files:
        mode = file.transaction_mode
        opened = shared_open if mode == "all_files" else mode == "per_file"
        walk = _Walk(mode, opened, alone=sum(not s.kind.startswith("psql ") for s in file.statements) == 1)
        statements = tuple(replace(s, in_transaction=walk.step(s)) for s in file.statements)
        if mode == "all_files":
            shared_open = walk.open
        marked.append(replace(file, statements=statements))
    return tuple(marked)


class _Walk:
    def __init__(self, mode: TransactionMode, opened: bool, *, alone: bool) -> None:
        self.open = opened
        self.implicit = mode == "implicit" and not alone
        self.autocommit = True

    def step(self, statement: Statement) -> bool:
        """Whether a transaction is open when ``statement`` begins; what it does to that is remembered."""
        kind = statement.kind
        if kind == "psql \\set":
            words = statement.sql.split()
            if words[1:2] == ["AUTOCOMMIT"]:
                self.autocommit = (words[2:3] or ["on"])[0].strip("'").lower() not in ("off", "false", "0", "no")
            return self.open
        if kind in ("psql \\c", "psql \\connect"):
            self.open = False
        if not self.autocommit and not self.open and not kind.startswith("psql ") and kind not in _NO_BEGIN:
            self.open = not _is_concurrent(statement)
        before = self.open or self.implicit
        if kind in _OPENS:
            self.open = True
        elif kind in _ENDS and not _stays(statement):
            self.open = False
        return before


def _stays(statement: Statement) -> bool:
    """ROLLBACK TO a savepoint and COMMIT AND CHAIN leave a transaction open."""
    node = statement.node
    return node is not None and bool(node.chain or node.savepoint_name)


def _is_concurrent(statement: Statement) -> bool:
    return bool(getattr(statement.node, "concurrent", False))
