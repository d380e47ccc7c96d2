"""Reports as other programs read them: valid by their schemas, safe with hostile names, true about what was ignored."""

from __future__ import annotations

import json
import re
import urllib.parse
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runbook.documents import schema
from tests.check.support import SCHEMAS, Done, check

FILE = """-- runbook:ignore-file lock-queue-behind-waiting-ddl reason: the role sets lock_timeout
CREATE INDEX ON orders (id);
DROP TABLE old_orders;
-- runbook:ignore table-rewrite reason: eight rows
ALTER TABLE kinds
    ALTER COLUMN id TYPE bigint;
SELEC 1;
BEGIN; CREATE INDEX CONCURRENTLY ON orders (id); COMMIT;
-- runbook:ignore table-rewrite
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository whose migrations lie in a folder with a blank and a percent sign in its name."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "db mi%g").mkdir()
    (tmp_path / "db mi%g/0007_änderung.sql").write_text(FILE)
    return tmp_path


def sarif(done: Done) -> dict[str, Any]:
    log: dict[str, Any] = done.json
    validator = jsonschema.Draft4Validator(
        json.loads((SCHEMAS / "sarif-schema-2.1.0.json").read_text()),
        format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER,
    )
    errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(log)]
    assert errors == []
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def test_sarif_is_valid_and_says_where_what_and_how_bad(folder: Path) -> None:
    done = check(folder, "db mi%g", "--format", "sarif")
    assert done.code == 1
    run = sarif(done)
    results = {r["ruleId"]: r for r in run["results"]}
    index = results["create-index-blocks-writes"]
    assert index["level"] == "error"
    place = index["locations"][0]["physicalLocation"]
    assert urllib.parse.unquote(place["artifactLocation"]["uri"]) == "db mi%g/0007_änderung.sql"
    root = run["originalUriBaseIds"][place["artifactLocation"]["uriBaseId"]]["uri"]
    assert root == folder.as_uri() + "/"
    assert place["region"]["startLine"] == 2
    assert place["region"]["snippet"]["text"] == "CREATE INDEX ON orders (id)"
    assert "CREATE INDEX CONCURRENTLY" in index["message"]["text"]
    assert (results["old-code-uses-removed-column"]["level"], results["table-rewrite"]["level"]) == ("warning", "error")
    region = results["table-rewrite"]["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["endLine"]) == (5, 6)


def test_sarif_rules_carry_a_title_and_the_safe_way_and_every_result_points_at_its_rule(folder: Path) -> None:
    run = sarif(check(folder, "db mi%g", "--format", "sarif"))
    rules = run["tool"]["driver"]["rules"]
    assert len({r["id"] for r in rules}) == len(rules)
    for result in run["results"]:
        rule = rules[result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert rule["shortDescription"]["text"].endswith(".")
        assert rule["help"]["text"].startswith("Instead: ")
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
    fingerprints = [r["partialFingerprints"]["runbookStatement/v1"] for r in run["results"]]
    assert len(set(fingerprints)) == len(fingerprints)


def test_sarif_keeps_what_was_ignored_with_its_reason_and_place(folder: Path) -> None:
    (folder / "runbook.toml").write_text(
        '[[check.ignore]]\nhazards = ["old-code-uses-removed-column"]\nreason = "nobody reads it"\n'
    )
    run = sarif(check(folder, "db mi%g", "--format", "sarif"))
    suppressed = {r["ruleId"]: r["suppressions"][0] for r in run["results"] if r.get("suppressions")}
    inline, config = suppressed["table-rewrite"], suppressed["old-code-uses-removed-column"]
    assert (inline["kind"], inline["justification"]) == ("inSource", "eight rows")
    assert inline["location"]["physicalLocation"]["region"]["startLine"] == 4
    assert (config["kind"], config["justification"]) == ("external", "nobody reads it")
    assert config["location"]["physicalLocation"]["artifactLocation"]["uri"] == "runbook.toml"
    assert config["location"]["physicalLocation"]["region"]["startLine"] == 2
    assert "suppressions" not in next(r for r in run["results"] if r["ruleId"] == "create-index-blocks-writes")


def test_sarif_notes_in_its_invocation_what_could_not_be_read(folder: Path) -> None:
    run = sarif(check(folder, "db mi%g", "--format", "sarif"))
    (invocation,) = run["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (True, 1)
    (note,) = invocation["toolExecutionNotifications"]
    assert note["locations"][0]["physicalLocation"]["region"]["startLine"] == 7
    assert "SELEC" in note["message"]["text"]


def test_sarif_of_a_file_outside_the_repository_names_it_absolutely(folder: Path, tmp_path: Path) -> None:
    inside = folder / "inner"
    (inside / ".git").mkdir(parents=True)
    (folder / "out.sql").write_text("DROP TABLE x;\n")
    run = sarif(check(inside, "../out.sql", "--format", "sarif"))
    uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"]}
    assert uris == {(folder / "out.sql").resolve().as_uri()}


def test_sarif_and_gitlab_of_nothing_are_valid_too(tmp_path: Path) -> None:
    (tmp_path / "m.sql").write_text("CREATE TABLE a (id int);\n")
    done = check(tmp_path, "m.sql", "--format", "sarif")
    assert (done.code, sarif(done)["results"]) == (0, [])
    assert check(tmp_path, "m.sql", "--format", "gitlab").json == []
    assert check(tmp_path, "m.sql", "--format", "github").out == ""


def test_gitlab_code_quality_is_valid_and_leaves_out_what_was_ignored(folder: Path) -> None:
    done = check(folder, "db mi%g", "--format", "gitlab")
    issues = done.json
    jsonschema.validate(issues, json.loads((SCHEMAS / "gitlab-code-quality.json").read_text()))
    severities = {(i["check_name"], i["severity"]) for i in issues}
    assert severities >= {
        ("create-index-blocks-writes", "critical"),
        ("old-code-uses-removed-column", "major"),
        ("not-allowed-in-transaction", "blocker"),
    }
    assert "table-rewrite" not in {i["check_name"] for i in issues}
    assert len({i["fingerprint"] for i in issues}) == len(issues)
    assert {i["location"]["path"] for i in issues} == {"db mi%g/0007_änderung.sql"}


def unescaped(text: str, *, of_property: bool) -> str:
    """As the runner reads it. Source: actions/runner, src/Runner.Common/ActionCommand.cs."""
    for code, char in (
        ("%0D", "\r"),
        ("%0A", "\n"),
        *((("%3A", ":"), ("%2C", ",")) if of_property else ()),
        ("%25", "%"),
    ):
        text = text.replace(code, char)
    return text


def test_github_annotations_stand_in_the_right_file_whatever_it_is_called(folder: Path) -> None:
    (folder / "a,b:c%0A::error ::.sql").write_text(
        'ALTER TABLE "x%0A::set-output name=a::b" ALTER COLUMN a TYPE bigint;\n'
    )
    done = check(folder, "a,b:c%0A::error ::.sql", "--format", "github")
    assert done.code == 1
    for line in done.out.splitlines():
        match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
        assert match is not None, line
        properties = dict(p.split("=", 1) for p in match[2].split(","))
        assert unescaped(properties["file"], of_property=True) == "a,b:c%0A::error ::.sql"
        assert properties["line"] == "1"
    first = done.out.splitlines()[0]
    assert first.startswith("::error ")
    assert "x%0A::set-output" in unescaped(first.split("::", 2)[2], of_property=False)


def test_github_annotations_bring_the_safe_form_and_leave_out_what_was_ignored(folder: Path) -> None:
    done = check(folder, "db mi%g", "--format", "github")
    first = done.out.splitlines()
    assert any("line=2" in line and "%0ACREATE INDEX CONCURRENTLY" in line for line in first)
    assert not any("(table-rewrite)" in line for line in first)
    levels = [line.split(" ")[0] for line in first]
    assert levels == sorted(levels, key=["::error", "::warning", "::notice"].index)


def test_json_has_every_finding_beside_the_forecast_and_matches_its_schema(folder: Path) -> None:
    done = check(folder, "db mi%g", "--format", "json")
    document = done.json
    jsonschema.validate(document, schema("check"))
    jsonschema.validate(document, schema("forecast"))
    rewrite = next(f for f in document["findings"] if f["id"] == "table-rewrite")
    assert rewrite["suppressed"] == {
        "by": "inline",
        "reason": "eight rows",
        "path": "db mi%g/0007_änderung.sql",
        "line": 4,
    }
    statements = {s["index"]: s for s in document["files"][0]["statements"]}
    assert statements[rewrite["statement"]]["severity"] == "danger"
    gate = document["gate"]
    assert (gate["fail_on"], gate["failed"], gate["suppressed"]) == ("danger", True, 4)
    counting = [f for f in document["findings"] if f["suppressed"] is None and not f["known"]]
    for severity in ("danger", "warning", "notice"):
        assert gate[severity] == sum(1 for f in counting if f["severity"] == severity)


def test_text_and_markdown_name_the_ids_and_who_answered_for_what(folder: Path) -> None:
    text = check(folder, "db mi%g").out
    assert "[create-index-blocks-writes]" in text
    assert "[table-rewrite, ignored: eight rows]" in text
    assert ":5: DANGER (answered for) ALTER TABLE kinds" in text
    markdown = check(folder, "db mi%g", "--format", "markdown").out
    assert "`table-rewrite`, ignored: eight rows" in markdown


@pytest.mark.parametrize("format_", ["text", "json", "sarif", "github", "gitlab", "markdown"])
def test_no_format_lets_control_characters_through(format_: str, tmp_path: Path) -> None:
    (tmp_path / "m.sql").write_text('DROP TABLE "a\x1b]52;c;aGk=\x07\u202eb";\nSELEC \x1b[31m;\n')
    done = check(tmp_path, "m.sql", "--format", format_)
    out = done.out
    assert (done.code, "52;c;aGk=" in out) == (1, True), done.err
    shown = out if format_ not in ("json", "sarif", "gitlab") else json.dumps(json.loads(out), ensure_ascii=True)
    assert "\x1b" not in shown
    assert "\x07" not in shown
    if format_ not in ("json",):
        assert "\u202e" not in out
