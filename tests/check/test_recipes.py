"""The README's recipes: valid YAML, and commands that do what is said, run in a repository made for it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.check.support import HAZARD, ROOT, SCHEMAS, commit, environment, git, repository, write

README = (ROOT / "README.md").read_text()
SECTION = README.split("## Check migrations before they run")[1].split("\n## ")[0]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", SECTION, re.S)


def recipe(key: str) -> Any:
    """The YAML block that has ``key`` at its top."""
    (found,) = (loaded for text in blocks("yaml") if key in (loaded := yaml.safe_load(text)))
    return found


@pytest.fixture
def branch(tmp_path: Path) -> Path:
    """A clone with an origin, on a branch that adds a harmless file and one with a hazard."""
    upstream = tmp_path / "upstream"
    upstream.mkdir()
    repository(
        upstream,
        {"migrations/001_orders.sql": "CREATE TABLE orders (id int PRIMARY KEY, customer_id int);\n"},
    )
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(upstream), str(clone))
    git(clone, "switch", "-q", "-c", "feature")
    write(clone, {"migrations/002_note.sql": "CREATE TABLE notes (id int);\n", "migrations/003_index.sql": HAZARD})
    commit(clone, "index")
    program = tmp_path / "bin/runbook"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m runbook "$@"\n')
    (tmp_path / "bin/pip").write_text("#!/bin/sh\n")
    for file in program.parent.iterdir():
        file.chmod(0o755)
    return clone


def shell(script: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    more = environment(folder, **env)
    more["PATH"] = f"{folder.parent / 'bin'}:{more['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env=more,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_github_actions_annotates_the_new_hazard_fails_the_job_and_uploads_sarif(branch: Path) -> None:
    workflow = recipe("jobs")
    assert workflow[True]["pull_request"]  # YAML 1.1 reads `on` as true
    job = workflow["jobs"]["runbook"]
    assert workflow["permissions"]["security-events"] == "write"
    commands = [step["run"] for step in job["steps"] if "run" in step]
    done = [shell(command, branch, GITHUB_BASE_REF="main", RUNBOOK="x") for command in commands]
    assert [d.returncode for d in done] == [0, 1, 0], done
    annotations = done[1].stdout.splitlines()
    assert annotations[0].startswith("::error file=migrations/003_index.sql,line=1,")
    assert not any("002_note" in line for line in annotations)
    (upload,) = (s for s in job["steps"] if "upload-sarif" in s.get("uses", ""))
    assert upload["if"] == "always()"
    log = json.loads((branch / upload["with"]["sarif_file"]).read_text())
    jsonschema.Draft4Validator(json.loads((SCHEMAS / "sarif-schema-2.1.0.json").read_text())).validate(log)
    uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in log["runs"][0]["results"]}
    assert uris == {"migrations/003_index.sql"}


def test_gitlab_ci_writes_the_code_quality_report_and_fails_the_job(branch: Path) -> None:
    job = recipe("runbook")["runbook"]
    base = git(branch, "merge-base", "origin/main", "HEAD").strip()
    done = shell("\n".join(job["script"]), branch, CI_MERGE_REQUEST_DIFF_BASE_SHA=base, RUNBOOK="x")
    assert done.returncode == 1, done.stderr
    assert job["artifacts"]["when"] == "always"
    issues = json.loads((branch / job["artifacts"]["reports"]["codequality"]).read_text())
    jsonschema.validate(issues, json.loads((SCHEMAS / "gitlab-code-quality.json").read_text()))
    assert {i["location"]["path"] for i in issues} == {"migrations/003_index.sql"}


def hook() -> dict[str, Any]:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    jsonschema.validate(hooks, json.loads((SCHEMAS / "pre-commit-hooks.json").read_text()))
    (found,) = hooks
    assert isinstance(found, dict)
    return found


def test_the_pre_commit_hook_runs_a_program_that_the_package_installs() -> None:
    import tomllib

    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    entry = shlex.split(hook()["entry"])
    assert entry[0] in scripts
    assert hook()["language"] == "python"
    done = subprocess.run(
        [sys.executable, "-m", "runbook", *entry[1:], "--help"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, "Forecast migrations" in done.stdout) == (0, True)
    assert re.search(hook()["files"], "migrations/001.sql")
    assert not re.search(hook()["files"], "migrations/001.sql.bak")


def test_the_pre_commit_hook_checks_the_staged_files_that_it_is_given(branch: Path) -> None:
    entry = hook()["entry"]
    assert hook().get("pass_filenames", True)
    assert shell(f"{entry} migrations/002_note.sql", branch).returncode == 0
    assert shell(f"{entry} migrations/002_note.sql migrations/003_index.sql", branch).returncode == 1


def test_the_pre_commit_recipe_checks_what_is_staged_on_top_of_the_history(branch: Path) -> None:
    (repo,) = recipe("repos")["repos"]
    (chosen,) = repo["hooks"]
    assert chosen["id"] == hook()["id"]
    assert chosen["pass_filenames"] is False
    command = shlex.join([*shlex.split(hook()["entry"]), *chosen["args"]])
    assert shell(command, branch).returncode == 0
    write(branch, {"migrations/004_more.sql": "CREATE INDEX ON orders (id);\n"})
    git(branch, "add", "-A")
    done = shell(command, branch)
    assert done.returncode == 1, done.stderr
    assert "004_more.sql:1: DANGER" in done.stdout


def test_the_commands_and_the_configuration_of_the_readme_are_understood(branch: Path) -> None:
    (toml,) = blocks("toml")
    write(branch, {"runbook.toml": toml})
    (sql,) = blocks("sql")
    write(branch, {"migrations/0042_index.sql": sql, "0042.sql": "-- +goose Up\nSELECT 1;\n"})
    commands = [line.split("  #")[0].strip() for line in blocks("sh")[0].splitlines()]
    assert len(commands) == 4
    offline = [c for c in commands if "--production" not in c]
    done = {c: shell(c, branch) for c in offline}
    assert {d.returncode for d in done.values()} == {0, 1}, done
    assert "ignored: 40 rows" in done["runbook check migrations/0042_index.sql"].stdout
    for option in ("--since", "--fail-on", "--baseline", "--write-baseline", "--format", "--pg-version", "--runner"):
        assert option in SECTION
