"""The part of a migration that a check reports: all of it, or only the files that changed, on top of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from runbook.migration.catalog import Catalog
from runbook.migration.follow import another_session, created, follow
from runbook.migration.forecast import forecast_and_follow
from runbook.migration.model import Migration, MigrationFile
from runbook.migration.result import FileForecast, Forecast, Summary

Changed = Callable[[str], bool]


def touches(file: MigrationFile, changed: Changed) -> bool:
    """Whether the file changed, or one that it includes."""
    return changed(file.path) or any(changed(s.file) for s in file.statements)


def _parts(file: MigrationFile, changed: Changed) -> Iterator[tuple[bool, MigrationFile]]:
    """The file in stretches that changed or did not: a script of includes is as new as what it includes."""
    if not file.statements:
        yield changed(file.path), file
    for is_changed, statements in groupby(file.statements, key=lambda s: changed(s.file)):
        yield is_changed, replace(file, statements=tuple(statements))


def forecast_on_history(migration: Migration, changed: Changed, catalog: Catalog) -> Forecast:
    """The forecast of the changed files alone, where no server tells what the others left behind.

    The others are followed: their tables are known with columns and constraints, and are taken to be as large and busy
    as any by now. What changed files create is new to those that come after them, whatever lies between.
    """
    now = catalog
    told: list[tuple[int, FileForecast]] = []
    runs = enumerate(f for f in migration.files if not f.is_down)
    parts = [(is_changed, n, part) for n, file in runs for is_changed, part in _parts(file, changed)]
    for is_changed, group in groupby(parts, key=lambda part: part[0]):
        stretch = list(group)
        these = replace(migration, files=tuple(part for _, _, part in stretch))
        if is_changed:
            found, after = forecast_and_follow(these, now)
            told.extend((n, file) for (_, n, _), file in zip(stretch, found.files, strict=True))
            now = another_session(after, catalog)
        else:
            now = follow(these, now, new=created(now))
    return _summed(Forecast(catalog.server_version_num, catalog.basis, tuple(_joined(told))))


def _joined(told: Sequence[tuple[int, FileForecast]]) -> Iterator[FileForecast]:
    """Stretches of one file as one again."""
    for _, group in groupby(told, key=lambda part: part[0]):
        parts = [file for _, file in group]
        yield replace(parts[0], statements=tuple(s for part in parts for s in part.statements))


def narrowed(migration: Migration, changed: Changed) -> Migration:
    """What changed alone: for a server that has the rest already."""
    files = (
        replace(f, statements=tuple(s for s in f.statements if changed(s.file)))
        for f in migration.files
        if touches(f, changed)
    )
    return replace(migration, files=tuple(files))


def only_changed(whole: Forecast, migration: Migration, changed: Changed) -> Forecast:
    """``whole`` without the files, and the statements of included files, that did not change."""
    source = {s.index: s.file for s in migration.statements}
    files = [replace(f, statements=tuple(s for s in f.statements if changed(source[s.index]))) for f in whole.files]
    return _summed(replace(whole, files=tuple(f for f in files if f.statements or changed(f.path))))


def _summed(forecast: Forecast) -> Forecast:
    severities = [s.severity for s in forecast.statements]
    summary = Summary(severities.count("danger"), severities.count("warning"), severities.count("notice"))
    return replace(forecast, summary=summary)
