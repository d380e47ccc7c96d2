"""The locks of production, live: who waits for whom, refreshed every second, and the SQL that would end a wait."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.worker import Worker

from runbook.session.state import State
from runbook.sql import quote_literal
from runbook.triage.model import LockNode, LockSession, LockTree
from runbook.tui.lines import Line, column, line, paragraph, preformatted, wrap
from runbook.tui.paint import Lines
from runbook.tui.screens.base import SessionScreen
from runbook.tui.views.lock_tree import age, find_node, lock_tree

STALE_AFTER_S = 3.0
"""Older than this, a sample is not what is so now."""


class LocksScreen(SessionScreen):
    """The lock tree. Only watches while it is in front."""

    JOURNAL_NAME = "locks"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.back", "back", tooltip="Back to the triage screen"),
        Binding("p", "pause", "pause", tooltip="Stop looking, or go on"),
        Binding("y", "sql", "copy the SQL", tooltip="The SQL that would cancel or end this session, for you to run"),
        Binding("f", "unfold", "fold", tooltip="Show every session of a folded group, or fold it again"),
        Binding("c", "app.copy", "copy", tooltip="Copy the tree"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._paused = False
        self._watcher: Worker[None] | None = None
        self._unfolded: frozenset[str] = frozenset()
        self._sought: frozenset[int] = frozenset()

    def body(self) -> ComposeResult:
        yield Lines(id="locks", classes="pane")

    def on_mount(self) -> None:
        self.set_interval(0.5, self._show_age)
        self.query_one("#locks").focus()

    def on_screen_resume(self) -> None:
        self._watch()

    def on_screen_suspend(self) -> None:
        self._stop()

    def on_unmount(self) -> None:
        self._stop()

    def _watch(self) -> None:
        if self._watcher is None and not self._paused and self.source.live:
            self._watcher = self.run_worker(
                self.source.watch_locks, group="locks", description="watching locks", exit_on_error=False
            )

    def _stop(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.worker is self._watcher and event.worker.is_finished and not event.worker.is_cancelled:
            self._watcher = None
            if event.worker.error is not None:
                self.runbook.say(f"watching locks ended: {event.worker.error}", severity="error")

    # -- showing --------------------------------------------------------------------------------------------------

    def show(self, state: State) -> None:
        tree, unfolded = state.locks, self._unfolded
        pane = self.query_one("#locks", Lines)
        pane.border_title = Content(_title(tree))
        pane.display_lines(lambda width: _body(state, tree, width, unfolded))
        self.call_after_refresh(self._find_sought)
        self._show_age()

    def _show_age(self) -> None:
        tree = self.state.locks
        pane = self.query_one("#locks", Lines)
        if tree is None:
            pane.border_subtitle = "paused" if self._paused else ""
            return
        if not self.source.live:
            pane.border_subtitle = Content(f"as of {tree.sampled_at[11:19]} UTC, recorded")
            return
        old = max((datetime.now(UTC) - datetime.fromisoformat(tree.sampled_at)).total_seconds(), 0.0)
        stale = old > STALE_AFTER_S
        when = f"polled {old:.1f} s ago" if old < 60 else f"polled {age(old)} ago"
        words = [when, "PAUSED" if self._paused else "", "STALE: no answer since" if stale and not self._paused else ""]
        pane.border_subtitle = Content("  ".join(w for w in words if w))
        pane.set_class(stale or self._paused, "-stale")

    def seek(self, pids: set[int]) -> None:
        """Put the cursor on the first of these sessions that the tree shows."""
        self._sought = frozenset(pids)
        self._find_sought()

    def _find_sought(self) -> None:
        pane = self.query_one("#locks", Lines) if self.is_mounted and self._sought else None
        for key in pane.keys if pane is not None else ():
            node = find_node(self.state.locks, key)
            if node is not None and pane is not None and node.session.pid in self._sought:
                self._sought = frozenset()
                pane.move_to(key)
                return

    # -- keys -------------------------------------------------------------------------------------------------------

    @property
    def selected(self) -> LockNode | None:
        return find_node(self.state.locks, self.query_one("#locks", Lines).cursor)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "pause":
            return True if self.source.live else None
        if action in ("sql", "unfold") and self.is_mounted:
            return True if self.selected is not None else None
        return True

    def action_pause(self) -> None:
        self._paused = not self._paused
        if self._paused:
            self._stop()
        else:
            self._watch()
        self._show_age()

    def action_unfold(self) -> None:
        key = self.query_one("#locks", Lines).cursor
        if key is not None:
            self._unfolded = self._unfolded ^ {key}
            self.show(self.state)

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        node = find_node(self.state.locks, event.key)
        if node is not None:
            self._open(f"Session {node.session.pid or node.session.gid}", node, sql=False)

    def action_sql(self) -> None:
        node = self.selected
        if node is not None:
            self._open("SQL to copy: runbook does not run it", node, sql=True)

    def _open(self, title: str, node: LockNode, *, sql: bool) -> None:
        from runbook.tui.screens.dialogs import TextDialog

        self.app.push_screen(TextDialog(title, lambda width: _sql(node, width) if sql else _session(node, width)))

    def copyable(self) -> str:
        return self.query_one("#locks", Lines).text_of(None)


def _title(tree: LockTree | None) -> str:
    if tree is None:
        return "Locks"
    if not tree.waiting:
        return "Locks: nobody waits"
    word = "session waits" if tree.waiting == 1 else "sessions wait"
    return f"Locks: {tree.waiting} {word}, longest {age(tree.longest_wait_s)}"


def _body(state: State, tree: LockTree | None, width: int, unfolded: frozenset[str]) -> list[Line]:
    if tree is None:
        if "production" not in state.given:
            return [
                line(("no production side was given", "muted")),
                line(),
                line(("g", "key"), (" gives one", "muted")),
            ]
        return [line(("no sample yet", "muted"))]
    if not tree.roots:
        return [line(("✓ ", "good bold"), ("nobody waits for a lock", "good")), *lock_tree(tree, width)]
    return lock_tree(tree, width, unfolded=unfolded)


def _session(node: LockNode, width: int) -> list[Line]:
    session = node.session
    rows = (
        ("pid", str(session.pid) if session.pid else f"none: prepared transaction {session.gid}"),
        ("started", session.backend_start),
        ("role", session.role),
        ("application", session.application_name),
        ("client", session.client),
        ("state", session.state),
        ("in state for", age(session.state_age_s)),
        ("transaction", age(session.xact_age_s)),
        ("wait event", ":".join(w for w in (session.wait_event_type, session.wait_event) if w)),
        ("waits for", node.waits_for),
        ("waiting", age(node.wait_s) if node.wait_s is not None else None),
        ("behind it", f"{node.behind} sessions" if node.behind else None),
        ("backend", session.backend_type),
    )
    lines: list[Line] = []
    for name, value in rows:
        if value:
            lines += paragraph(value, width, first=(column(name, 14), "muted"), indent=14)
    for number, lock in enumerate(node.holds):
        lines.append(line((column("holds" if not number else "", 14), "muted"), lock))
    if session.hidden:
        lines.append(line(("its query is hidden from our role: pg_read_all_stats would show it", "warn")))
    elif session.query:
        lines += [line(), *preformatted(session.query, width, "code")]
    return lines


def _sql(node: LockNode, width: int) -> list[Line]:
    """The SQL that would end it, so written that it can only hit this very session."""
    lines: list[Line] = []
    for heading, text, sql in ending_sql(node.session):
        for number, comment in enumerate(wrap(f"{heading}: {text}", width - 3)):
            lines.append(line(("-- ", "muted"), (comment, "bold" if not number else "muted")))
        lines += [*preformatted(sql, width, "code"), line()]
    return lines


def ending_sql(session: LockSession) -> list[tuple[str, str, str]]:
    """(what, what it does, SQL) of each way to end what a session holds. A pid is reused: backend_start tells."""
    if session.gid is not None:
        gid = quote_literal(session.gid)
        return [
            ("commit it", "only if its manager says commit", f"COMMIT PREPARED {gid};"),
            ("roll it back", "only if its manager says roll back", f"ROLLBACK PREPARED {gid};"),
        ]
    if session.backend_start is None:
        return [("nothing to copy", "backend_start is hidden from us; a pid alone may be another session", "")]
    where = f"WHERE pid = {session.pid} AND backend_start = {quote_literal(session.backend_start)};"
    idle = (session.state or "").startswith("idle")
    cancel = "has no effect: it runs no statement" if idle else "the statement fails, its transaction rolls back"
    return [
        ("cancel", cancel, f"SELECT pg_cancel_backend(pid)\nFROM pg_stat_activity\n{where}"),
        (
            "terminate",
            "the session ends, its transaction rolls back; ask its owner first",
            f"SELECT pg_terminate_backend(pid)\nFROM pg_stat_activity\n{where}",
        ),
    ]
