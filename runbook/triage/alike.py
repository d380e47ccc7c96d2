"""Sessions of a lock tree that do the same are one to a reader: which, for screens and transcripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from runbook.triage.model import LockNode

MANY = 3
"""So many siblings with the same query and wait are told as one."""

_VALUE = re.compile(r"'(?:[^']|'')*'|\b\d[\d.]*\b|\$\d+")


def node_key(node: LockNode) -> str:
    """What tells sessions apart: pids are reused, so backend_start belongs to it."""
    session = node.session
    return f"gid:{session.gid}" if session.gid else f"{session.pid}@{session.backend_start or '?'}"


def shape(query: str) -> str:
    """A query without its values: those of the same shape do the same."""
    return _VALUE.sub("?", " ".join(query.split()))


def grouped(children: Sequence[LockNode], unfolded: frozenset[str] = frozenset()) -> list[tuple[LockNode, int]]:
    """Siblings with how many like them stand behind the first; those with sessions behind them stay apart."""

    def alike(node: LockNode) -> tuple[object, ...]:
        session = node.session
        if node.children or session.is_migration:
            return (node_key(node),)
        return (shape(session.query or ""), node.waits_for or "", session.role or "", session.application_name or "")

    order = {alike(child): n for n, child in reversed(list(enumerate(children)))}
    groups: list[tuple[LockNode, int]] = []
    for _, same in groupby(sorted(children, key=lambda c: order[alike(c)]), key=alike):
        members = list(same)
        if len(members) < MANY or node_key(members[0]) in unfolded:
            groups += [(member, 0) for member in members]
        else:
            groups.append((members[0], len(members) - 1))
    return groups
