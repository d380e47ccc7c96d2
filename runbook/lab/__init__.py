"""Embedded servers and scenarios: real faults on real PostgreSQL for the demo, for training and for tests.

Imported lazily: the list of scenarios costs neither psycopg nor a search for servers.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Running", "Scenario", "find_scenario", "list_scenarios", "running"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("runbook.lab.scenario"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
