"""Which table-level lock modes conflict. Source: PostgreSQL documentation, table 13.2; unchanged since 9.x."""

from __future__ import annotations

from collections.abc import Mapping

from runbook.migration.result import LOCK_MODES

_AS, _RS, _RX, _SUX, _S, _SRX, _X, _AX = LOCK_MODES

CONFLICTS: Mapping[str, frozenset[str]] = {
    _AS: frozenset({_AX}),
    _RS: frozenset({_X, _AX}),
    _RX: frozenset({_S, _SRX, _X, _AX}),
    _SUX: frozenset({_SUX, _S, _SRX, _X, _AX}),
    _S: frozenset({_RX, _SUX, _SRX, _X, _AX}),
    _SRX: frozenset({_RX, _SUX, _S, _SRX, _X, _AX}),
    _X: frozenset({_RS, _RX, _SUX, _S, _SRX, _X, _AX}),
    _AX: frozenset(LOCK_MODES),
}

STRENGTH: Mapping[str, int] = {mode: rank for rank, mode in enumerate(LOCK_MODES)}


def conflicts(one: str, other: str) -> bool:
    """Whether two lock modes on the same relation exclude each other. Unknown modes never do."""
    return other in CONFLICTS.get(one, frozenset())


def strongest(modes: list[str]) -> str | None:
    """The strongest of some modes, as the documentation orders them; None of none."""
    return max(modes, key=lambda m: STRENGTH.get(m, -1), default=None)


def blocks_reads(mode: str) -> bool:
    """Whether plain SELECTs wait for it."""
    return conflicts(mode, _AS)


def blocks_writes(mode: str) -> bool:
    """Whether INSERT, UPDATE and DELETE wait for it."""
    return conflicts(mode, _RX)
