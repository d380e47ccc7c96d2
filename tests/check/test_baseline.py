"""The baseline: what was known does not fail, what is new or worse does, and what is gone is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.check.support import HAZARD, check, write

OTHER = "CREATE INDEX ON customers (email);\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"db/001_orders.sql": HAZARD, "db/002_drop.sql": "DROP TABLE old;\n"})
    done = check(tmp_path, "db", "--write-baseline", "known.json")
    assert done.code == 0, done.err
    assert "known.json: 4 findings" in done.err
    return tmp_path


def test_what_the_baseline_knows_does_not_fail_and_stays_visible(folder: Path) -> None:
    assert check(folder, "db").code == 1
    done = check(folder, "db", "--baseline", "known.json", "--fail-on", "notice", "--format", "json")
    assert done.code == 0
    assert done.findings() == []
    assert {f["known"] for f in done.json["findings"]} == {True}
    assert done.json["gate"]["known"] == 4
    assert "in the baseline" in check(folder, "db", "--baseline", "known.json").out
    assert check(folder, "db", "--baseline", "known.json", "--format", "github").out == ""
    sarif = check(folder, "db", "--baseline", "known.json", "--format", "sarif").json
    assert {r["baselineState"] for r in sarif["runs"][0]["results"]} == {"unchanged"}


def test_a_new_finding_fails_beside_known_ones(folder: Path) -> None:
    write(folder, {"db/003_new.sql": OTHER})
    done = check(folder, "db", "--baseline", "known.json", "--format", "json")
    assert done.code == 1
    assert {f[0] for f in done.findings()} == {"db/003_new.sql"}


def test_moved_lines_reformatting_and_renamed_folders_change_nothing(folder: Path) -> None:
    write(
        folder,
        {"migrations/2024/001_orders.sql": "-- moved\n\n\ncreate index\n  on Orders\n  ( customer_id ) ;\n"},
    )
    done = check(folder, "migrations/2024/001_orders.sql", "--baseline", "known.json")
    assert done.code == 0, done.out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("db/001_orders.sql", OTHER),
        ("db/001_orders.sql", HAZARD + HAZARD),
        ("db/009_orders.sql", HAZARD),
    ],
    ids=["another statement", "the same statement once more", "a renamed file"],
)
def test_nothing_else_is_covered(name: str, text: str, folder: Path) -> None:
    write(folder, {name: text})
    done = check(folder, name, "--baseline", "known.json", "--format", "json")
    assert done.code == 1
    assert len([f for f in done.findings() if f[2] == "create-index-blocks-writes"]) == 1


def test_a_finding_that_got_worse_counts_again(folder: Path) -> None:
    file = folder / "known.json"
    content = json.loads(file.read_text())
    for entry in content["findings"]:
        entry["severity"] = "notice"
    file.write_text(json.dumps(content))
    done = check(folder, "db", "--baseline", "known.json", "--format", "json")
    assert done.code == 1
    worse = [f for f in done.json["findings"] if not f["known"]]
    assert {f["id"] for f in worse} == {"create-index-blocks-writes", "old-code-uses-removed-column"}
    assert all("it got worse" in f["message"] for f in worse)


def test_entries_that_are_gone_are_named_and_those_of_files_not_looked_at_are_not(folder: Path) -> None:
    write(folder, {"db/001_orders.sql": "SELECT 1;\n"})
    done = check(folder, "db/001_orders.sql", "--baseline", "known.json")
    assert done.code == 0
    assert "db/001_orders.sql: create-index-blocks-writes is no longer found" in done.err
    assert "002_drop" not in done.err
    (folder / "db/002_drop.sql").unlink()
    done = check(folder, "db", "--baseline", "known.json")
    assert "db/002_drop.sql: old-code-uses-removed-column is in the baseline, and the file is gone" in done.err


def test_writing_it_anew_drops_what_is_gone_and_leaves_out_what_is_ignored(folder: Path) -> None:
    ignored = "-- runbook:ignore-file * reason: nobody uses it\n"
    write(folder, {"db/001_orders.sql": "SELECT 1;\n", "db/002_drop.sql": f"{ignored}DROP TABLE old;\n"})
    done = check(folder, "db", "--baseline", "known.json", "--write-baseline", "known.json")
    assert done.code == 0
    assert json.loads((folder / "known.json").read_text())["findings"] == []


def test_the_file_is_one_finding_a_line_for_reviews(folder: Path) -> None:
    lines = (folder / "known.json").read_text().splitlines()
    entries = [json.loads(line.rstrip(",")) for line in lines if "fingerprint" in line]
    assert len(entries) == 4
    assert {e["path"] for e in entries} == {"db/001_orders.sql", "db/002_drop.sql"}
    first = (folder / "known.json").read_bytes()
    check(folder, "db", "--write-baseline", "known.json")
    assert (folder / "known.json").read_bytes() == first


@pytest.mark.parametrize(
    ("arguments", "content", "says"),
    [
        (["--baseline", "none.json"], None, "none.json cannot be read"),
        (["--baseline", "bad.json"], "{", "is not JSON"),
        (["--baseline", "bad.json"], "[]", "not what --write-baseline writes"),
        (["--baseline", "bad.json"], '{"schema_version": 9, "basis": "assumed", "findings": []}', "schema_version 9"),
        (["--baseline", "bad.json"], '{"schema_version": 1, "basis": "x", "findings": [{"id": 1}]}', "not what"),
        (["--write-baseline", "no/such/folder/x.json"], None, "cannot be written"),
        (["--write-baseline", "x.json", "--since", "HEAD"], None, "leave out --since"),
    ],
)
def test_a_baseline_that_cannot_be_used_is_one_sentence_and_exit_2(
    arguments: list[str], content: str | None, says: str, folder: Path
) -> None:
    if content is not None:
        (folder / "bad.json").write_text(content)
    done = check(folder, "db", *arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err.strip().splitlines()[-1]
