"""Redaction: no password, token or row value reaches an event."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.session.events import ErrorRead, Noted, SideGiven, SideInput
from runbook.session.recorder import Recorder
from runbook.session.redaction import hide_literals, redact_text

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
]


@pytest.mark.parametrize("place", PLACES)
@given(secret=SECRETS)
def test_a_secret_is_removed_wherever_it_stands(place: str, secret: str) -> None:
    # A unique core: the secret may by chance be a word of the place itself.
    marked = f"q7{secret}7q"
    assert marked not in redact_text(place.format(marked))


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
    assert hide_literals(sql) == """SELECT "Order", '…', '…', '…', …, 42 FROM t WHERE a = '…'"""
