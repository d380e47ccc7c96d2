"""``runbook redact``: a stricter copy of a recorded session, to hand to others."""

from __future__ import annotations

from pathlib import Path

import click

from runbook.commands.common import EXIT_OK, Failed
from runbook.commands.recorded import journal_path


@click.command()
@click.argument("session")
@click.option(
    "--names", is_flag=True, help="Also replace the names of hosts, roles, databases and people by pseudonyms."
)
@click.option("--output", "-o", metavar="PATH", help="The copy's file; SESSION-redacted.jsonl beside it when left out.")
def redact(session: str, names: bool, output: str | None) -> int:
    """Write a stricter copy of a session: no literal of any query, no row, and on request no names.

    The copy can be shown, exported, replayed and verified like any session.
    """
    from runbook.session.stricter import copy
    from runbook.text import plural

    source = journal_path(session)
    target = Path(output) if output else source.with_name(f"{source.stem}-redacted.jsonl")
    try:
        done = copy(source, target, names=names)
    except FileExistsError:
        raise Failed(f"{target} exists already: give another name with --output.") from None
    except OSError as error:
        raise Failed(f"{target} cannot be written: {error.strerror}.") from None
    for problem in done.problems:
        click.echo(f"runbook: {problem}", err=True)
    taken = ", ".join(plural(n, kind) for kind, n in sorted(done.removed.items()) if n) or "nothing"
    told = f"{plural(done.events, 'event')}; taken out: {taken}"
    if names:
        told += "; replaced: " + (", ".join(plural(n, kind) for kind, n in sorted(done.names.items())) or "no name")
    click.echo(str(target))
    click.echo(f"runbook: {told}", err=True)
    return EXIT_OK
