"""What a scenario looks like, apart from what it is: names, values, server versions and tool, drawn by a seed.

A rule that only knows the shop's names, or one tool's way of printing, is no rule. Seed 0 is the scenario as written.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType


@cache
def _vocabularies() -> tuple[tuple[str, ...], ...]:
    """The columns of names.txt, the names as written first."""
    lines = (Path(__file__).parent / "names.txt").read_text().splitlines()
    return tuple(zip(*(line.split() for line in lines if not line.startswith("#")), strict=True))


@dataclass(frozen=True)
class World:
    """One seed's looks. ``names``: as written -> as it is called here."""

    seed: str = ""
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def text(self, written: str) -> str:
        """SQL, a name or a path with this world's names. A part between underscores counts as a word of its own."""
        if not self.names:
            return written
        return self._pattern.sub(lambda m: self.names[m.group()], written)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self.names, key=len, reverse=True)
        return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, longest_first))})(?![A-Za-z0-9])")


AS_WRITTEN = World()


def draw(seed: str) -> World:
    """The world of ``seed``."""
    written, *others = _vocabularies()
    words = random.Random(f"names {seed}").choice(others)
    return World(seed, MappingProxyType(dict(zip(written, words, strict=True))))


def draw_majors(
    seed: str, local: Collection[int], production: Collection[int], available: Collection[int]
) -> tuple[int, int]:
    """Two major versions that can be started here, local's at least production's, as laptops are; of ``seed``."""
    pairs = [(x, y) for x in sorted(local) for y in sorted(production) if x >= y and {x, y} <= set(available)]
    if not pairs:
        raise LookupError(f"needs majors of {sorted(local)} and {sorted(production)}; here are {sorted(available)}")
    return random.Random(f"majors {seed}").choice(pairs)
