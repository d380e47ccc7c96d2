"""A stricter copy of a journal: literals out of every query, values out of every row, and names as pseudonyms on request.

A pseudonym stands for the same thing everywhere in the copy, so that the story stays readable: ``role-2`` is the same
role in the lock tree, in a fact and in a note. The copy is a journal of its own, with a chain of its own.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runbook.session import events as ev
from runbook.session.events import Event
from runbook.session.journal import encode, read
from runbook.session.redaction import redact, string_literals, without_literals

# Under these names a value is a name of that kind, wherever it stands: in events, in readings' rows, in facts.
_NAMED: Mapping[str, str] = {
    "role": "role",
    "rolname": "role",
    "owner": "role",
    "usename": "role",
    "missing_role": "role",
    "grantee": "role",
    "database": "database",
    "datname": "database",
    "host": "host",
    "client": "host",
    "client_addr": "host",
    "client_hostname": "host",
    "by": "person",
    "application_name": "application",
}
_TARGET = re.compile(r"(?P<database>[^\s@]+)@(?P<host>[^\s:]+)(?::\d+)?$")  # Target.__str__
_ADDRESS = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b|\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,7}\b", re.I)
# Names that say nothing about anybody.
_PLAIN = frozenset(
    {
        "", "postgres", "template0", "template1", "localhost", "127.0.0.1", "::1", "0.0.0.0", "psql", "runbook", "public",
        "local", "production", "client", "pg_monitor", "none", "root", "engineer", "true", "false", "null", "active",
        "idle", "demo", "(unknown)", "[local]",
    }
)  # fmt: skip
_SQL_FIELDS = frozenset({"sql", "query", "statement", "raw", "context"})


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of a journal: where the copy is, how much was taken out, by kind, and how many names were replaced."""

    path: Path
    events: int
    removed: Mapping[str, int]
    names: Mapping[str, int]
    problems: tuple[str, ...] = ()


def copy(source: Path, target: Path, *, names: bool) -> Copied:
    """Write a stricter copy of the journal at ``source`` to ``target``, which must not exist.

    Raises ``JournalError`` where the journal cannot be read and ``FileExistsError`` or ``OSError`` where the copy cannot
    be written.
    """
    recording = read(source)
    removed: Counter[str] = Counter()
    literals = _Literals(found for event in recording.events for found in _literals_in(event.payload, ""))
    strict = [_strict(event, literals, removed) for event in recording.events]
    pseudonyms = _pseudonyms(strict) if names else {}
    if pseudonyms:
        strict = [replace(e, payload=_renamed(e.payload, _Names(pseudonyms))) for e in strict]
    with target.open("xb") as file:
        target.chmod(0o600)
        chain = ""
        for event in strict:
            line, chain = encode(event, chain)
            file.write(line)
    kinds = Counter(name.rpartition("-")[0] for name in pseudonyms.values())
    return Copied(target, len(strict), dict(removed), dict(kinds), recording.problems)


def _strict(event: Event, literals: _Literals, removed: Counter[str]) -> Event:
    here: Counter[str] = Counter()
    payload = redact(event.payload, here)
    if isinstance(payload, ev.CheckRun) and payload.rows:
        here["row"] += len(payload.rows)
        payload = replace(payload, rows=())
    payload = _bare(payload, "", literals, here)
    removed.update(here)
    total = Counter(event.removed)
    total.update(here)
    return replace(event, payload=payload, removed=dict(total))


def _bare(value: Any, name: str, literals: _Literals, removed: Counter[str]) -> Any:
    """``value`` without literals: out of SQL by the name of its field, out of sentences where they quote that SQL."""
    if isinstance(value, str):
        hidden = without_literals(value) if name in _SQL_FIELDS else literals.hidden(value)
        if hidden != value:
            removed["literal"] += 1
        return hidden
    return _mapped(value, lambda item, key: _bare(item, key or name, literals, removed))


class _Literals:
    """The string literals of all SQL in a journal; ``hidden`` takes them out of a sentence that quotes one."""

    def __init__(self, found: Iterable[str]) -> None:
        words = sorted(set(found), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, words))) if words else None

    def hidden(self, text: str) -> str:
        return text if self._pattern is None or "'" not in text else self._pattern.sub("'…'", text)


def _literals_in(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, str):
        if name in _SQL_FIELDS:
            yield from (literal for literal in string_literals(value) if len(literal) > 3)
    else:
        for key, item in _items(value):
            yield from _literals_in(item, key or name)


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    """What stands in a container, each with the name of its field or key; a fact's value with the last part of its id."""
    if isinstance(value, tuple | list | frozenset):
        yield from (("", item) for item in value)
    elif isinstance(value, Mapping):
        yield from ((str(key), item) for key, item in value.items())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield _called(value, field.name), getattr(value, field.name)


def _called(owner: Any, name: str) -> str:
    fact = getattr(owner, "id", None)
    return fact.rpartition(".")[2] if name == "value" and isinstance(fact, str) else name


def _mapped(value: Any, change: Any) -> Any:
    """A container with ``change(item, name of its field or key)`` done to all in it."""
    if isinstance(value, tuple | list):
        return type(value)(change(item, "") for item in value)
    if isinstance(value, Mapping):
        return {key: change(item, key) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {f.name: change(getattr(value, f.name), _called(value, f.name)) for f in dataclasses.fields(value)}
        return replace(value, **changes)
    return value


# -- names -------------------------------------------------------------------------------------------------------------


def _pseudonyms(events: Iterable[Event]) -> dict[str, str]:
    """Every name of a role, database, host, person or application, with what stands for it, numbered as they appear."""
    given: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for kind, name in (found for event in events for found in _names_in(event.payload, "")):
        plain = name.strip().strip('"')
        if plain.lower() in _PLAIN or plain in given or len(plain) < 2:
            continue
        counts[kind] += 1
        given[plain] = f"{kind}-{counts[kind]}"
    return given


def _names_in(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if name in _NAMED:
            yield _NAMED[name], value
        elif name == "target":
            match = _TARGET.match(value)
            if match is not None:
                yield "database", match["database"]
                yield "host", match["host"]
        for address in _ADDRESS.findall(value):
            yield "host", address
    else:
        for key, item in _items(value):
            yield from _names_in(item, key or name)


class _Names:
    """Replaces whole names in text; the longest first, so that a host's name is not taken for a database's in it."""

    def __init__(self, pseudonyms: Mapping[str, str]) -> None:
        self._of = pseudonyms
        words = sorted(pseudonyms, key=len, reverse=True)
        self._pattern = re.compile(r"(?<![\w-])(?:" + "|".join(map(re.escape, words)) + r")(?![\w-])")

    def __call__(self, text: str) -> str:
        return self._pattern.sub(lambda m: self._of[m.group()], text)


def _renamed(value: Any, names: _Names) -> Any:
    if isinstance(value, str):
        return names(value)
    if isinstance(value, Mapping):
        return {names(key) if isinstance(key, str) else key: _renamed(item, names) for key, item in value.items()}
    return _mapped(value, lambda item, _: _renamed(item, names))
