"""Facts as values, and the book in which conditions look them up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from runbook.diagnosis.vocabulary import BY_ID, GROUPS, samples

FactSide = Literal["local", "production", "both"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One typed, named statement about the incident.

    ``id`` is ``group.name`` of the vocabulary. ``value`` is made of JSON types only. ``known`` False: it could not be
    read, ``because`` says why, and ``value`` is None. A record that does not exist (no blocker, say) is unknown too: its
    kind or flag is the fact that tells. ``readings`` names the probes it rests on, as ``side/probe``.

    A journal of another version may hold facts that this vocabulary lacks: they are read and shown, and no condition
    asks for them. What states facts checks their names (``in_vocabulary``).
    """

    id: str
    value: Any
    because: str
    step: str
    side: FactSide | None = None
    known: bool = True
    readings: tuple[str, ...] = ()


def in_vocabulary(id_: str) -> str:
    """``id_`` itself. Raises ``KeyError`` where the vocabulary has no such fact."""
    if id_ not in BY_ID:
        raise KeyError(f"no such fact in the vocabulary: {id_}")
    return id_


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that nobody could read: neither true nor false. ``str()`` shows it as such, never as a value."""

    id: str
    reason: str

    def __str__(self) -> str:
        return f"<{self.id.replace('.', ' ')}: unknown>"

    def __bool__(self) -> bool:
        raise UnknownFact(self)

    def __iter__(self) -> Iterator[Any]:
        raise UnknownFact(self)

    def __getattr__(self, name: str) -> Unknown:
        # A part of something unknown is unknown; dunders are Python's own protocol.
        if name.startswith("__"):
            raise AttributeError(name)
        return Unknown(f"{self.id} {name}", self.reason)

    def __getitem__(self, key: str) -> Unknown:
        return Unknown(f"{self.id} {key}", self.reason)


class UnknownFact(Exception):
    """Raised where a condition needs a fact that is unknown."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(f"{unknown.id}: {unknown.reason}")
        self.unknown = unknown


class Group(Mapping[str, Any]):
    """One group of facts, read by attribute in conditions and playbooks: ``error.sqlstate``."""

    def __init__(self, name: str, book: FactBook) -> None:
        self._name = name
        self._book = book

    def __getitem__(self, name: str) -> Any:
        if name not in GROUPS[self._name]:
            raise KeyError(name)
        return self._book.value(f"{self._name}.{name}")

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error

    def __iter__(self) -> Iterator[str]:
        return iter(GROUPS[self._name])

    def __len__(self) -> int:
        return len(GROUPS[self._name])


class FactBook:
    """All facts of one moment. A name of the vocabulary that no step stated is unknown, never false."""

    def __init__(self, facts: Iterable[Fact] = ()) -> None:
        self.facts: dict[str, Fact] = {fact.id: fact for fact in facts}

    @classmethod
    def of_samples(cls) -> FactBook:
        """The vocabulary's samples as facts: what playbooks are checked with."""
        return cls(Fact(id=id_, value=value, because="sample", step="sample") for id_, value in samples())

    def value(self, id_: str) -> Any:
        """The fact's value, or an ``Unknown``."""
        fact = self.facts.get(id_)
        if fact is None:
            return Unknown(id_, "not looked at")
        return fact.value if fact.known else Unknown(id_, fact.because)

    def get(self, id_: str, default: Any = None) -> Any:
        """The fact's value, or ``default`` when it is unknown."""
        value = self.value(id_)
        return default if isinstance(value, Unknown) else value

    def because(self, id_: str) -> str:
        fact = self.facts.get(id_)
        return fact.because if fact else "not looked at"

    def with_facts(self, more: Iterable[Fact]) -> FactBook:
        return FactBook([*self.facts.values(), *more])

    def context(self) -> dict[str, Group]:
        """What conditions and playbooks see."""
        return {name: Group(name, self) for name in GROUPS}
