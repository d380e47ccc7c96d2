"""The terminal app: one state, several screens that show it. Nothing is decided here; the session does the work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from runbook.session.state import State
from runbook.text import clean, clean_line
from runbook.tui.choices import CaseChoices, SideOption
from runbook.tui.paint import SafetyNet
from runbook.tui.replaying import REPLAY_BINDINGS, jump, move
from runbook.tui.themes import DEFAULT, THEMES, VARIABLES
from runbook.tui.training import TRAINING_BINDINGS

if TYPE_CHECKING:
    from textual.filter import LineFilter

    from runbook.session.events import Event
    from runbook.session.replay import ReplaySession
    from runbook.session.source import SessionSource
    from runbook.train.exercise import Exercise

__all__ = ["CaseChoices", "RunbookApp", "SideOption", "exit_code", "run", "show"]

CLOSE_WITHIN_S = 1.8
"""What a source may take to end; then we leave all the same."""


def _palette() -> type[Any]:
    """Imported when the palette is first opened."""
    from runbook.tui.commands import RunbookCommands

    return RunbookCommands


class RunbookApp(App[int]):
    """The screens of one session. Leaves with the exit code of CONTRACT.md."""

    CSS_PATH = "app.tcss"
    TITLE = "runbook"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar[set[Any]] = {_palette}
    CLOSE_TIMEOUT = 1.0
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-huge")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False, id="app.back", tooltip="Leave this screen or dialog"),
        Binding("l", "open('locks')", "locks", id="app.locks", tooltip="Who waits for whom on production, live"),
        Binding(
            "m", "open('migration')", "migration", id="app.migration", tooltip="Statement by statement: locks, time"
        ),
        Binding("t", "open('transcript')", "transcript", id="app.transcript", tooltip="All that happened, in order"),
        Binding("n", "note", "note", id="app.note", tooltip="Write a note with the time into the session"),
        Binding("c", "copy", "copy", id="app.copy", tooltip="Copy what is selected (OSC 52)"),
        Binding("w", "write", "write", id="app.write", show=False, tooltip="Write what is selected to a file"),
        Binding("e", "export", "export", id="app.export", tooltip="Export: Markdown, HTML, postmortem, chat, JSON"),
        Binding("r", "look_again", "look again", id="app.look_again", tooltip="Look at both sides again"),
        Binding("g", "open('case')", "give", id="app.give", tooltip="Give a side, an error, a migration, what you see"),
        Binding("question_mark", "help", "help", key_display="?", id="app.help", tooltip="All keys of this screen"),
        Binding("q", "quit", "quit", id="app.quit", tooltip="End the session; nothing of ours stays on a server"),
        *REPLAY_BINDINGS,
        *TRAINING_BINDINGS,
        Binding("ctrl+q", "quit", "quit", show=False, priority=True, tooltip="The same, also while you type"),
        Binding("ctrl+c", "interrupt", "interrupt", show=False, id="app.interrupt", tooltip="Leave with exit code 130"),
    ]
    state: reactive[State] = reactive(State(), init=False, always_update=False)

    def __init__(
        self,
        source: SessionSource,
        *,
        start: bool = True,
        case: CaseChoices | None = None,
        theme: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        replay: ReplaySession | None = None,
        training: Exercise | None = None,
    ) -> None:
        """``start``: look at the sides as soon as the first frame stands. ``case``: open the case screen first.

        ``replay``: the source, when it is a recording with a clock. ``training``: the exercise whose session it is.
        """
        super().__init__()
        self.source = source
        self.case = case
        self.replay = replay
        self.training = training
        self._start = start
        self._wanted_theme = theme or DEFAULT
        self._clock = clock
        self._state_at = clock()
        self._pending: State | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._leaving = False
        self._turn = asyncio.Lock()  # a side that is given during a look has to be looked at after it
        for ours in THEMES:
            self.register_theme(ours)
        self.set_reactive(RunbookApp.state, source.state)

    # -- the state --------------------------------------------------------------------------------------------------

    @property
    def elapsed_s(self) -> float:
        """Seconds since the session was opened."""
        running = self._clock() - self._state_at if self.source.live and self.state.closed is None else 0.0
        return self.state.duration_s + running

    def _heard(self, event: Event, state: State) -> None:
        """One event: shown with all others of this turn of the loop."""
        if self._pending is None:
            self.call_later(self._show_pending)
        self._pending = state

    def _show_pending(self) -> None:
        if self._pending is not None:
            self._state_at = self._clock()
            state, self._pending = self._pending, None
            self.state = state

    # -- life ---------------------------------------------------------------------------------------------------------

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLES

    def get_line_filters(self) -> list[LineFilter]:
        return [SafetyNet(), *super().get_line_filters()]

    def get_default_screen(self) -> Screen[Any]:
        from runbook.tui.screens.triage import TriageScreen

        return TriageScreen()

    def on_mount(self) -> None:
        self.theme = self._wanted_theme if self._wanted_theme in self.available_themes else DEFAULT
        self._unsubscribe = self.source.subscribe(self._heard)
        self.state = self.source.state
        if self.replay is not None:
            self.run_worker(self.replay.play(), name="the recording", group="replay", description="playing")
        nothing = not (self.state.given or self.state.error or self.state.migration)
        if self.training is not None:
            self.action_train("story")
        if self.case is not None and nothing:
            self.call_after_refresh(self.action_open, "case")
        elif self._start and self.source.live:
            self.call_after_refresh(self.action_look_again)

    async def leave(self, code: int, reason: str) -> None:
        """Close the session within its time, then end the app."""
        if self._leaving:
            return
        self._leaving = True
        await close_source(self.source, reason)
        self.exit(code)

    async def action_quit(self) -> None:
        await self.leave(exit_code(self.source.state), "quit")

    async def action_interrupt(self) -> None:
        await self.leave(130, "interrupted")

    # -- actions ------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("note", "look_again") or (action == "open" and parameters == ("case",)):
            return True if self.source.live else None
        if action in ("replay", "jump"):
            return self.replay is not None and not self.screen.is_modal
        if action == "train":
            return self.training is not None and not self.screen.is_modal
        return True

    async def action_back(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def action_open(self, name: str) -> None:
        """Show a screen; a screen that is open already comes to the front, nothing piles up."""
        screen_type = _screen_type(name)
        while len(self.screen_stack) > 1:
            if isinstance(self.screen, screen_type):
                return
            self.pop_screen()
        self.push_screen(screen_type())

    def action_triage(self) -> None:
        """Back to where it starts."""
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_replay(self, what: str) -> None:
        """Move in a recording's time."""
        if self.replay is not None:
            move(self.replay, what)

    @work(group="dialog", description="jumping in the recording")
    async def action_jump(self) -> None:
        from runbook.tui.screens.dialogs import JumpDialog

        if self.replay is not None:
            place = await self.push_screen_wait(JumpDialog(self.replay.length, self.replay.length_s))
            if place is not None:
                jump(self.replay, place)

    @work(group="dialog", description="the exercise", exit_on_error=False)
    async def action_train(self, what: str) -> None:
        from runbook.tui.trainee import do

        if self.training is not None:
            await do(self, self.training, what)

    def show_step(self, step: str) -> None:
        """The triage screen with one step selected."""
        self.action_triage()
        from runbook.tui.screens.triage import TriageScreen

        if isinstance(self.screen, TriageScreen):
            self.screen.action_step(step)

    def give_seen(self, seen: str) -> None:
        """What the person sees of the migration."""
        self.look(lambda: self.source.give_seen(seen), "taking in what is seen")

    def open_playbook(self, cause: str) -> None:
        """The playbook of a cause, if there is one."""
        if cause not in self.source.playbooks:
            self.say(f"there is no playbook for {cause}", severity="warning")
            return
        from runbook.tui.screens.playbook import PlaybookScreen

        self.push_screen(PlaybookScreen(cause))

    def action_look_again(self) -> None:
        if self.state.busy:
            self.say("a look is under way")
            return
        self.look(self.source.look_again if self.state.round else self.source.start, "looking at both sides")

    def look(self, doing: Callable[[], Awaitable[Any]], description: str) -> None:
        """Do something that looks at servers, off the screen's path and in turn. Its results arrive as events."""

        async def in_turn() -> None:
            async with self._turn:
                await doing()

        self.run_worker(in_turn(), name=description, group="look", description=description, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state == WorkerState.ERROR and event.worker.error is not None:
            self.say(f"{event.worker.description}: {event.worker.error}", severity="error")

    def answer(self, question: str, answer: str) -> None:
        """Give an answer; what follows from it comes as events."""
        if self.source.live:
            self.source.answer(question, answer)

    @work(group="dialog", description="writing a note")
    async def action_note(self) -> None:
        from runbook.tui.screens.dialogs import NoteDialog

        text = await self.push_screen_wait(NoteDialog())
        if text:
            self.source.note(text)
            self.say("noted")

    @work(group="dialog", description="exporting the session")
    async def action_export(self) -> None:
        from runbook.transcript import ExportError
        from runbook.tui.screens.dialogs import ExportDialog

        chosen = await self.push_screen_wait(ExportDialog(self.state.session_id or "session"))
        if chosen is not None:
            format, path = chosen
            try:
                # In a thread: a session of hours takes a second.
                written = await asyncio.to_thread(self.source.export, format, path)
            except (OSError, ValueError, ExportError) as error:
                self.say(f"not written: {error}", severity="error")
            else:
                self.say(f"written: {written}")

    def action_copy(self) -> None:
        """Copy what the screen has selected. A terminal may refuse silently: a file is offered too."""
        text = self._selected_text()
        if text:
            self.copy(text)

    def copy(self, text: str) -> None:
        """Copy ``text`` as it is shown: what a terminal would obey is not carried into another one."""
        text = clean(text)
        self.copy_to_clipboard(text)
        rows = text.count("\n") + 1
        self.say(f"copied, {rows} {'line' if rows == 1 else 'lines'}; not there? w writes a file")

    def action_write(self) -> None:
        text = self._selected_text()
        if text:
            self.write(text, f"runbook-{self.screen.name or 'screen'}.txt")

    @work(group="dialog", description="writing a file")
    async def write(self, text: str, proposal: str) -> None:
        """Ask for a path and write ``text`` there; an existing file is never replaced unasked."""
        from runbook.tui.screens.dialogs import PathDialog

        path = await self.push_screen_wait(PathDialog("Write to a file", Path(proposal)))
        if path is None:
            return
        try:
            path.write_text(clean(text).rstrip("\n") + "\n", encoding="utf-8")
        except OSError as error:
            self.say(f"not written: {error.strerror}: {path}", severity="error")
        else:
            self.say(f"written: {path}")

    def _selected_text(self) -> str:
        copyable = getattr(self.screen, "copyable", None)
        return clean(str(copyable())) if copyable is not None else ""

    def action_help(self) -> None:
        from runbook.tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    def say(self, text: str, *, severity: Any = "information") -> None:
        """A short message in the corner, never read as markup."""
        self.notify(clean_line(text), severity=severity, markup=False, timeout=6)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Everything the keys do, by name."""
        from runbook.tui.commands import commands

        yield from commands(self, screen)


def _screen_type(name: str) -> type[Screen[Any]]:
    """Screens are imported when they are first opened: the first frame does not wait for them."""
    if name == "locks":
        from runbook.tui.screens.locks import LocksScreen

        return LocksScreen
    if name == "migration":
        from runbook.tui.screens.migration import MigrationScreen

        return MigrationScreen
    if name == "transcript":
        from runbook.tui.screens.transcript import TranscriptScreen

        return TranscriptScreen
    if name == "case":
        from runbook.tui.screens.case import CaseScreen

        return CaseScreen
    raise KeyError(name)


_CODES: Mapping[str, int] = {"nothing_wrong": 0, "not_in_catalogue": 1, "not_enough_seen": 3}


def exit_code(state: State) -> int:
    """The exit code of CONTRACT.md for where the session stands: 1 when a cause is likely or proved."""
    found = state.diagnosis
    if found is None:
        return 3
    if found.conclusion == "causes":
        return 1 if any(c.verdict in ("proved", "likely") for c in found.causes) else 0
    return _CODES.get(found.conclusion, 0)


async def close_source(source: SessionSource, reason: str) -> None:
    """End a session, but never wait longer than leaving may take."""
    try:
        await asyncio.wait_for(source.close(reason), CLOSE_WITHIN_S)
    except TimeoutError:
        return


async def show(
    source: SessionSource, *, start: bool = True, case: CaseChoices | None = None, theme: str | None = None
) -> int:
    """``run`` on a loop that runs already, beside other work: the demo's servers and sessions."""
    from runbook.tui.loop import run_here

    return await run_here(RunbookApp(source, start=start, case=case, theme=theme))


def run(source: SessionSource, *, start: bool = True, case: CaseChoices | None = None, theme: str | None = None) -> int:
    """Show the session until the person leaves; the exit code of CONTRACT.md."""
    from runbook.tui.loop import run_to_end

    return run_to_end(RunbookApp(source, start=start, case=case, theme=theme))
