"""psql -f, really run."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from runbook.lab.installations import client_program
from runbook.lab.tools.base import Outcome, Tool


async def _run(dsn: str, folder: Path, files: list[Path]) -> Outcome:
    """``psql -f`` for each file, stopping at the first error; the text as with psql's own default VERBOSITY."""
    for path in files:
        process = await asyncio.create_subprocess_exec(
            client_program("psql"),
            *("--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--set", "VERBOSITY=verbose"),
            *("--dbname", dsn, "--file", str(path.relative_to(folder))),
            cwd=folder,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "PGAPPNAME": "deploy"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, printed = await process.communicate()
        if process.returncode != 0:
            # Verbose adds the SQLSTATE, which we need to know, and a LOCATION line; nobody's terminal shows these.
            text = printed.decode(errors="replace").strip()
            found = re.search(r"(?:ERROR|FATAL):  ([0-9A-Z]{5}): ", text)
            text = re.sub(r"((?:ERROR|FATAL|WARNING|NOTICE):  )[0-9A-Z]{5}: ", r"\1", text)
            text = re.sub(r"\n[^\n]*LOCATION:  [^\n]*", "", text)
            return Outcome(text, found[1] if found else None)
    return Outcome()


PSQL = Tool("psql", _run, lambda number, slug: f"migrations/{number:04}_{slug}.sql")
