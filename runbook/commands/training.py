"""``runbook train``: real faults on embedded servers, the answer hidden; and the debrief."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from runbook.commands.common import EXIT_OK, EXIT_WRONG, Failed, config_from, load_playbooks

if TYPE_CHECKING:
    from runbook.config import Config
    from runbook.session.state import State
    from runbook.train.curriculum import Drill
    from runbook.train.exercise import Exercise


@click.command()
@click.argument("drill", required=False)
@click.option("--seed", type=int, help="Draws names, versions and tool (0: as written), and what is played.")
@click.option("--without-suspects", is_flag=True, help="Keep what the tool suspects from you until the end.")
@click.option("--pair", is_flag=True, help="Two exercises with the same symptom and another cause each; or none.")
@click.option("--script", type=click.File("r", encoding="utf-8"), help="No screen: a trainee who follows this (YAML).")
@click.option("--list", "list_only", is_flag=True, help="List the curriculum, with your best scores.")
@click.option("--scores", "scores_only", is_flag=True, help="List what you have played.")
@click.option("--debrief", "debrief_of", metavar="SESSION", help="The debrief of an exercise that was recorded.")
@click.option("--session", "walk_of", metavar="SESSION", help="What would you look at next? From a recorded incident.")
@click.option("--sheet", metavar="DRILL", help="The game master's sheet for a group exercise, as Markdown.")
@click.option("--json", "as_json", is_flag=True, help="The debrief as JSON.")
@click.option("--no-record", is_flag=True, help="Keep no journal and no score.")
def train(
    drill: str | None,
    seed: int | None,
    without_suspects: bool,
    pair: bool,
    script: Any,
    list_only: bool,
    scores_only: bool,
    debrief_of: str | None,
    walk_of: str | None,
    sheet: str | None,
    as_json: bool,
    no_record: bool,
) -> int:
    """Practise on real faults: a drill of the curriculum (its number or id), a scenario of the lab, or a drawn one."""
    if list_only:
        return _list()
    if scores_only:
        return _scores()
    if debrief_of is not None:
        return _debrief(debrief_of, as_json)
    if walk_of is not None:
        return _walk(walk_of)
    if sheet is not None:
        from runbook.train.sheet import sheet as written

        click.echo(written(_find(sheet), _known()), nl=False)
        return EXIT_OK
    drills = _chosen(drill, seed, pair)
    steps = _steps(script.read()) if script is not None else None
    if steps is None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Failed("there is no terminal to train on: use --script.")
    code = EXIT_OK
    for number, one in enumerate(drills, 1):
        if len(drills) > 1:
            click.echo(f"exercise {number} of {len(drills)}", err=True)
        if number > 1 and steps is None:
            click.pause("Enter begins the next one", err=True)
        code = _play(one, seed or 0, steps, suspects=not without_suspects, as_json=as_json, no_record=no_record)
    return code


def _chosen(name: str | None, seed: int | None, pair: bool) -> list[Drill]:
    import secrets

    from runbook.train.curriculum import draw
    from runbook.train.pairs import draw_pair

    if name is not None and pair:
        raise Failed("--pair draws what is played: leave the drill out.")
    if name is not None:
        return [_find(name)]
    drawn = seed if seed is not None else secrets.randbelow(1_000_000)
    return list(draw_pair(drawn)) if pair else [draw(drawn)]


def _find(name: str) -> Drill:
    from runbook.train.curriculum import UnknownDrill, find

    try:
        return find(name)
    except UnknownDrill as error:
        raise Failed(f"{error}.") from None


def _steps(text: str) -> list[tuple[str, Any]]:
    from runbook.train.script import ScriptError, read

    try:
        return read(text)
    except ScriptError as error:
        raise Failed(str(error)) from None


def _play(
    drill: Drill,
    seed: int,
    steps: list[tuple[str, Any]] | None,
    *,
    suspects: bool,
    as_json: bool,
    no_record: bool,
) -> int:
    import asyncio

    from runbook.train.debrief import NoExercise, debrief
    from runbook.train.exercise import exercise
    from runbook.train.script import ScriptError, follow

    config = config_from({})
    folder = None if no_record else config.sessions_folder

    async def run() -> State:
        click.echo("starting two PostgreSQL servers", err=True)
        playing = exercise(
            drill,
            playbooks=lambda: load_playbooks(config),
            folder=folder,
            seed=seed,
            suspects=suspects,
            interim=steps is None,
        )
        async with playing as now:
            if steps is not None:
                return await follow(now, steps, tell=lambda text: click.echo(text, err=True))
            await _on_screen(now, config)
            if not now.over:
                await now.declare(gave_up=True)
            return now.session.whole

    try:
        state = asyncio.run(run())
        found = debrief(state)
    except (ScriptError, NoExercise) as error:
        raise Failed(str(error)) from None
    if not no_record:
        from runbook.train.scores import keep

        try:
            click.echo(f"score kept in {keep(found)}", err=True)
        except OSError as error:
            click.echo(f"runbook: the score could not be kept: {error.strerror}", err=True)
    _print(state, as_json)
    return EXIT_OK if found.fixed and found.detected else EXIT_WRONG


async def _on_screen(now: Exercise, config: Config) -> None:
    from runbook.tui.app import RunbookApp
    from runbook.tui.loop import run_here

    await run_here(RunbookApp(now.session, theme=config.theme or None, training=now))


def _known() -> dict[str, Any]:
    playbooks, _ = load_playbooks(config_from({}))
    return playbooks


def _debrief(session: str, as_json: bool) -> int:
    from runbook.commands.recorded import journal_path
    from runbook.session.recorder import replayed
    from runbook.train.debrief import NoExercise

    try:
        _print(replayed(journal_path(session)), as_json)
    except NoExercise as error:
        raise Failed(f"{error}.") from None
    return EXIT_OK


def _print(state: State, as_json: bool) -> None:
    import shutil

    from runbook.train.debrief import debrief
    from runbook.train.report import WIDTH, text

    if as_json:
        from runbook.documents import to_json
        from runbook.train.debrief import document

        click.echo(to_json(document(debrief(state))), nl=False)
    else:
        width = min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH)
        click.echo(text(debrief(state), state, _known(), width), nl=False)


def _list() -> int:
    from runbook.train.curriculum import curriculum
    from runbook.train.scores import best, scores

    known = best(scores())
    width = max(len(d.id) for d in curriculum())
    for drill in curriculum():
        score = f"{known[drill.id].points:>3} points" if drill.id in known else "          "
        click.echo(f"{drill.number:>2}  {drill.id:<{width}}  {score}  {drill.title}")
    return EXIT_OK


def _scores() -> int:
    from runbook.train.scores import file, scores

    entries = scores()
    if not entries:
        click.echo(f"nothing was played yet; scores are kept in {file()}", err=True)
    for one in entries:
        how = "fixed" if one.fixed else "not fixed"
        click.echo(
            f"{one.at[:19].replace('T', ' ')}  {one.points:>3} of {one.of}  {one.drill:<16}  {how}  {one.session}"
        )
    return EXIT_OK


def _walk(session: str) -> int:
    from runbook.commands.recorded import journal_path
    from runbook.session.journal import read
    from runbook.train.walk import NothingToAsk, ask

    events = read(journal_path(session)).events
    try:
        right, of = ask(events, _known(), tell=click.echo, answer=lambda: click.prompt(">", prompt_suffix=" "))
    except NothingToAsk as error:
        raise Failed(f"{error}.") from None
    click.echo(f"{right} of {of} right")
    return EXIT_OK
