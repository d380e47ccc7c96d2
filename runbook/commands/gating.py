"""``runbook check`` as a gate: which files it is about, what was known before, and what the report comes to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runbook.commands.common import Failed

if TYPE_CHECKING:
    from runbook.check.baseline import Baseline
    from runbook.check.changed import Changes
    from runbook.check.report import Report
    from runbook.config import Config
    from runbook.migration.model import Migration
    from runbook.migration.result import Forecast
    from runbook.triage.case import SideCase


def gate_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--since", metavar="REV", help="Report only files that changed since the branch left REV (git)."),
        click.option("--baseline", metavar="FILE", help="Findings that FILE knows do not fail the check."),
        click.option("--write-baseline", metavar="FILE", help="Write what is found to FILE, and exit with 0."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Given:
    """What the files and the options said. ``texts``: of what came from stdin, by the name it has in the report."""

    paths: tuple[str, ...]
    migration: Migration
    texts: dict[str, str]
    changes: Changes | None
    baseline: Baseline | None
    write_to: Path | None

    @property
    def whole_project(self) -> bool:
        return self.changes is None and any(Path(p).is_dir() for p in self.paths)


def given(
    paths: tuple[str, ...], runner: str | None, since: str | None, baseline: str | None, write_baseline: str | None
) -> Given:
    """Read all of it. Raises ``Failed`` and ``MigrationError`` with one sentence."""
    from runbook.check import CheckError

    if since is not None and write_baseline is not None:
        raise Failed("--write-baseline wants all findings: leave out --since.")
    texts: dict[str, str] = {}
    try:
        known = _known(baseline) if baseline is not None else None
        if "-" in paths:
            migration = _from_stdin(paths, runner, texts)
        else:
            _one_tool(paths, runner)
            from runbook.migration import load

            migration = load([Path(p) for p in paths], runner)
        changes = _changes(since, paths[0]) if since is not None else None
    except CheckError as error:
        raise Failed(f"{error}.") from None
    found = Given(paths, migration, texts, changes, known, Path(write_baseline) if write_baseline is not None else None)
    _narrate(found, since)
    return found


def _known(path: str) -> Baseline:
    from runbook.check.baseline import read_baseline

    return read_baseline(Path(path))


def _changes(revision: str, path: str) -> Changes:
    from runbook.check.changed import changes_since

    place = Path(path)
    folder = Path.cwd() if path == "-" else place if place.is_dir() else place.parent
    return changes_since(revision, folder)


def _from_stdin(paths: Sequence[str], runner: str | None, texts: dict[str, str]) -> Migration:
    from runbook.migration import parse
    from runbook.migration.statement import decode

    if len(paths) > 1:
        raise Failed("- reads the migration from stdin and stands alone: leave out the other paths.")
    text = decode(sys.stdin.buffer.read(), "<sql>").text
    texts["<sql>"] = text
    return parse(text, runner)


def _one_tool(paths: Sequence[str], runner: str | None) -> None:
    """Folders of several tools are several migrations."""
    folders = [p for p in paths if Path(p).is_dir()]
    if runner is not None or len(folders) < 2:
        return
    from runbook.migration import load

    tools = {folder: load([Path(folder)]).runner for folder in folders}
    if len(set(tools.values())) > 1:
        named = " and ".join(f"{folder} is of {tool}" for folder, tool in tools.items())
        raise Failed(f"{named}: check them one at a time, or say with --runner which tool runs them all.")


def _narrate(found: Given, since: str | None) -> None:
    files = [f for f in found.migration.files if not f.is_down]
    if found.changes is None:
        return
    from runbook.check.scope import touches

    changes = found.changes
    count = sum(1 for f in files if touches(f, changes.__contains__))
    said = f"{count} of {len(files)} files changed since {since} ({changes.since})"
    gone = [d for d in changes.deleted if d.lower().endswith(".sql")]
    if gone:
        said += f"; deleted: {', '.join(gone[:5])}{' ...' if len(gone) > 5 else ''}"
    click.echo(f"runbook: {said}", err=True)


def to_forecast(given: Given, *, on_server: bool) -> Migration:
    """What is forecast: on a server, that has the rest already, only what changed."""
    if given.changes is None or not on_server:
        return given.migration
    from runbook.check.scope import narrowed

    return narrowed(given.migration, given.changes.__contains__)


def forecast_without_server(given: Given, server_version_num: int) -> Forecast:
    """The forecast for tables that are taken to be large and busy; the files that did not change are history."""
    from runbook.migration import Catalog, forecast

    catalog = Catalog.assumed(server_version_num)
    if given.changes is not None:
        from runbook.check.scope import forecast_on_history

        return forecast_on_history(given.migration, given.changes.__contains__, catalog)
    files = sum(1 for f in given.migration.files if f.statements)
    if files > 1 and given.whole_project:
        click.echo(
            f"runbook: {files} files are read as one migration: what an earlier one creates is new and empty to the "
            "later ones; with --since REV those that did not change are history",
            err=True,
        )
    return forecast(given.migration, catalog)


def only_reported(found: Forecast, given: Given) -> Forecast:
    """The forecast without what did not change."""
    if given.changes is None:
        return found
    from runbook.check.scope import only_changed

    return only_changed(found, given.migration, given.changes.__contains__)


def pending_on(side: SideCase, migration: Migration, given: Given) -> Migration:
    """Of a folder, what the side's own history has yet to run; files that are named are meant."""
    if not any(Path(p).is_dir() for p in given.paths):
        return migration
    from runbook.triage.case import Case
    from runbook.triage.pending import pending_migration

    pending = pending_migration(Case(production=side, migration=migration, given=True)) or migration
    ran = len(migration.files) - len(pending.files)
    if ran:
        click.echo(
            f"runbook: {side.name} has run {ran} of {len(migration.files)} files; the others are pending", err=True
        )
    return pending


def judged(found: Forecast, migration: Migration, given: Given, config: Config, fail_on: str) -> Report:
    """The report; what the baseline has in vain is said on stderr, and the new baseline is written."""
    from runbook.check import CheckError
    from runbook.check.make import make_report
    from runbook.check.report import repository_root

    root = repository_root(Path.cwd())
    report, gone = make_report(
        found,
        migration,
        fail_on="never" if given.write_to is not None else fail_on,  # type: ignore[arg-type]
        root=root,
        texts=given.texts,
        ignores=config.ignores,
        whole_project=given.whole_project and len(found.files) == sum(not f.is_down for f in given.migration.files),
        baseline=given.baseline,
    )
    for sentence in gone:
        click.echo(f"runbook: baseline: {sentence}; write it anew with --write-baseline", err=True)
    if given.write_to is not None:
        from runbook.check.baseline import write_baseline

        try:
            with_paths = ((f, report.relative(f.path)) for f in report.findings)
            count = write_baseline(given.write_to, with_paths, found.basis)
        except CheckError as error:
            raise Failed(f"{error}.") from None
        click.echo(f"runbook: {given.write_to}: {count} findings", err=True)
    return report
