"""``runbook playbooks`` and ``runbook causes``."""

from __future__ import annotations

from collections.abc import Sequence
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
        click.echo(f"  {playbook.id:<36} {playbook.title}  ({playbook.kind}; {states})")
    return _name_errors(errors)


@causes.command("show")
@click.argument("cause")
def causes_show(cause: str) -> int:
    """Show a cause: what it needs to be seen, what speaks for and against it, and its remedy."""
    from runbook.diagnosis.facts import FactBook

    playbook = _known(_loaded(())[0], cause)
    click.echo(f"{playbook.id}: {playbook.title}\n")
    for name, items in (("needs", playbook.required), ("evidence", playbook.evidence)):
        click.echo(f"{name}:")
        for item in items:
            click.echo(f"  {item.strength:<9} {item.when.text}")
    click.echo()
    click.echo(playbook.render(FactBook()).markdown(), nl=False)
    return EXIT_OK
