"""The oracle's cases: statements of every kind, each with its setup, and what servers were seen to do.

``ddl_cases.sql`` explains its own directives; ``truth.json`` holds per case and range of majors what was measured.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FILES = ("ddl_cases.sql", "more_cases.sql", "wide_cases.sql")
ROWS = 40
"""N of the cases: a few pages of rows are enough to tell an empty table from one that is not."""


@dataclass(frozen=True)
class Case:
    """One statement with what is built before it."""

    name: str
    fixtures: tuple[str, ...]
    setup: str
    session: str
    test: str
    cleanup: str = ""


@dataclass(frozen=True)
class Seen:
    """What a server did: locks as relation -> mode, names as truth.json writes them."""

    locks: dict[str, str] = field(default_factory=dict)
    rewrites: frozenset[str] = frozenset()
    builds: frozenset[str] = frozenset()
    scans: frozenset[str] = frozenset()
    in_transaction: bool = False
    error: str | None = None
    depends_on_data: str | None = None  # the error that some data would bring; only in a forecast


@cache
def load() -> tuple[dict[str, str], tuple[Case, ...]]:
    """(fixtures by name, cases in order) of all files."""
    fixtures: dict[str, str] = {}
    cases: list[Case] = []
    for block in [b for file in FILES for b in _blocks((HERE / file).read_text())]:
        if block.kind == "fixture":
            fixtures[block.name] = block.text["body"].replace("@{N}", str(ROWS))
        else:
            cases.extend(_expanded(block))
    return fixtures, tuple(cases)


@dataclass
class _Block:
    kind: str
    name: str
    use: tuple[str, ...] = ("core",)
    vary: list[tuple[list[str], list[list[str]]]] = field(default_factory=list)
    text: dict[str, str] = field(default_factory=dict)


def _blocks(text: str) -> list[_Block]:
    blocks: list[_Block] = []
    part = "body"
    for line in text.splitlines():
        if line.startswith("--@"):
            words = line[3:].split(None, 1)
            directive, rest = words[0], words[1] if len(words) > 1 else ""
            if directive in ("fixture", "case"):
                blocks.append(_Block(directive, rest.strip()))
                part = "body"
            elif directive == "use":
                blocks[-1].use = tuple(rest.split())
            elif directive == "vary":
                blocks[-1].vary.append(([v.strip() for v in rest.split(",")], []))
            elif directive == ":":
                values = [v.strip() for v in re.split(r"\s*;;\s*", rest)]
                blocks[-1].vary[-1][1].append(values)
            elif directive in ("setup", "session", "cleanup", "test"):
                part = directive
        elif blocks and not line.startswith("-- ==="):
            block = blocks[-1]
            block.text[part] = block.text.get(part, "") + line + "\n"
    return blocks


def _expanded(block: _Block) -> list[Case]:
    variants: list[dict[str, str]] = [{}]
    for names, rows in block.vary:
        variants = [
            {**v, **dict(zip(names, [*row, *[""] * (len(names) - len(row))], strict=False))}
            for v in variants
            for row in rows
        ]

    def filled(text: str, variant: dict[str, str]) -> str:
        for name, value in [*variant.items(), ("N", str(ROWS))]:
            text = text.replace("@{" + name + "}", value)
        return text

    fixtures = tuple(u for u in block.use if u != "none")
    return [
        Case(
            name=filled(block.name, v),
            fixtures=fixtures,
            setup=filled(block.text.get("setup", ""), v),
            session=filled(block.text.get("session", ""), v),
            test=filled(block.text.get("test", ""), v).strip(),
            cleanup=filled(block.text.get("cleanup", ""), v),
        )
        for v in variants
    ]


@cache
def truth(file: str = "truth.json") -> dict[str, dict[str, Any]]:
    """What was measured, by case and range of majors."""
    return json.loads((HERE / file).read_text())  # type: ignore[no-any-return]


def seen(case: str, major: int) -> Seen | None:
    """What the servers of one major were seen to do; None where the case was not measured."""
    for span, entry in truth().get(case, {}).items():
        first, _, last = span.partition("-")
        if int(first) <= major <= int(last or first):
            return Seen(
                locks=entry.get("locks", {}),
                rewrites=frozenset(entry.get("rewrite", ())),
                builds=frozenset(entry.get("index_build", ())),
                scans=frozenset(entry.get("scans", ())),
                in_transaction=bool(entry.get("in_txn", False)),
                error=entry.get("error"),
            )
    return None
