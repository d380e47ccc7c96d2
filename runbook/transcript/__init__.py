"""A session rendered for people: Markdown and JSON (HTML and the postmortem's form come with the record)."""

from __future__ import annotations

from pathlib import Path

from runbook.playbook import Playbook
from runbook.session.state import State

FORMATS = ("markdown", "json")


class ExportError(Exception):
    """A transcript that could not be written: what, where, what to do."""


def render(state: State, playbooks: dict[str, Playbook], format: str) -> str:
    """The transcript as text. Raises ``ExportError`` for a format that does not exist."""
    if format == "markdown":
        from runbook.transcript.markdown import markdown

        return markdown(state, playbooks)
    if format == "json":
        from runbook.documents import to_json, triage

        return to_json(triage(state, playbooks)).decode()
    raise ExportError(f"there is no format {format!r}; there are: {', '.join(FORMATS)}")


def write(state: State, playbooks: dict[str, Playbook], format: str, path: Path) -> Path:
    """Write the transcript to ``path`` (a file, or a folder to put it in), readable by its owner only."""
    if path.is_dir():
        path = path / f"{state.session_id}.{'md' if format == 'markdown' else format}"
    text = render(state, playbooks, format)
    try:
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror}") from None
    return path
