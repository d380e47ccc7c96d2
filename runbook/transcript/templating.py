"""Templates of transcripts: ours, or a team's own; sandboxed, and inert by default.

What a template prints is made inert by its dialect before it is printed, whether or not the template asks for it: a
forgotten filter is no hole. What a filter made for the dialect (``code``, ``block``) is printed as it is.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from runbook.text import clean, clean_line, plural, shorten
from runbook.transcript import ExportError
from runbook.transcript.moments import lock_words
from runbook.transcript.times import instant
from runbook.words import count, duration, percent, size

OURS = "runbook"
"""Our templates by that prefix, for those that build on them: ``{% extends "runbook/transcript.html.jinja" %}``."""


@dataclass(frozen=True)
class Dialect:
    """How text from outside is made inert: as prose, as a piece of code in a line, as a block of its own."""

    prose: Callable[[object], str]
    code: Callable[[object], str]
    block: Callable[..., str]
    filters: Mapping[str, Callable[..., Any]]


def rendered(name: str, dialect: Dialect, folder: Path | None, values: Mapping[str, Any]) -> str:
    """The template ``name`` with ``values``. Raises ``ExportError`` with file and line for what is wrong in it."""
    env = environment(dialect, folder)
    try:
        return str(env.get_template(name).render(values))
    except TemplateSyntaxError as error:
        raise ExportError(f"{error.filename or error.name}:{error.lineno}: {error.message}") from None
    except TemplateNotFound as error:
        raise ExportError(f"{_where(error)}: there is no template {error.name!r}") from None
    except (TemplateError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        if folder is None:
            raise  # ours: a defect, to be seen as one
        raise ExportError(f"{_where(error)}: {clean_line(str(error)) or type(error).__name__}") from None
    except RecursionError:
        raise ExportError(f"{folder}: the template includes or calls itself without end") from None


def our_templates() -> list[str]:
    """The names of the templates that a team's own folder may replace, each by itself."""
    folder = Path(__file__).parent / "templates"
    return sorted(p.name for p in folder.iterdir() if p.is_file())


def environment(dialect: Dialect, folder: Path | None = None) -> ImmutableSandboxedEnvironment:
    """The sandbox: values can be read, not changed; templates come from ``folder``, then from ours."""
    ours = FileSystemLoader(Path(__file__).parent / "templates")
    loader: BaseLoader = ChoiceLoader(
        [*([FileSystemLoader(folder)] if folder is not None else []), ours, PrefixLoader({OURS: ours})]
    )
    env = ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,
        finalize=lambda value: _finalized(value, dialect),
    )

    def inert(make: Callable[..., str]) -> Callable[..., Markup]:
        return lambda value, *args, **kwargs: Markup(make(value, *args, **kwargs))

    env.filters.update(
        e=lambda value: value if isinstance(value, Markup) else Markup(dialect.prose(value)),
        code=inert(dialect.code),
        block=inert(dialect.block),
        duration=duration,
        bytes=size,
        rows=count,
        lock=lock_words,
        shorten=shorten,
        percent=percent,
        plural=plural,
        clock=_clock,
        day=_day,
        sha256=lambda text: b64encode(hashlib.sha256(str(text).encode()).digest()).decode(),
        **dialect.filters,
    )
    return env


def _finalized(value: Any, dialect: Dialect) -> Any:
    if value is None:
        return ""
    if isinstance(value, Markup | bool | int | float) or hasattr(value, "__html__"):
        return value
    return Markup(dialect.prose(value))


def _where(error: BaseException) -> str:
    """``file:line`` of the innermost template frame that an error came from."""
    where = "the template"
    traceback = error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if name.endswith(".jinja"):
            where = f"{name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return where


def _clock(at: str) -> str:
    """``03:00:06`` of an ISO time, in UTC; what is no time is shown as it is."""
    found = instant(at)
    return found.strftime("%H:%M:%S") if found else clean(at)


def _day(at: str) -> str:
    found = instant(at)
    return found.astimezone(UTC).strftime("%Y-%m-%d") if found else clean(at)
