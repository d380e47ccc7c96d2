"""``runbook schema`` and ``runbook config``: what documents look like, and what is configured."""

from __future__ import annotations

from typing import Any

import click

from runbook.commands.common import EXIT_OK, Failed, config_from, side_options


@click.command()
@click.argument("name", required=False)
def schema(name: str | None) -> int:
    """Print the JSON Schema of a document."""
    import json

    from runbook.documents import SCHEMAS
    from runbook.documents import schema as schema_of

    if name not in SCHEMAS:
        raise Failed(f"a document is one of: {', '.join(SCHEMAS)}" + (f"; not {name!r}." if name else "."))
    click.echo(json.dumps(schema_of(name), indent=2))
    return EXIT_OK


@click.group()
def config() -> None:
    """The configuration and where it comes from."""


@config.command("show")
@side_options
def config_show(**given: Any) -> int:
    """Print each value and where it came from, passwords masked."""
    from runbook.config import show as show_config

    rows = list(show_config(config_from(given)))
    width = max(len(key) for key, _, _ in rows)
    for key, value, source in rows:
        click.echo(f"{key:<{width}}  {value}    [{source}]")
    return EXIT_OK
