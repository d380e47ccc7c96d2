"""Text from outside in Markdown, inert: no HTML, no links, no headings, no tables, no terminal escapes."""

from __future__ import annotations

import re

from runbook.text import clean, clean_line, shorten

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_LINKED = re.compile(r"(?<=[A-Za-z])(?=://)|(?<=www)(?=\.)", re.I)  # which GitHub would make links without being asked

_STARTS_BLOCK = re.compile(r"^(?:[-+](?=\s)|[-=](?=[-=\s]*$)|\d+(?=[.)](?:\s|$)))")


def escape(text: object) -> str:
    """Text from outside as plain Markdown text on one line."""
    line = _LINKED.sub(r"\\", _SPECIAL.sub(r"\\\1", clean_line(str(text))))
    # A line must not start a list, a heading or an ordered item by accident.
    return _STARTS_BLOCK.sub(_first, line)


def code(text: object) -> str:
    """Text from outside as a code span that it cannot leave."""
    line = clean_line(str(text))
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else ""


def cell(text: object, width: int = 60) -> str:
    """``code`` in a table's cell: a pipe would end the cell, also in a code span."""
    return code(shorten(str(text), width).replace("|", "¦"))


def block(text: object, language: str = "") -> str:
    """Text from outside as a fenced block that it cannot leave."""
    body = clean(str(text)).rstrip("\n")
    longest = max((len(run) for run in re.findall(r"^\s*(`{3,})", body, re.M)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{body}\n{fence}"


def _first(match: re.Match[str]) -> str:
    # A backslash before a digit is a backslash: for an ordered item it stands before the dot.
    found = match.group()
    return found + "\\" if found[0].isdigit() else "\\" + found
