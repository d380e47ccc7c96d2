"""Where a screen gets its session from: a live incident, or a recording. Both speak this one protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from runbook.session.events import CheckRun, Event
from runbook.session.state import State

if TYPE_CHECKING:
    from runbook.migration.result import Forecast
    from runbook.migration.what_if import WhatIf
    from runbook.playbook import Playbook, Rendered, SqlBlock

Listener = Callable[[Event, State], None]


class SessionSource(Protocol):
    """A session as screens see it. Every change arrives as an event through ``subscribe``, after it was journalled.

    Listeners are called on the event loop's thread. Methods that look at servers return when the look is over; a screen
    calls them from a worker.
    """

    @property
    def state(self) -> State: ...

    @property
    def live(self) -> bool:
        """False for a recording: nothing can be asked, answered or run."""
        ...

    @property
    def playbooks(self) -> dict[str, Playbook]: ...

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` for every event from now on; the returned function ends that."""
        ...

    async def start(self) -> None:
        """Look at both sides and diagnose, with whatever was given so far."""
        ...

    async def look_again(self) -> None: ...

    def answer(self, question: str, answer: str) -> None: ...

    def note(self, text: str) -> None: ...

    def visit(self, screen: str) -> None: ...

    async def give_side(self, key: str, dsn: str) -> None: ...

    async def give_error(self, text: str) -> None: ...

    async def give_migration(self, paths: Sequence[Path], runner: str | None = None) -> None: ...

    async def give_seen(self, seen: str) -> None: ...

    async def watch_locks(self, interval_s: float = 1.0) -> None:
        """Sample the locks of production until cancelled; each arrives as ``LocksSampled`` or ``LocksUnchanged``."""
        ...

    def render(self, cause: str) -> Rendered: ...

    @property
    def can_imagine(self) -> bool:
        """Whether ``forecast_if`` can answer: what the servers' catalogs said is at hand. A recording has no catalog."""
        ...

    def forecast_if(self, what_if: WhatIf) -> Forecast:
        """The forecast as it would be; asks no server and leaves no trace in the session. Call it from a thread.

        Raises WhatIfProblem for what cannot be imagined.
        """
        ...

    async def run_check(self, block: SqlBlock) -> CheckRun:
        """Run a read-only block of a playbook on its side, under guard; the result is an event too."""
        ...

    def export(self, format: str, path: Path) -> Path:
        """Write the transcript in a format of ``runbook.transcript.FORMATS`` to ``path``; returns the file written."""
        ...

    async def close(self, reason: str = "quit") -> None:
        """End within two seconds: cancel what runs on servers, close connections, end the journal."""
        ...
