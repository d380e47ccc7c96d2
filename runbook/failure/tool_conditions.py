"""What a migration tool itself refuses for: its own messages, which are not the server's.

Source of each: the tool's code or error reference, named in the row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToolRefusal:
    """One message of one tool. Groups ``version`` and ``code`` of the pattern are read where it has them."""

    framework: str
    condition: str
    pattern: re.Pattern[str]


def _t(framework: str, condition: str, pattern: str) -> ToolRefusal:
    return ToolRefusal(framework, condition, re.compile(pattern, re.I))


TOOL_REFUSALS: tuple[ToolRefusal, ...] = (
    # Prisma: https://www.prisma.io/docs/orm/reference/error-reference
    _t("prisma", "failed_migration", r"(?P<code>P3009)\b"),
    _t("prisma", "failed_migration", r"migrate found failed migrations in the target database"),
    _t("prisma", "lock_not_acquired", r"Timed out trying to acquire a postgres advisory lock"),
    _t("prisma", "connection_failed", r"(?P<code>P100[01]|P1003|P1010|P1011|P1013|P1017)\b"),
    _t("prisma", "lock_not_acquired", r"(?P<code>P1002)\b"),
    _t("prisma", "drift", r"Drift detected: Your database schema is not in sync"),
    _t("prisma", "drift", r"(?P<code>P3005)\b|The database schema is not empty"),
    _t("prisma", "checksum_mismatch", r"The migration `(?P<version>[^`]+)` was modified after it was applied"),
    _t("prisma", "unknown_revision", r"(?P<code>P3015)\b|(?P<code2>P3017)\b|The migration (?P<version>\S+) could not be found"),
    _t("prisma", "drift", r"(?P<code>P3006)\b"),
    # golang-migrate: migrate.go ErrDirty, ErrLocked, ErrLockTimeout; database/postgres
    _t("golang-migrate", "dirty", r"Dirty database version (?P<version>-?\d+)"),
    _t("golang-migrate", "lock_not_acquired", r"can't acquire (?:database )?lock|timeout: can't acquire"),
    _t("golang-migrate", "unknown_revision", r"no migration found for version (?P<version>\d+)"),
    _t("golang-migrate", "unknown_revision", r"first (?P<version>\d+): file does not exist|file does not exist$"),
    # Flyway: org.flywaydb.core.api.CoreErrorCode, DbValidate
    _t("flyway", "checksum_mismatch", r"Migration checksum mismatch for migration version (?P<version>\S+)"),
    _t("flyway", "out_of_order", r"Detected resolved migration not applied to database: (?P<version>[\w.]+)"),
    _t("flyway", "unknown_revision", r"Detected applied migration not resolved locally: (?P<version>[\w.]+)"),
    _t("flyway", "failed_migration", r"Detected failed migration to version (?P<version>[\w.]+)"),
    _t("flyway", "failed_migration", r"Schema .+ contains a failed migration to version (?P<version>[\w.]+)"),
    _t("flyway", "failed_migration", r"contains a failed repeatable migration"),
    _t("flyway", "lock_not_acquired", r"Unable to (?:acquire|obtain) (?:table lock|PostgreSQL advisory lock|.*?Flyway.*? lock)|"
       r"Number of retries exceeded while attempting to acquire (?:PostgreSQL advisory )?lock"),
    _t("flyway", "drift", r"Found non-empty schema\(?s?\)? .* (?:but no|without) schema history table"),
    _t("flyway", "connection_failed", r"Unable to obtain connection from database"),
    _t("flyway", "not_in_transaction", r"Detected both transactional and non-transactional statements"),
    # Liquibase: StandardLockService, ValidationFailedException
    _t("liquibase", "lock_not_acquired", r"Could not acquire change log lock|Waiting for changelog lock"),
    _t("liquibase", "checksum_mismatch", r"changesets? check ?sum|was: \d+:\w+ but is now: \d+:"),
    # Alembic: alembic/script/revision.py, alembic/util
    _t("alembic", "unknown_revision", r"Can't locate revision identified by '(?P<version>[^']+)'"),
    _t("alembic", "out_of_order", r"Multiple head revisions are present|Requested revision \S+ overlaps with"),
    _t("alembic", "drift", r"Target database is not up to date"),
    # Django: django/db/migrations/exceptions.py, loader.py
    _t("django", "out_of_order",
       r"InconsistentMigrationHistory: Migration (?P<version>\S+) is applied before its dependency"),
    _t("django", "unknown_revision", r"NodeNotFoundError:.*?Migration (?P<version>\S+) dependencies reference nonexistent"),
    _t("django", "out_of_order", r"Conflicting migrations detected; multiple leaf nodes"),
    # Rails: ActiveRecord::Migration errors (activerecord/lib/active_record/migration.rb)
    _t("rails", "lock_not_acquired", r"ConcurrentMigrationError|Cannot run migrations because another migration process"),
    _t("rails", "unknown_revision", r"UnknownMigrationVersionError|No migration with version number (?P<version>\d+)"),
    _t("rails", "out_of_order", r"DuplicateMigration(?:Version|Name)Error"),
    _t("rails", "drift", r"ActiveRecord::PendingMigrationError|Migrations are pending"),
    # goose: goose.go, internal/gooseutil
    _t("goose", "out_of_order", r"found \d+ missing migrations? before current version (?P<version>\d+)"),
    _t("goose", "unknown_revision", r"missing \(out-of-order\)|no migration (?:file )?found for version (?P<version>\d+)"),
    _t("goose", "lock_not_acquired", r"failed to acquire (?:session )?lock"),
    # sqlx: sqlx-core/src/migrate/error.rs
    _t("sqlx", "checksum_mismatch",
       r"migration (?P<version>\d+) was previously applied but has been modified|VersionMismatch\((?P<version2>\d+)\)"),
    _t("sqlx", "unknown_revision",
       r"migration (?P<version>\d+) was previously applied but is missing in the resolved|VersionMissing\((?P<version2>\d+)\)"),
    _t("sqlx", "dirty", r"migration (?P<version>\d+) is partially applied|\bDirty\((?P<version2>\d+)\)"),
    # Knex: lib/migrations/migrate/Migrator.js
    _t("knex", "lock_not_acquired", r"MigrationLocked|Migration table is already locked"),
    _t("knex", "unknown_revision", r"The migration directory is corrupt, the following files are missing: (?P<version>[\w.\-]+)"),
    # Sequelize (umzug), TypeORM
    _t("sequelize", "unknown_revision", r"Unable to find migration: (?P<version>\S+)|Could not find migration"),
    # Atlas: ariga.io/atlas/sql/migrate
    _t("atlas", "checksum_mismatch", r"checksum mismatch|atlas\.sum"),
    _t("atlas", "drift", r"connected database is not clean|Detected drift"),
    _t("atlas", "out_of_order", r"migration file (?P<version>\S+) was added out of order|non-linear"),
    _t("atlas", "lock_not_acquired", r"acquiring database lock|sql/schema: lock is held by other session"),
    # dbmate: pkg/dbmate
    _t("dbmate", "unknown_revision", r"can't find migration file|no migration files found"),
    # sqitch: lib/App/Sqitch/Engine.pm
    _t("sqitch", "lock_not_acquired", r"Another instance of Sqitch.*lock|Unable to acquire lock"),
    _t("sqitch", "unknown_revision", r"Cannot find change \S+ .* in the plan|Could not find change"),
    _t("sqitch", "checksum_mismatch", r"Script signatures? .*(?:mismatch|differ)"),
    # EF Core: RelationalStrings
    _t("efcore", "drift", r"The model for context '.*?' has pending changes"),
    _t("efcore", "unknown_revision", r"The migration '(?P<version>[^']+)' was not found"),
    # Ecto: Ecto.Migrator
    _t("ecto", "lock_not_acquired", r"could not obtain (?:migration )?lock|migration lock"),
)  # fmt: skip

_QUICK = re.compile(
    r"[Mm]igrat|evision|hecksum|check ?sum|[Ll]ock|irty|\bP[1-4]\d{3}|rift|not clean|atlas|versions?\b|[Cc]hange|signature"
    r"|file does not exist|VersionM|obtain connection|schema|Sqitch|corrupt|transactional|model for",
    re.I,
)
"""One of these stands in every message below: looked for before the patterns are tried one by one."""
_KNOWN_CODE = re.compile(r"\b(P[1-4]\d{3})\b")


@dataclass(frozen=True, slots=True)
class Refused:
    framework: str
    condition: str
    version: str | None
    code: str | None


def read_tool_refusal(line: str, framework: str | None = None) -> Refused | None:
    """What the tool refuses for in ``line``; of several readings that of ``framework``, when that is known."""
    found: Refused | None = None
    if not _QUICK.search(line):
        return None
    for row in TOOL_REFUSALS:
        match = row.pattern.search(line)
        if match is None:
            continue
        groups = match.groupdict()
        code = _KNOWN_CODE.search(line)
        version = groups.get("version") or groups.get("version2")
        refused = Refused(
            row.framework,
            row.condition,
            version.strip("'\"`.,;)") if version else None,
            code.group(1) if code else None,
        )
        if framework is None or framework == row.framework:
            return refused
        found = found or refused
    return found
