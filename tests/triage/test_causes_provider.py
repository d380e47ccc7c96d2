"""Managed servers: real servers that show a provider's signs (its roles, its settings), and the provider's messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runbook.lab.servers import Server, start_server
from runbook.migration import parse
from runbook.migration.statement import split
from runbook.postgres.reading import Reading, Target
from runbook.postgres.rows import HintRow, SettingRow
from runbook.session.state import State
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.providers import managed_by, pooled_endpoint
from runbook.triage.providers import state as state_providers
from tests.playbooks.incident import playbooks
from tests.support import Database, majors
from tests.triage.incident import causes, explain, fact, psql, triage, write

SHOP = (
    "CREATE TABLE depot (id int PRIMARY KEY); ALTER TABLE depot OWNER TO deploy; GRANT ALL ON SCHEMA public TO deploy;"
)
RDS = "CREATE ROLE rdsadmin SUPERUSER; CREATE ROLE rds_superuser; CREATE ROLE deploy LOGIN; GRANT rds_superuser TO deploy;"
SUPABASE = """
CREATE ROLE supabase_admin SUPERUSER; CREATE ROLE supabase_storage_admin; CREATE ROLE deploy LOGIN CREATEROLE;
CREATE SCHEMA storage AUTHORIZATION supabase_storage_admin; GRANT USAGE ON SCHEMA storage TO deploy;
CREATE TABLE storage.objects (id int PRIMARY KEY, owner text);
ALTER TABLE storage.objects OWNER TO supabase_storage_admin; GRANT SELECT ON storage.objects TO deploy;
"""


def _server(major: int, setup: str) -> Server:
    started = start_server(major)
    with psycopg.connect(started.dsn(), autocommit=True) as connection:
        connection.execute((setup + SHOP).encode())
    return started


@pytest.fixture(scope="module", params=[min(majors()), max(majors())])
def rds(request: pytest.FixtureRequest) -> Iterator[Database]:
    with _server(request.param, RDS) as started:
        yield Database(started, "postgres")


@pytest.fixture(scope="module", params=[max(majors())])
def supabase(request: pytest.FixtureRequest) -> Iterator[Database]:
    with _server(request.param, SUPABASE) as started:
        yield Database(started, "postgres")


def likely(state: State) -> list[str]:
    assert state.diagnosis is not None
    return [c.id for c in state.diagnosis.causes if c.verdict in ("proved", "likely")]


def run_the_checks(cause: str, state: State, production: Database) -> None:
    with production.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for block in (b for b in playbooks()[cause].render(state.book()).sql if not b.changes):
            assert block.runnable, (block.section, block.missing)
            for statement in split(block.sql)[0]:
                connection.execute(statement.sql.encode())


@pytest.mark.parametrize("sql", ["CREATE ROLE app_rw;", "CREATE PUBLICATION feed FOR ALL TABLES;"])
async def test_what_a_superuser_may_do_is_told_as_the_providers_own(rds: Database, tmp_path: Path, sql: str) -> None:
    path = write(tmp_path, sql)
    rds.execute("GRANT CREATE ON DATABASE postgres TO deploy")
    state = await triage(None, rds, migration=path, seen="planned", role="deploy")
    assert fact(state, "provider.key") == "rds"
    assert fact(state, "provider.admin_member") is True
    assert likely(state) == ["provider-admin-not-superuser"], explain(state)
    error = psql(rds, path, role="deploy")
    assert "ERROR" in error
    state = await triage(None, rds, migration=path, error=error, role="deploy")
    assert likely(state) == ["provider-admin-not-superuser"], explain(state)
    run_the_checks("provider-admin-not-superuser", state, rds)
    alone = await triage(None, None, error=error)
    assert likely(alone) == ["needs-superuser"], explain(alone)


async def test_a_table_of_the_providers_is_not_merely_anothers(supabase: Database, tmp_path: Path) -> None:
    path = write(tmp_path, "ALTER TABLE storage.objects ADD COLUMN note text;")
    state = await triage(None, supabase, migration=path, seen="planned", role="deploy")
    assert likely(state) == ["provider-owned-schema"], explain(state)
    error = psql(supabase, path, role="deploy")
    assert "must be owner of table objects" in error
    for migration in (path, None):
        state = await triage(None, supabase, migration=migration, error=error, role="deploy")
        assert likely(state) == ["provider-owned-schema"], explain(state)
        run_the_checks("provider-owned-schema", state, supabase)


async def test_a_table_of_ones_own_on_a_managed_server_is_not_the_providers(supabase: Database, tmp_path: Path) -> None:
    supabase.execute("CREATE ROLE team; CREATE TABLE theirs (id int); ALTER TABLE theirs OWNER TO team")
    path = write(tmp_path, "ALTER TABLE theirs ADD COLUMN note text;")
    error = psql(supabase, path, role="deploy")
    state = await triage(None, supabase, migration=path, error=error, role="deploy")
    assert likely(state) == ["not-object-owner"], explain(state)


# As the issues that causes.yaml names quote them; the servers that say so are the providers' own.
MESSAGES = [
    (
        'ERROR:  extension "pg_trgm" is not allow-listed for users in Azure Database for PostgreSQL',
        "extension-not-allowed-by-provider",
    ),
    (
        'ERROR:  extension "vector" is not allow-listed for "azure_pg_admin" users in Azure Database for PostgreSQL',
        "extension-not-allowed-by-provider",
    ),
    ('ERROR:  Extension "plpython3u" is not supported by Amazon RDS', "extension-not-allowed-by-provider"),
    (
        'ERROR:  Only members of "azure_pg_admin" are allowed to use CREATE EXTENSION',
        "provider-admin-not-superuser",
    ),
]


@pytest.mark.parametrize(("text", "cause"), MESSAGES, ids=["azure", "azure-role", "rds", "azure-members"])
async def test_a_providers_message_is_enough(text: str, cause: str) -> None:
    state = await triage(None, None, error=text)
    assert causes(state)[:1] == [cause], explain(state)
    assert likely(state) in ([cause], []), explain(state)


# What only the providers' own servers show: their settings, as pg_settings has them, and their addresses.


def side(*readings: Reading[Any], host: str = "10.0.0.1", port: int = 5432) -> SideCase:
    return SideCase(
        "production", "production", Target(host, port, "shop", "deploy"), readings={r.probe: r for r in readings}
    )


def hints(*found: tuple[str, str, str]) -> Reading[HintRow]:
    return Reading("provider", "production", "ok", tuple(HintRow(*h) for h in found))


@pytest.mark.parametrize(
    ("found", "host", "provider"),
    [
        ([("rds", "role", "rds_superuser"), ("aurora", "setting", "aurora_replica_lag")], "10.0.0.1", "aurora"),
        ([("cloudsql", "role", "cloudsqlsuperuser"), ("alloydb", "setting", "alloydb.x")], "10.0.0.1", "alloydb"),
        ([("rds", "role", "rds_superuser"), ("heroku", "role", "heroku_admin")], "10.0.0.1", "heroku"),
        ([("timescale", "setting", "timescaledb.telemetry_level")], "10.0.0.1", None),
        ([("citus", "setting", "citus.node_conninfo"), ("pgbouncer", "role", "pgbouncer")], "10.0.0.1", None),
        ([("crunchy", "role", "crunchy_superuser")], "10.0.0.1", None),
        ([], "shop.abc.eu-west-1.rds.amazonaws.com", "rds"),
        ([], "shop.cluster-abc.eu-west-1.rds.amazonaws.com", "aurora"),
        ([], "ep-cool-darkness-123-pooler.eu-central-1.aws.neon.tech", "neon"),
        ([], "rds.amazonaws.com.example.org", None),
    ],
)
def test_a_provider_is_known_by_its_own_signs_and_an_extension_is_none(
    found: list[tuple[str, str, str]], host: str, provider: str | None
) -> None:
    assert managed_by(side(hints(*found), host=host)) == provider


@pytest.mark.parametrize(
    ("host", "port", "pooled"),
    [
        ("ep-cool-darkness-123-pooler.eu-central-1.aws.neon.tech", 5432, True),
        ("ep-cool-darkness-123.eu-central-1.aws.neon.tech", 5432, False),
        ("aws-0-eu-central-1.pooler.supabase.com", 6543, True),
        ("db.abc.supabase.co", 6543, True),
        ("db.abc.supabase.co", 5432, False),
        ("10.0.0.1", 6543, False),
    ],
)
def test_a_providers_pooler_is_known_by_its_address(host: str, port: int, pooled: bool) -> None:
    assert pooled_endpoint(side(hints(), host=host, port=port)) is pooled


def allowed(value: str, sql: str) -> Any:
    setting = SettingRow("azure.extensions", value, None, "", "configuration file", "string", "sighup", False)
    production = side(
        hints(("azure", "role", "azure_pg_admin")),
        Reading("settings", "production", "ok", (setting,)),
        Reading("extensions", "production", "ok", ()),
    )
    facts = Facts("role")
    state_providers(facts, Case(production=production, migration=parse(sql, runner="psql")), [])
    return next(f.value for f in facts.stated if f.id == "provider.refused_extensions")


def test_an_extension_off_the_providers_list_is_foretold() -> None:
    assert allowed("CITEXT,hstore", "CREATE EXTENSION pg_trgm; CREATE EXTENSION citext") == ["pg_trgm"]
    assert allowed("*", "CREATE EXTENSION pg_trgm") == []
    assert allowed("", "CREATE EXTENSION pg_trgm") == ["pg_trgm"]


async def test_a_prepared_statement_that_is_there_already_at_a_poolers_address_is_the_poolers_doing(
    supabase: Database, tmp_path: Path
) -> None:
    # What the second client of a transaction pooler meets; here the session makes the name twice itself.
    path = write(tmp_path, "PREPARE s0 AS SELECT 1; PREPARE s0 AS SELECT 1;")
    error = psql(supabase, path, role="deploy")
    assert 'prepared statement "s0" already exists' in error
    direct = supabase.dsn("deploy", tcp=True)
    state = await triage(None, None, production_dsn=direct, migration=path, error=error)
    assert "pooled-endpoint-used" not in causes(state), explain(state)
    parts = psycopg.conninfo.conninfo_to_dict(direct)
    parts |= {"host": "ep-shop-1-pooler.eu-central-1.aws.neon.tech", "hostaddr": "127.0.0.1"}
    pooled = psycopg.conninfo.make_conninfo("", **parts)
    state = await triage(None, None, production_dsn=pooled, migration=path, error=error)
    assert likely(state) == ["pooled-endpoint-used"], explain(state)
    run_the_checks("pooled-endpoint-used", state, supabase)
    state = await triage(None, None, production_dsn=pooled, migration=path, seen="planned")
    assert "pooled-endpoint-used" not in causes(state), explain(state)
