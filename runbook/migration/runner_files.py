"""The steps of a safe sequence as files of the runner in use, each with the transaction mode that its step needs.

Source: FACTS.md "Runners"; the modules of ``runbook.migration.sources``, which read the same marks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

ALONE = "-- in a file of its own, outside a transaction"

# Runner -> how a file says that it runs outside a transaction.
MARKS: dict[str, str] = {
    "psql": "run it with psql without -1",
    "psql-1": "run it with psql without -1",
    "plain": "send it by itself, in autocommit",
    "flyway": "NAME.sql.conf beside the file with executeInTransaction=false",
    "golang-migrate": "one statement a file",
    "goose": "-- +goose NO TRANSACTION",
    "dbmate": "-- migrate:up transaction:false",
    "sqlx": "-- no-transaction as the first line, one statement a file",
    "atlas": "-- atlas:txmode none",
    "liquibase": "--changeset AUTHOR:ID runInTransaction:false",
    "prisma": "one statement a migration",
    "drizzle": "drizzle has no mark: run it with psql before drizzle-kit migrate",
    "alembic": "with op.get_context().autocommit_block():",
    "django": "atomic = False on the Migration",
    "rails": "disable_ddl_transaction!",
    "knex": "exports.config = { transaction: false }",
    "typeorm": "transaction = false on the migration, with migrationsTransactionMode: each",
    "efcore": "migrationBuilder.Sql(..., suppressTransaction: true)",
    "diesel": "run_in_transaction = false in metadata.toml",
    "sequelize": "without a transaction of its own",
    "sqitch": "without BEGIN and COMMIT",
}


# These run each statement by itself: a step that is one transaction keeps its BEGIN and COMMIT.
_WITHOUT_TRANSACTION = frozenset({"psql", "plain"})
_BEGIN_OR_COMMIT = re.compile(r"^(?:BEGIN|COMMIT);\n?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RunnerFile:
    """One file to write. ``path`` is relative to the migration folder."""

    path: str
    text: str


def for_runner(steps: Sequence[str], runner: str) -> tuple[str, ...]:
    """The steps with the runner's own mark on those that must not run in a transaction."""
    mark = MARKS.get(runner)
    if mark is None:
        return tuple(steps)
    return tuple(s.replace(f"{ALONE}\n", f"{ALONE} ({mark})\n", 1) if s.startswith(ALONE) else s for s in steps)


def runs_alone(step: str) -> bool:
    """Whether the step must not run inside a transaction."""
    return step.startswith(ALONE)


def files(steps: Sequence[str], runner: str, first_version: int, name: str) -> tuple[RunnerFile, ...] | None:
    """The steps as the runner's files, one a step, in order; None where that runner's migrations are not SQL files,

    or (drizzle) where a step cannot be outside a transaction.
    """
    made: list[RunnerFile] = []
    for place, step in enumerate(steps):
        alone = runs_alone(step)
        sql = step if runner in _WITHOUT_TRANSACTION else _BEGIN_OR_COMMIT.sub("", step)
        found = _file(sql.rstrip() + "\n", alone, runner, first_version + place, f"{name}_{place + 1}")
        if found is None:
            return None
        made.extend(found)
    return tuple(made)


def _file(sql: str, alone: bool, runner: str, version: int, name: str) -> list[RunnerFile] | None:
    match runner:
        case "flyway":
            path = f"V{version}__{name}.sql"
            conf = [RunnerFile(f"{path}.conf", "executeInTransaction=false\n")] if alone else []
            return [RunnerFile(path, sql), *conf]
        case "golang-migrate":
            return [RunnerFile(f"{version:06}_{name}.up.sql", sql)]
        case "goose":
            head = "-- +goose NO TRANSACTION\n" if alone else ""
            text = f"{head}-- +goose Up\n-- +goose StatementBegin\n{sql}-- +goose StatementEnd\n"
            if "$" not in sql:  # only a body in dollar quotes holds semicolons that are not a statement's end
                text = f"{head}-- +goose Up\n{sql}"
            return [RunnerFile(f"{version:05}_{name}.sql", text)]
        case "dbmate":
            mark = "-- migrate:up transaction:false" if alone else "-- migrate:up"
            return [RunnerFile(f"{version:014}_{name}.sql", f"{mark}\n{sql}\n-- migrate:down\n")]
        case "sqlx":
            head = "-- no-transaction\n" if alone else ""
            return [RunnerFile(f"{version:014}_{name}.sql", head + sql)]
        case "atlas":
            head = "-- atlas:txmode none\n\n" if alone else ""
            return [RunnerFile(f"{version:014}_{name}.sql", head + sql)]
        case "liquibase":
            # splitStatements: a block in dollar quotes holds semicolons that are not the statement's end.
            rest = (" runInTransaction:false" if alone else "") + (" splitStatements:false" if "$" in sql else "")
            text = f"--liquibase formatted sql\n\n--changeset runbook:{version}{rest}\n{sql}"
            return [RunnerFile(f"{version:014}_{name}.sql", text)]
        case "prisma":
            return [RunnerFile(f"{version:014}_{name}/migration.sql", sql)]
        case "psql" | "plain":
            return [RunnerFile(f"{version:03}_{name}.sql", sql)]
        case "drizzle" if not alone:
            return [RunnerFile(f"{version:04}_{name}.sql", sql)]
    return None
