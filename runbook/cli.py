"""The commands: parse arguments, call, print, exit code. Data goes to stdout, narration and progress to stderr.

Everything heavy is imported where it is used: ``--help`` must not pay for a screen, a driver or a parser.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from runbook import __version__
from runbook.commands.check import check
from runbook.commands.common import EXIT_INTERRUPTED, EXIT_NOTHING, EXIT_OK, EXIT_USAGE, Failed
from runbook.commands.demo import demo
from runbook.commands.lab import lab
from runbook.commands.playbooks import causes, playbooks
from runbook.commands.recorded import diff, export, replay, sessions, show
from runbook.commands.redacting import redact
from runbook.commands.reference import config, schema
from runbook.commands.training import train
from runbook.commands.triage import triage


class _Commands(click.Group):
    """``runbook`` and ``runbook --local ...`` mean ``runbook triage ...``."""

    _OWN = frozenset({"--help", "-h", "--version", "--debug"})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = next((a for a in args if a != "--debug"), None)
        if first is None or (first.startswith("-") and first not in self._OWN):
            at = 1 if args[:1] == ["--debug"] else 0
            args = [*args[:at], "triage", *args[at:]]
        return super().parse_args(ctx, args)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command and exit with the code that CONTRACT.md gives it. No traceback, unless ``--debug`` asks for it."""
    args = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in args
    try:
        code = commands.main(args, prog_name="runbook", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        code = leaving.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        code = EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_OK
    except Exception as error:  # the last line of defence: a sentence, never a traceback
        if debug:
            raise
        code = _explain(error)
    sys.exit(code if isinstance(code, int) else EXIT_OK)


def _explain(error: Exception) -> int:
    from runbook.text import clean

    known = ("ConfigError", "MigrationError", "JournalError", "ExportError", "PlaybookError", "LabError", "Failed")
    if any(base.__name__ in known for base in type(error).__mro__):
        click.echo(f"runbook: {clean(str(error))}", err=True)
        return error.code if isinstance(error, Failed) else EXIT_USAGE
    what = clean(f"{type(error).__name__}: {error}")
    click.echo(f"runbook: this should not have happened: {what}. Run it again with --debug to see where.", err=True)
    return EXIT_NOTHING


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="runbook")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def commands(debug: bool) -> None:
    """The first ten minutes of a failed PostgreSQL migration, in ten seconds.

    Without a command, opens the app. Try `runbook demo` first.
    """
    del debug  # read by main()


for _command in (
    triage,
    check,
    demo,
    train,
    lab,
    sessions,
    show,
    export,
    diff,
    replay,
    redact,
    playbooks,
    causes,
    schema,
    config,
):
    commands.add_command(_command)


@commands.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(commands, {}, "runbook", "_RUNBOOK_COMPLETE").source())
    return EXIT_OK
