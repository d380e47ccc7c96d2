"""What the case screen can offer to choose from; made by the caller, who knows configuration and environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SideOption:
    """One connection that is known by name. ``dsn`` may hold a password and is never shown; ``masked`` is."""

    label: str
    dsn: str = field(repr=False)
    masked: str


@dataclass(frozen=True, slots=True)
class CaseChoices:
    """Connections to choose from (config entries, services, environment), and where the file tree starts."""

    sides: tuple[SideOption, ...] = ()
    folder: Path = Path()
