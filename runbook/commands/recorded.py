"""``runbook sessions``, ``show``, ``export``, ``diff`` and ``replay``: what was recorded."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from runbook.commands.common import EXIT_OK, EXIT_WRONG, Failed, load_playbooks
from runbook.transcript import FORMATS


@click.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many, newest first.")
def sessions(limit: int) -> int:
    """List the recorded sessions, newest first."""
    from runbook.config import load
    from runbook.session.journal import JournalError
    from runbook.session.recorder import replayed
    from runbook.text import shorten

    folder = load().sessions_folder
    for path in sorted(folder.glob("*.jsonl"), reverse=True)[:limit]:
        try:
            state = replayed(path)
        except JournalError as error:
            click.echo(f"runbook: {error}", err=True)
            continue
        summary = state.diagnosis.summary if state.diagnosis else "nothing was concluded"
        click.echo(f"{path.stem}  {state.started_at[:19].replace('T', ' ')}  {shorten(summary, 80)}")
    return EXIT_OK


@click.command()
@click.argument("session")
@click.option("--verify", is_flag=True, help="Only check that nothing is missing or was changed.")
def show(session: str, verify: bool) -> int:
    """Show a recorded session (its id, a part of it, or a journal's path)."""
    from runbook.session.journal import read
    from runbook.session.state import fold_all
    from runbook.transcript import render

    path = journal_path(session)
    recording = read(path)
    for problem in recording.problems:
        click.echo(f"runbook: {problem}", err=True)
    if verify:
        click.echo(f"{path}: {len(recording.events)} events, {len(recording.problems)} problems")
        return EXIT_WRONG if recording.problems else EXIT_OK
    from runbook.config import load

    playbooks, _ = load_playbooks(load())
    click.echo(render(fold_all(recording.events), playbooks, "markdown"), nl=False)
    return EXIT_OK


@click.command()
@click.argument("session")
@click.option("--format", "format_", type=click.Choice(FORMATS), default="markdown", show_default=True)
@click.option("--output", "-o", metavar="PATH", help="A file or folder; stdout when it is left out.")
@click.option("--template", metavar="FOLDER", help="A folder of Jinja2 templates that come before the shipped ones.")
@click.option("--screens", is_flag=True, help="With the app's screens as pictures in it (HTML only).")
def export(session: str, format_: str, output: str | None, template: str | None, screens: bool) -> int:
    """Write a recorded session as a transcript, a postmortem's draft or a message for a chat."""
    from runbook.config import load
    from runbook.session.journal import read
    from runbook.session.state import State, fold_all
    from runbook.text import clean
    from runbook.transcript import render, write

    templates = Path(template) if template is not None else None
    playbooks, _ = load_playbooks(load())
    path = journal_path(session)
    recording = read(path)
    for problem in recording.problems:
        click.echo(f"runbook: {clean(problem)}", err=True)
    state = fold_all(recording.events, State(path=str(path)))
    pictures = []
    if screens:
        if format_ != "html":
            raise Failed("--screens belongs to --format html: no other form shows pictures.")
        from runbook.tui.photographs import photographs

        pictures = photographs(recording.events, playbooks)
    if output is None:
        click.echo(render(state, playbooks, format_, templates, recording.problems, pictures), nl=False)
    else:
        written = write(state, playbooks, format_, Path(output), templates, recording.problems, pictures)
        click.echo(str(written), err=True)
    return EXIT_OK


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--json", "as_json", is_flag=True, help="As JSON (`runbook schema diff`).")
@click.option("--all", "moving", is_flag=True, help="Also facts that differ at every look: ages, pids, counters.")
def diff(a: str, b: str, as_json: bool, moving: bool) -> int:
    """Compare two recorded sessions: what changed in servers, facts and causes."""
    from runbook.session.recorder import replayed
    from runbook.transcript.difference import difference, text

    found = difference(replayed(journal_path(a)), replayed(journal_path(b)))
    if as_json:
        from runbook.documents import to_json
        from runbook.transcript import quiet

        click.echo(quiet(to_json(found).decode()), nl=False)
    else:
        click.echo(text(found, moving=moving), nl=False)
    return EXIT_OK


@click.command()
@click.argument("session")
@click.option("--speed", type=click.FloatRange(0.1, 1000), default=1.0, show_default=True, help="1 is as it happened.")
@click.option("--at", metavar="TIME|#EVENT", help="Where to begin, paused: 2:30 or #34.")
@click.option("--follow", is_flag=True, help="Follow a session that is still being written.")
def replay(session: str, speed: float, at: str | None, follow: bool) -> int:
    """Play a recorded session in the app; no database is needed."""
    from runbook.config import load
    from runbook.session.replay import open_replay

    config = load()
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Failed("there is no terminal to open the app on; `runbook show` prints a session.")
    playbooks, _ = load_playbooks(config)
    recording = open_replay(journal_path(session), playbooks, speed=speed, follow=follow)
    for problem in recording.problems:
        click.echo(f"runbook: {problem}", err=True)
    from runbook.tui.app import RunbookApp
    from runbook.tui.loop import run_to_end
    from runbook.tui.replaying import jump, place

    if at is not None:
        where = place(at)
        if where is None:
            raise Failed(f"--at takes a time like 2:30 or an event like #34, not {at!r}.")
        jump(recording, where)
        recording.playing = False
    run_to_end(RunbookApp(recording, theme=config.theme or None, replay=recording))
    return EXIT_OK


def journal_path(name: str) -> Path:
    from runbook.config import load

    path = Path(name)
    if path.suffix == ".jsonl" and path.is_file():
        return path
    folder = load().sessions_folder
    found = sorted(folder.glob(f"*{name}*.jsonl")) if name and "/" not in name else []
    if len(found) == 1:
        return found[0]
    if not found:
        raise Failed(f"there is no session {name!r} in {folder}; `runbook sessions` lists them.")
    raise Failed(f"{name!r} is part of {len(found)} sessions; give more of its id.")
