"""Redaction: no password, token or row value reaches an event."""

from __future__ import annotations

import string
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.session.events import ErrorRead, Noted, SideGiven, SideInput
from runbook.session.recorder import Recorder
from runbook.session.redaction import hide_literals, redact, redact_text

SECRETS = st.text(alphabet=string.ascii_letters + string.digits + "._-", min_size=8, max_size=30)
PLACES = [
    "postgresql://deploy:{}@db-1/shop",
    "connection to host=db-1 password={} user=deploy failed",
    "host=db-1 password='{}'",
    "PGPASSWORD={} psql -h db-1",
    "ALTER ROLE app PASSWORD '{}'",
    "CREATE USER app WITH ENCRYPTED PASSWORD E'{}' LOGIN",
    "Authorization: Bearer {}",
    '{{"api_key": "{}"}}',
    "DATABASE_URL=postgres://u:{}@h:5432/db?sslmode=require",
    "aws_secret_access_key = {}",
    "db-1:5432:shop:deploy:{}",
    "flyway -url=jdbc:postgresql://db-1/shop -user=deploy -password={} migrate",
    "liquibase --password {} update",
    "Host=db-1;Username=deploy;Password={};Database=shop",
    "jdbc:postgresql://db-1/shop?user=deploy&password={}&ssl=true",
    "production:\n  username: deploy\n  password: '{}'",
    "password: {}",
    '{{"user": "deploy", "password": "{}"}}',
    "{{:password=>'{}', :host=>'db-1'}}",
    "DB_PASSWORD={}",
    "export PGPASSWORD='{}'",
    "CLIENT_SECRET: {}",
    "UPDATE users SET password = '{}' WHERE id = 1",
    "UPDATE users SET password = crypt('{}', gen_salt('bf'))",
    "INSERT INTO users (email, password_hash) VALUES ('a;b', '{}'); SELECT 1",
    "INSERT INTO api_keys (owner, token) VALUES (1, 'x'), (2, '{}')",
    "CREATE USER MAPPING FOR app SERVER other OPTIONS (user 'app', password '{}')",
    "CREATE SUBSCRIPTION s CONNECTION 'host=db-2 password={}' PUBLICATION p",
    "SELECT dblink_connect('host=db-2 user=app password={}')",
    "ALTER SYSTEM SET primary_conninfo = 'host=db-2 password={}'",
    "X-Amz-Credential=AKIA%2F20261121&X-Amz-Signature={}",
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    'CONTEXT:  COPY users, line 3: "7,ann,{}"',
    'COPY users, line 3, column email: "{}"',
    "[parameters: {{'email': '{}', 'id': 7}}]",
    "DETAIL:  Failing row contains (1, {}, null).",
    "DETAIL:  parameters: $1 = '7', $2 = '{}'",
]
FORMS = [
    "ghp_{}",
    "glpat-{}",
    "xoxb-{}",
    "sk_live_{}",
    "sk-ant-{}",
    "hvs.{}",
    "npm_{}",
    "ya29.{}",
    "AIza{}",
    "eyJ{}.eyJ{}.{}",
    "https://hooks.slack.com/services/{}",
    "SCRAM-SHA-256$4096:{}==$Zm9v=:YmFy=",
]


@pytest.mark.parametrize("place", PLACES)
@given(secret=SECRETS)
def test_a_secret_is_removed_wherever_it_stands(place: str, secret: str) -> None:
    # A unique core: the secret may by chance be a word of the place itself.
    marked = f"q7{secret}7q"
    assert marked not in redact_text(place.format(marked))


@pytest.mark.parametrize("form", FORMS)
@given(token=st.text(alphabet=string.ascii_letters + string.digits, min_size=35, max_size=35))
def test_a_token_is_known_by_its_form_alone(form: str, token: str) -> None:
    assert token not in redact_text(f"could not log in with {form.replace('{}', token)}, giving up")


@given(value=st.text(min_size=8, max_size=60))
def test_a_value_is_hidden_by_the_name_it_has(value: str) -> None:
    told = redact({"connection": {"password": value, "user": "deploy"}})
    assert told == {"connection": {"password": "***" if value else "", "user": "deploy"}}


def test_what_was_removed_is_counted_by_kind() -> None:
    removed: Counter[str] = Counter()
    redact_text("postgresql://u:geheim-1@h/db and password=geheim-2\nKey (email)=(geheim-3) already exists.", removed)
    assert removed == {"password": 2, "row value": 1}


def test_what_is_redacted_already_is_not_counted_again() -> None:
    removed: Counter[str] = Counter()
    once = redact_text("postgresql://u:geheim@h/db password=geheim api_key: 'geheim' Key (a)=(geheim) already exists.")
    assert redact_text(once, removed) == once
    assert not removed


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Key (email)=(ann@example.org) is duplicated.", "Key (email)=(…) is duplicated."),
        ("Key (a, b)=(1, (x)) already exists.", "Key (a, b)=(…) already exists."),
        ("Failing row contains (7, ann@example.org, null).", "Failing row contains (…)."),
        ('Key (pid)=(9) is not present in table "p".', 'Key (pid)=(…) is not present in table "p".'),
    ],
)
def test_row_values_of_an_error_are_left_out_and_its_columns_kept(text: str, kept: str) -> None:
    assert redact_text(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        'syntax error at or near "NULLS"',
        "ALTER TABLE orders ADD COLUMN token text",
        "permission denied for table api_keys",
        'null value in column "password" violates not-null constraint',
        "CREATE INDEX ON orders (customer_id)",
        'password authentication failed for user "deploy"',
        "ALTER TABLE users ADD COLUMN password_hash text NOT NULL",
        "INSERT INTO orders (id, customer) VALUES (1, 'ann')",
        "CREATE UNIQUE INDEX users_token_key ON users (token)",
        'invalid input syntax for type integer: "n/a"',
        "COPY orders (id, total) FROM stdin",
        "2026-11-21 02:31:44 UTC db-1:5432 connection received",
        "https://www.postgresql.org/docs/18/sql-altertable.html#key",
        'relation "public.keys" does not exist',
    ],
)
def test_ordinary_text_is_not_touched(text: str) -> None:
    assert redact_text(text) == text


def test_nothing_secret_is_in_the_journal_wherever_it_came_in(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, version="test")
    recorder.append(SideGiven(SideInput("production", "eu-1", "host=db password=geheim-1")))
    recorder.append(Noted("the DSN is postgresql://u:geheim-2@h/db", "me"))
    recorder.append(ErrorRead("psql", "m", detail="Key (email)=(geheim-3@x) is duplicated.", raw="password=geheim-4"))
    recorder.close()
    text = Path(recorder.state.path).read_text()
    assert "geheim" not in text
    assert "geheim" not in repr(recorder.state)


def test_other_sessions_literals_are_hidden_and_names_kept() -> None:
    sql = """SELECT "Order", 'ann''s', E'a\\'b', $x$ secret $x$, 4111111111111111, 42 FROM t WHERE a = 'open"""
    assert hide_literals(sql) == """SELECT "Order", '…', '…', '…', …, … FROM t WHERE a = '…'"""
    assert hide_literals("UPDATE t1 SET a2 = $1, b = 1.5e3 WHERE id=7") == "UPDATE t1 SET a2 = $1, b = … WHERE id=…"
    assert hide_literals("ALTER TABLE t ALTER a TYPE numeric(10,2)") == "ALTER TABLE t ALTER a TYPE numeric(10,2)"
