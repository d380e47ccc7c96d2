"""The exact error, read out of whatever was printed: logs of any tool, driver or server. Pure.

from runbook.failure import read_error
from runbook.failure.locate import locate
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runbook.failure.read import read_error, read_errors

__all__ = ["read_error", "read_errors"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from runbook.failure import read

        return getattr(read, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
