"""Whether an error is a message of PostgreSQL's source, whatever language the server speaks."""

from __future__ import annotations

from functools import cache

from runbook.failure.messages import pattern_of, translations
from runbook.failure.report import ErrorReport


def is_one_of(error: ErrorReport, *templates: str) -> bool:
    """Whether the message is one of these templates (as the source has them), or a translation of one."""
    languages = ("en", *translations()) if error.language is not None or not error.message.isascii() else ("en",)
    text = " ".join(error.message.split())
    return any(_fits(text, template, language) for language in languages for template in templates)


@cache
def _pattern(template: str, language: str) -> str | None:
    found: str | None = template
    if language != "en":
        found = translations()[language]["messages"].get(template)
    return found


def _fits(text: str, template: str, language: str) -> bool:
    words = _pattern(template, language)
    return words is not None and pattern_of(words)[0].fullmatch(text) is not None
