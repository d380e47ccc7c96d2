"""The bars that every screen has: the session's header at the top, the keys at the bottom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from textual import events
from textual.screen import Screen

from runbook.tui.lines import Line, Span, line
from runbook.tui.paint import Painted
from runbook.tui.views.header import header

if TYPE_CHECKING:
    from runbook.tui.app import RunbookApp


class HeaderBar(Painted):
    """See ``views.header``. Its clock ticks once a second while the session is live."""

    def on_mount(self) -> None:
        self.watch(self.app, "state", self._changed, init=False)
        if cast("RunbookApp", self.app).source.live:
            self.set_interval(1.0, self.refresh)

    def build(self, width: int) -> Sequence[Line]:
        app = cast("RunbookApp", self.app)
        return header(app.state, width, app.elapsed_s, live=app.source.live)

    def _changed(self) -> None:
        self.refresh(layout=True)


class KeyBar(Painted):
    """The keys of this screen, made from its bindings: as many as fit, help and quit always."""

    ALWAYS = ("help", "quit")

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        self.refresh()

    def build(self, width: int) -> Sequence[Line]:
        return [Line(tuple(span for _, spans in self._cells(width) for span in spans))]

    def _cells(self, width: int) -> list[tuple[str, tuple[Span, ...]]]:
        """(key to press, what is shown) of every key that fits, left to right."""
        shown = [a for a in self.screen.active_bindings.values() if a.binding.show]
        cells: dict[str, tuple[str, tuple[Span, ...], bool]] = {}
        for active in shown:
            binding = active.binding
            if binding.action in cells:
                continue
            display = binding.key_display or self.app.get_key_display(binding)
            paint = "bar key" if active.enabled else "bar faint"
            spans = line(
                (f" {display}", paint), (f" {binding.description} ", "bar" if active.enabled else "bar faint")
            ).spans
            cells[binding.action] = (binding.key.split(",")[0], spans, binding.action in self.ALWAYS)
        always = [(key, spans) for key, spans, keep in cells.values() if keep]
        room = width - sum(Line(spans).width for _, spans in always)
        chosen: list[tuple[str, tuple[Span, ...]]] = []
        for key, spans, keep in cells.values():
            if keep:
                continue
            room -= Line(spans).width
            if room < 0:
                break
            chosen.append((key, spans))
        return [*chosen, *always]

    def on_click(self, event: events.Click) -> None:
        at = event.x
        for key, spans in self._cells(self.size.width):
            at -= Line(spans).width
            if at < 0:
                self.app.simulate_key(key)
                return
