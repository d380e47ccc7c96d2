"""An incident on two real databases: migration run by the real psql, error as psql prints it, then one triage."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runbook.lab.installations import available_majors
from runbook.playbook import load
from runbook.session.live import LiveSession, Options, SideChoice
from runbook.session.state import State
from tests.support import Database

_PLAYBOOKS, _ERRORS = load()


def psql(
    database: Database,
    file: Path,
    *,
    role: str = "postgres",
    options: Sequence[str] = (),
    client_encoding: str | None = None,
) -> str:
    """Run a file with the real psql; what it printed on stderr."""
    program = available_majors()[18].bin / "psql"
    command = [str(program), "-X", "-q", "-v", "ON_ERROR_STOP=1", *options, "-f", str(file), database.dsn(role)]
    environment = {**os.environ, "PGAPPNAME": "deploy", "LC_ALL": "C"}
    if client_encoding is not None:
        environment["PGCLIENTENCODING"] = client_encoding
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    return done.stderr


async def triage(
    local: Database | None,
    production: Database | None,
    *,
    migration: Path | None = None,
    error: str | None = None,
    seen: str | None = None,
    role: str = "postgres",
    answers: Sequence[tuple[str, str]] = (),
    production_dsn: str | None = None,
) -> State:
    """One headless look and its conclusion."""
    sides = []
    if local is not None:
        sides.append(SideChoice("local", local.dsn(), "local"))
    if production is not None or production_dsn is not None:
        dsn = production_dsn or (production.dsn(role) if production else "")
        sides.append(SideChoice("production", dsn, "production"))
    options = Options(
        sides=tuple(sides),
        migration=(migration,) if migration else (),
        error_text=error,
        seen=seen,
        answers=tuple(answers),
    )
    session = LiveSession(options, lambda: (_PLAYBOOKS, _ERRORS), folder=None)
    try:
        await session.start()
        return session.state
    finally:
        await session.close()


def causes(state: State) -> list[str]:
    """Ids of the suspects, most probable first."""
    return [c.id for c in state.diagnosis.causes] if state.diagnosis else []


def fact(state: State, id_: str) -> Any:
    return state.book().value(id_)


def explain(state: State) -> str:
    """What a failing test prints: the verdicts with their reasons, and whatever could not be used."""
    lines = [str(p) for p in state.problems]
    diagnosed = state.diagnosis
    for cause in (*diagnosed.causes, *diagnosed.ruled_out) if diagnosed else ():
        lines.append(f"{cause.verdict} {cause.probability} {cause.id}")
        lines += [f"    + {r.because}" for r in cause.supporting]
        lines += [f"    - {r.because}" for r in cause.opposing]
        lines += [f"    ? {u.because}: {'; '.join(u.missing)}" for u in cause.unseen]
    lines += [f"{s.title}: {s.verdict}: {s.summary}" for s in state.steps.values()]
    return "\n".join(lines)


def write(folder: Path, sql: str, name: str = "0007_change.sql") -> Path:
    path = folder / name
    path.write_text(sql)
    return path


async def in_thread(function: Any, *args: Any, **kwargs: Any) -> Any:
    return await asyncio.to_thread(function, *args, **kwargs)
