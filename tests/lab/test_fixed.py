"""Whether an incident is over is measured, and every fix that works counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runbook.lab import census, hands
from runbook.lab.fixed import before, fixed
from runbook.lab.scenario import Scenario, find_scenario, running


def small(name: str) -> Scenario:
    return replace(find_scenario(name), orders=5_000)


@pytest.mark.parametrize(
    "name", ["lock-queue", "not-owner", "duplicate-emails", "removed-column", "no-slot-left", "healthy-full-pool"]
)
async def test_the_fault_shows_until_it_is_taken_away(name: str) -> None:
    """As failing, hanging, broken, refused and healthy as scenarios come."""
    scenario = small(name)
    async with running(scenario) as now:
        known = await before(now.stage)
        then = await fixed(now.stage, known, run=False)
        assert not then.both
        assert then.why
        await now.stage.remove_fault()
        after = await fixed(now.stage, known, run=True)
        assert after.both, after.why


async def test_a_column_that_was_added_by_hand_is_as_good_as_the_migration() -> None:
    async with running(small("not-owner")) as now:
        known = await before(now.stage)
        await now.stage.execute("production", "ALTER TABLE orders ADD COLUMN delivered_at timestamptz", "postgres")
        assert (await fixed(now.stage, known, run=False)).migration


async def test_a_migration_that_was_emptied_is_no_fix() -> None:
    async with running(small("not-owner")) as now:
        known = await before(now.stage)
        now.stage.rewrite("SELECT 1;\n")
        result = await fixed(now.stage, known, run=True)
        assert not result.migration
        assert any("changes nothing" in why for why in result.why)


async def test_a_pid_that_belongs_to_somebody_else_by_now_is_left_alone() -> None:
    async with running(small("lock-queue")) as now:
        (holder,) = [s for s in (await census.sessions(now.stage)).values() if s.application == "nightly-report"]
        assert holder.blocks
        did = await hands.end_session(now.stage, "terminate", holder.pid, "2001-01-01 00:00:00+00", "postgres")
        assert did.status == "refused"
        assert "another session" in did.answer
        assert holder.key in await census.sessions(now.stage)
        did = await hands.end_session(now.stage, "terminate", holder.pid, holder.backend_start, "postgres")
        assert (did.status, [s.application for s in did.ended]) == ("done", ["nightly-report"])


async def test_a_census_of_a_locked_production_waits_for_nobody_and_misses_what_went() -> None:
    async with running(small("lock-queue")) as now:
        then = await census.take(now.stage)
        assert not then.rows["orders"].exact
        assert then.rows["customers"].exact
        await now.stage.execute(
            "production", "DROP INDEX order_items_order_id_idx; ALTER ROLE web SUPERUSER", "postgres"
        )
        after = await census.take(now.stage, then)
        assert then.objects - after.objects == {"index order_items_order_id_idx on order_items"}
        assert after.powers - then.powers == {"web is a superuser"}
