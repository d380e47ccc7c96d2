"""SQLSTATE, condition name and exception class: three names for one thing.

Drivers name their exception classes after PostgreSQL's conditions: psycopg and Ruby's pg ``LockNotAvailable``, asyncpg
``LockNotAvailableError``, Postgrex ``:lock_not_available``. So one table, PostgreSQL's errcodes.txt, reads all of them.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

SQLSTATE = re.compile(r"(?:[0-9A-HJ-PX][0-9A-Z]{4})\Z")
"""Five characters: class and subclass; PostgreSQL's own classes begin with 5, F, H, P or X."""

_GENERIC = frozenset({"internalerror", "dataexception", "connectionexception", "warning", "successfulcompletion"})
"""Conditions whose names are also the names of a driver's base classes, which stand for many codes."""

_OTHER_NAMES = {
    "postgressyntaxerror": "42601",  # asyncpg
    "syntaxerror": "42601",
    "querycanceled": "57014",
    "duplicatetable": "42P07",
    "insufficientresources": "53000",
    "internalservererror": "XX000",  # asyncpg
    "undefinedtable": "42P01",
    "invalidpassword": "28P01",
    "transactiontimeout": "25P04",
}
"""Class names that differ from the condition. Sources: asyncpg/exceptions, psycopg/errors.py, ruby-pg errorcodes.def."""


@cache
def _conditions() -> dict[str, str]:
    text = files("runbook.failure").joinpath("data/sqlstates.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {row[0]: row[1] for row in rows}


@cache
def _by_class() -> dict[str, str]:
    made = {name.replace("_", ""): code for code, name in _conditions().items()}
    return {name: code for name, code in {**made, **_OTHER_NAMES}.items() if name not in _GENERIC}


def is_sqlstate(text: str) -> bool:
    """Whether ``text`` is a code that PostgreSQL itself can send."""
    return text in _conditions()


def condition(sqlstate: str | None) -> str | None:
    """PostgreSQL's name of the condition: ``lock_not_available``; None for a code it does not define."""
    return _conditions().get(sqlstate) if sqlstate else None


def of_condition(name: str) -> str | None:
    """The SQLSTATE of ``duplicate_table``."""
    return _by_class().get(name.replace("_", "").lower())


def of_class(name: str) -> str | None:
    """The SQLSTATE that an exception class stands for, whichever driver it belongs to; None for a base class.

    ``name`` may be qualified in any way: ``psycopg2.errors.LockNotAvailable``, ``PG::UndefinedTable``.
    """
    bare = re.split(r"[.:]+", name.strip().rstrip("_"))[-1].lower()
    table = _by_class()
    if bare in table:
        return table[bare]
    for ending in ("error", "exception"):
        if bare.endswith(ending) and bare.removesuffix(ending) in table:
            return table[bare.removesuffix(ending)]
    return None
