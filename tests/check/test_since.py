"""Only what changed since a revision, on top of the history that is followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.check.support import Done, check, commit, git, repository, write

OLD = "CREATE TABLE orders (id int PRIMARY KEY, customer_id int, total numeric(10,2));\n"
INDEX = "CREATE INDEX ON orders (customer_id);\n"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path, {"db/001_orders.sql": OLD, "db/002_more.sql": "ALTER TABLE orders ADD COLUMN a int;\n"})


def since(repo: Path, revision: str = "main", path: str = "db", *more: str) -> Done:
    return check(repo, path, "--since", revision, "--format", "json", *more)


def files(done: Done) -> list[str]:
    return [f["path"] for f in done.json["files"]]


def test_what_earlier_files_created_is_known_and_taken_to_be_large_by_now(repo: Path) -> None:
    git(repo, "switch", "-q", "-c", "feature")
    write(
        repo,
        {
            "db/003_index.sql": INDEX + "ALTER TABLE orders ALTER COLUMN total TYPE numeric(12,2);\n"
            "CREATE TABLE made (id int);\nCREATE INDEX ON made (id);\n"
        },
    )
    commit(repo, "index")
    done = since(repo)
    assert files(done) == ["db/003_index.sql"]
    index, widened, _, own = done.json["files"][0]["statements"]
    assert (index["severity"], done.code) == ("danger", 1)
    assert widened["rewrites"] == []  # the old type is known, so that this is known to be harmless
    assert own["severity"] == "ok"  # what the change itself makes alarms nobody
    assert done.json["summary"]["danger"] == 1
    assert "1 of 3 files changed since main" in done.err


def test_without_since_the_whole_folder_is_one_migration_and_that_is_said(repo: Path) -> None:
    write(repo, {"db/003_index.sql": INDEX})
    done = check(repo, "db")
    assert done.code == 0
    assert "3 files are read as one migration" in done.err
    assert "--since" in done.err


def test_changed_staged_untracked_and_renamed_files_are_seen_and_ignored_ones_are_not(repo: Path) -> None:
    write(repo, {".gitignore": "scratch.sql\n", "db/scratch.sql": INDEX, "db/ä b.sql": "SELECT 1;\n"})
    write(repo, {"db/002_more.sql": "ALTER TABLE orders ADD COLUMN b int;\n", "db/staged.sql": "SELECT 2;\n"})
    git(repo, "add", "db/staged.sql")
    git(repo, "mv", "db/001_orders.sql", "db/000_orders.sql")
    assert sorted(files(since(repo, "HEAD"))) == ["db/000_orders.sql", "db/002_more.sql", "db/staged.sql", "db/ä b.sql"]


def test_what_came_to_the_other_branch_meanwhile_is_no_change_of_ours(repo: Path) -> None:
    git(repo, "switch", "-q", "-c", "feature")
    write(repo, {"db/004_ours.sql": INDEX})
    commit(repo, "ours")
    git(repo, "switch", "-q", "main")
    write(repo, {"db/003_theirs.sql": INDEX, "db/002_more.sql": "SELECT 1;\n"})
    commit(repo, "theirs")
    git(repo, "switch", "-q", "feature")
    assert files(since(repo)) == ["db/004_ours.sql"]


def test_deleted_files_are_named_and_nothing_changed_is_fine(repo: Path) -> None:
    assert (files(since(repo)), since(repo).code) == ([], 0)
    (repo / "db/002_more.sql").unlink()
    done = since(repo)
    assert (files(done), done.code) == ([], 0)
    assert "deleted: db/002_more.sql" in done.err


def test_of_an_unchanged_script_the_changed_part_that_it_includes_is_reported(repo: Path) -> None:
    write(repo, {"all.sql": "\\ir parts/a.sql\n\\ir parts/b.sql\n", "parts/a.sql": OLD, "parts/b.sql": "SELECT 1;\n"})
    commit(repo, "scripts")
    write(repo, {"parts/b.sql": INDEX})
    done = since(repo, "HEAD", "all.sql")
    assert {f[:2] for f in done.findings()} == {("parts/b.sql", 1)}
    assert [s["kind"] for s in done.json["files"][0]["statements"]] == ["CREATE INDEX"]


def test_a_changed_file_may_stand_before_unchanged_ones(repo: Path) -> None:
    write(repo, {"db/001_b.sql": "CREATE TABLE late (id int);\n", "db/003_c.sql": "CREATE INDEX ON late (id);\n"})
    done = since(repo, "HEAD")
    assert files(done) == ["db/001_b.sql", "db/003_c.sql"]
    assert done.findings() == []  # both are to come: the table is as new to the second as to the first


def test_it_works_from_a_subfolder_and_for_a_repository_elsewhere(repo: Path, tmp_path: Path) -> None:
    write(repo, {"db/003_index.sql": INDEX})
    assert files(check(repo / "db", ".", "--since", "HEAD", "--format", "json")) == ["003_index.sql"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = check(elsewhere, str(repo / "db"), "--since", "HEAD", "--format", "json")
    assert files(done) == [str(repo / "db/003_index.sql")]


def test_ignores_of_files_that_did_not_change_are_not_judged(repo: Path) -> None:
    write(repo, {"db/002_more.sql": "-- runbook:ignore table-rewrite reason: x\nSELECT 1;\n"})
    commit(repo, "unused")
    write(repo, {"db/003_new.sql": "SELECT 1;\n"})
    assert since(repo, "HEAD").findings() == []


def test_an_unknown_revision_is_one_sentence_and_exit_2(repo: Path) -> None:
    for revision in ("no-such-branch", "--output=x", ""):
        done = check(repo, "db", f"--since={revision}")
        assert (done.code, done.out) == (2, "")
        assert "no such revision" in done.err
        assert len(done.err.strip().splitlines()) == 1
    assert not (repo / "x").exists()


def test_a_history_without_a_common_commit_is_one_sentence_and_exit_2(repo: Path) -> None:
    git(repo, "switch", "-q", "--orphan", "other")
    write(repo, {"db/001.sql": "SELECT 1;\n"})
    commit(repo, "unrelated")
    done = check(repo, "db", "--since", "main")
    assert (done.code, done.out) == (2, "")
    assert "no commit in common" in done.err


def test_outside_a_repository_and_without_git_it_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    write(tmp_path, {"m.sql": INDEX})
    done = check(tmp_path, "m.sql", "--since", "main", GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    assert (done.code, done.out) == (2, "")
    assert "is in none" in done.err
    done = check(tmp_path, "m.sql", "--since", "main", PATH=os.fspath(tmp_path))
    assert (done.code, done.out) == (2, "")
    assert "git, which is not installed" in done.err


def test_what_earlier_files_set_for_their_session_and_made_for_it_is_gone(repo: Path) -> None:
    write(
        repo, {"db/002_more.sql": "SET lock_timeout = '2s';\nSET search_path = other;\nCREATE TEMP TABLE t (id int);\n"}
    )
    commit(repo, "settings")
    write(repo, {"db/003_new.sql": "ALTER TABLE orders ADD COLUMN b int;\n"})
    done = since(repo, "HEAD")
    assert done.findings() == [("db/003_new.sql", 1, "lock-queue-behind-waiting-ddl")]
    (statement,) = done.json["files"][0]["statements"]
    assert [k["relation"] for k in statement["locks"]] == ["public.orders"]
