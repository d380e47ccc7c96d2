"""``runbook demo``: a real fault on two embedded servers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from runbook.commands.common import EXIT_OK, Failed, config_from
from runbook.commands.lab import session_on
from runbook.commands.running import case_choices, exit_code, until_done

if TYPE_CHECKING:
    from runbook.lab.scenario import Scenario


@click.command()
@click.argument("scenario", required=False)
@click.option("--list", "list_only", is_flag=True, help="List the scenarios.")
@click.option("--seed", default=0, show_default=True, help="Draws names, versions and tool; 0 is as written.")
@click.option("--json", "as_json", is_flag=True, help="No screen: the diagnosis of the scenario as JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="No screen: the same as Markdown.")
@click.option("--no-record", is_flag=True, help="Keep no journal of this session.")
def demo(scenario: str | None, list_only: bool, seed: int, as_json: bool, as_markdown: bool, no_record: bool) -> int:
    """Two embedded servers with a real fault, and the app on them."""
    from runbook.lab import list_scenarios

    known = {s.id: s for s in list_scenarios()}
    if list_only:
        width = max(len(i) for i in known)
        for item in known.values():
            click.echo(f"{item.id:<{width}}  {item.title}")
        return EXIT_OK
    chosen = scenario or next(iter(known))
    if chosen not in known:
        raise Failed(f"there is no scenario {chosen!r}; `runbook demo --list` names them.")
    headless = "json" if as_json else ("markdown" if as_markdown else None)
    if headless is None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Failed("there is no terminal to open the app on: use --json or --markdown.")
    from runbook.lab.variation import vary

    return _run_demo(vary(known[chosen], seed), headless, no_record)


def _run_demo(scenario: Scenario, headless: str | None, no_record: bool) -> int:
    import asyncio

    from runbook.lab import running

    config = config_from({})
    folder = None if no_record else config.sessions_folder

    async def run() -> int:
        click.echo(f"starting two PostgreSQL servers: {scenario.title}", err=True)
        async with running(scenario) as now:
            session = session_on(now, config, folder=folder, title=f"demo {scenario.id}", interim=headless is None)
            if headless is not None:
                await until_done(session)
                from runbook.transcript import render

                click.echo(render(session.state, session.playbooks, headless), nl=False)
                return exit_code(session)
            from runbook.tui.app import RunbookApp
            from runbook.tui.loop import run_here

            return await run_here(RunbookApp(session, case=case_choices(config), theme=config.theme or None))

    return asyncio.run(run())
