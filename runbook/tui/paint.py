"""Widgets that show ``Line``s: one that fits its content, one that scrolls any number of them with a cursor.

Colours come from the theme through component classes (``paint--NAME`` in app.tcss), so that a theme switch repaints.
Only the lines in view are turned into segments: 10,000 rows cost no more than 30.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.filter import LineFilter
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from runbook.text import clean
from runbook.tui.lines import Line, cut, plain

Builder = Callable[[int], Sequence[Line]]
"""Makes the lines for a width in cells."""

PAINTS = (
    "muted",
    "faint",
    "bold",
    "title",
    "good",
    "warn",
    "bad",
    "info",
    "accent",
    "key",
    "code",
    "local",
    "production",
    "local-text",
    "production-text",
    "bar",
    "reverse",
    "tone-red",
    "tone-orange",
    "tone-yellow",
    "tone-green",
    "tone-cyan",
    "tone-blue",
    "tone-magenta",
    "tone-white",
)
_CLASSES = {f"paint--{name}" for name in PAINTS}


class SafetyNet(LineFilter):
    """The last net before the terminal: whatever control character a widget let through is made visible."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(text.isprintable() or control for text, _, control in segments):
            return segments
        return [
            segment if segment.control or segment.text.isprintable() else Segment(clean(segment.text), segment.style)
            for segment in segments
        ]


class _Painter(Widget):
    """Resolves paint names to the theme's styles."""

    COMPONENT_CLASSES: ClassVar[set[str]] = _CLASSES

    def __init__(self, *children: Widget, **options: Any) -> None:
        super().__init__(*children, **options)
        self._styles_seen: dict[str, Style] = {}

    def notify_style_update(self) -> None:
        self._styles_seen.clear()
        super().notify_style_update()

    def paint(self, names: str) -> Style:
        """The style of space-separated paint names over the widget's own."""
        if not names:
            return Style.null()
        found = self._styles_seen.get(names)
        if found is None:
            found = self.get_component_rich_style(*(f"paint--{n}" for n in names.split()), partial=True)
            self._styles_seen[names] = found
        return found

    def strip(self, one: Line, width: int, over: Style | None = None) -> Strip:
        """``one`` in ``width`` cells; ``over``: a style put over all of it."""
        base = self.rich_style
        one = cut(one, width)
        segments = [Segment(s.text, base + self.paint(s.style) + over) for s in one.spans]
        return Strip(segments).adjust_cell_length(width, base + over)


class Painted(_Painter):
    """A few lines that are all shown: a header, a question, a row of keys."""

    def build(self, width: int) -> Sequence[Line]:
        """The lines for ``width`` cells."""
        raise NotImplementedError

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.build(width))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        lines = self.build(width)
        return self.strip(lines[y], width) if y < len(lines) else Strip.blank(width, self.rich_style)


class Lines(ScrollView, _Painter, can_focus=True):
    """Scrolling lines. Items (lines that share a key) are stepped through; cursor and scroll survive an update.

    ``fixed``: so many lines at the top stay while the rest scrolls.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = _CLASSES | {"lines--cursor", "lines--selection"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "up", "Up", show=False),
        Binding("down,j", "down", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("home", "home", "First", show=False),
        Binding("end", "end", "Last", show=False),
        Binding("enter", "choose", "open", key_display="enter", tooltip="Open what the cursor stands on"),
    ]
    cursor: reactive[str | None] = reactive(None)

    class Moved(Message):
        """The cursor stands on another item."""

        def __init__(self, lines: Lines, key: str) -> None:
            super().__init__()
            self.lines = lines
            self.key = key

        @property
        def control(self) -> Lines:
            return self.lines

    class Chosen(Message):
        """An item was opened: Enter, or a click on the item under the cursor. ``key`` is None where there are none."""

        def __init__(self, lines: Lines, key: str | None) -> None:
            super().__init__()
            self.lines = lines
            self.key = key

        @property
        def control(self) -> Lines:
            return self.lines

    def __init__(
        self,
        builder: Builder | None = None,
        *,
        fixed: int = 0,
        keeps_cursor: bool = False,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._builder: Builder = builder or (lambda _: ())
        self._lines: Sequence[Line] = ()
        self._spans: dict[str, tuple[int, int]] = {}
        self._built_for = -1
        self.fixed = fixed
        self.keeps_cursor = keeps_cursor  # the cursor shows what is selected, also without the focus

    # -- content ------------------------------------------------------------------------------------------------

    def display_lines(self, builder: Builder) -> None:
        """Show other content. The cursor stays on its item if it still exists, and in view."""
        self._builder = builder
        self._rebuild()

    @property
    def keys(self) -> list[str]:
        """The items, in order."""
        return list(self._spans)

    def text_of(self, key: str | None) -> str:
        """What an item says (or, without a key, everything), for the clipboard."""
        if key is None:
            return plain(self._lines)
        return plain(one for one in self._lines if one.key == key)

    def _rebuild(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        self._built_for = width
        top = self._anchor()
        self._lines = self._builder(width)
        self._spans = _items(self._lines)
        self.virtual_size = Size(width, len(self._lines))
        if self.cursor not in self._spans:
            keys = list(self._spans)
            self.set_reactive(Lines.cursor, keys[0] if keys else None)
        elif top is not None and self.cursor is not None:
            moved = self._spans[self.cursor][0] - top
            if moved and self.scroll_offset.y:
                self.scroll_to(y=self.scroll_offset.y + moved, animate=False)
        self.refresh()

    def _anchor(self) -> int | None:
        return self._spans[self.cursor][0] if self.cursor in self._spans and self.cursor is not None else None

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._builder(width))

    def on_resize(self) -> None:
        if self.scrollable_content_region.width != self._built_for:
            self._rebuild()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        at = y if y < self.fixed else y + self.scroll_offset.y
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        one = self._lines[at]
        over = None
        if one.key is not None and one.key == self.cursor and (self.has_focus or self.keeps_cursor):
            over = self.get_component_rich_style("lines--cursor", partial=True)
        strip = self.strip(one, width, over)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(at)) is not None:
            start, end = span
            end = width if end == -1 else end
            chosen = self.get_component_rich_style("lines--selection", partial=True)
            parts = list(strip.divide([start, end, width]))
            if len(parts) == 3:
                strip = Strip.join([parts[0], parts[1].apply_style(chosen), parts[2]])
        return strip.apply_offsets(0, at)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract(plain(self._lines)), "\n"

    # -- moving -------------------------------------------------------------------------------------------------

    def _view(self) -> tuple[int, int]:
        """First and last visible line, the fixed ones not counted."""
        top = self.scroll_offset.y
        return top + self.fixed, top + self.scrollable_content_region.height - 1

    def action_down(self) -> None:
        keys = list(self._spans)
        if self.cursor is None or self.cursor not in self._spans:
            self.scroll_down(animate=False)
            return
        last = self._spans[self.cursor][1]
        _, bottom = self._view()
        at = keys.index(self.cursor)
        if last > bottom or at + 1 >= len(keys):
            self.scroll_down(animate=False)
        else:
            self.move_to(keys[at + 1])

    def action_up(self) -> None:
        keys = list(self._spans)
        if self.cursor is None or self.cursor not in self._spans:
            self.scroll_up(animate=False)
            return
        first = self._spans[self.cursor][0]
        top, _ = self._view()
        at = keys.index(self.cursor)
        if first < top or at == 0:
            self.scroll_up(animate=False)
        else:
            self.move_to(keys[at - 1])

    def action_page(self, direction: int) -> None:
        height = max(self.scrollable_content_region.height - self.fixed - 1, 1)
        if self.cursor is None or len(self._spans) < 2:
            self.scroll_to(y=self.scroll_offset.y + direction * height, animate=False)
            return
        target = self._spans[self.cursor][0] + direction * height
        keys = list(self._spans)
        nearest = min(keys, key=lambda k: abs(self._spans[k][0] - target))
        if nearest == self.cursor:
            self.scroll_to(y=self.scroll_offset.y + direction * height, animate=False)
        else:
            self.move_to(nearest)

    def action_home(self) -> None:
        if self._spans:
            self.move_to(next(iter(self._spans)))
        self.scroll_home(animate=False)

    def action_end(self) -> None:
        if self._spans:
            self.move_to(list(self._spans)[-1])
        self.scroll_end(animate=False)

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self, self.cursor))

    def move_to(self, key: str) -> None:
        """Put the cursor on an item and bring it into view."""
        if key not in self._spans:
            return
        first, last = self._spans[key]
        top, bottom = self._view()
        height = bottom - top + 1
        if first < top:
            self.scroll_to(y=first - self.fixed, animate=False)
        elif last > bottom:
            self.scroll_to(y=min(first, last - height + 1) - self.fixed, animate=False)
        self.cursor = key

    def watch_cursor(self, old: str | None, new: str | None) -> None:
        self.refresh()
        if new is not None and new != old:
            self.post_message(self.Moved(self, new))

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        y = at.y if at.y < self.fixed else at.y + self.scroll_offset.y
        key = self._lines[y].key if 0 <= y < len(self._lines) else None
        if key is None:
            return
        if key == self.cursor and event.chain == 2:
            self.post_message(self.Chosen(self, key))
        else:
            self.move_to(key)


def _items(lines: Sequence[Line]) -> dict[str, tuple[int, int]]:
    spans: dict[str, tuple[int, int]] = {}
    for number, one in enumerate(lines):
        if one.key is not None:
            first, _ = spans.get(one.key, (number, number))
            spans[one.key] = (first, number)
    return spans
