"""The commands: parse arguments, call, print, exit code. Data goes to stdout, narration and progress to stderr.

Everything heavy is imported where it is used: ``--help`` must not pay for a screen, a driver or a parser.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runbook import __version__

if TYPE_CHECKING:
    from runbook.config import Config, SideConfig
    from runbook.migration.model import Migration
    from runbook.migration.result import Forecast
    from runbook.session.live import LiveSession, Options
    from runbook.tui.choices import CaseChoices

EXIT_OK, EXIT_WRONG, EXIT_USAGE, EXIT_NOTHING, EXIT_LIMIT, EXIT_INTERRUPTED = 0, 1, 2, 3, 4, 130
SEEN = ("failed", "hanging", "running", "broken", "planned")


class _Commands(click.Group):
    """``runbook`` and ``runbook --local ...`` mean ``runbook triage ...``."""

    _OWN = frozenset({"--help", "-h", "--version", "--debug"})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = next((a for a in args if a != "--debug"), None)
        if first is None or (first.startswith("-") and first not in self._OWN):
            at = 1 if args[:1] == ["--debug"] else 0
            args = [*args[:at], "triage", *args[at:]]
        return super().parse_args(ctx, args)


class _Failed(Exception):
    """A sentence for stderr and an exit code."""

    def __init__(self, message: str, code: int = EXIT_USAGE) -> None:
        super().__init__(message)
        self.code = code


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command and exit with the code that CONTRACT.md gives it. No traceback, unless ``--debug`` asks for it."""
    args = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in args
    try:
        code = commands.main(args, prog_name="runbook", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        code = leaving.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        code = EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_OK
    except Exception as error:  # the last line of defence: a sentence, never a traceback
        if debug:
            raise
        code = _explain(error)
    sys.exit(code if isinstance(code, int) else EXIT_OK)


def _explain(error: Exception) -> int:
    from runbook.text import clean

    known = ("ConfigError", "MigrationError", "JournalError", "ExportError", "PlaybookError", "LabError", "_Failed")
    if any(base.__name__ in known for base in type(error).__mro__):
        click.echo(f"runbook: {clean(str(error))}", err=True)
        return error.code if isinstance(error, _Failed) else EXIT_USAGE
    what = clean(f"{type(error).__name__}: {error}")
    click.echo(f"runbook: this should not have happened: {what}. Run it again with --debug to see where.", err=True)
    return EXIT_NOTHING


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="runbook")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def commands(debug: bool) -> None:
    """The first ten minutes of a failed PostgreSQL migration, in ten seconds.

    Without a command, opens the app. Try `runbook demo` first.
    """
    del debug  # read by main()


# -- triage -------------------------------------------------------------------------------------------------------


def _side_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--local", metavar="DSN", help="The local server: connection string, URI, or a configured side."),
        click.option("--production", metavar="DSN", help="The production server: the same."),
        click.option("--service", metavar="NAME", help="A service of pg_service.conf, as the production side."),
        click.option("--role", metavar="ROLE", help="The role that runs migrations on production, if it is not ours."),
        click.option("--migration", "-m", metavar="PATH", multiple=True, help="Migration file or folder; repeatable."),
        click.option("--runner", metavar="NAME", help="The tool that runs it, when its files do not tell."),
        click.option("--error", "-e", metavar="PATH|-", help="What was printed, as a file or from stdin."),
        click.option("--seen", type=click.Choice(SEEN), help="What you see of the migration."),
        click.option("--playbooks", metavar="DIR", multiple=True, help="A folder of further playbooks; repeatable."),
        click.option("--answer", metavar="QUESTION=ANSWER", multiple=True, help="Answer a question; repeatable."),
        click.option("--no-record", is_flag=True, help="Keep no journal of this session."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@commands.command()
@_side_options
@click.option("--json", "as_json", is_flag=True, help="No screen: the diagnosis as JSON on stdout.")
@click.option("--markdown", "as_markdown", is_flag=True, help="No screen: the diagnosis as Markdown on stdout.")
def triage(as_json: bool, as_markdown: bool, no_record: bool, **given: Any) -> int:
    """Look at both servers, the migration and the error; name the cause (this is the default command)."""
    if as_json and as_markdown:
        raise _Failed("--json and --markdown exclude each other: choose one.")
    config = _config(given)
    options = _session_options(config, given)
    headless = as_json or as_markdown
    if headless and not (options.sides or options.migration or options.error_text is not None):
        raise _Failed(
            "there is nothing to look at: give --local and --production, --error or --migration "
            "(or name the sides in runbook.toml)."
        )
    if not headless and not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        # Textual draws on stderr: where that is redirected, the app would run unseen.
        raise _Failed("there is no terminal to open the app on (stdin, stdout and stderr): use --json or --markdown.")
    from runbook.session.live import LiveSession

    folder = None if no_record else config.sessions_folder
    session = LiveSession(options, lambda: _load_playbooks(config), folder=folder, interim=not headless)
    if session.recording_problem:
        click.echo(f"runbook: {session.recording_problem}", err=True)
    if headless:
        return _run_headless(session, "json" if as_json else "markdown")
    return _run_app(session, config)


def _run_headless(session: LiveSession, format: str) -> int:
    import asyncio

    from runbook.transcript import render

    asyncio.run(_until_done(session))
    click.echo(render(session.state, session.playbooks, format), nl=False)
    return _exit_code(session)


async def _until_done(session: LiveSession) -> None:
    import asyncio
    import signal

    task = asyncio.ensure_future(session.start())
    loop = asyncio.get_running_loop()
    stopped: list[int] = []

    def stop() -> None:
        stopped.append(1)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    unsubscribe = _show_progress(session) if sys.stderr.isatty() else None
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
    finally:
        if unsubscribe is not None:
            unsubscribe()
        await session.close("interrupted" if stopped else "done")
    if stopped:
        raise KeyboardInterrupt


def _show_progress(session: LiveSession) -> Callable[[], None]:
    """One line on stderr that counts the probes of each side, and is gone when they are done."""
    from runbook.session.events import Event, ReadingTaken
    from runbook.session.state import State

    def tell(event: Event, state: State) -> None:
        if isinstance(event.payload, ReadingTaken):
            counts = {key: sum(1 for side, _ in state.readings if side == key) for key in state.given}
            click.echo("\r" + "  ".join(f"{key}: {n} probes" for key, n in counts.items()), err=True, nl=False)

    unsubscribe = session.subscribe(tell)

    def end() -> None:
        unsubscribe()
        click.echo("\r\x1b[K", err=True, nl=False)

    return end


def _exit_code(session: LiveSession) -> int:
    """0 nothing wrong, 1 something is wrong, 2 an input could not be used, 3 nothing could be examined."""
    state = session.state
    diagnosis = state.diagnosis
    unusable = [p for p in state.problems if p.what in ("migration", "error")]
    for problem in state.problems:
        click.echo(f"runbook: {problem.what}: {problem.reason}", err=True)
    if unusable:
        return EXIT_USAGE
    if diagnosis is None:
        return EXIT_NOTHING
    if diagnosis.conclusion == "not_in_catalogue" or any(c.verdict in ("proved", "likely") for c in diagnosis.causes):
        return EXIT_WRONG
    reached = any(side.reachable for side in state.sides.values())
    if state.sides and not reached and state.error is None and not diagnosis.causes:
        for side in state.sides.values():
            click.echo(f"runbook: {side.name} could not be reached: {side.reason}", err=True)
        return EXIT_NOTHING
    return EXIT_OK


def _run_app(session: LiveSession, config: Config) -> int:
    from runbook.tui.app import run

    return run(session, case=_choices(config), theme=config.theme or None)


def _choices(config: Config) -> CaseChoices:
    """Sides a person can pick from: configured ones, services, the environment."""
    from runbook.config import mask
    from runbook.tui.choices import CaseChoices, SideOption

    found = [SideOption(f"{s.name} ({s.source})", s.dsn, mask(s.dsn)) for s in config.sides.values()]
    found += [SideOption(f"service {name}", f"service={name}", f"service={name}") for name in _services()]
    if any(os.environ.get(v) for v in ("PGHOST", "PGSERVICE", "PGDATABASE")):
        found.append(SideOption("environment (PG*)", "", "PGHOST, PGDATABASE, ..."))
    return CaseChoices(tuple(found), Path.cwd())


def _services() -> list[str]:
    """Names in the user's and the system's service files."""
    import re

    files = [os.environ.get("PGSERVICEFILE") or str(Path.home() / ".pg_service.conf")]
    if os.environ.get("PGSYSCONFDIR"):
        files.append(str(Path(os.environ["PGSYSCONFDIR"]) / "pg_service.conf"))
    names: dict[str, None] = {}
    for file in files:
        try:
            text = Path(file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        names.update(dict.fromkeys(re.findall(r"^\[([^\]\n]+)\]", text, re.M)))
    return list(names)


def _config(given: dict[str, Any]) -> Config:
    from runbook.config import load

    production = given.get("production")
    if given.get("service"):
        if production is not None:
            raise _Failed("--service and --production both name the production side: give one of them.")
        production = f"service={given['service']}"
    return load(
        options={
            "sides.local.dsn": given.get("local"),
            "sides.production.dsn": production,
            "sides.production.role": given.get("role"),
            "playbooks.folders": list(given.get("playbooks") or ()),
        }
    )


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
    )


def _read_error(path: str | None) -> bytes | None:
    if path is None:
        return None
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise _Failed(f"--error {path} cannot be read: {error.strerror}. Give a file, or - for stdin.") from None


def _answers(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    from runbook.diagnosis.questions import BY_ID, answer_fact

    answers = []
    for text in given:
        question, equals, answer = text.partition("=")
        if not equals or question not in BY_ID:
            raise _Failed(f"--answer {text}: give QUESTION=ANSWER; the questions are: {', '.join(sorted(BY_ID))}.")
        try:
            answer_fact(question, answer)
        except ValueError as error:
            raise _Failed(f"--answer {text}: {error}.") from None
        answers.append((question, answer))
    return tuple(answers)


def _load_playbooks(config: Config) -> tuple[dict[str, Any], list[Any]]:
    from runbook.playbook import load

    return load(config.playbook_folders)


# -- check --------------------------------------------------------------------------------------------------------


@commands.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--production", metavar="DSN", help="Forecast on this server: its version, sizes and sessions.")
@click.option("--local", metavar="DSN", help="Forecast on this server when there is no production to ask.")
@click.option("--pg-version", type=click.IntRange(12, 18), help="The major to assume when no server is asked.")
@click.option("--runner", metavar="NAME", help="The tool that runs the files, when they do not tell.")
@click.option("--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option(
    "--fail-on",
    type=click.Choice(["danger", "warning", "notice", "never"]),
    default="danger",
    show_default=True,
    help="Exit with 1 from this severity on.",
)
def check(
    paths: tuple[str, ...],
    production: str | None,
    local: str | None,
    pg_version: int | None,
    runner: str | None,
    format_: str,
    fail_on: str,
) -> int:
    """Forecast migrations without running them; the sides are optional."""
    from runbook.check import ORDER, render, worst
    from runbook.migration import Catalog, forecast, load

    migration = load([Path(p) for p in paths], runner)
    config = _config({"local": local, "production": production})
    side = config.production if production else (config.local if local else None)
    if side is not None and pg_version is not None:
        raise _Failed("--pg-version is for when no server is asked: leave out the server or the version.")
    if side is None:
        found = forecast(migration, Catalog.assumed((pg_version or 18) * 10000))
    else:
        found = _forecast_on(side, migration)
    click.echo(render(found, migration, format_), nl=False)
    return EXIT_WRONG if fail_on != "never" and ORDER.index(worst(found)) >= ORDER.index(fail_on) else EXIT_OK


def _forecast_on(side: SideConfig, migration: Migration) -> Forecast:
    """Look at the side once and forecast on what it is. A server that cannot be asked ends the command."""
    import asyncio

    from runbook.migration import forecast
    from runbook.postgres.survey import look
    from runbook.session.live import SideChoice, functions_of, side_case
    from runbook.triage.holders import held_locks

    seen = asyncio.run(
        look(side.key, side.dsn, role=side.role, functions=functions_of(migration), sample_gap_s=0)  # type: ignore[arg-type]
    )
    if seen.catalog is None:
        why = seen.refusal.message if seen.refusal else seen.catalog_problem
        raise _Failed(f"{side.name} could not be asked: {why}", EXIT_NOTHING)
    case = side_case(SideChoice(side.key, side.dsn, side.name), seen)  # type: ignore[arg-type]
    return forecast(migration, seen.catalog, activity=held_locks(case))


# -- demo ---------------------------------------------------------------------------------------------------------


@commands.command()
@click.argument("scenario", required=False)
@click.option("--list", "list_only", is_flag=True, help="List the scenarios.")
@click.option("--json", "as_json", is_flag=True, help="No screen: the diagnosis of the scenario as JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="No screen: the same as Markdown.")
@click.option("--no-record", is_flag=True, help="Keep no journal of this session.")
def demo(scenario: str | None, list_only: bool, as_json: bool, as_markdown: bool, no_record: bool) -> int:
    """Two embedded servers with a real fault, and the app on them."""
    from runbook.lab import list_scenarios

    known = {s.id: s for s in list_scenarios()}
    if list_only:
        width = max(len(i) for i in known)
        for item in known.values():
            click.echo(f"{item.id:<{width}}  {item.title}")
        return EXIT_OK
    chosen = scenario or next(iter(known))
    if chosen not in known:
        raise _Failed(f"there is no scenario {chosen!r}; `runbook demo --list` names them.")
    headless = "json" if as_json else ("markdown" if as_markdown else None)
    if headless is None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise _Failed("there is no terminal to open the app on: use --json or --markdown.")
    return _run_demo(known[chosen], headless, no_record)


def _run_demo(scenario: Any, headless: str | None, no_record: bool) -> int:
    import asyncio

    from runbook.lab import running
    from runbook.session.live import LiveSession, Options, SideChoice

    config = _config({})
    folder = None if no_record else config.sessions_folder

    async def run() -> int:
        click.echo(f"starting two PostgreSQL servers: {scenario.title}", err=True)
        async with running(scenario) as lab:
            options = Options(
                sides=(
                    SideChoice("local", lab.local_dsn, "local", source="demo"),
                    SideChoice("production", lab.production_dsn, "production", source="demo"),
                ),
                migration=tuple(Path(p) for p in lab.migration_paths),
                error_text=lab.error_text,
                seen=lab.seen,
                title=f"demo {scenario.id}",
            )
            session = LiveSession(options, lambda: _load_playbooks(config), folder=folder, interim=headless is None)
            if headless is not None:
                await _until_done(session)
                from runbook.transcript import render

                click.echo(render(session.state, session.playbooks, headless), nl=False)
                return _exit_code(session)
            from runbook.tui.app import RunbookApp
            from runbook.tui.loop import run_here

            return await run_here(RunbookApp(session, case=_choices(config), theme=config.theme or None))

    return asyncio.run(run())


# -- what was recorded --------------------------------------------------------------------------------------------


@commands.command()
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


@commands.command()
@click.argument("session")
@click.option("--verify", is_flag=True, help="Only check that nothing is missing or was changed.")
def show(session: str, verify: bool) -> int:
    """Show a recorded session (its id, a part of it, or a journal's path)."""
    from runbook.session.journal import read
    from runbook.session.state import fold_all
    from runbook.transcript import render

    path = _journal(session)
    recording = read(path)
    for problem in recording.problems:
        click.echo(f"runbook: {problem}", err=True)
    if verify:
        click.echo(f"{path}: {len(recording.events)} events, {len(recording.problems)} problems")
        return EXIT_WRONG if recording.problems else EXIT_OK
    from runbook.config import load

    playbooks, _ = _load_playbooks(load())
    click.echo(render(fold_all(recording.events), playbooks, "markdown"), nl=False)
    return EXIT_OK


@commands.command()
@click.argument("session")
@click.option("--format", "format_", type=click.Choice(["markdown", "json"]), default="markdown", show_default=True)
@click.option("--output", "-o", metavar="PATH", help="A file or folder; stdout when it is left out.")
def export(session: str, format_: str, output: str | None) -> int:
    """Write a recorded session as a transcript."""
    from runbook.config import load
    from runbook.session.recorder import replayed
    from runbook.transcript import render, write

    playbooks, _ = _load_playbooks(load())
    state = replayed(_journal(session))
    if output is None:
        click.echo(render(state, playbooks, format_), nl=False)
    else:
        click.echo(str(write(state, playbooks, format_, Path(output))), err=True)
    return EXIT_OK


def _journal(name: str) -> Path:
    from runbook.config import load

    path = Path(name)
    if path.suffix == ".jsonl" and path.is_file():
        return path
    folder = load().sessions_folder
    found = sorted(folder.glob(f"*{name}*.jsonl")) if name and "/" not in name else []
    if len(found) == 1:
        return found[0]
    if not found:
        raise _Failed(f"there is no session {name!r} in {folder}; `runbook sessions` lists them.")
    raise _Failed(f"{name!r} is part of {len(found)} sessions; give more of its id.")


# -- playbooks, causes, schemas, configuration ----------------------------------------------------------------------


@commands.group()
def playbooks() -> None:
    """List, show and check playbooks."""


_FOLDERS = click.option("--playbooks", "folders", metavar="DIR", multiple=True, help="A further folder; repeatable.")


def _loaded(folders: Sequence[str]) -> tuple[dict[str, Any], list[Any]]:
    return _load_playbooks(_config({"playbooks": folders}))


@playbooks.command("list")
@_FOLDERS
def playbooks_list(folders: tuple[str, ...]) -> int:
    """List all playbooks with their files."""
    found, errors = _loaded(folders)
    for playbook in sorted(found.values(), key=lambda p: (p.family, p.id)):
        click.echo(f"{playbook.family:<12} {playbook.id:<36} {playbook.title}")
    return _name_errors(errors)


@playbooks.command("show")
@click.argument("cause")
@_FOLDERS
def playbooks_show(cause: str, folders: tuple[str, ...]) -> int:
    """Show a playbook with placeholders in place of an incident's values."""
    from runbook.diagnosis.facts import FactBook

    found, _ = _loaded(folders)
    click.echo(_known(found, cause).render(FactBook()).markdown(), nl=False)
    return EXIT_OK


@playbooks.command("check")
@click.argument("folders", nargs=-1, type=click.Path())
def playbooks_check(folders: tuple[str, ...]) -> int:
    """Check all playbooks, the user's own folders included; name what is wrong with file and line."""
    from runbook.playbook import check

    found, errors = _loaded(folders)
    problems = [*errors, *(e for p in found.values() for e in check(p, found))]
    for problem in problems:
        click.echo(str(problem), err=True)
    click.echo(f"{len(found)} playbooks, {len(problems)} problems")
    return EXIT_USAGE if problems else EXIT_OK


def _name_errors(errors: Sequence[Any]) -> int:
    for error in errors:
        click.echo(f"runbook: {error}", err=True)
    return EXIT_USAGE if errors else EXIT_OK


def _known(found: dict[str, Any], cause: str) -> Any:
    if cause not in found:
        import difflib

        near = difflib.get_close_matches(cause, found, n=1)
        hint = f" Did you mean {near[0]}?" if near else " `runbook causes` lists them."
        raise _Failed(f"there is no cause {cause!r}.{hint}")
    return found[cause]


@commands.group(invoke_without_command=True)
@click.pass_context
def causes(ctx: click.Context) -> int:
    """List the causes by family, or show one."""
    if ctx.invoked_subcommand is not None:
        return EXIT_OK
    found, errors = _loaded(())
    family = ""
    for playbook in sorted(found.values(), key=lambda p: (p.family, p.id)):
        if playbook.family != family:
            family = playbook.family
            click.echo(f"\n{family}")
        states = ", ".join(playbook.sqlstates) or "any error, or none"
        click.echo(f"  {playbook.id:<36} {playbook.title}  ({playbook.kind}; {states})")
    return _name_errors(errors)


@causes.command("show")
@click.argument("cause")
def causes_show(cause: str) -> int:
    """Show a cause: what it needs to be seen, what speaks for and against it, and its remedy."""
    from runbook.diagnosis.facts import FactBook

    playbook = _known(_loaded(())[0], cause)
    click.echo(f"{playbook.id}: {playbook.title}\n")
    for name, items in (("needs", playbook.required), ("evidence", playbook.evidence)):
        click.echo(f"{name}:")
        for item in items:
            click.echo(f"  {item.strength:<9} {item.when.text}")
    click.echo()
    click.echo(playbook.render(FactBook()).markdown(), nl=False)
    return EXIT_OK


@commands.command()
@click.argument("name", required=False)
def schema(name: str | None) -> int:
    """Print the JSON Schema of a document."""
    import json

    from runbook.documents import SCHEMAS
    from runbook.documents import schema as schema_of

    if name not in SCHEMAS:
        raise _Failed(f"a document is one of: {', '.join(SCHEMAS)}" + (f"; not {name!r}." if name else "."))
    click.echo(json.dumps(schema_of(name), indent=2))
    return EXIT_OK


@commands.group()
def config() -> None:
    """The configuration and where it comes from."""


@config.command("show")
@_side_options
def config_show(**given: Any) -> int:
    """Print each value and where it came from, passwords masked."""
    from runbook.config import show as show_config

    rows = list(show_config(_config(given)))
    width = max(len(key) for key, _, _ in rows)
    for key, value, source in rows:
        click.echo(f"{key:<{width}}  {value}    [{source}]")
    return EXIT_OK


@commands.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(commands, {}, "runbook", "_RUNBOOK_COMPLETE").source())
    return EXIT_OK
