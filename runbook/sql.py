"""The one way identifiers and literals reach generated SQL."""

from __future__ import annotations

import re
from functools import cache

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")


@cache
def _keywords() -> frozenset[str]:
    from runbook.migration.keywords import QUOTED_KEYWORDS

    return QUOTED_KEYWORDS


def quote_ident(name: str) -> str:
    """``name`` as PostgreSQL's ``quote_ident`` would write it: quoted only where that is needed.

    Every keyword that is not unreserved is quoted, as the server does. Raises ``ValueError`` for a NUL.
    """
    if "\0" in name:
        raise ValueError("an identifier cannot hold a NUL character")
    if _PLAIN.match(name) and name not in _keywords():
        return name
    return '"' + name.replace('"', '""') + '"'


def quote_qualified(schema: str | None, name: str) -> str:
    """``schema.name``, each part quoted where needed; without a schema the name alone."""
    return f"{quote_ident(schema)}.{quote_ident(name)}" if schema else quote_ident(name)


def quote_literal(value: str) -> str:
    """``value`` as a string literal that reads the same under either ``standard_conforming_strings``."""
    if "\0" in value:
        raise ValueError("a literal cannot hold a NUL character")
    quoted = value.replace("'", "''")
    return "E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in quoted else f"'{quoted}'"


def split_qualified(text: str) -> tuple[str | None, str]:
    """``schema.name`` or ``name``, quoted or not, as (schema, name): the reverse of ``quote_qualified``."""
    parts = [p for p in _PART.findall(text) if p]
    names = [p[1:-1].replace('""', '"') if p.startswith('"') else p for p in parts]
    if not names:
        return None, text
    return (names[-2] if len(names) > 1 else None), names[-1]


_PART = re.compile(r'"(?:[^"]|"")*"|[^."]+')
