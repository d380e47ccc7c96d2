"""Locks that a minor release brought: a fix that was put into several majors at once.

Each is measured on the minors named; the release in between is that of the fix, as far as it is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fix:
    """``since``: by major the first minor with it. Majors above all of these have it; others do not."""

    since: Mapping[int, int]

    def in_force(self, server_version_num: int) -> bool:
        major, minor = divmod(server_version_num, 10000)
        first = self.since.get(major)
        return minor >= first if first is not None else major > max(self.since)


# IndexSetParentIndex locks the partitioned index before it marks it as a parent (August 2024). Absent on 16.2,
# present on
# 12.22, 13.23, 14.23, 15.18, 16.14, 17.10 and 18.4.
PARENT_INDEX_LOCKED = Fix({12: 20, 13: 16, 14: 13, 15: 8, 16: 4})
# Cloning foreign keys that point to a partitioned table locks the referencing table fully (November 2024): absent on
# 12.22, 13.23, 14.23 and 16.2, present on 15.18, 16.14, 17.10 and 18.4.
REFERENCING_LOCKED = Fix({15: 9, 16: 5, 17: 1})
# SET LOGGED and SET UNLOGGED lock the sequences that the table owns (November 2024): on 16.2 only RowExclusiveLock.
OWNED_SEQUENCES_LOCKED = Fix({15: 9, 16: 5, 17: 1})
# A new dependency keeps AccessShareLock on the relation depended on: the index that a foreign key points to, the sequence
# that a default calls. Absent on 17.10 and 18.4, present on 18.6.
DEPENDENCIES_LOCKED = Fix({18: 5})
