"""A team's own templates: used in place of ours, in a sandbox, inert by default, and clear about what is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook.transcript import ExportError, render
from tests.transcript.poison import state


def folder(tmp_path: Path, **templates: str) -> Path:
    for name, text in templates.items():
        (
            tmp_path / {"chat": "chat.txt.jinja", "html": "transcript.html.jinja", "md": "transcript.md.jinja"}[name]
        ).write_text(text)
    return tmp_path


def test_a_teams_template_is_used_and_other_forms_keep_ours(tmp_path: Path) -> None:
    own = folder(tmp_path, chat="{{ story.title }} by us\n")
    assert render(state(), {}, "chat", own) == "deploy-4711 by us\n"
    assert render(state(), {}, "markdown", own) == render(state(), {}, "markdown")


def test_a_teams_template_may_build_on_ours(tmp_path: Path) -> None:
    own = folder(tmp_path, chat='SEV-2\n{% include "runbook/chat.txt.jinja" %}')
    assert render(state(), {}, "chat", own) == "SEV-2\n" + render(state(), {}, "chat")


def test_only_the_style_sheet_can_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "style.css").write_text("body { color: rebeccapurple }\n")
    assert "rebeccapurple" in render(state(), {}, "html", tmp_path)


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (
            "a\n{{ story.nothing }}\n",
            "chat.txt.jinja:2: 'runbook.transcript.story.Story object' has no attribute 'nothing'",
        ),
        ("a\nb\n{% if %}\n", "chat.txt.jinja:3: Expected an expression"),
        ("{{ nobody }}", "chat.txt.jinja:1: 'nobody' is undefined"),
        ("{{ 1 / 0 }}", "chat.txt.jinja:1: division by zero"),
        ("{{ story.title | nofilter }}", "chat.txt.jinja:1: No filter named 'nofilter'"),
        ('\n{% include "elsewhere.jinja" %}', "chat.txt.jinja:2: there is no template 'elsewhere.jinja'"),
        ('{% include "../../etc/passwd" %}', "there is no template '../../etc/passwd'"),
        ("{{ story.title.__class__.__mro__ }}", "access to attribute '__class__' of 'str' object is unsafe"),
        ("{{ state.events.__init__.__globals__ }}", "is unsafe"),
        ("{% for n in range(10 ** 9) %}{% endfor %}", "Range too big"),
        ('{% include "chat.txt.jinja" %}', "includes or calls itself without end"),
    ],
)
def test_a_mistake_in_a_template_is_told_with_file_and_line(tmp_path: Path, template: str, says: str) -> None:
    with pytest.raises(ExportError) as raised:
        render(state(), {}, "chat", folder(tmp_path, chat=template))
    assert says in str(raised.value)
    assert str(tmp_path) in str(raised.value)


def test_a_folder_that_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is no folder of templates"):
        render(state(), {}, "chat", tmp_path / "nowhere")
    with pytest.raises(ExportError, match=r"holds none of the templates: chat\.txt\.jinja, "):
        render(state(), {}, "chat", tmp_path)
    with pytest.raises(ExportError, match="json is made for programs"):
        render(state(), {}, "json", folder(tmp_path, chat="x"))


def test_a_template_that_forgets_to_escape_is_inert_all_the_same(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>[x](https://evil.example)@here"
    own = folder(
        tmp_path,
        html="<p>{{ state.error.message }}</p>",
        md="{{ state.error.message }}",
        chat="{{ state.error.message }}",
    )
    assert "<script>" not in render(state(hostile), {}, "html", own)
    assert "\\<script\\>" in render(state(hostile), {}, "markdown", own)
    assert "](" not in render(state(hostile), {}, "markdown", own).replace("\\](", "")
    assert "@here" not in render(state(hostile), {}, "chat", own)


def test_a_template_cannot_change_what_it_is_given(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"chat\.txt\.jinja:1: "):
        render(state(), {}, "chat", folder(tmp_path, chat="{{ lock_rows.clear() }}"))
