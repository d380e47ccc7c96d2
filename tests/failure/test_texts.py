"""Outputs of real tools, and what must be read out of each: see texts/expected.yaml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from runbook.failure import read_error, read_errors
from runbook.failure.report import ErrorReport

TEXTS = Path(__file__).parent / "texts"
EXPECTED: dict[str, dict[str, Any] | None] = yaml.safe_load((TEXTS / "expected.yaml").read_text(encoding="utf-8"))

# The statements of languages/*.txt fail with these, in order (one fails with nothing: SET ROLE).
CODES = "42P01 23505 23502 23503 42883 42601 57014 42501 42501 25001 25P02 42701 0A000 42804 22P02".split()  # noqa: SIM905
LANGUAGES = sorted(f.name.split(".")[1] for f in (TEXTS / "languages").glob("psql.*"))


def _found(report: ErrorReport, name: str) -> Any:
    if name == "subject":
        return {
            field: list(value) if isinstance(value, tuple) else value
            for field in report.subject.__dataclass_fields__
            if (value := getattr(report.subject, field))
        }
    if name == "waited_for":
        return report.waits[0].mode if report.waits else None
    return getattr(report, name)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_error_is_read_out_of_a_tools_output(name: str) -> None:
    expected = EXPECTED[name]
    report = read_error(TEXTS / name)
    if expected is None:
        assert report is None
        return
    assert report is not None
    assert {field: _found(report, field) for field in expected} == expected
    told = {"sqlstate", "tool_condition", "tool_code", "refusal_kind", "timeout", "statement", "file"} - set(expected)
    assert {field: getattr(report, field) for field in told if getattr(report, field)} == {}, "nothing is made up"


def test_every_text_has_its_expectation() -> None:
    files = {f.name for f in TEXTS.iterdir() if f.is_file() and f.suffix != ".yaml"}
    assert files == set(EXPECTED)


@pytest.mark.parametrize("language", LANGUAGES)
def test_psql_in_any_language_gives_the_sqlstate_that_was_not_printed(language: str) -> None:
    text = (TEXTS / "languages" / f"psql.{language}.txt").read_text(encoding="utf-8")
    parts = [p for p in re.split(r"---\d+\n", text)[1:] if p.strip()]
    reports = [read_error(part) for part in parts]
    assert [r and r.sqlstate for r in reports] == CODES
    assert {r.sqlstate_from for r in reports if r} == {"message"}
    by_code = {r.sqlstate: r for r in reports if r}
    assert by_code["42P01"].subject.relation == "orders"
    assert by_code["23503"].subject.key_columns == ("a",)
    assert by_code["23503"].subject.referenced_relation == "p"
    assert by_code["42601"].subject.token == "INDX"
    assert (by_code["42883"].subject.function, by_code["42883"].statement_position) == ("any_value2", 8)
    assert by_code["57014"].timeout == "statement"
    assert by_code["42501"].subject.relation == "t"
    assert by_code["0A000"].subject.extension == "nope"
    assert by_code["0A000"].hint
    if language != "en":
        assert by_code["42P01"].language == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_server_log_in_any_language_gives_every_error_with_its_statement(language: str) -> None:
    text = (TEXTS / "languages" / f"server.{language}.log").read_text(encoding="utf-8")
    reports = read_errors(text)
    assert sorted(r.sqlstate or "" for r in reports) == sorted(CODES)
    assert all(r.statement and r.pid and r.at for r in reports)
