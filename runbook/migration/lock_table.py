"""Whether the shared lock table has room for all that a transaction locks (53200: out of shared memory).

Source: NLOCKENTS and LockManagerShmemSize (lock.c), InitializeMaxBackends (postinit.c). Its size is a promise: it may
grow into shared memory that nothing else uses, and what other sessions lock takes from it.
"""

from __future__ import annotations

from runbook.migration.catalog import Catalog
from runbook.migration.result import Fails

_BACKENDS = ("max_connections", "autovacuum_max_workers", "max_worker_processes", "max_wal_senders")
_ALWAYS_ROOM = 50  # ten locks each, of the fewest backends that a server can be told to have
_WORKER_SLOTS = 18  # from here autovacuum_worker_slots counts in the place of autovacuum_max_workers


def room(catalog: Catalog) -> int | None:
    """How many relation locks the lock table is made for; None where the settings were not read."""
    per_transaction = _number(catalog, "max_locks_per_transaction")
    backends = [_number(catalog, name) for name in _BACKENDS]
    prepared = _number(catalog, "max_prepared_transactions")
    if catalog.major >= _WORKER_SLOTS:
        backends[1] = _number(catalog, "autovacuum_worker_slots") or backends[1]
    if per_transaction is None or prepared is None or None in backends:
        return None
    return per_transaction * (sum(b for b in backends if b is not None) + 1 + prepared)


def overflow(locks: int, catalog: Catalog) -> Fails | None:
    """What to say of a transaction that holds ``locks`` relation locks; None where there is room."""
    slots = room(catalog) if locks > _ALWAYS_ROOM else None
    if slots is None or locks <= slots:
        return None
    because = (
        f"the transaction locks {locks:,} relations, and the lock table is made for {slots:,} of all sessions "
        "(max_locks_per_transaction): it may end with out of shared memory"
    )
    return Fails("53200", because, certain=False)


def _number(catalog: Catalog, name: str) -> int | None:
    text = catalog.settings.get(name)
    return int(text) if text is not None and text.lstrip("-").isdigit() else None
