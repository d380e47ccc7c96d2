"""The part of a migration that a check reports: all of it, or only the files that changed, on top of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import groupby

from runbook.migration import forecast
from runbook.migration.catalog import Catalog
from runbook.migration.follow import created, follow, settled
from runbook.migration.model import Migration, MigrationFile
from runbook.migration.result import FileForecast, Forecast, Summary

Changed = Callable[[str], bool]


def touches(file: MigrationFile, changed: Changed) -> bool:
    """Whether the file changed, or one that it includes."""
    return changed(file.path) or any(changed(s.file) for s in file.statements)


def forecast_on_history(migration: Migration, changed: Changed, catalog: Catalog) -> Forecast:
    """The forecast of the changed files alone, where no server tells what the others left behind.

    The others are followed: their tables are known with columns and constraints, and are taken to be as large and busy
    as any by now. What changed files create is new to those that come after them, whatever lies between.
    """
    now = catalog
    told: list[FileForecast] = []
    runs = [f for f in migration.files if not f.is_down]
    for is_changed, group in groupby(runs, key=lambda f: touches(f, changed)):
        files = tuple(group)
        if is_changed:
            told.extend(forecast(replace(migration, files=files), now).files)
            now = follow(files, now)
        else:
            new = created(now)
            now = settled(follow(files, now), new=new)
    whole = Forecast(catalog.server_version_num, catalog.basis, tuple(told))
    return only_changed(whole, migration, changed)


def narrowed(migration: Migration, changed: Changed) -> Migration:
    """The changed files alone: for a server that has the others already."""
    return replace(migration, files=tuple(f for f in migration.files if touches(f, changed)))


def only_changed(whole: Forecast, migration: Migration, changed: Changed) -> Forecast:
    """``whole`` with the changed files, and of unchanged ones the statements of changed files that they include."""
    source = {s.index: s.file for s in migration.statements}
    files = []
    for file in whole.files:
        if changed(file.path):
            files.append(file)
            continue
        statements = tuple(s for s in file.statements if changed(source[s.index]))
        if statements:
            files.append(replace(file, statements=statements))
    severities = [s.severity for f in files for s in f.statements]
    summary = Summary(severities.count("danger"), severities.count("warning"), severities.count("notice"))
    return replace(whole, files=tuple(files), summary=summary)
