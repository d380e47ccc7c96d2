"""From a forecast to a report: findings, what the files' ignores and the baseline say of them, what is stale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from runbook.check.baseline import Baseline, apply_baseline, stale
from runbook.check.findings import findings
from runbook.check.ignores import Ignore, about_ignores, apply_ignores, checked, read_ignores
from runbook.check.report import FailOn, Report
from runbook.config import IgnoreConfig
from runbook.migration import Catalog, forecast
from runbook.migration.hazard_words import HAZARDS
from runbook.migration.model import Migration, Statement
from runbook.migration.result import Forecast
from runbook.migration.statement import decode


def make_report(
    found: Forecast,
    migration: Migration,
    *,
    fail_on: FailOn,
    root: Path,
    texts: Mapping[str, str] | None = None,
    ignores: Iterable[IgnoreConfig] = (),
    whole_project: bool = False,
    baseline: Baseline | None = None,
) -> tuple[Report, tuple[str, ...]]:
    """The report, and a sentence for each entry of the baseline that is there no more.

    ``texts``: of files that are not on disk (stdin). ``whole_project``: everything was checked, so that a
    configuration's ignore which matches nothing is stale.
    """
    raw = findings(found, migration)
    marks = [*_in_files(found, migration, texts or {}), *(_configured(i) for i in ignores)]
    judged, unmatched = apply_ignores(raw, marks)
    judged = (*judged, *about_ignores(marks, _surely_unused(unmatched, found, migration, whole_project)))
    gone: tuple[str, ...] = ()
    if baseline is not None:
        judged = apply_baseline(judged, baseline)
        if baseline.basis == found.basis:  # another basis finds other things: nothing follows from their absence
            gone = tuple(stale(baseline, judged, examined(found, migration), root))
    return Report(found, migration, judged, fail_on, root), gone


def examined(found: Forecast, migration: Migration) -> tuple[str, ...]:
    """The files that the report is about, those that psql includes among them, each once."""
    told = {s.index for s in found.statements}
    paths = [f.path for f in found.files] + [s.file for s in migration.statements if s.index in told]
    return tuple(dict.fromkeys(paths))


def _in_files(found: Forecast, migration: Migration, texts: Mapping[str, str]) -> list[Ignore]:
    by_file: dict[str, list[Statement]] = {}
    for statement in sorted(migration.statements, key=lambda s: s.line):
        by_file.setdefault(statement.file, []).append(statement)
    marks: list[Ignore] = []
    for path in examined(found, migration):
        text = texts.get(path)
        if text is None:
            try:
                text = decode(Path(path).read_bytes(), path).text
            except OSError:
                continue  # it was there a moment ago; its statements are known, its ignores are not
        marks.extend(read_ignores(path, text, by_file.get(path, [])))
    return marks


def _configured(ignore: IgnoreConfig) -> Ignore:
    ids = tuple(dict.fromkeys(i.lower() for i in ignore.hazards))
    return checked(Ignore("config", ignore.source, ignore.line, ids, ignore.reason, files=ignore.files))


def _surely_unused(
    unused: Sequence[tuple[Ignore, str]], found: Forecast, migration: Migration, whole_project: bool
) -> list[tuple[Ignore, str]]:
    """Those that matched nothing here and would match nothing elsewhere.

    What only a server shows is not missed where none was asked. What is spared because a table is small, idle or new is
    not missed either: each file is judged once more by itself, as if nothing were known of what it works on.
    """
    kept = [(i, id_) for i, id_ in unused if i.scope != "config" or whole_project]
    if found.basis == "assumed":
        kept = [(i, id_) for i, id_ in kept if id_ not in HAZARDS or not HAZARDS[id_].server_only]
    told = {f.path for f in found.files}
    of = {i.path for i, _ in kept}
    everywhere = any(i.scope == "config" for i, _ in kept)
    catalog = Catalog.assumed(found.server_version_num)
    for file in migration.files if kept else ():
        if file.path in told and (everywhere or file.path in of or any(s.file in of for s in file.statements)):
            alone = replace(migration, files=(file,))
            elsewhere = findings(forecast(alone, catalog), alone)
            kept = [(i, id_) for i, id_ in kept if not any(i.matches(f, id_) for f in elsewhere)]
    return kept
