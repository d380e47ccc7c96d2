"""``runbook lab``: the scenarios, one of them under any seed, and the score of all."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from runbook.commands.common import EXIT_OK, EXIT_WRONG, Failed, config_from, load_playbooks

if TYPE_CHECKING:
    from pathlib import Path

    from runbook.config import Config
    from runbook.lab.scenario import Running, Scenario
    from runbook.lab.score import Baseline, Result
    from runbook.playbook import Playbook
    from runbook.session.live import LiveSession


@click.group()
def lab() -> None:
    """Real faults on embedded servers, to measure the diagnosis with."""


@lab.command("list")
def list_() -> int:
    """List the scenarios with what is true in them."""
    from runbook.lab import list_scenarios

    known = list_scenarios()
    width = max(len(s.id) for s in known)
    for scenario in known:
        click.echo(f"{scenario.id:<{width}}  {scenario.kind:<12}  {scenario.expected or 'nothing wrong'}")
    return EXIT_OK


@lab.command("run")
@click.argument("scenario")
@click.option("--seed", default=0, show_default=True, help="Draws names, versions and tool; 0 is as written.")
def run(scenario: str, seed: int) -> int:
    """Put one scenario in force, diagnose it, and compare with what is true."""
    (result,) = _played([find(scenario)], [seed])
    if result.broken:
        raise Failed(f"{scenario}: {result.broken}")
    click.echo(f"{', '.join(result.looks.values())}; {result.duration_s:.1f} s")
    click.echo(f"true: {result.expected or 'nothing wrong'}")
    for told in result.told:
        click.echo(f"told: {told.id} {told.probability:.2f} {told.verdict}")
    if not result.told:
        click.echo("told: nothing wrong")
    for sql in result.harmful:
        click.echo(f"harmful: {sql}")
    return EXIT_OK if result.right and not result.harmful else EXIT_WRONG


@lab.command("score")
@click.option("--seed", "seeds", type=int, multiple=True, help="Repeatable; without it 1, 2 and 3.")
@click.option("--only", "only", metavar="SCENARIO", multiple=True, help="Only these scenarios; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="The figures and every result as JSON.")
def score_(seeds: tuple[int, ...], only: tuple[str, ...], as_json: bool) -> int:
    """Diagnose every scenario under some seeds; print how often it was right, and what was wrong."""
    from datetime import UTC, datetime

    from runbook.lab import list_scenarios
    from runbook.lab.score import by_checklist, by_sqlstate, most_common, score, table

    scenarios = [find(name) for name in only] or list(list_scenarios())
    results = _played(scenarios, seeds or (1, 2, 3), tell=True)
    playbooks, _ = load_playbooks(config_from({}))
    baselines: dict[str, Baseline] = {
        "SQLSTATE lookup": by_sqlstate(_under_sqlstate(playbooks)),
        "fixed checklist": by_checklist,
        "most common cause": most_common(results),
    }
    figures = score(results, baselines)
    if as_json:
        from runbook.documents import to_json

        click.echo(to_json(figures), nl=False)
    else:
        click.echo(table(figures, f"{datetime.now(UTC):%Y-%m-%d}"), nl=False)
    return EXIT_WRONG if figures.failures else EXIT_OK


def find(name: str) -> Scenario:
    """The scenario called ``name``; a sentence with a way out if there is none."""
    from runbook.lab.scenario import find_scenario

    try:
        return find_scenario(name)
    except KeyError:
        raise Failed(f"there is no scenario {name!r}; `runbook lab list` names them.") from None


def session_on(now: Running, config: Config, *, folder: Path | None, title: str, interim: bool = False) -> LiveSession:
    """A session that knows what the engineer on call knows of the scenario in force."""
    from runbook.session.live import LiveSession, Options, SideChoice

    options = Options(
        sides=(
            SideChoice("local", now.local_dsn, "local", source="demo"),
            SideChoice("production", now.production_dsn, "production", source="demo"),
        ),
        migration=now.migration_paths,
        error_text=now.error_text,
        seen=now.seen,
        title=title,
    )
    return LiveSession(options, lambda: load_playbooks(config), folder=folder, interim=interim)


def _played(scenarios: Sequence[Scenario], seeds: Sequence[int], *, tell: bool = False) -> list[Result]:
    import asyncio

    async def run() -> list[Result]:
        results = []
        for seed in seeds:
            for scenario in scenarios:
                results.append(await _play(scenario, seed))
                if tell:
                    last = results[-1]
                    word = "broken" if last.broken else "right" if last.right else "WRONG"
                    click.echo(f"{word:<6}  {scenario.id}, seed {seed}", err=True)
        return results

    return asyncio.run(run())


async def _play(scenario: Scenario, seed: int) -> Result:
    from runbook.lab import running
    from runbook.lab.installations import LabError
    from runbook.lab.score import Result
    from runbook.lab.variation import also, looks, vary

    begun = time.perf_counter()
    known: dict[str, Any] = {
        "scenario": scenario.id,
        "seed": seed,
        "kind": scenario.kind,
        "expected": scenario.expected,
    }
    drawn = scenario
    try:
        drawn = vary(scenario, seed)
        async with running(drawn) as now:
            session = session_on(now, config_from({}), folder=None, title=scenario.id)
            try:
                await session.start()
                for given in drawn.answers:
                    session.answer(*given.split("=", 1))
            finally:
                await session.close("done")
            return Result(
                **known,
                looks=looks(drawn),
                told=_told(session),
                beside=also(drawn),
                decoys=drawn.decoys,
                sqlstate=now.sqlstate,
                steps=tuple(s.id for s in session.state.steps.values() if s.verdict == "attention"),
                harmful=_harmful(session, [now.stage.text(pattern) for pattern in drawn.harmful]),
                duration_s=time.perf_counter() - begun,
            )
    except (LabError, TimeoutError) as error:
        return Result(**known, looks=looks(drawn), told=(), broken=str(error) or "took too long to come into force")


def _told(session: LiveSession) -> tuple[Any, ...]:
    from runbook.lab.score import Told

    diagnosis = session.state.diagnosis
    if diagnosis is None:
        return ()
    listed = (c for c in diagnosis.causes if c.verdict in ("proved", "likely", "possible"))
    return tuple(Told(c.id, c.probability, c.verdict) for c in listed)


def _harmful(session: LiveSession, patterns: Sequence[str]) -> tuple[str, ...]:
    """SQL of the first cause's playbook that one of ``patterns`` finds."""
    told = _told(session)
    if not patterns or not told:
        return ()
    blocks = [block.sql for block in session.render(told[0].id).sql if block.changes and block.on == "production"]
    return tuple(sql for sql in blocks if any(re.search(pattern, sql) for pattern in patterns))


def _under_sqlstate(playbooks: Mapping[str, Playbook]) -> dict[str, list[str]]:
    """SQLSTATE -> the causes that name it, the commoner first."""
    order = {"common": 0, "occasional": 1, "rare": 2}
    found: dict[str, list[str]] = {}
    for playbook in sorted(playbooks.values(), key=lambda p: (order[p.commonness], p.id)):
        for sqlstate in playbook.sqlstates:
            found.setdefault(sqlstate, []).append(playbook.id)
    return found
