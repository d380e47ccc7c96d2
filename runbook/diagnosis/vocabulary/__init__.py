"""Every fact a step may state and a playbook may ask for: the words between triage and diagnosis.

A name that is not here is an error in a playbook (with file and line), never a silent false. ``sample`` is a plausible
value; ``runbook playbooks check`` renders every playbook with the samples. Facts under ``local`` and ``production`` are
the same list, once per side. A fact that could not be read is *unknown* and says why; it is never false.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runbook.diagnosis.vocabulary import (
    after,
    answers,
    data,
    dependency,
    disk,
    error,
    extension,
    failing,
    gave_up,
    history,
    limits,
    locale,
    locks,
    login,
    migration,
    pooling,
    provider,
    replication,
    rights,
    role,
    schema,
    sides,
    target,
    tool_lock,
    versions,
    waits,
)

SIDES = ("local", "production")


@dataclass(frozen=True, slots=True)
class FactSpec:
    """One name: ``group.name``. ``type`` is a word for people: bool, int, float, str, list, map, record."""

    group: str
    name: str
    type: str
    meaning: str
    sample: Any

    @property
    def id(self) -> str:
        return f"{self.group}.{self.name}"


_OTHER = (
    *error.FACTS,
    *failing.FACTS,
    *gave_up.FACTS,
    *migration.FACTS,
    *locks.FACTS,
    *role.FACTS,
    *rights.FACTS,
    *login.FACTS,
    *provider.FACTS,
    *pooling.FACTS,
    *versions.FACTS,
    *schema.FACTS,
    *extension.FACTS,
    *target.FACTS,
    *history.FACTS,
    *dependency.FACTS,
    *after.FACTS,
    *waits.FACTS,
    *locale.FACTS,
    *disk.FACTS,
    *limits.FACTS,
    *replication.FACTS,
    *tool_lock.FACTS,
    *data.FACTS,
    *answers.FACTS,
)

SPECS: tuple[FactSpec, ...] = tuple(
    FactSpec(side, name, type_, meaning, sample) for side in SIDES for name, type_, meaning, sample in sides.FACTS
) + tuple(FactSpec(*row) for row in _OTHER)

BY_ID: Mapping[str, FactSpec] = {spec.id: spec for spec in SPECS}
GROUPS: Mapping[str, frozenset[str]] = {
    group: frozenset(s.name for s in SPECS if s.group == group) for group in dict.fromkeys(s.group for s in SPECS)
}


def samples() -> Iterator[tuple[str, Any]]:
    """Every fact id with its sample value."""
    return ((spec.id, spec.sample) for spec in SPECS)
