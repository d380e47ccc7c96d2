"""The only room that talks to a server. Names are loaded when they are used: readings alone cost no driver.

No module here may be named like a function exported here: importing the module would put it in the function's place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runbook.postgres.catalog import build_catalog, read_catalog
    from runbook.postgres.connection import Connection, connect
    from runbook.postgres.probe import run_probes
    from runbook.postgres.refusals import ConnectionRefused
    from runbook.postgres.survey import Look, Watcher, look

__all__ = [
    "Connection",
    "ConnectionRefused",
    "Look",
    "Watcher",
    "build_catalog",
    "connect",
    "look",
    "read_catalog",
    "run_probes",
]

_HOME = {
    "Connection": "connection",
    "ConnectionRefused": "refusals",
    "Look": "survey",
    "Watcher": "survey",
    "build_catalog": "catalog",
    "connect": "connection",
    "look": "survey",
    "read_catalog": "catalog",
    "run_probes": "probe",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
