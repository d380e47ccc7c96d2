"""What several commands share: exit codes, the options that name the sides, the configuration they make."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from runbook.config import Config

EXIT_OK, EXIT_WRONG, EXIT_USAGE, EXIT_NOTHING, EXIT_LIMIT, EXIT_INTERRUPTED = 0, 1, 2, 3, 4, 130
SEEN = ("failed", "hanging", "running", "broken", "planned")


class Failed(Exception):
    """A sentence for stderr and an exit code."""

    def __init__(self, message: str, code: int = EXIT_USAGE) -> None:
        super().__init__(message)
        self.code = code


def side_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--local", metavar="DSN", help="The local server: connection string, URI, or a configured side."),
        click.option("--production", metavar="DSN", help="The production server: the same."),
        click.option("--service", metavar="NAME", help="A service of pg_service.conf, as the production side."),
        click.option("--role", metavar="ROLE", help="The role that runs migrations on production, if it is not ours."),
        click.option("--migration", "-m", metavar="PATH", multiple=True, help="Migration file or folder; repeatable."),
        click.option("--runner", metavar="NAME", help="The tool that runs it, when its files do not tell."),
        click.option("--error", "-e", metavar="PATH|-", help="What was printed, as a file or from stdin."),
        click.option("--seen", type=click.Choice(SEEN), help="What you see of the migration."),
        click.option("--playbooks", metavar="DIR", multiple=True, help="A folder of further playbooks; repeatable."),
        click.option("--answer", metavar="QUESTION=ANSWER", multiple=True, help="Answer a question; repeatable."),
        click.option("--no-record", is_flag=True, help="Keep no journal of this session."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def config_from(given: dict[str, Any]) -> Config:
    from runbook.config import load

    production = given.get("production")
    if given.get("service"):
        if production is not None:
            raise Failed("--service and --production both name the production side: give one of them.")
        production = f"service={given['service']}"
    return load(
        options={
            "sides.local.dsn": given.get("local"),
            "sides.production.dsn": production,
            "sides.production.role": given.get("role"),
            "playbooks.folders": list(given.get("playbooks") or ()),
        }
    )


def load_playbooks(config: Config) -> tuple[dict[str, Any], list[Any]]:
    from runbook.playbook import load

    return load(config.playbook_folders)
