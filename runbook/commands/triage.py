"""``runbook triage``: the app, or the diagnosis on stdout."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from runbook.commands.common import Failed, config_from, load_playbooks, side_options
from runbook.commands.running import case_choices, exit_code, until_done

if TYPE_CHECKING:
    from runbook.config import Config
    from runbook.session.live import LiveSession, Options


@click.command()
@side_options
@click.option("--json", "as_json", is_flag=True, help="No screen: the diagnosis as JSON on stdout.")
@click.option("--markdown", "as_markdown", is_flag=True, help="No screen: the diagnosis as Markdown on stdout.")
@click.option(
    "--probe-data",
    is_flag=True,
    help="Ask production's rows what only they decide: bounded, read-only queries, each looked at by EXPLAIN first.",
)
@click.option(
    "--keep-literals",
    is_flag=True,
    help="Show and record the queries of other sessions with their literals (they are data of your customers).",
)
def triage(as_json: bool, as_markdown: bool, no_record: bool, keep_literals: bool, **given: Any) -> int:
    """Look at both servers, the migration and the error; name the cause (this is the default command)."""
    if as_json and as_markdown:
        raise Failed("--json and --markdown exclude each other: choose one.")
    config = config_from(given)
    if keep_literals:
        from runbook.session import redaction

        redaction.keep_literals.set(True)
    options = _session_options(config, given)
    headless = as_json or as_markdown
    if headless and not (options.sides or options.migration or options.error_text is not None):
        raise Failed(
            "there is nothing to look at: give --local and --production, --error or --migration "
            "(or name the sides in runbook.toml)."
        )
    if not headless and not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        # Textual draws on stderr: where that is redirected, the app would run unseen.
        raise Failed("there is no terminal to open the app on (stdin, stdout and stderr): use --json or --markdown.")
    from runbook.session.live import LiveSession

    folder = None if no_record else config.sessions_folder
    session = LiveSession(options, lambda: load_playbooks(config), folder=folder, interim=not headless)
    if session.recording_problem:
        click.echo(f"runbook: {session.recording_problem}", err=True)
    if headless:
        return _run_headless(session, "json" if as_json else "markdown")
    return _run_app(session, config)


def _run_headless(session: LiveSession, format: str) -> int:
    import asyncio

    from runbook.transcript import render

    asyncio.run(until_done(session))
    click.echo(render(session.state, session.playbooks, format), nl=False)
    return exit_code(session)


def _run_app(session: LiveSession, config: Config) -> int:
    from runbook.tui.app import run

    return run(session, case=case_choices(config), theme=config.theme or None)


def _session_options(config: Config, given: dict[str, Any]) -> Options:
    from runbook.session.live import Options, SideChoice

    sides = tuple(
        SideChoice(key, side.dsn, side.name, side.colour, side.source, side.role)  # type: ignore[arg-type]
        for key, side in (("local", config.local), ("production", config.production))
        if side is not None
    )
    return Options(
        sides=sides,
        migration=tuple(Path(p) for p in given.get("migration") or ()),
        runner=given.get("runner"),
        error_text=_read_error(given.get("error")),
        seen=given.get("seen"),
        answers=_answers(given.get("answer") or ()),
        connect_timeout_s=config.connect_timeout_s,
        probe_data=bool(given.get("probe_data")),
    )


def _read_error(path: str | None) -> Path | IO[bytes] | None:
    """Where the error stands. A log of a gigabyte is read line by line, when the session starts."""
    if path is None:
        return None
    if path == "-":
        return sys.stdin.buffer
    try:
        with Path(path).open("rb"):
            return Path(path)
    except OSError as error:
        raise Failed(f"--error {path} cannot be read: {error.strerror}. Give a file, or - for stdin.") from None


def _answers(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    from runbook.diagnosis.questions import BY_ID, answer_fact

    answers = []
    for text in given:
        question, equals, answer = text.partition("=")
        if not equals or question not in BY_ID:
            raise Failed(f"--answer {text}: give QUESTION=ANSWER; the questions are: {', '.join(sorted(BY_ID))}.")
        try:
            answer_fact(question, answer)
        except ValueError as error:
            raise Failed(f"--answer {text}: {error}.") from None
        answers.append((question, answer))
    return tuple(answers)
