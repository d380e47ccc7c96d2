"""The playbook of one cause with this incident's values; each SQL block is a card of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Markdown

from runbook.playbook import SECTIONS, PlaybookError, Rendered, SqlBlock
from runbook.session.state import State
from runbook.text import clean_line
from runbook.tui.lines import Line, fit, line, paragraph
from runbook.tui.paint import Lines, Painted
from runbook.tui.screens.base import SessionScreen
from runbook.tui.views.sql_block import last_check, pieces, sql_block, title
from runbook.words import percent

if TYPE_CHECKING:
    from runbook.tui.app import RunbookApp

_KEYS = {"happening": "h", "stop": "s", "fix": "f", "verify": "v", "roll_back": "b", "prevent": "p"}
_HEADINGS = {key: heading for heading, key in SECTIONS.items()}


class SqlCard(Painted, can_focus=True):
    """One SQL block: copy it, write it to a file, and where it only reads, run it and see the result in place."""

    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, block: SqlBlock) -> None:
        super().__init__(classes="card")
        self.block = block
        self.set_class(block.changes and block.on != "file", "-changes")
        self.set_class(not block.runnable, "-unfilled")
        self.border_title = Content(clean_line(title(block)))
        run = "x run   " if self.can_run else ""
        self.border_subtitle = Content(f"{run}c copy   w write")

    @property
    def can_run(self) -> bool:
        return self.block.runnable and not self.block.changes and self.block.on in ("production", "local")

    def build(self, width: int) -> Sequence[Line]:
        return sql_block(self.block, last_check(cast("RunbookApp", self.app).state, self.block), width)


class PlaybookScreen(SessionScreen):
    """What is happening, and what to do about it."""

    JOURNAL_NAME = "playbook"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.back", "back", tooltip="Back to the triage screen"),
        *(
            Binding(
                key,
                f"section('{section}')",
                _HEADINGS[section],
                show=section in ("fix", "verify", "roll_back", "prevent"),
            )
            for section, key in _KEYS.items()
        ),
        Binding("x", "run_check", "run", tooltip="Run this check on its side, read-only, and show the result"),
        Binding("c", "copy_sql", "copy", tooltip="Copy the SQL of this block (OSC 52)"),
        Binding("w", "write_sql", "write", tooltip="Write the SQL of this block to a file"),
        Binding("right,right_square_bracket", "other(1)", "next suspect", key_display="→", tooltip="The next suspect"),
        Binding(
            "left,left_square_bracket", "other(-1)", "previous", show=False, key_display="←", tooltip="The one before"
        ),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("pagedown,space", "scroll(15)", "Page down", show=False),
        Binding("pageup", "scroll(-15)", "Page up", show=False),
    ]

    def __init__(self, cause: str) -> None:
        super().__init__()
        self.cause = cause
        self._rendered: Rendered | None = None
        self._problem = ""
        self._rendered_from: tuple[object, ...] = ()

    def body(self) -> ComposeResult:
        with Horizontal(id="book"):
            yield Lines(self._contents, id="contents", classes="pane", keeps_cursor=True)
            yield VerticalScroll(id="pages", classes="pane", can_focus=False)

    def on_mount(self) -> None:
        self.query_one("#contents").border_title = "Playbook"

    def show(self, state: State) -> None:
        self._fill_in(state)
        for card in self.query(SqlCard):
            card.refresh(layout=True)
        self.query_one("#contents", Lines).display_lines(self._contents)

    def _fill_in(self, state: State) -> None:
        """The playbook with the facts of ``state``; the same facts are not rendered twice."""
        facts = (self.cause, *state.steps.values(), *state.answers.values())
        if facts == self._rendered_from:
            return
        self._rendered_from = facts
        try:
            rendered = self.source.render(self.cause)
            self._problem = ""
        except PlaybookError as error:
            rendered, self._problem = Rendered(self.cause, self.cause, {}, ()), str(error)
        if rendered != self._rendered:
            self._rendered = rendered
            self.call_later(self._turn_pages)

    async def _turn_pages(self) -> None:
        """Fill the pages anew, keeping the place where the reader was."""
        rendered = self._rendered
        if rendered is None:
            return
        pages = self.query_one("#pages", VerticalScroll)
        at = pages.scroll_offset.y
        with self.app.batch_update():
            await pages.remove_children()
            await pages.mount_all(self._pages(rendered))
        pages.border_title = Content(clean_line(rendered.title))
        pages.scroll_to(y=at, animate=False)

    def _pages(self, rendered: Rendered) -> list[Vertical]:
        if self._problem:
            return [Vertical(Painting(self._problem), classes="section")]
        sections = []
        for heading, key in SECTIONS.items():
            if key not in rendered.sections:
                continue
            parts: list[Markdown | SqlCard | Painting] = [Painting(heading[:1].upper() + heading[1:], "accent bold")]
            for piece in pieces(rendered, key):
                parts.append(SqlCard(piece) if isinstance(piece, SqlBlock) else Markdown(piece, open_links=False))
            sections.append(Vertical(*parts, id=f"section-{key}", classes="section"))
        return sections

    def _contents(self, width: int) -> list[Line]:
        lines = []
        for heading, key in SECTIONS.items():
            if self._rendered is not None and key in self._rendered.sections:
                lines.append(line((f"{_KEYS.get(key, ' ')} ", "key"), fit(heading, width - 2), key=f"section:{key}"))
        found = self.state.diagnosis
        others = found.causes if found is not None else ()
        if others:
            lines += [line(), line(("Suspects", "bold"), ("  ← →", "key"))]
        for cause in others:
            mark = "▸ " if cause.id == self.cause else "  "
            paint = "bold" if cause.id == self.cause else ""
            lines += paragraph(cause.title, width, paint, indent=2, first=mark, key=f"cause:{cause.id}")
            lines.append(line((f"  {cause.verdict} {percent(cause.probability)}", "muted"), key=f"cause:{cause.id}"))
        return lines

    # -- keys -----------------------------------------------------------------------------------------------------

    def on_lines_moved(self, event: Lines.Moved) -> None:
        if event.lines.has_focus and event.key.startswith("section:"):
            self.action_section(event.key.removeprefix("section:"))

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        kind, _, name = (event.key or "").partition(":")
        if kind == "cause":
            self._turn_to(name)
        elif kind == "section":
            self.action_section(name)

    def action_section(self, section: str) -> None:
        """Bring a section to the top."""
        for found in self.query(f"#section-{section}"):
            pages = self.query_one("#pages", VerticalScroll)
            pages.scroll_to(y=found.virtual_region.y, animate=False, force=True)
            self.query_one("#contents", Lines).move_to(f"section:{section}")
            for card in list(found.query(SqlCard))[:1]:
                self.set_focus(card, scroll_visible=False)

    def action_scroll(self, rows: int) -> None:
        self.query_one("#pages", VerticalScroll).scroll_relative(y=rows, animate=False)

    def action_other(self, direction: int) -> None:
        """Turn to the playbook of the next or previous suspect."""
        found = self.state.diagnosis
        ids = [c.id for c in found.causes if c.id in self.source.playbooks] if found is not None else []
        if self.cause in ids and len(ids) > 1:
            self._turn_to(ids[(ids.index(self.cause) + direction) % len(ids)])
        elif ids and self.cause not in ids:
            self._turn_to(ids[0])

    def _turn_to(self, cause: str) -> None:
        if cause != self.cause and cause in self.source.playbooks:
            self.cause = cause
            self.query_one("#pages", VerticalScroll).scroll_home(animate=False)
            self.show(self.state)

    @property
    def card(self) -> SqlCard | None:
        """The SQL block that c, w and x are about: the one with the focus, else the first one in view."""
        if isinstance(self.focused, SqlCard):
            return self.focused
        pages = self.query_one("#pages", VerticalScroll)
        top, bottom = pages.scroll_offset.y, pages.scroll_offset.y + pages.size.height
        for card in self.query(SqlCard):
            section = card.parent
            y = card.virtual_region.y + (section.virtual_region.y if isinstance(section, Vertical) else 0)
            if y + card.outer_size.height > top and y < bottom:
                return card
        return None

    def copyable(self) -> str:
        return self.card.block.sql if self.card is not None else self._rendered.markdown() if self._rendered else ""

    def action_copy_sql(self) -> None:
        if text := self.copyable():
            self.runbook.copy(text)

    def action_write_sql(self) -> None:
        if text := self.copyable():
            self.runbook.write(text, f"{self.cause}.sql" if self.card is not None else f"{self.cause}.md")

    def action_run_check(self) -> None:
        card = self.card
        if card is None:
            self.runbook.say("no SQL block is in view")
        elif card.block.changes or card.block.on == "file":
            self.runbook.say("this block changes something: copy it and run it yourself", severity="warning")
        elif not card.block.runnable:
            self.runbook.say(f"fill in first: {', '.join(card.block.missing)}", severity="warning")
        elif not self.source.live:
            self.runbook.say("this is a recording: nothing can be run", severity="warning")
        else:
            block = card.block
            card.border_subtitle = Content("running …")
            self.run_worker(self._run(card, block), group="check", description="running a check", exit_on_error=False)

    async def _run(self, card: SqlCard, block: SqlBlock) -> None:
        try:
            await self.source.run_check(block)
        finally:
            card.border_subtitle = Content("x run   c copy   w write")
            card.refresh(layout=True)


class Painting(Painted):
    """A paragraph in one paint."""

    def __init__(self, text: str, paint: str = "bad") -> None:
        super().__init__(classes="painting")
        self._text = text
        self._paint = paint

    def build(self, width: int) -> Sequence[Line]:
        return paragraph(self._text, width, self._paint)
