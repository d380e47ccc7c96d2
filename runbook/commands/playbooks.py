"""``runbook playbooks`` and ``runbook causes``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from runbook.commands.common import EXIT_OK, EXIT_USAGE, Failed, config_from, load_playbooks


@click.group()
def playbooks() -> None:
    """List, show and check playbooks."""


FOLDERS = click.option("--playbooks", "folders", metavar="DIR", multiple=True, help="A further folder; repeatable.")


def _loaded(folders: Sequence[str]) -> tuple[dict[str, Any], list[Any]]:
    return load_playbooks(config_from({"playbooks": folders}))


@playbooks.command("list")
@FOLDERS
def playbooks_list(folders: tuple[str, ...]) -> int:
    """List all playbooks with their files."""
    found, errors = _loaded(folders)
    for playbook in sorted(found.values(), key=lambda p: (p.family, p.id)):
        click.echo(f"{playbook.family:<12} {playbook.id:<36} {playbook.title}")
    return _name_errors(errors)


@playbooks.command("show")
@click.argument("cause")
@FOLDERS
def playbooks_show(cause: str, folders: tuple[str, ...]) -> int:
    """Show a playbook with placeholders in place of an incident's values."""
    from runbook.diagnosis.facts import FactBook

    found, _ = _loaded(folders)
    click.echo(_known(found, cause).render(FactBook()).markdown(), nl=False)
    return EXIT_OK


@playbooks.command("new")
@click.argument("cause")
@click.option("--title", default="", help="What an engineer reads first; without it, made from the id.")
@click.option(
    "--in", "folder", metavar="DIR", type=click.Path(path_type=Path), default=Path("playbooks"), show_default=True
)
def playbooks_new(cause: str, title: str, folder: Path) -> int:
    """Begin a playbook of your own: a file that is complete and passes the check, to be filled with what you know."""
    import yaml

    if re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cause) is None:
        raise Failed(f"a cause's id is lower-case words joined by hyphens, like nightly-etl-blocks; not {cause!r}.")
    path = folder / f"{cause}.md"
    if path.exists():
        raise Failed(f"{path} exists already; nothing was written.")
    text = (Path(__file__).parent.parent / "new_playbook.md").read_text(encoding="utf-8")
    shown = yaml.safe_dump(title or cause.replace("-", " ").capitalize(), width=1000).removesuffix("...\n").strip()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text.replace("CAUSE-ID", cause).replace("TITLE", shown, 1))
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}.") from None
    click.echo(path)
    click.echo(f"Fill it in, then: runbook playbooks check {folder}", err=True)
    return EXIT_OK


@playbooks.command("facts")
@click.argument("group", required=False)
def playbooks_facts(group: str | None) -> int:
    """List the facts that a playbook may ask for, with their meaning; all, or those of one group (locks, error ...)."""
    from runbook.diagnosis.vocabulary import GROUPS, SPECS

    if group is not None and group not in GROUPS:
        raise Failed(f"there is no group of facts {group!r}; there are: {', '.join(sorted(GROUPS))}.")
    for spec in SPECS:
        if group in (None, spec.group):
            click.echo(f"{spec.id:<40} {spec.type:<7} {spec.meaning}")
    return EXIT_OK


@playbooks.command("check")
@click.argument("folders", nargs=-1, type=click.Path())
def playbooks_check(folders: tuple[str, ...]) -> int:
    """Check all playbooks, the user's own folders included; name what is wrong with file and line."""
    from runbook.playbook import check

    found, errors = _loaded(folders)
    problems = [*errors, *(e for p in found.values() for e in check(p, found))]
    for problem in problems:
        click.echo(str(problem), err=True)
    click.echo(f"{len(found)} playbooks, {len(problems)} problems")
    return EXIT_USAGE if problems else EXIT_OK


def _name_errors(errors: Sequence[Any]) -> int:
    for error in errors:
        click.echo(f"runbook: {error}", err=True)
    return EXIT_USAGE if errors else EXIT_OK


def _known(found: dict[str, Any], cause: str) -> Any:
    if cause not in found:
        import difflib

        near = difflib.get_close_matches(cause, found, n=1)
        hint = f" Did you mean {near[0]}?" if near else " `runbook causes` lists them."
        raise Failed(f"there is no cause {cause!r}.{hint}")
    return found[cause]


_SOURCES = {
    "error": "the error text",
    "failing": "the migration",
    "migration": "the migration",
    "locks": "production's locks",
    "production": "production",
    "local": "local",
    "schema": "the schemas",
    "history": "the migration history",
    "role": "the role's rights",
    "answer": "an answer",
}
"""Where the facts of a group come from."""


def _seen_in(playbook: Any) -> str:
    """What has to be given for the cause to be proved: where the facts come from that its required evidence asks for."""
    facts = sorted({fact for item in playbook.required for fact in item.when.facts})
    return (
        ", ".join(dict.fromkeys(_SOURCES.get(fact.split(".")[0], fact) for fact in facts)) or "no fact: it is a guess"
    )


@click.group(invoke_without_command=True)
@click.pass_context
def causes(ctx: click.Context) -> int:
    """List the causes by family, or show one."""
    if ctx.invoked_subcommand is not None:
        return EXIT_OK
    found, errors = _loaded(())
    family = ""
    for playbook in sorted(found.values(), key=lambda p: (p.family, p.id)):
        if playbook.family != family:
            family = playbook.family
            click.echo(f"\n{family}")
        states = ", ".join(playbook.sqlstates) or "any error, or none"
        click.echo(f"  {playbook.id:<36} {playbook.title}")
        click.echo(f"  {'':<36} {playbook.kind}; {states}; seen in {_seen_in(playbook)}")
    return _name_errors(errors)


@causes.command("show")
@click.argument("cause")
def causes_show(cause: str) -> int:
    """Show a cause: what it needs to be seen, what speaks for and against it, and its remedy."""
    from runbook.diagnosis.facts import FactBook

    playbook = _known(_loaded(())[0], cause)
    click.echo(f"{playbook.id}: {playbook.title}\nseen in {_seen_in(playbook)}\n")
    for name, items in (("needs", playbook.required), ("evidence", playbook.evidence)):
        click.echo(f"{name}:")
        for item in items:
            click.echo(f"  {item.strength:<9} {item.when.text}")
    click.echo()
    click.echo(playbook.render(FactBook()).markdown(), nl=False)
    return EXIT_OK
