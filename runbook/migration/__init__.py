"""Migrations and what they will do to a server: pure, without a server and without a screen.

    from runbook.migration import Catalog, forecast, load, parse

Names are imported on first use: the parser costs 70 ms, which ``runbook --help`` does not pay.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runbook.migration.catalog import Catalog
    from runbook.migration.forecast import forecast
    from runbook.migration.result import Forecast
    from runbook.migration.sources import MigrationError, load, parse

__all__ = ["Catalog", "Forecast", "MigrationError", "forecast", "load", "parse"]

_WHERE = {
    "Catalog": "runbook.migration.catalog",
    "Forecast": "runbook.migration.result",
    "MigrationError": "runbook.migration.sources",
    "forecast": "runbook.migration.forecast",
    "load": "runbook.migration.sources",
    "parse": "runbook.migration.sources",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)


class _Package(ModuleType):
    """``forecast`` is the function here, also after the module of that name was imported and would hide it."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name == "forecast" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
