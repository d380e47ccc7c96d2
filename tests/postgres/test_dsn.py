"""Connection strings are shown and quoted in errors without their secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook.postgres.connection import understand
from runbook.postgres.dsn import describe_target, explain_bad_dsn, mask_dsn, scrub
from runbook.postgres.reading import Target
from runbook.postgres.refusals import read_refusal


@pytest.mark.parametrize(
    ("dsn", "masked"),
    [
        ("postgresql://app:s3cret@db-1:5433/shop?sslmode=require", "postgresql://app:***@db-1:5433/shop?sslmode=require"),
        ("postgres://app@db-1/shop", "postgres://app@db-1/shop"),
        ("postgresql:///shop?host=/tmp&password=s3cret&user=a", "postgresql:///shop?host=/tmp&password=***&user=a"),
        ("host=db-1 password=s3cret dbname=shop", "host=db-1 password=*** dbname=shop"),
        ("password = 's3 cret\\' x' host=db-1", "password = *** host=db-1"),
        ("postgresql://app:s3@cret/x?y#z@db-1/shop", "postgresql://app:***@db-1/shop"),
        ("host=a sslpassword=s3cret", "host=a sslpassword=***"),
        ("service=prod", "service=prod"),
    ],
)  # fmt: skip
def test_a_dsn_is_shown_without_its_password(dsn: str, masked: str) -> None:
    assert mask_dsn(dsn) == masked
    assert "cret" not in mask_dsn(dsn)


def test_messages_lose_the_password_also_where_it_is_percent_encoded() -> None:
    dsn = "postgresql://app:p%40ss%2Fword@db-1/shop"
    assert scrub("cannot use p@ss/word nor p%40ss%2Fword\nat all", dsn) == "cannot use *** nor *** at all"


def test_half_a_password_that_libpq_took_for_a_host_is_not_shown() -> None:
    dsn = "postgresql://app:hunter@two/x@db-1/shop"
    assert "two" not in scrub("failed to resolve host 'two': Name or service not known", dsn)


def test_a_bad_dsn_is_explained_without_its_pieces() -> None:
    assert "hunter2" not in explain_bad_dsn('missing "=" after "hunter2" in connection info string')
    assert (
        explain_bad_dsn('invalid connection option "pasword"')
        == 'the connection string has an unknown option "pasword"'
    )


def test_a_target_tells_where_a_dsn_points_and_never_the_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    assert describe_target("postgresql://app:x@db-1:5433/shop") == Target("db-1", 5433, "shop", "app")
    assert describe_target("host=/var/run/postgresql user=app") == Target(None, 5432, "app", "app")
    assert describe_target("host=db-1,db-2 user=a dbname=s").host == "db-1,db-2"
    monkeypatch.setenv("PGHOST", "from-env")
    monkeypatch.setenv("PGDATABASE", "env_db")
    assert describe_target("user=app") == Target("from-env", 5432, "env_db", "app")
    services = tmp_path / "services"
    services.write_text("[prod]\nhost=db-9\nport=6000\nuser=deploy\ndbname=shop\npassword=s3cret\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    assert describe_target("service=prod dbname=other") == Target("db-9", 6000, "other", "deploy")
    with pytest.raises(ValueError, match="unknown option"):
        describe_target("pasword=x")


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("connection failed: FATAL: the database system is starting up", "starting_up"),
        ("FATAL: the database system is not yet accepting connections DETAIL: Consistent ...", "in_recovery"),
        ("FATAL: the database system is not accepting connections DETAIL: Hot standby mode is disabled.",
         "no_hot_standby"),
        ("FATAL: the database system is shutting down", "shutting_down"),
        ("FATAL: remaining connection slots are reserved for non-replication superuser connections", "reserved_slots"),
        ("FATAL: remaining connection slots are reserved for roles with the SUPERUSER attribute", "reserved_slots"),
        ("FATAL: unsupported startup parameter: options", "pooler_startup_option"),
        ("FATAL: no more connections allowed (max_client_conn)", "pooler_refused"),
        ("ERROR: connection is insecure (try using `sslmode=require`)", "tls_required"),
        ("server certificate for \"a\" does not match host name \"b\"", "tls_not_verified"),
        ("root certificate file \"/r\" does not exist Either provide the file or ...", "tls_not_verified"),
        ("server closed the connection unexpectedly This probably means ...", "closed_unexpectedly"),
        ("connection to server at \"10.0.0.9\", port 5432 failed: No route to host", "no_route"),
        ("connection timeout expired", "timed_out"),
        ("authentication method 13 not supported", "old_client"),
        ("something nobody has seen", "other"),
    ],
)  # fmt: skip
def test_refusals_are_told_apart_by_their_wording(message: str, kind: str) -> None:
    assert read_refusal(message).kind == kind


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("FATAL:  Passwort-Authentifizierung für Benutzer »app« fehlgeschlagen", "wrong_password"),
        ("FATAL:  la base de données « shop » n'existe pas", "no_such_database"),
    ],
)
def test_a_server_that_speaks_another_language_is_understood(message: str, kind: str) -> None:
    assert (
        understand(f'connection failed: connection to server at "10.0.0.1", port 5432 failed: {message}').kind == kind
    )


def test_of_several_attempts_the_most_telling_counts() -> None:
    message = (
        'connection failed: connection to server at "10.0.0.1", port 5432 failed: Connection refused\n'
        "Multiple connection attempts failed. All failures were:\n"
        "- host: 'a', port: '5432': connection failed: ... Connection refused\n"
        "- host: 'b', port: '5432': connection failed: ... FATAL:  sorry, too many clients already"
    )
    refusal = read_refusal(message)
    assert (refusal.kind, refusal.sqlstate, refusal.transient) == ("too_many_clients", "53300", True)
    assert refusal.message == "FATAL:  sorry, too many clients already"
