"""What the keys of an exercise do: ask, confirm, let the exercise do it, and show what the server said."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from runbook.text import clean_line
from runbook.train.exercise import NOTHING_WRONG, NotNow
from runbook.tui.lines import Line, line, paragraph, preformatted
from runbook.tui.screens.dialogs import TextDialog
from runbook.tui.screens.training import (
    ActDialog,
    CauseDialog,
    ConfirmDialog,
    DebriefScreen,
    EditDialog,
    EndDialog,
)
from runbook.words import duration

if TYPE_CHECKING:
    from runbook.lab.hands import Did
    from runbook.train.acts import Act
    from runbook.train.exercise import Exercise
    from runbook.tui.app import RunbookApp


async def do(app: RunbookApp, exercise: Exercise, what: str) -> None:
    """One key of the exercise. Runs in a worker of the app."""
    if exercise.over and what not in ("debrief", "story"):
        app.say("the exercise is over: D shows the debrief")
        return
    try:
        match what:
            case "story":
                app.push_screen(TextDialog("Exercise", partial(_story, exercise.story)))
            case "state":
                await _state(app, exercise)
            case "rule_out":
                cause = await app.push_screen_wait(CauseDialog("What is it not?", app.source.playbooks, {}))
                if cause is not None:
                    exercise.rule_out(cause)
                    app.say(f"ruled out: {app.source.playbooks[cause].title}")
            case "hint":
                text = exercise.hint()
                app.push_screen(TextDialog("Hint", partial(_text, text or "there are no more hints")))
            case "act":
                await _act(app, exercise)
            case "fixed":
                await _end(app, exercise)
            case "debrief":
                _debrief(app, exercise)
    except NotNow as problem:
        app.say(str(problem), severity="warning")


async def _state(app: RunbookApp, exercise: Exercise) -> None:
    more = {NOTHING_WRONG: "Nothing is wrong: the migration may run"}
    cause = await app.push_screen_wait(
        CauseDialog("What is it? (more than one may be true)", app.source.playbooks, more)
    )
    if cause is not None:
        exercise.state(cause)
        app.say(f"stated: {more.get(cause) or app.source.playbooks[cause].title}")


async def _act(app: RunbookApp, exercise: Exercise) -> None:
    from runbook.tui.screens.locks import LocksScreen

    proposal = ""
    if isinstance(app.screen, LocksScreen) and app.screen.selected is not None and app.screen.selected.session.pid:
        proposal = f"terminate {app.screen.selected.session.pid}"
    act = await app.push_screen_wait(ActDialog(proposal))
    if act is None:
        return
    if act.what == "edit":
        await _edit(app, exercise)
        return
    told, backend_start = await _told(exercise, act)
    if act.confirm and not await app.push_screen_wait(ConfirmDialog(told, act.confirm)):
        app.say("not done")
        return
    app.say("running ...")
    did = await _run(exercise, act, backend_start)
    title = f"{did.what}: {did.status}, {duration(did.duration_s)}"
    app.push_screen(TextDialog(title, partial(_text, f"{did.answer or did.status}\n\nr looks at both sides again")))
    if did.what == "migrate" and did.status == "failed":
        await app.source.give_error(did.answer)


async def _told(exercise: Exercise, act: Act) -> tuple[list[str], str | None]:
    """What is about to be done, and for a session when it began: a pid alone is no name."""
    if act.what in ("cancel", "terminate"):
        victim = await exercise.session_of(act.pid)
        if victim is None:
            raise NotNow(f"there is no session {act.pid}")
        who = f"{clean_line(victim.application)} of {clean_line(victim.role)}, {clean_line(victim.state or '?')}"
        waited = "somebody waits for it" if victim.blocks else "nobody waits for it"
        return [f"{act.what} {act.pid} on production", who, f"connected {victim.backend_start[:19]}; {waited}"], (
            victim.backend_start
        )
    if act.what in ("migrate", "resolve"):
        files = ", ".join(path.name for path in exercise.files)
        return [f"{act.what} on production, with {exercise.stage.tool.name}", files], None
    who = "the superuser" if act.admin else "the deployer" if act.side == "production" else "the developer"
    return [f"on {act.side}, as {who}:", act.sql], None


async def _run(exercise: Exercise, act: Act, backend_start: str | None) -> Did:
    match act.what:
        case "cancel" | "terminate":
            return await exercise.end_session(act.how, act.pid, backend_start, admin=act.admin)
        case "migrate":
            return await exercise.migrate()
        case "resolve":
            return await exercise.resolve()
        case _:
            return await exercise.execute(act.side, act.sql, admin=act.admin)


async def _edit(app: RunbookApp, exercise: Exercise) -> None:
    path = exercise.files[0]
    text = await app.push_screen_wait(EditDialog(path))
    if text is None:
        return
    exercise.write_file(path, text if text.endswith("\n") else text + "\n")
    await app.source.give_migration(exercise.files)
    app.say(f"{path.name} was written; A migrate runs it")


async def _end(app: RunbookApp, exercise: Exercise) -> None:
    how = await app.push_screen_wait(EndDialog())
    if how is None:
        return
    app.say("measuring on the servers ...")
    await exercise.declare(gave_up=how != "fixed")
    app.state = app.source.state  # what was kept from the screens is shown now
    _debrief(app, exercise)


def _debrief(app: RunbookApp, exercise: Exercise) -> None:
    if not exercise.over:
        app.say("the debrief comes when it is over: F", severity="warning")
    elif not isinstance(app.screen, DebriefScreen):
        app.push_screen(DebriefScreen())


def _story(story: str, width: int) -> list[Line]:
    """What the person on call is told, and how an exercise goes."""
    keys = (
        ("S", "state what it is; R rules a rival out. Nothing may be wrong at all"),
        ("A", "act: cancel, terminate, SQL, migrate, edit. These servers are yours, the guards are the usual ones"),
        ("H", "a hint, which costs some points"),
        ("F", "it is fixed (or: I give up); then it is measured, and debriefed"),
    )
    told = [*paragraph(story, width, "bold"), line()]
    for key, words in keys:
        told += paragraph(words, width, first=f"{key}  ", indent=3)
    return [*told, line(), line(("Enter begins; B shows this again", "muted"))]


def _text(text: str, width: int) -> list[Line]:
    return preformatted(text, width)
