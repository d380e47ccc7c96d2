"""How deep a statement nests, told from its text: before a parser written in C follows it down its own stack.

PostgreSQL refuses such a statement (54001: stack depth limit exceeded; 42601: memory exhausted). Its parser as a library
has no such check, and ends the whole process: measured with 4,500 operators in a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ENOUGH = 4000
"""Levels that the library still takes, on a stack of 8 MB. A server with max_stack_depth = 2MB, the default, takes some 4,700."""

_TOKEN = re.compile(
    r"'[^']*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$"
    r"|(?P<open>[(\[])|(?P<close>[)\]])|(?P<comma>,)|(?P<end>;)"
    r"|(?P<compare>(?:[<>]=?|<>|!=|=>?)(?![-+*/<>=~!@#%^&|?:]))|(?P<operator>[-+*/<>=~!@#%^&|?:]+)"
    r"|\b(?:(?P<reset>and|or|select|from|where|set|values|then|else)|(?P<case>case)|(?P<done>end)"
    r"|(?P<infix>is|like|ilike|collate|not)|(?P<set>union(?:\s+all)?|except|intersect|join))\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Nesting:
    """``levels``: at most so many, one below the other. ``by``: what the last of them is, ``||``, ``UNION ALL``, ``(`` ..."""

    levels: int = 0
    by: str = ""


def nesting(sql: str) -> Nesting:
    """Of one statement, or the deepest of several: operators in a row, parentheses, CASE and UNION, whatever is inside."""
    levels = deepest = 0
    run, sets = 0, 0  # of the innermost level: what lasts to the next comma, and what lasts to its end
    above: list[tuple[int, int]] = []
    by = ""
    for token in _TOKEN.finditer(sql):
        kind = token.lastgroup
        if kind is None:
            continue
        if kind in ("operator", "infix"):
            run += 1
        elif kind == "set":
            run, sets = 0, sets + 1
        elif kind in ("open", "case"):
            above.append((run, sets))
            levels += run + sets + 1
            run = sets = 0
        elif kind in ("close", "done"):
            if above:
                run, sets = above.pop()
                levels -= run + sets + 1
            continue
        elif kind in ("comma", "reset", "compare"):
            run = 0
            continue
        else:
            levels = run = sets = 0
            above.clear()
            continue
        if levels + run + sets > deepest:
            deepest, by = levels + run + sets, " ".join(token[0].upper().split())
    return Nesting(deepest, by)


def is_too_deep(sql: str) -> bool:
    """Whether the parser's own stack would not last. Short texts are not looked at: they cannot nest so deep."""
    return len(sql) > 2 * ENOUGH and nesting(sql).levels > ENOUGH
