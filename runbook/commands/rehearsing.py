"""``runbook check --rehearse``: its options, and a rehearsal run from the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from runbook.commands.common import EXIT_INTERRUPTED, EXIT_LIMIT, EXIT_NOTHING, EXIT_OK, EXIT_WRONG, Failed

if TYPE_CHECKING:
    from runbook.config import Config
    from runbook.migration.model import Migration
    from runbook.migration.result import Forecast
    from runbook.migration.timing import Throughput
    from runbook.rehearsal.result import Rehearsal, Rehearsed, StatementRehearsal
    from runbook.rehearsal.signs import Production
    from runbook.triage.case import SideCase


class RehearseCommand(click.Command):
    """``--rehearse`` takes its value only as ``--rehearse=commit``: a path that follows is no value of it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        given = ["--rehearse=rollback" if a == "--rehearse" else a for a in args[:end]]
        return super().parse_args(ctx, given + args[end:])


def rehearse_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option(
            "--rehearse",
            type=click.Choice(["rollback", "commit"]),
            metavar="[=commit]",
            help="Run it on --local, measure, and roll back; =commit keeps it, and runs what cannot be rolled back.",
        ),
        click.option(
            "--rehearse-on",
            "typed",
            metavar="HOST:PORT/DATABASE",
            help="The local side's full name, typed out, where it does not look like a laptop's.",
        ),
        click.option(
            "--rehearse-limit",
            "limit_s",
            type=click.FloatRange(1, 86400),
            default=600,
            show_default=True,
            metavar="SECONDS",
            help="How long a rehearsal may take.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def rehearse_here(
    migration: Migration,
    config: Config,
    mode: str,
    typed: str | None,
    limit_s: float,
    pending: Callable[[SideCase], Migration],
) -> Rehearsed:
    """Rehearse on the local side what is ``pending`` there. A server that is refused or not there ends the command."""
    import asyncio

    from runbook.postgres.refusals import ConnectionRefused
    from runbook.postgres.rehearsal import RehearsalRefused
    from runbook.rehearsal.run import NothingToRehearseOn

    if config.local is None:
        raise Failed("--rehearse needs the local side: give --local, or [sides.local] in runbook.toml.")
    try:
        return asyncio.run(_until_signalled(migration, config, mode, typed, limit_s, pending))
    except RehearsalRefused as refused:
        raise Failed(str(refused)) from None
    except ConnectionRefused as error:
        raise Failed(f"{config.local.name} could not be reached: {error.refusal.message}", EXIT_NOTHING) from None
    except NothingToRehearseOn as error:
        raise Failed(f"{config.local.name} could not be asked: {error}", EXIT_NOTHING) from None


async def _until_signalled(
    migration: Migration,
    config: Config,
    mode: str,
    typed: str | None,
    limit_s: float,
    pending: Callable[[SideCase], Migration],
) -> Rehearsed:
    import asyncio
    import signal

    from runbook.postgres.rehearsal import Limits
    from runbook.rehearsal.run import rehearse
    from runbook.session.live import SideChoice, functions_of, side_case

    task = asyncio.current_task()
    assert task is not None
    assert config.local is not None
    choice = SideChoice("local", config.local.dsn, config.local.name)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await rehearse(
            migration,
            config.local.dsn,
            mode="commit" if mode == "commit" else "rollback",
            production=await _production(config),
            typed=typed,
            role=config.local.role,
            functions=functions_of(migration),
            limits=Limits(total_s=limit_s),
            connect_timeout_s=config.connect_timeout_s,
            narrow=lambda seen: pending(side_case(choice, seen)),
            on_statement=_progress if sys.stderr.isatty() else None,
        )
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _progress(one: StatementRehearsal) -> None:
    from runbook.text import clean_line

    if one.status != "not_reached":
        click.echo(f"{clean_line(one.file)}:{one.line}: {one.status.replace('_', ' ')}", err=True)


async def _production(config: Config) -> list[Production]:
    """Every side that may be production, asked who it is: the given one, the configured one, those named so."""
    import asyncio

    from runbook.config import load
    from runbook.postgres.rehearsal import read_production
    from runbook.rehearsal.signs import is_production_name

    configured = load()
    sides = [s for s in (config.production, configured.production) if s is not None]
    sides += [s for s in configured.sides.values() if is_production_name(s.key) or is_production_name(s.name)]
    found = {s.dsn: s.name for s in reversed(sides)}
    try:
        return await asyncio.gather(
            *(read_production(name, dsn, connect_timeout_s=config.connect_timeout_s) for dsn, name in found.items())
        )
    except ValueError as error:
        raise Failed(f"the production side's connection string cannot be read: {error}") from None


def rehearsal_exit_code(rehearsal: Rehearsal, fail_on: str, otherwise: int) -> int:
    """What the command ends with; ``otherwise`` by the forecast alone."""
    match rehearsal.outcome:
        case "interrupted":
            return EXIT_INTERRUPTED
        case "stopped":
            return EXIT_LIMIT
        case "completed":
            return otherwise
    return EXIT_OK if fail_on == "never" else EXIT_WRONG


def measured_by(rehearsed: Rehearsed) -> Throughput | None:
    """What the rehearsal says about work per second."""
    from runbook.rehearsal.throughput import throughput

    return throughput(rehearsed.rehearsal.rates)


def on_production(rehearsed: Rehearsed, forecast: Forecast) -> Rehearsed:
    """The rehearsal beside what it makes on production."""
    from dataclasses import replace

    from runbook.rehearsal.compare import with_production

    return replace(rehearsed, rehearsal=with_production(rehearsed.rehearsal, rehearsed.forecast, forecast))
