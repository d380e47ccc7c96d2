"""``runbook check``: the forecast of migrations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from runbook.commands.common import EXIT_NOTHING, EXIT_OK, EXIT_WRONG, Failed, config_from
from runbook.commands.gating import (
    Given,
    forecast_without_server,
    gate_options,
    given,
    judged,
    only_reported,
    pending_on,
    to_forecast,
)
from runbook.commands.rehearsing import (
    RehearseCommand,
    measured_by,
    on_production,
    rehearsal_exit_code,
    rehearse_here,
    rehearse_options,
)

if TYPE_CHECKING:
    from runbook.config import SideConfig
    from runbook.migration.model import Migration
    from runbook.migration.result import Forecast
    from runbook.rehearsal.result import Rehearsed

# As in runbook.check.report, which --help must not import.
FORMATS = ("text", "json", "sarif", "github", "gitlab", "markdown")
FAIL_ON = ("danger", "warning", "notice", "never")


@click.command(cls=RehearseCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--production", metavar="DSN", help="Forecast on this server: its version, sizes and sessions.")
@click.option("--local", metavar="DSN", help="Forecast on this server when there is no production to ask.")
@click.option("--pg-version", type=click.IntRange(12, 18), help="The major to assume when no server is asked.")
@click.option("--runner", metavar="NAME", help="The tool that runs the files, when they do not tell.")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="[default: text, or what runbook.toml says]")
@click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON),
    help="Exit with 1 from this severity on.  [default: danger, or what runbook.toml says]",
)
@click.option(
    "--probe-data",
    is_flag=True,
    help="Ask the server's rows what only they decide: bounded, read-only queries, each looked at by EXPLAIN first.",
)
@gate_options
@rehearse_options
def check(
    paths: tuple[str, ...],
    production: str | None,
    local: str | None,
    pg_version: int | None,
    runner: str | None,
    format_: str | None,
    fail_on: str | None,
    probe_data: bool,
    since: str | None,
    baseline: str | None,
    write_baseline: str | None,
    rehearse: str | None,
    typed: str | None,
    limit_s: float,
) -> int:
    """Forecast migrations without running them; the sides are optional. PATH: files, folders, or - for stdin."""
    from runbook.check.report import render

    config = config_from({"local": local, "production": production})
    fail_on, format_ = fail_on or config.check_fail_on, format_ or config.check_format
    found_files = given(paths, runner, since, baseline, write_baseline)
    side = config.production if production else (config.local if local or rehearse else None)
    if side is not None and pg_version is not None:
        raise Failed("--pg-version is for when no server is asked: leave out the server or the version.")
    if side is None and probe_data:
        raise Failed("--probe-data asks a server's rows: give --production or --local.")
    migration = to_forecast(found_files, on_server=side is not None)
    rehearsed = None
    if rehearse is not None:
        rehearsed = rehearse_here(
            migration, config, rehearse, typed, limit_s, lambda local: pending_on(local, migration, found_files)
        )
    if side is None:
        found = forecast_without_server(found_files, (pg_version or config.check_pg_version or 18) * 10000)
    elif rehearsed is not None and side.key == "local":
        # As it was before: a rehearsal that commits changes what a forecast would say.
        found = only_reported(rehearsed.forecast, found_files)
    else:
        found = only_reported(_forecast_on(side, migration, found_files, rehearsed), found_files)
    if side is not None and probe_data:
        found = _asked(side, found)
    if rehearsed is not None and found.basis == "production":
        rehearsed = on_production(rehearsed, found)
    report = replace(judged(found, migration, found_files, config, fail_on), rehearsed=rehearsed)
    click.echo(render(report, format_), nl=False)
    code = EXIT_WRONG if report.gate.failed else EXIT_OK
    return code if rehearsed is None else rehearsal_exit_code(rehearsed.rehearsal, fail_on, code)


def _asked(side: SideConfig, found: Forecast) -> Forecast:
    """The forecast with what the side's rows answered; progress goes to stderr."""
    import asyncio

    from runbook.migration.data_checks import with_answers
    from runbook.postgres.data_probe import probe_data, questions

    wanted = questions(found)
    click.echo(f"runbook: asking {side.name} {len(wanted)} questions about its rows", err=True)
    return with_answers(found, asyncio.run(probe_data(side.key, side.dsn, wanted)))  # type: ignore[arg-type]


def _forecast_on(
    side: SideConfig, migration: Migration, found_files: Given, rehearsed: Rehearsed | None = None
) -> Forecast:
    """Look at the side once and forecast on what it is, with what a rehearsal measured.

    A server that cannot be asked ends the command.
    """
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
        raise Failed(f"{side.name} could not be asked: {why}", EXIT_NOTHING)
    case = side_case(SideChoice(side.key, side.dsn, side.name), seen)  # type: ignore[arg-type]
    migration = pending_on(case, migration, found_files)
    measured = measured_by(rehearsed) if rehearsed is not None else None
    return forecast(migration, seen.catalog, activity=held_locks(case), measured=measured)
