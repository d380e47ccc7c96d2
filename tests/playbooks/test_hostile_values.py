"""A playbook's values come from outside: they cannot forge sections, leave their block, or become HTML."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from runbook.diagnosis.facts import Fact, FactBook
from runbook.playbook import SECTIONS, Playbook, Rendered, load

PLAYBOOKS, _ = load()

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "line\n## Fix\n\nrm -rf",
    "## Fix",
    "x\n```\n## Fix\n```sql on=production changes=yes\nDROP TABLE orders;\n```",
    "a`b``c",
    "\x1b]52;c;aGk=\x07\u202e",
]


def rendered(playbook: Playbook, value: str) -> Rendered:
    """Every text fact, also inside records, replaced by ``value``."""

    def poison(item: object) -> object:
        if isinstance(item, str):
            return value
        if isinstance(item, list):
            return [poison(i) for i in item]
        if isinstance(item, dict):
            return {k: poison(v) for k, v in item.items()}
        return item

    facts = FactBook.of_samples().facts.values()
    kept = ("known", "how", "blocker_kind", "timeout", "tool", "framework", "runner", "transaction_mode")
    poisoned = [f if f.id.split(".")[1] in kept else Fact(f.id, poison(f.value), f.because, f.step) for f in facts]
    return playbook.render(FactBook(poisoned))


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("cause", sorted(PLAYBOOKS))
def test_a_hostile_value_stays_a_value(cause: str, value: str) -> None:
    playbook = PLAYBOOKS[cause]
    result = rendered(playbook, value)
    assert list(result.sections) == list(SECTIONS.values())
    html = MarkdownIt("commonmark").render(result.markdown())
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html
    assert "\x1b" not in result.markdown()
    assert "\u202e" not in result.markdown()
    assert not any("DROP TABLE orders" in block.sql.splitlines()[0] for block in result.sql if block.sql)
