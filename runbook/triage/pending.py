"""Which of the given files production has yet to run: whoever points at a whole folder means those."""

from __future__ import annotations

from dataclasses import replace

from runbook.migration.model import Migration, MigrationFile
from runbook.triage.case import Case
from runbook.triage.history import History, histories_of, relevant, version_of, versions_pending


def pending_migration(case: Case) -> Migration | None:
    """The given migration without the files that production's history counts as applied.

    The whole migration where no history says, where nothing would remain, and where what was applied is in question.
    """
    whole = case.migration
    if whole is None or not case.given or case.seen == "broken" or len(whole.files) < 2 or case.production is None:
        return whole
    history = relevant(histories_of(case.production, case), case)
    if history is None or history.tool != whole.runner:
        return whole
    files = tuple(f for f in whole.files if _to_run(f, history, whole))
    return replace(whole, files=files) if any(f.statements for f in files) else whole


def _to_run(file: MigrationFile, history: History, whole: Migration) -> bool:
    if not file.version:
        return True  # repeatable, or not numbered: it may run at any time
    version = version_of(history.tool, file)
    broken = history.broken
    if broken is not None and broken.version == version:
        return True
    return version in versions_pending(history, [f for f in whole.files if f.version and not f.is_down])
