"""The commands as scripts use them: data on stdout, sentences on stderr, the documented exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support import Database, holding_lock, waiting_for_lock


def runbook(*arguments: str, stdin: str | None = None, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """The real program, with a home of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "RUNBOOK"))}
    environment |= {"HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "XDG_CONFIG_HOME": str(home), **env}
    return subprocess.run(
        [sys.executable, "-m", "runbook", *arguments],
        input=stdin if stdin is not None else "",
        capture_output=True,
        text=True,
        env=environment,
        cwd=home,
        timeout=60,
        check=False,
    )


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def migration(home: Path) -> Path:
    path = home / "0007_email.sql"
    path.write_text("ALTER TABLE orders ADD COLUMN email text;\n")
    return path


@pytest.fixture
def shop(pair: tuple[Database, Database]) -> tuple[Database, Database]:
    for side in pair:
        side.execute("CREATE TABLE orders (id int PRIMARY KEY); ANALYZE")
    return pair


def test_a_healthy_pair_exits_0_and_its_json_matches_the_printed_schema(
    shop: tuple[Database, Database], home: Path, migration: Path
) -> None:
    local, production = shop
    done = runbook(
        "triage",
        "--local",
        local.dsn(),
        "--production",
        production.dsn(),
        "--migration",
        str(migration),
        "--seen",
        "planned",
        "--json",
        home=home,
    )
    assert done.returncode == 0, done.stderr
    found = document(done)
    jsonschema.validate(found, json.loads(runbook("schema", "triage", home=home).stdout))
    assert found["causes"] == []
    assert found["conclusion"] == "nothing_wrong"
    assert found["sides"]["production"]["server_version_num"] // 10000 == 16
    assert [s["id"] for s in found["steps"]] == [
        "versions",
        "sizes",
        "error",
        "locks",
        "role",
        "settings",
        "schema",
        "history",
    ]
    assert done.stderr == ""


async def test_a_waiting_migration_exits_1_and_names_its_cause_first(
    shop: tuple[Database, Database], home: Path, migration: Path
) -> None:
    local, production = shop
    async with (
        holding_lock(production.dsn(), "SELECT * FROM orders"),
        waiting_for_lock(production.dsn(), "ALTER TABLE orders ADD COLUMN email text", application_name="deploy"),
    ):
        done = runbook(
            "--local", local.dsn(), "--production", production.dsn(), "-m", str(migration), "--json", home=home
        )
    assert done.returncode == 1, done.stderr
    first = document(done)["causes"][0]
    assert first["id"] == "lock-wait-idle-in-transaction"
    assert first["verdict"] == "proved"
    assert first["playbook"]["sections"]["fix"]
    assert any("idle in a transaction" in reason["because"] for reason in first["for"])


def test_an_error_from_stdin_alone_is_enough_for_a_cause(home: Path) -> None:
    text = "psql:m.sql:1: ERROR:  canceling statement due to lock timeout\n"
    done = runbook("triage", "--error", "-", "--json", stdin=text, home=home)
    assert done.returncode == 1, done.stderr
    found = document(done)
    assert found["causes"][0]["id"] == "lock-timeout"
    assert found["error"]["sqlstate"] == "55P03"
    assert found["sides"] == {"local": None, "production": None}


def test_an_answer_can_be_given_without_a_screen(home: Path) -> None:
    text = "ERROR:  canceling statement due to statement timeout\n"
    done = runbook("triage", "--error", "-", "--answer", "waited_for_lock=yes", "--json", stdin=text, home=home)
    facts = {f["id"]: f["value"] for f in document(done)["facts"]}
    assert facts["answer.waited_for_lock"] == "yes"


def test_an_unreachable_production_is_evidence_and_a_pair_nobody_answers_is_not_success(home: Path) -> None:
    done = runbook("triage", "--production", "host=127.0.0.1 port=1 user=u dbname=d", "--json", home=home)
    assert done.returncode in (1, 3), done.stdout
    assert document(done)["sides"]["production"]["reachable"] is False
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["triage", "--json"], "nothing to look at"),
        (["triage", "--json", "--markdown", "--error", "-"], "exclude each other"),
        (["triage", "--error", "/no/such/file", "--json"], "/no/such/file"),
        (["triage", "--migration", "/no/such/folder", "--json"], "/no/such/folder"),
        (["triage", "--error", "-", "--answer", "nonsense=1", "--json"], "the questions are"),
        (["triage", "--error", "-", "--answer", "seen=maybe", "--json"], "seen is answered by"),
        (["triage", "--sene", "failed"], "--sene"),
        (["nonsense"], "nonsense"),
        (["schema", "nonsense"], "a document is one of"),
        (["show", "nonsense"], "there is no session"),
        (["demo", "nonsense"], "there is no scenario"),
        (["playbooks", "show", "needs-newer-majr"], "Did you mean needs-newer-major"),
        (["playbooks", "check", "/no/such/folder"], "/no/such/folder"),
        (["triage", "--service", "a", "--production", "b", "--json"], "--service and --production"),
    ],
)
def test_bad_input_gets_one_clear_sentence_and_exit_code_2(arguments: list[str], says: str, home: Path) -> None:
    done = runbook(*arguments, stdin="ERROR:  canceling statement due to lock timeout\n", home=home)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_terminal_the_app_is_refused_with_the_way_out(home: Path) -> None:
    done = runbook(home=home)
    assert done.returncode == 2
    assert "--json" in done.stderr


def test_every_session_is_recorded_without_passwords_and_can_be_listed_shown_verified_and_exported(home: Path) -> None:
    text = "psql: error: connection to postgresql://deploy:geheim@db-1/shop failed\nERROR:  deadlock detected\n"
    dsn = "postgresql://deploy:geheim@127.0.0.1:1/shop"
    runbook("triage", "--production", dsn, "--error", "-", "--json", stdin=text, home=home)
    (journal,) = (home / "state" / "runbook" / "sessions").glob("*.jsonl")
    assert "geheim" not in journal.read_text()
    assert oct(journal.stat().st_mode)[-3:] == "600"
    assert journal.stem in runbook("sessions", home=home).stdout
    shown = runbook("show", journal.stem, home=home)
    assert (shown.returncode, "deadlock detected" in shown.stdout) == (0, True)
    assert runbook("show", journal.stem, "--verify", home=home).returncode == 0
    exported = [runbook("export", journal.stem, "--format", "json", home=home).stdout for _ in range(2)]
    assert exported[0] == exported[1]
    assert json.loads(exported[0])["session"]["id"] == journal.stem
    journal.write_text(journal.read_text().replace("deadlock", "bedlock"))
    assert runbook("show", journal.stem, "--verify", home=home).returncode == 1


def test_config_show_names_sources_and_masks_passwords(home: Path) -> None:
    (home / "runbook.toml").write_text('[sides.production]\ndsn = "postgresql://u:geheim@h/d"\nname = "eu-1"\n')
    done = runbook("config", "show", home=home, RUNBOOK_LOCAL="service=dev")
    assert done.returncode == 0
    assert "geheim" not in done.stdout + done.stderr
    assert "postgresql://u:***@h/d" in done.stdout
    assert "[environment RUNBOOK_LOCAL]" in done.stdout


def test_the_users_own_playbooks_are_used_and_a_broken_one_is_named_and_harms_no_other(home: Path) -> None:
    folder = home / "own"
    folder.mkdir()
    (folder / "broken.md").write_text("---\nid: broken\n---\n")
    (folder / "typo.md").write_text(
        "---\nid: typo\ntitle: t\nfamily: own\nkind: fail\ncommonness: rare\nevidence:\n"
        "  - {when: \"error.sqlstat == 'x'\", strength: strong, because: b}\n---\n"
    )
    done = runbook(
        "triage",
        "--playbooks",
        str(folder),
        "--error",
        "-",
        "--json",
        home=home,
        stdin="ERROR:  canceling statement due to lock timeout\n",
    )
    assert document(done)["causes"][0]["id"] == "lock-timeout"
    assert "broken.md:" in done.stderr
    assert "typo.md:8" in done.stderr
    assert "error.sqlstat" in done.stderr
    assert runbook("playbooks", "check", str(folder), home=home).returncode == 2


def test_a_new_playbook_passes_the_check_and_is_never_written_over(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    made = runbook("playbooks", "new", "our-etl", "--title", "The ETL: it holds", "--in", str(folder), home=home)
    assert (made.returncode, made.stdout.strip()) == (0, str(folder / "our-etl.md")), made.stderr
    checked = runbook("playbooks", "check", str(folder), home=home)
    assert checked.returncode == 0, checked.stderr
    (folder / "our-etl.md").write_text("mine")
    again = runbook("playbooks", "new", "our-etl", "--in", str(folder), home=home)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert (folder / "our-etl.md").read_text() == "mine"
    assert runbook("playbooks", "new", "../etc/x", "--in", str(folder), home=home).returncode == 2


def test_every_fact_is_listed_with_its_meaning_and_every_cause_with_what_it_needs(home: Path) -> None:
    facts = runbook("playbooks", "facts", "locks", home=home)
    assert "locks.blocker" in facts.stdout
    assert runbook("playbooks", "facts", "nonsense", home=home).returncode == 2
    causes = runbook("causes", home=home).stdout
    assert "fail; 40P01; seen in the error text" in causes


def test_all_shipped_playbooks_pass_the_check(home: Path) -> None:
    done = runbook("playbooks", "check", home=home)
    assert done.returncode == 0, done.stderr


def test_hostile_text_in_an_error_stays_text_in_markdown(home: Path) -> None:
    text = 'ERROR:  column "<script>alert(1)</script>\x1b]52;c;aGk=\x07[x](javascript:y)" does not exist\n'
    done = runbook("triage", "--error", "-", "--markdown", stdin=text, home=home)
    assert "\x1b" not in done.stdout
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark").render(done.stdout)
    assert "<script" not in html
    assert "<a href" not in html


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["completion", "bash"], ["causes"], ["demo", "--list"]]
)
def test_commands_without_a_server_or_a_screen_load_neither(arguments: list[str], home: Path) -> None:
    script = (
        "import sys; from runbook.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        "loaded = {m.split('.')[0] for m in sys.modules}\n"
        "assert not loaded & {'textual', 'psycopg'}, loaded & {'textual', 'psycopg'}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=home,
        check=False,
        env={**os.environ, "HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr


HAZARDS = "CREATE TABLE made (id int);\nCREATE INDEX ON orders (id);\nALTER TABLE orders ADD COLUMN note text;\n"


def test_check_without_a_server_assumes_the_worst_and_says_so(home: Path) -> None:
    (home / "m.sql").write_text(HAZARDS)
    done = runbook("check", "m.sql", home=home)
    assert done.returncode == 1
    assert "m.sql:2: DANGER" in done.stdout
    assert "CREATE INDEX CONCURRENTLY" in done.stdout
    assert "no server was asked" in done.stdout
    assert runbook("check", "m.sql", "--fail-on", "never", home=home).returncode == 0


def test_check_on_a_small_idle_production_alarms_nobody_and_its_json_matches_the_schema(
    shop: tuple[Database, Database], home: Path
) -> None:
    (home / "m.sql").write_text(HAZARDS)
    done = runbook("check", "m.sql", "--production", shop[1].dsn(), "--format", "json", home=home)
    assert done.returncode == 0, done.stdout
    found = document(done)
    jsonschema.validate(found, json.loads(runbook("schema", "check", home=home).stdout))
    assert (found["basis"], found["server_version_num"] // 10000) == ("production", 16)
    statements = found["files"][0]["statements"]
    assert statements[0]["locks"] == []
    assert [(k["relation"], k["mode"]) for k in statements[2]["locks"]] == [("public.orders", "AccessExclusiveLock")]
    assert found["summary"]["danger"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["check"], 2, "PATH"),
        (["check", "no/such.sql"], 2, "no/such.sql"),
        (["check", "m.sql", "--pg-version", "11"], 2, "11"),
        (["check", "m.sql", "--production", "host=127.0.0.1 port=1 user=u dbname=d"], 3, "could not be asked"),
    ],
)
def test_check_says_what_it_cannot_use(arguments: list[str], code: int, says: str, home: Path) -> None:
    (home / "m.sql").write_text(HAZARDS)
    done = runbook(*arguments, home=home)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
