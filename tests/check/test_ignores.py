"""Ignores: with a reason, beside the SQL or in runbook.toml; what does not hold is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.check.fingerprint import normalised
from runbook.check.ignores import read_ignores
from tests.check.support import HAZARD, Done, check, write

QUIET = "-- runbook:ignore-file lock-queue-behind-waiting-ddl reason: the role sets it\n"
MARK = "\n-- runbook:ignore table-rewrite reason: x\n"
REASONED = "-- runbook:ignore create-index-blocks-writes reason: a small table"


def run(folder: Path, *arguments: str) -> Done:
    return check(folder, *(arguments or (".",)), "--format", "json")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain.sql", f"{REASONED}\n{HAZARD}"),
        ("behind.sql", HAZARD.rstrip("\n") + f" {REASONED}\n"),
        ("inside.sql", f"CREATE INDEX\n  {REASONED}\n  ON orders (id);\n"),
        ("between.sql", f"{REASONED}\n-- why we do this\n/* and how */\n\n{HAZARD}"),
        ("crlf.sql", f"{REASONED}\r\nCREATE INDEX ON orders (id);\r\n"),
        ("no_semicolon.sql", f"SELECT 1;\n{REASONED}\nCREATE INDEX ON orders (id)"),
        ("case.sql", f"-- RUNBOOK: ignore CREATE-INDEX-BLOCKS-WRITES Reason: small\n{HAZARD}"),
        ("goose.sql", f"-- +goose Up\n{REASONED}\n{HAZARD}-- +goose Down\nDROP INDEX CONCURRENTLY x;\n"),
        (
            "goose_block.sql",
            f"-- +goose Up\n-- +goose StatementBegin\n{REASONED}\n{HAZARD}-- +goose StatementEnd\n-- +goose Down\n",
        ),
        ("20240101_dbmate.sql", f"-- migrate:up\n{REASONED}\n{HAZARD}\n-- migrate:down\nDROP INDEX x;\n"),
        ("liquibase.sql", f"--liquibase formatted sql\n--changeset me:1\n{REASONED}\n{HAZARD}"),
        ("psql.sql", f"\\set t orders\n\\echo hello\n{REASONED}\nCREATE INDEX ON :t (id);\n"),
        ("psql_behind.sql", f"\\set t orders\nSELECT 1;\nCREATE INDEX ON :t (id); {REASONED}\n"),
        ("two.sql", f"SELECT 1; {HAZARD.strip()} {REASONED}\n"),
    ],
)
def test_an_ignore_is_honoured_in_every_layout(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(QUIET + text if not name.startswith(("goose", "2024", "liquibase")) else text)
    done = run(tmp_path, name)
    findings = {f["id"]: f for f in done.json["findings"]}
    assert findings["create-index-blocks-writes"]["suppressed"]["reason"] in ("a small table", "small")
    assert not {"bad-ignore", "unused-ignore"} & set(findings)
    assert done.code == 0


def test_prisma_and_included_files_have_their_own_ignores(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "prisma/migrations/20240101_a/migration.sql": f"{REASONED}\n{HAZARD}",
            "prisma/migrations/20240102_b/migration.sql": HAZARD,
            "all.sql": "\\ir parts/one.sql\n\\ir parts/two.sql\n",
            "parts/one.sql": f"-- runbook:ignore-file create-index-blocks-writes reason: empty\n{HAZARD}",
            "parts/two.sql": HAZARD,
        },
    )
    danger = "create-index-blocks-writes"
    found = [f for f in run(tmp_path, "prisma/migrations").findings() if f[2] == danger]
    assert found == [("prisma/migrations/20240102_b/migration.sql", 1, danger)]
    found = [f for f in run(tmp_path, "all.sql").findings() if f[2] == danger]
    assert found == [("parts/two.sql", 1, danger)]


def test_an_ignore_is_for_one_statement_and_for_the_named_hazards_only(tmp_path: Path) -> None:
    (tmp_path / "m.sql").write_text(f"{REASONED}\n{HAZARD}{HAZARD}")
    assert run(tmp_path).findings() == [
        ("m.sql", 2, "lock-queue-behind-waiting-ddl"),
        ("m.sql", 3, "create-index-blocks-writes"),
        ("m.sql", 3, "lock-queue-behind-waiting-ddl"),
    ]


def test_several_hazards_can_share_a_reason(tmp_path: Path) -> None:
    line = "-- runbook:ignore create-index-blocks-writes, lock-queue-behind-waiting-ddl reason: small"
    (tmp_path / "m.sql").write_text(f"{line}\n{HAZARD}")
    assert run(tmp_path).findings() == []


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        ("-- runbook:ignore create-index-blocks-writes", "gives no reason; add 'reason: ...'"),
        ("-- runbook:ignore create-index-blocks-writes reason:", "gives no reason"),
        ("-- runbook:ignore create-index-blocks-write reason: x", "did you mean create-index-blocks-writes?"),
        ("-- runbook:ignore reason: x", "names no hazard"),
        ("-- runbook:ignored create-index-blocks-writes reason: x", "write runbook:ignore"),
    ],
)
def test_an_ignore_that_cannot_be_honoured_is_said_with_its_place_and_hides_nothing(
    mark: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "m.sql").write_text(f"SELECT 1;\n{mark}\n{HAZARD}")
    done = run(tmp_path)
    assert done.code == 1
    assert ("m.sql", 3, "create-index-blocks-writes") in done.findings()
    (bad,) = (f for f in done.json["findings"] if f["id"] == "bad-ignore")
    assert (bad["path"], bad["line"], bad["severity"]) == ("m.sql", 2, "warning")
    assert says in bad["message"]


def test_of_several_named_hazards_the_known_ones_are_honoured(tmp_path: Path) -> None:
    (tmp_path / "m.sql").write_text(f"-- runbook:ignore nonsense, create-index-blocks-writes reason: small\n{HAZARD}")
    assert {f[2] for f in run(tmp_path).findings()} == {"bad-ignore", "lock-queue-behind-waiting-ddl"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("-- runbook:ignore table-rewrite reason: x\nSELECT 1;\n", 1),
        ("SELECT 1;\n-- runbook:ignore-file table-rewrite reason: x\n", 2),
        ("SELECT 1;\n-- runbook:ignore table-rewrite reason: at the end\n", 2),
        (f"-- runbook:ignore table-rewrite, create-index-blocks-writes reason: x\n{HAZARD}", 1),
        ("-- +goose Up\nSELECT 1;\n-- +goose Down\n-- runbook:ignore table-rewrite reason: x\nDROP TABLE a;\n", 4),
    ],
)
def test_an_ignore_that_matches_nothing_is_named(text: str, line: int, tmp_path: Path) -> None:
    (tmp_path / "m.sql").write_text(text)
    done = run(tmp_path)
    (unused,) = (f for f in done.json["findings"] if f["id"] == "unused-ignore")
    assert (unused["path"], unused["line"], unused["severity"]) == ("m.sql", line, "notice")
    assert "take it away" in unused["message"]
    assert check(tmp_path, "m.sql", "--fail-on", "notice").code == 1


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT '-- runbook:ignore create-index-blocks-writes reason: x\n';{HAZARD}",
        f"SELECT $$\n-- runbook:ignore-file create-index-blocks-writes reason: x\n$$;\n{HAZARD}",
        f"/* -- runbook:ignore-file create-index-blocks-writes reason: x */\n{HAZARD}",
        f'SELECT 1 AS "\n-- runbook:ignore-file create-index-blocks-writes reason: x\n";\n{HAZARD}',
    ],
)
def test_what_stands_in_a_string_is_no_ignore(text: str, tmp_path: Path) -> None:
    (tmp_path / "m.sql").write_text(text)
    done = run(tmp_path)
    assert "create-index-blocks-writes" in {f[2] for f in done.findings()}
    assert "unused-ignore" not in {f[2] for f in done.findings()}


def test_a_star_ignores_everything_but_a_certain_failure(tmp_path: Path) -> None:
    fails = "BEGIN;\nCREATE INDEX CONCURRENTLY ON orders (id);\nCOMMIT;\n"
    (tmp_path / "m.sql").write_text(f"-- runbook:ignore-file * reason: ran long ago\n{HAZARD}{fails}")
    done = run(tmp_path)
    assert done.findings() == [("m.sql", 4, "not-allowed-in-transaction")]
    assert done.code == 1
    named = "-- runbook:ignore-file *, not-allowed-in-transaction reason: ran long ago\n"
    (tmp_path / "m.sql").write_text(f"{named}{HAZARD}{fails}")
    assert run(tmp_path).code == 0


def test_the_nearest_ignore_gives_the_reason(tmp_path: Path) -> None:
    (tmp_path / "runbook.toml").write_text('[[check.ignore]]\nhazards = ["*"]\nreason = "project"\n')
    (tmp_path / "m.sql").write_text(
        f"-- runbook:ignore-file create-index-blocks-writes reason: file\n{REASONED}\n{HAZARD}{HAZARD}"
    )
    reasons = [f["suppressed"]["reason"] for f in run(tmp_path).json["findings"]]
    assert reasons == ["a small table", "project", "file", "project"]


def test_runbook_toml_ignores_in_the_files_that_it_names(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "runbook.toml": '[[check.ignore]]\nhazards = ["*"]\nreason = "before go-live"\nfiles = ["legacy/*.sql"]\n',
            "db/legacy/1.sql": HAZARD,
            "db/new/2.sql": HAZARD,
        },
    )
    assert {f[0] for f in run(tmp_path, "db").findings()} == {"db/new/2.sql"}


def test_an_ignore_of_runbook_toml_is_stale_only_where_the_whole_folder_was_checked(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "runbook.toml": '[check]\nfail_on = "warning"\n\n[[check.ignore]]\nhazards = ["table-rewrite"]\nreason = "x"\n',
            "db/1.sql": "SELECT 1;\n",
        },
    )
    assert run(tmp_path, "db/1.sql").findings() == []
    ((path, line, id_),) = run(tmp_path, "db").findings()
    assert (Path(path).name, line, id_) == ("runbook.toml", 5, "unused-ignore")


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('[[check.ignore]]\nhazards = ["table-rewrite"]\n', "gives no reason"),
        ('[[check.ignore]]\nreason = "x"\n', "names no hazards"),
        ('[[check.ignore]]\nhazard = "x"\nreason = "x"\n', "has no 'hazard'"),
        ('[check]\nignore = "table-rewrite"\n', "[[check.ignore]]"),
        ('[check]\nfail-on = "danger"\n', "has no 'fail-on'"),
        ('[check]\nfail_on = "dangerous"\n', "is one of danger, warning, notice, never"),
        ("[check]\npg_version = 11\n", "is one of 12, 13"),
    ],
)
def test_a_wrong_configuration_is_one_sentence_and_exit_2(toml: str, says: str, tmp_path: Path) -> None:
    write(tmp_path, {"runbook.toml": toml, "m.sql": "SELECT 1;\n"})
    done = check(tmp_path, "m.sql")
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert "runbook.toml" in done.err


def test_defaults_come_from_runbook_toml_and_options_win(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "runbook.toml": '[check]\nfail_on = "notice"\npg_version = 13\nformat = "json"\n',
            "m.sql": "ALTER TABLE a ADD COLUMN b int;\n",
        },
    )
    done = check(tmp_path, "m.sql")
    assert (done.code, done.json["server_version_num"] // 10000) == (1, 13)
    done = check(tmp_path, "m.sql", "--fail-on", "danger", "--pg-version", "15")
    assert (done.code, done.json["server_version_num"] // 10000) == (0, 15)


def test_what_only_a_server_shows_is_not_missed_without_one(tmp_path: Path) -> None:
    (tmp_path / "m.sql").write_text(
        "-- runbook:ignore-file lock-queue-behind-waiting-ddl reason: x\n"
        "-- runbook:ignore not-object-owner reason: the role is granted on release day\n"
        "ALTER TABLE a ADD COLUMN b int;\n"
    )
    assert run(tmp_path).findings() == []


def test_an_ignore_that_another_way_to_check_the_file_needs_is_not_called_stale(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "db/001.sql": "CREATE TABLE orders (id int, customer_id int);\n",
            "db/002.sql": f"{QUIET}{REASONED}\n{HAZARD}-- runbook:ignore table-rewrite reason: never\nSELECT 1;\n",
        },
    )
    assert [f[2] for f in run(tmp_path, "db/002.sql").findings()] == ["unused-ignore"]
    done = run(tmp_path, "db")  # the table is new here, so that nothing needs the first two ignores
    assert done.findings() == [("db/002.sql", 4, "unused-ignore")]


def test_sql_that_cannot_be_read_is_ignored_by_its_name_only(tmp_path: Path) -> None:
    for ids, code in (("*", 1), ("does-not-parse", 0)):
        (tmp_path / "m.sql").write_text(f"-- runbook:ignore {ids} reason: only an old server reads it\nSELEC 1;\n")
        assert check(tmp_path, "m.sql").code == code


@given(st.lists(st.sampled_from(["'", '"', "$$", "$a$", "/*", "*/", "--", "\n", ";", "E'\\", " ", "SELECT 1", MARK])))
def test_any_text_can_be_looked_through_and_marks_are_told_with_their_lines(parts: list[str]) -> None:
    text = "".join(parts)
    found = list(read_ignores("m.sql", text, []))
    lines = text.split("\n")
    assert all("runbook:ignore" in lines[i.line - 1] for i in found)
    assert len(found) <= text.count("runbook:ignore")
    normalised(text)


def test_text_that_never_closes_its_quotes_costs_no_more_than_reading_it() -> None:
    text = MARK + " ".join(f"${chr(97 + n % 26)}{n}$" for n in range(200_000))
    assert len(list(read_ignores("m.sql", text, []))) == 1  # quadratic, this would run into the test's timeout
