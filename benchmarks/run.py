"""Every timing that is promised, measured: ``python benchmarks/run.py`` prints a table, ``--write`` keeps it.

Real programs from start to exit, real servers of the ``demo`` extra, medians of several runs. Nothing here fails when a
goal is missed: it says so.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import pty
import re
import select
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from runbook.lab.servers import Server, start_servers

HERE = Path(__file__).parent
BEGIN, END = "<!-- made by run.py -->", "<!-- made by run.py, to here -->"
PROGRAM = [sys.executable, "-m", "runbook"]
TABLES = 1000
ROUND_TRIP_S = 0.1


@dataclass(frozen=True)
class Result:
    """One figure, in seconds. ``goal_s`` None: no goal was set."""

    name: str
    median_s: float
    low_s: float
    high_s: float
    runs: int
    goal_s: float | None = None


def measure(name: str, once: Callable[[], float], runs: int, goal_s: float | None = None) -> Result:
    once()  # the first run pays for cold caches and is not counted
    taken = sorted(once() for _ in range(runs))
    return Result(name, round(statistics.median(taken), 3), round(taken[0], 3), round(taken[-1], 3), runs, goal_s)


def command(*arguments: str) -> Callable[[], float]:
    """Time a whole command, from process start to exit; 0 and 1 are its answers, anything else is an error."""

    def once() -> float:
        begun = time.perf_counter()
        done = subprocess.run([*PROGRAM, *arguments], capture_output=True, check=False)
        taken = time.perf_counter() - begun
        if done.returncode not in (0, 1):
            raise SystemExit(f"{arguments}: {done.returncode}: {done.stderr.decode()}")
        return taken

    return once


def first_frame(*arguments: str) -> Callable[[], float]:
    """Time from process start until the app has drawn its list of steps on a terminal of its own."""

    def once() -> float:
        begun = time.perf_counter()
        pid, fd = pty.fork()
        if pid == 0:
            os.environ.update({"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "36"})
            os.execv(PROGRAM[0], [*PROGRAM, *arguments])
        seen = b""
        try:
            while b"First ten minutes" not in seen:
                if not select.select([fd], [], [], 20)[0]:
                    raise SystemExit("no frame within 20 s")
                seen += os.read(fd, 65536)
            return time.perf_counter() - begun
        finally:
            with contextlib.suppress(OSError):
                os.write(fd, b"q")
                while select.select([fd], [], [], 3)[0] and os.read(fd, 65536):
                    pass
            os.waitpid(pid, 0)
            os.close(fd)

    return once


@contextlib.contextmanager
def delayed(port: int, delay_s: float) -> Iterator[int]:
    """A proxy on loopback that holds every byte back for half a round trip in each direction; its port."""
    loop = asyncio.new_event_loop()
    ready: list[int] = []
    started = threading.Event()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def send() -> None:
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    writer.close()
                    return
                writer.write(data)

        sender = asyncio.create_task(send())
        while data := await reader.read(65536):
            queue.put_nowait((loop.time() + delay_s, data))
        queue.put_nowait((loop.time() + delay_s, b""))
        await sender

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(pump(reader, upstream_writer), pump(upstream_reader, writer))

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        ready.append(server.sockets[0].getsockname()[1])
        started.set()
        with contextlib.suppress(asyncio.CancelledError):
            await server.serve_forever()

    task = loop.create_task(main())
    thread = threading.Thread(target=lambda: loop.run_until_complete(task), daemon=True)
    thread.start()
    started.wait()
    try:
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(5)


def through(dsn: str, port: int, proxy: int) -> str:
    """``dsn`` with the proxy's port in place of the server's."""
    moved = re.sub(rf"(?<=[:=]){port}\b", str(proxy), dsn)
    if moved == dsn:
        raise SystemExit(f"the port {port} does not stand in {dsn}")
    return moved


def fill(server: Server) -> None:
    """A thousand tables, each with a key, a foreign key, an index and a view on every tenth."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(
            f"""
            DO $$ BEGIN
              FOR n IN 1..{TABLES} LOOP
                EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, parent int %s, name text NOT NULL DEFAULT '''','
                  'total numeric(10,2) CHECK (total >= 0), made timestamptz DEFAULT now())', n,
                  CASE WHEN n > 1 THEN format('REFERENCES t%s (id)', n - 1) ELSE '' END);
                EXECUTE format('CREATE INDEX ON t%s (name)', n);
                IF n % 10 = 0 THEN EXECUTE format('CREATE VIEW v%s AS SELECT id, name FROM t%s', n, n); END IF;
              END LOOP;
            END $$
            """
        )
        connection.execute("ANALYZE")


def run(runs: int) -> list[Result]:
    migration = HERE / "migration.sql"
    local, production = start_servers(18, 16)
    try:
        for server in (local, production):
            fill(server)
        sides = ["--local", local.dsn(tcp=True), "--production", production.dsn(tcp=True)]
        given = [*sides, "--migration", str(migration), "--no-record"]
        results = [
            measure("runbook --help", command("--help"), runs, 0.15),
            measure("start to first frame", first_frame(*given), runs, 0.5),
            measure(f"triage --json, {TABLES:,} tables on each side", command("triage", *given, "--json"), runs, 1.5),
        ]
        with delayed(production.port, ROUND_TRIP_S / 2) as port:
            slow = through(production.dsn(tcp=True), production.port, port)
            far = ["--local", local.dsn(tcp=True), "--production", slow, "--migration", str(migration), "--no-record"]
            results.append(
                measure("the same, production 100 ms away", command("triage", *far, "--json"), max(3, runs // 2))
            )
        return results
    finally:
        for server in (local, production):
            server.stop()


def table(results: list[Result], at: str) -> str:
    lines = [
        f"Measured {at} on {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}.",
        "",
        "| what | median | low | high | goal |",
        "|---|---:|---:|---:|---:|",
    ]
    for r in results:
        goal = "" if r.goal_s is None else f"{r.goal_s:.2f} s{'' if r.median_s <= r.goal_s else ' (missed)'}"
        lines.append(f"| {r.name} | {r.median_s:.2f} s | {r.low_s:.2f} s | {r.high_s:.2f} s | {goal} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="keep the results: results.json and README.md")
    arguments = parser.parse_args()
    at = f"{datetime.now(UTC):%Y-%m-%d}"
    results = run(arguments.runs)
    text = table(results, at)
    print(text)
    if arguments.write:
        (HERE / "results.json").write_text(
            json.dumps({"at": at, "results": [asdict(r) for r in results]}, indent=2) + "\n"
        )
        readme = HERE / "README.md"
        before, _, rest = readme.read_text().partition(BEGIN)
        readme.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
