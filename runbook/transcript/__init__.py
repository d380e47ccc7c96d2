"""A session rendered for people and programs, from its journal alone: the same state gives the same bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

    from runbook.playbook import Playbook
    from runbook.session.state import State


@dataclass(frozen=True, slots=True)
class Form:
    """One way to render a session. ``what``: for people who choose; ``template``: None where none is used."""

    name: str
    what: str
    suffix: str
    template: str | None


FORMS: Mapping[str, Form] = {
    form.name: form
    for form in (
        Form("markdown", "Markdown, for people", ".md", "transcript.md.jinja"),
        Form("html", "HTML, one file that opens offline and prints", ".html", "transcript.html.jinja"),
        Form("postmortem", "a postmortem to be completed, Markdown", "-postmortem.md", "postmortem.md.jinja"),
        Form("chat", "a short update to paste into a chat", "-chat.txt", "chat.txt.jinja"),
        Form("json", "JSON, for programs", ".json", None),
    )
}
FORMATS = tuple(FORMS)


class ExportError(Exception):
    """A transcript that could not be written: what, where, what to do."""


def render(
    state: State,
    playbooks: Mapping[str, Playbook],
    format: str,
    templates: Path | None = None,
    gaps: Sequence[str] = (),
    screens: Sequence[tuple[str, Markup]] = (),
) -> str:
    """The transcript as text. ``templates``: a folder whose Jinja2 templates come before ours.

    ``gaps``: lines of the journal that could not be read or were changed, each as a sentence; a transcript tells them.
    ``screens``: title and SVG of screens that an HTML transcript shows.

    Raises ``ExportError`` for a format that does not exist and, with file and line, for what is wrong in a template.
    """
    form = FORMS.get(format)
    if form is None:
        raise ExportError(f"there is no format {format!r}; there are: {', '.join(FORMATS)}")
    if templates is not None:
        _check(templates, form)
    if screens and form.name != "html":
        raise ExportError("only an HTML transcript shows screens")
    if form.template is None:
        from runbook.documents import to_json, triage

        return quiet(to_json(triage(state, dict(playbooks))).decode())
    from runbook.transcript.dialects import dialect_of
    from runbook.transcript.templating import rendered

    return rendered(
        form.template, dialect_of(form.template), templates, {**_values(state, playbooks, gaps), "screens": screens}
    )


def write(
    state: State,
    playbooks: Mapping[str, Playbook],
    format: str,
    path: Path,
    templates: Path | None = None,
    gaps: Sequence[str] = (),
    screens: Sequence[tuple[str, Markup]] = (),
) -> Path:
    """Write the transcript to ``path`` (a file, or a folder to put it in), readable by its owner only."""
    text = render(state, playbooks, format, templates, gaps, screens)
    try:
        if path.is_dir():
            path = path / f"{state.session_id}{FORMS[format].suffix}"
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror}") from None
    return path


def _values(state: State, playbooks: Mapping[str, Playbook], gaps: Sequence[str]) -> dict[str, Any]:
    """What every template is given."""
    from markupsafe import Markup

    from runbook.transcript.impact import fullest
    from runbook.transcript.pictures import rows
    from runbook.transcript.playbook_text import playbook_text
    from runbook.transcript.story import story
    from runbook.triage.model import MARKS

    causes = state.diagnosis.causes if state.diagnosis else ()
    locks = fullest(state)
    return {
        "state": state,
        "story": story(state, gaps),
        "playbook": playbook_text(causes[0].id, state, playbooks) if causes else None,
        "locks": locks,
        "lock_rows": rows(locks) if locks is not None else [],
        "marks": {mark: Markup(sign) for mark, sign in MARKS.items()},
    }


def _check(folder: Path, form: Form) -> None:
    """A folder that has nothing to say on a format is a mistake, not a wish for our template."""
    from runbook.transcript.templating import our_templates

    if form.template is None:
        raise ExportError(f"{form.name} is made for programs: it has no template")
    if not folder.is_dir():
        raise ExportError(f"{folder} is no folder of templates")
    ours = our_templates()
    if not any((folder / name).is_file() for name in ours):
        raise ExportError(f"{folder} holds none of the templates: {', '.join(ours)}")


_LOUD = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def quiet(json: str) -> str:
    r"""JSON without characters that a terminal obeys: they stand in strings only, as ``\\u009b``, and read back the same."""
    return _LOUD.sub(lambda m: m.group().encode("utf-16-be").hex("|", 2).replace("|", "\\u").join(("\\u", "")), json)
