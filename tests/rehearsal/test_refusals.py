"""A rehearsal refuses what looks like production, says why, and lets nobody type their way past the worst."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runbook.lab.servers import start_server, start_standby
from runbook.migration import parse
from runbook.postgres.rehearsal import RehearsalRefused, open_for_rehearsal, read_production
from runbook.rehearsal.run import rehearse
from runbook.rehearsal.signs import Client, Production, ServerFacts, refusal, signs, standing
from tests.support import BARE, Database, create_database, drop_database, eventually, holding_lock

LAPTOP = ServerFacts(
    host="localhost", host_address="127.0.0.1", port=5432, database="shop_dev", role="me", system_identifier="1",
    started_at="2026-01-01 00:00:00.000001", in_recovery=False, pooled=False, server_address="127.0.0.1", server_port=5432,
    client_address="127.0.0.1", database_bytes=10_000_000, transactions=100_000, counted_s=86_400, archiving=False,
    replicas=0, providers=(), clients=(),
)  # fmt: skip
ELSEWHERE = replace(
    LAPTOP, host="db-1.example.com", host_address="10.0.0.5", database="shop", system_identifier="2",
    started_at="2025-01-01 00:00:00.000002", server_address="10.0.0.5",
)  # fmt: skip
PRODUCTION = Production("eu-1", "db-1.example.com", 5432, "shop", ELSEWHERE)


async def refused(dsn: str, *production: Production, typed: str | None = None) -> str:
    """What it says; and the table that the migration would have made is not there."""
    with pytest.raises(RehearsalRefused) as caught:
        await rehearse(parse("CREATE TABLE made (a int)"), dsn, mode="commit", production=production, typed=typed)
    return str(caught.value)


async def test_the_server_of_production_is_refused_under_any_name_and_database(database: Database) -> None:
    other = create_database(database.major)
    try:
        production = await read_production("eu-1", other.dsn(tcp=True))
        said = await refused(database.dsn(), production, typed=f"localhost:{database.server.port}/{database.name}")
    finally:
        drop_database(other)
    assert "it is the server of eu-1" in said
    assert "--rehearse-on" not in said
    assert database.execute("SELECT to_regclass('made')") == [(None,)]


async def test_production_is_refused_also_where_it_cannot_be_asked(database: Database) -> None:
    same = Production("eu-1", "127.0.0.1", database.server.port, database.name)
    assert "configured as eu-1" in await refused(database.dsn(tcp=True), same)


async def test_a_bare_role_is_told_apart_as_well(database: Database) -> None:
    production = await read_production("eu-1", database.dsn(BARE))
    assert "eu-1" in await refused(database.dsn(), production)


async def test_a_standby_is_refused() -> None:
    with start_server(18) as primary, start_standby(primary) as standby:
        assert "it is a standby" in await refused(standby.dsn())
        production = await read_production("eu-1", standby.dsn())
        said = await refused(primary.dsn(), production)
    assert "one of its nodes" in said
    assert "--rehearse-on" not in said


async def test_a_physical_copy_of_production_needs_its_name_typed_out(database: Database) -> None:
    with start_server(database.major) as copy:  # from the same template: the same system identifier
        production = await read_production("eu-1", copy.dsn())
        said = await refused(database.dsn(), production)
        assert "a physical copy of it" in said
        name = said.rpartition("--rehearse-on ")[2]
        assert name == f"localhost:{database.server.port}/{database.name}"
        done = await rehearse(parse("SELECT 1"), database.dsn(), production=[production], typed=name)
    assert done.rehearsal.outcome == "completed"


async def test_a_database_where_somebody_is_at_work_is_refused(database: Database) -> None:
    async with holding_lock(database.dsn(), "SELECT 1", application_name="the app") as session:
        said = await refused(database.dsn(), typed=f"localhost:{database.server.port}/{database.name}")
        await session.rollback()
        done = await rehearse(parse("SELECT 1"), database.dsn())
    assert "another client is at work" in said
    assert "the app" in said
    assert done.rehearsal.outcome == "completed"


async def test_a_refused_connection_never_wrote_and_is_gone(database: Database) -> None:
    with pytest.raises(RehearsalRefused):
        await open_for_rehearsal(database.dsn(), production=[await read_production("eu-1", database.dsn())])
    sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'runbook rehearsal'"
    eventually(lambda: database.execute(sql) == [(0,)])


async def test_several_hosts_are_refused_because_nobody_knows_which_one_answers(database: Database) -> None:
    assert "several hosts" in await refused("host=127.0.0.1,127.0.0.2 dbname=shop")


def test_a_laptop_beside_another_production_is_welcome() -> None:
    assert signs(LAPTOP, [PRODUCTION]) == ()


@pytest.mark.parametrize(
    ("changed", "sign"),
    [
        ({"host": "10.1.1.1", "host_address": "10.1.1.1"}, "remote"),
        ({"host": "db", "host_address": "172.18.0.2"}, "remote"),
        ({"database": "shop_production"}, "production_name"),
        ({"role": "prod-admin"}, "production_name"),
        ({"providers": ("rds",)}, "provider"),
        ({"replicas": 1}, "replicated"),
        ({"archiving": True}, "archived"),
        ({"database_bytes": 10**12}, "large"),
        ({"transactions": 10**9}, "busy"),
        ({"clients": (Client(7, "10.0.0.9", "idle", False, "web"),)}, "clients_elsewhere"),
        ({"clients": (Client(7, None, None, False, ""),)}, "clients_hidden"),
        ({"clients": tuple(Client(n, None, "idle", False, "web") for n in range(40))}, "many_clients"),
    ],
)
def test_what_is_no_laptop_needs_its_name_typed_out(changed: dict[str, object], sign: str) -> None:
    here = replace(LAPTOP, **changed)  # type: ignore[arg-type]
    found = signs(here, [PRODUCTION])
    assert [s.id for s in found] == [sign]
    assert standing(found, here, None) == found
    assert standing(found, here, "yes") == found
    assert standing(found, here, here.where) == ()
    assert f"--rehearse-on {here.where}" in refusal(found, here)


@pytest.mark.parametrize(
    ("here", "sign"),
    [
        (replace(LAPTOP, in_recovery=True), "standby"),
        (replace(LAPTOP, pooled=True), "pooler"),
        (replace(LAPTOP, clients=(Client(7, None, "active", True, "psql"),)), "clients"),
        (replace(LAPTOP, clients=(Client(7, None, "idle in transaction", True, "psql"),)), "clients"),
        (replace(LAPTOP, started_at=ELSEWHERE.started_at), "same_server"),
        (replace(LAPTOP, host="db-1.example.com", host_address="10.9.9.9"), "named_production"),
        (replace(LAPTOP, host="alias", host_address="10.9.9.9", port=6432, system_identifier=None,
                 server_address="10.0.0.5"), "same_server"),
    ],
)  # fmt: skip
def test_nobody_types_their_way_past_production_or_people_at_work(here: ServerFacts, sign: str) -> None:
    found = signs(here, [PRODUCTION])
    assert found[0].id == sign
    assert found[0] in standing(found, here, here.where)


def test_idle_clients_of_the_same_machine_do_not_matter() -> None:
    idle = tuple(Client(n, address, "idle", False, "editor") for n, address in enumerate(("127.0.0.1", None, "::1")))
    assert signs(replace(LAPTOP, clients=idle), [PRODUCTION]) == ()
