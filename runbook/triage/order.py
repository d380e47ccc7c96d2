"""What a tool makes of a history that does not fit its files: it refuses, leaves files out without a word, or runs on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from runbook.migration.model import Migration, MigrationFile
from runbook.migration.objects import created
from runbook.triage.case import Case, Facts

IN_ORDER: Mapping[str, str] = {
    "flyway": "refuses",  # DbValidate: "Detected resolved migration not applied to database", outOfOrder=false
    "goose": "refuses",  # goose.go: "found N missing migrations before current version", without -allow-missing
    "atlas": "refuses",  # cmd/atlas migrate apply: --exec-order linear
    "drizzle": "skips",  # pg-core/dialect.ts migrate(): only files newer than the newest created_at run
    "golang-migrate": "skips",  # migrate.go: only versions above the one recorded run
}
"""What a tool does with a pending file that is older than the newest applied one; the others run it."""

EDITED: Mapping[str, str] = {
    "flyway": "refuses",  # DbValidate: "Migration checksum mismatch"
    "sqlx": "refuses",  # sqlx-core migrate/migrator.rs: MigrateError::VersionMismatch
    "liquibase": "refuses",  # ValidatingVisitor: checksum of a change set
    "prisma": "warns",  # migrate deploy warns, migrate dev wants to reset the database
}
"""What a tool does when an applied file was edited; the others do not look."""

UNKNOWN: Mapping[str, str] = {
    "flyway": "refuses",  # DbValidate: "Detected applied migration not resolved locally"
    "sqlx": "refuses",  # MigrateError::VersionMissing, without ignore_missing
    "knex": "refuses",  # Migrator.js: "The migration directory is corrupt"
    "golang-migrate": "refuses",  # migrate.go: "no migration found for version N"
}
"""What a tool does when the history holds a version that no file has; the others do not look."""

Order = Callable[[str], tuple[tuple[int, int | str], ...]]


def state(
    facts: Facts,
    case: Case,
    tool: str,
    late: Sequence[str],
    unknown: Sequence[str],
    of_file: Callable[[MigrationFile], str],
    order: Order,
) -> None:
    """State what follows from ``late`` (pending, older than the newest applied) and ``unknown`` versions."""
    facts.know("history.late_are", IN_ORDER.get(tool, "run"), f"what {tool} does with them")
    facts.know("history.edited_are", EDITED.get(tool, "ignored"), f"what {tool} does with them")
    facts.know("history.unknown_are", UNKNOWN.get(tool, "ignored"), f"what {tool} does with them")
    given = case.whole or case.migration
    versions = [of_file(f) for f in (given.files if given else ()) if f.version and not f.is_down]
    newest = max((order(v) for v in versions), default=())
    facts.know(
        "history.unknown_newer",
        bool(unknown and versions) and all(order(v) > newest for v in unknown),
        "compared with the newest file",
    )
    facts.know("history.late_makers", list(_makers(case, given, late, of_file)), "what the late files create")


def _makers(
    case: Case, given: Migration | None, late: Sequence[str], of_file: Callable[[MigrationFile], str]
) -> Iterator[dict[str, Any]]:
    """The statements of late files that create what the error misses."""
    subject = case.error.subject if case.error is not None else None
    missed = (
        {n for n in (subject.column or subject.relation, subject.type, subject.index, subject.constraint) if n}
        if subject
        else set()
    )
    for file in given.files if given else ():
        if not file.version or of_file(file) not in late:
            continue
        for statement in file.statements:
            for ref in created(statement):
                if ref.name in missed:
                    yield {
                        "name": ref.name,
                        "kind": ref.kind,
                        "file": file.path,
                        "line": statement.line,
                        "version": of_file(file),
                    }
