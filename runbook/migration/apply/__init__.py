"""Follow a migration on the catalog, statement by statement: the catalog as it is after a statement has run."""

from __future__ import annotations

from runbook.migration.apply.dispatch import apply, apply_node

__all__ = ["apply", "apply_node"]
