"""The history tables of migration tools, with what was applied before the scenario begins."""

from __future__ import annotations

from runbook.lab.scenario import Stage

FLYWAY = """
CREATE TABLE flyway_schema_history (
    installed_rank integer PRIMARY KEY, version varchar(50), description varchar(200) NOT NULL,
    type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum integer, installed_by varchar(100) NOT NULL,
    installed_on timestamp NOT NULL DEFAULT now(), execution_time integer NOT NULL, success boolean NOT NULL
);
CREATE INDEX flyway_schema_history_s_idx ON flyway_schema_history (success);
INSERT INTO flyway_schema_history
VALUES (1, '11', '<< Flyway Baseline >>', 'BASELINE', '<< Flyway Baseline >>', NULL, current_user, now(), 0, true)
"""

PRISMA = """
CREATE TABLE _prisma_migrations (
    id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz,
    migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0
)
"""

GOLANG_MIGRATE = """
CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
INSERT INTO schema_migrations VALUES (41, false)
"""


async def flyway(stage: Stage) -> None:
    """Flyway's table, baselined at version 11."""
    await stage.both(FLYWAY)


async def prisma(stage: Stage) -> None:
    """Prisma's table, empty."""
    await stage.both(PRISMA)


async def golang_migrate(stage: Stage) -> None:
    """golang-migrate's table at version 41."""
    await stage.both(GOLANG_MIGRATE)
