"""What holds for every input, whatever printed it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runbook.failure import read_error, read_errors
from runbook.failure.locate import locate
from runbook.failure.refusals import read_refusal
from runbook.migration import parse

ERROR = 'psql:0007.sql:3: ERROR:  column "b" of relation "t" contains null values\n'
FRAGMENTS = [
    *(
        "ERROR:  ",
        "FATAL:  ",
        "DETAIL:  ",
        "LINE 1: ",
        "[SQL: ",
        "]",
        "(psycopg2.errors.X) ",
        "{'S': 'ERROR', 'C': '42P01'",
    ),
    *(
        "\x1b[31m",
        '{"log":"',
        '"}',
        "\n",
        "\r",
        "\t",
        "2026-11-21 02:03:04 UTC [1] ",
        'relation "x" does not exist',
        "pq: ",
    ),
    *(
        "process 1 still waiting for X on Y after 1.0 ms",
        "\ud800",
        "\x00",
        "ОШИБКА:  ",
        "(SQLSTATE ",
        "%s",
        "(((((",
        "Error: P3009",
    ),
]


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(), st.binary(), st.lists(st.sampled_from(FRAGMENTS)).map("".join)))
@example("0000-00-00 00:00:00[0]ERRO:  ")
def test_no_text_whatever_makes_it_fail(text: str | bytes) -> None:
    report = read_error(text)
    if report is not None:
        assert report.message
        assert report.message.isprintable() or "\n" in report.message or "\t" in report.message
        report.raw.encode("utf-8")
        parse_and_locate(report)


def test_a_log_line_that_was_cut_off_after_its_severity_is_no_error() -> None:
    assert read_error("0000-00-00 00:00:00[0]ERRO:  ") is None


def parse_and_locate(report: object) -> None:
    locate(report, parse("ALTER TABLE t ADD x int; DROP TABLE u;"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        ERROR.replace("\n", "\r\n"),
        ERROR.encode("utf-16"),
        "\ufeff" + ERROR,
        f"\x1b[31;1m{ERROR.strip()}\x1b[0m\n",
        f"2026-11-21T02:03:04.123456789Z stderr F {ERROR}",
        f"migrate-1  | {ERROR}",
        f"[pod/migrate-abc/main] {ERROR}",
        f"##[error]{ERROR}",
        '{"log":"psql:0007.sql:3: ERROR:  column \\"b\\" of relation \\"t\\" contains null values\\n","stream":"stderr"}\n',
        'time=02:03 level=error msg="psql:0007.sql:3: ERROR:  column \\"b\\" of relation \\"t\\" contains null values"\n',
    ],
)
def test_what_containers_terminals_and_ci_add_is_taken_off(text: str | bytes) -> None:
    report = read_error(text)
    assert report is not None
    assert (report.sqlstate, report.subject.relation, report.subject.column) == ("23502", "t", "b")
    assert (report.file, report.line) == ("0007.sql", 3)


def test_a_broken_encoding_costs_a_letter_and_not_the_error() -> None:
    report = read_error("FEHLER:  Relation »bestellungen« existiert nicht\n".encode("latin-1"))
    assert report is not None
    assert (report.sqlstate, report.subject.relation, report.language) == ("42P01", "bestellungen", "de")
    surrogates = b'ERROR:  relation "caf\xe9" does not exist'.decode("utf-8", "surrogateescape")
    report = read_error(surrogates)
    assert report is not None
    assert report.sqlstate == "42P01"
    report.message.encode("utf-8")


def test_the_first_real_error_counts_and_what_follows_from_it_does_not() -> None:
    text = (
        'NOTICE:  relation "x" does not exist, skipping\n'
        "ERROR:  current transaction is aborted, commands ignored until end of transaction block\n"
        "WARNING:  there is no transaction in progress\n"
        'ERROR:  relation "orders" does not exist\n'
        'ERROR:  relation "users" does not exist\n'
    )
    report = read_error(text)
    assert report is not None
    assert report.subject.relation == "orders"
    assert report.later_errors == 1


@pytest.mark.parametrize(
    "text",
    [
        'NOTICE:  relation "x" already exists, skipping',
        "HINWEIS:  Relation »x« existiert bereits, wird übersprungen",
        'WARNING:  relation "x" already exists',
        'psql:a.sql:1: NOTICE:  relation "x" does not exist, skipping',
    ],
)
def test_a_notice_is_no_error(text: str) -> None:
    assert read_error(text) is None


def test_a_warning_that_is_the_incident_itself_is_reported_as_a_warning() -> None:
    report = read_error(
        "WARNING:  canceling wait for synchronous replication due to user request\n"
        "DETAIL:  The transaction has already committed locally, but might not have been replicated to the standby.\n"
    )
    assert report is not None
    assert (report.severity, report.sqlstate) == ("WARNING", "01000")


def test_a_message_within_a_sentence_is_found() -> None:
    report = read_error('since the deploy we get relation "orders" does not exist, any idea?')
    assert report is not None
    assert (report.sqlstate, report.message) == ("42P01", 'relation "orders" does not exist')


def test_an_aborted_transaction_is_reported_when_nothing_else_is_there() -> None:
    report = read_error("ERROR:  current transaction is aborted, commands ignored until end of transaction block")
    assert report is not None
    assert report.sqlstate == "25P02"


def test_interleaved_lines_of_a_server_log_are_joined_by_pid() -> None:
    def line(pid: int, text: str) -> str:
        return f"2026-11-21 02:03:04.123 UTC [{pid}] {text}\n"

    log = (
        line(1, 'ERROR:  relation "a" already exists')
        + line(2, 'ERROR:  relation "b" already exists')
        + line(1, "STATEMENT:  CREATE TABLE a (")
        + "\t  id int)\n"
        + line(2, "STATEMENT:  CREATE TABLE b ()")
    )
    found = {r.subject.relation: (r.pid, r.statement) for r in read_errors(log)}
    assert found == {"a": (1, "CREATE TABLE a (\n  id int)"), "b": (2, "CREATE TABLE b ()")}


def test_of_many_errors_in_a_production_log_the_migrations_own_is_reported() -> None:
    log = "".join(
        f"2026-11-21 02:03:04 UTC [{n}] {who} ERROR:  {message}\n2026-11-21 02:03:04 UTC [{n}] {who} STATEMENT:  {sql}\n"
        for n, (who, message, sql) in enumerate(
            [
                ("app@shop", 'column "x" does not exist', "SELECT x FROM t"),
                ("dba@shop", 'relation "z" already exists', "CREATE TABLE z ()"),
                ("app@shop", "deadlock detected", "UPDATE orders SET total = 0"),
            ]
        )
    )
    report = read_error(log, migration=parse("UPDATE orders SET total = 0;"))
    assert report is not None
    assert (report.sqlstate, report.role) == ("40P01", "app")


def test_a_wait_in_the_log_tells_when_there_is_no_error() -> None:
    report = read_error(
        "2026-11-21 02:03:04.123 UTC [7] LOG:  process 7 still waiting for AccessExclusiveLock on relation 16385 of database 5 "
        "after 1000.123 ms\n2026-11-21 02:03:04.123 UTC [7] DETAIL:  Process holding the lock: 9, 11. Wait queue: 7.\n"
    )
    assert report is not None
    (wait,) = report.waits
    assert (wait.pid, wait.mode, wait.waited_ms, wait.holders) == (7, "AccessExclusiveLock", 1000.123, (9, 11))
    assert not wait.acquired


def test_a_large_log_is_read_in_little_memory(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    with log.open("w") as out:
        for number in range(60_000):
            out.write(
                f"info: request {number} handled by worker {number % 8}, user=alice, path=/api/v1/orders, status=200\n"
            )
        out.write(ERROR)
    tracemalloc.start()
    report = read_error(log)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report is not None
    assert report.sqlstate == "23502"
    assert peak < 4_000_000 < log.stat().st_size


@pytest.mark.parametrize(
    "text", ["", "\n\n", "all good", "0 errors", "Applied 12 migrations in 0.2s\nNo error found", b"\xff\xfe"]
)
def test_nothing_is_found_where_nothing_failed(text: str | bytes) -> None:
    assert read_error(text) is None


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Error: connect ECONNREFUSED 10.0.0.1:5432", "refused"),
        ("Error: getaddrinfo ENOTFOUND db.internal", "name_not_resolved"),
        ("java.net.UnknownHostException: db.internal", "name_not_resolved"),
        ("dial tcp: lookup db on 10.0.0.2:53: no such host", "name_not_resolved"),
        ("dial tcp 10.0.0.1:5432: i/o timeout", "timed_out"),
        (
            "failed to connect to `host=db`: server error (FATAL: sorry, too many clients already (SQLSTATE 53300))",
            "too_many_clients",
        ),
        (
            'org.postgresql.util.PSQLException: FATAL: password authentication failed for user "deploy"',
            "wrong_password",
        ),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "tls_not_verified"),
        ("Error: P1000: Authentication failed against database server at `db`", "wrong_password"),
        ("The server does not support SSL connections", "tls_not_offered"),
        ("FATAL:  Passwort-Authentifizierung für Benutzer »deploy« fehlgeschlagen", "wrong_password"),
        ("FATAL:  la base de données « boutique » n'existe pas", "no_such_database"),
        ("ВАЖНО:  извините, уже слишком много клиентов", "too_many_clients"),
        ("ERROR: unsupported startup parameter: options", "pooler_startup_option"),
    ],
)
def test_a_refusal_is_understood_in_the_words_of_any_driver_and_language(message: str, kind: str) -> None:
    assert read_refusal(message).kind == kind


@pytest.mark.parametrize(
    "line", ["PL/pgSQL function f(integer) line 2 at RETURN", "PL/pgSQL-Funktion f(integer) Zeile 2 bei RETURN"]
)
def test_all_lines_of_context_are_kept_and_what_comes_after_them_is_not(line: str) -> None:
    text = f'{ERROR}CONTEXT:  SQL statement "SELECT 1"\n{line}\nSQL statement "SELECT f(1)"\n{line}\ndeploy failed\n{line}\n'
    report = read_error(text)
    assert report is not None
    assert report.context == f'SQL statement "SELECT 1"\n{line}\nSQL statement "SELECT f(1)"\n{line}'


def test_a_message_behind_sql_of_several_lines_is_found_and_the_sql_is_the_statement() -> None:
    sql = "CREATE MATERIALIZED VIEW sums AS\nSELECT a - b AS c\nFROM t"
    said = "canceling statement due to statement timeout"
    report = read_error(
        f'migration file "0048_sums.js" failed\nmigration failed with error: {sql} - {said}\nerror: {sql} - {said}\n'
        "    at parseErrorMessage (/app/node_modules/pg-protocol/dist/parser.js:306:11)\n"
    )
    assert report is not None
    assert (report.message, report.sqlstate, report.framework) == (said, "57014", "knex")
    assert report.statement == sql
