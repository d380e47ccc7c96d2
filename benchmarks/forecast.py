"""The forecast at size: ``python benchmarks/forecast.py`` reads a catalog of 10,000 relations from a real server, then
parses and forecasts a migration of 10,000 statements over it. Prints wall and CPU seconds of each part and peak memory.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import psycopg

from runbook.lab.servers import Server, start_server
from runbook.migration import Catalog, forecast, parse
from runbook.postgres import connect, read_catalog

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """One part of the work. ``cpu_s`` is what it costs on a machine that others use too."""

    name: str
    wall_s: float
    cpu_s: float


KINDS: tuple[Callable[[int], str], ...] = (
    lambda n: f"ALTER TABLE t{n} ADD COLUMN note text",
    lambda n: f"ALTER TABLE t{n} ALTER COLUMN name SET NOT NULL",
    lambda n: f"CREATE INDEX CONCURRENTLY t{n}_made ON t{n} (made)",
    lambda n: f"ALTER TABLE t{n} ADD CONSTRAINT fk FOREIGN KEY (parent) REFERENCES t1 (id) NOT VALID",
    lambda n: f"UPDATE t{n} SET name = upper(name) WHERE id < 1000",
    lambda n: f"ALTER TABLE t{n} ALTER COLUMN total TYPE numeric(12,2)",
    lambda n: (
        f"CREATE TABLE new_{n} (id bigint PRIMARY KEY, t int REFERENCES t{n} (id), made timestamptz DEFAULT now())"
    ),
    lambda n: f"ALTER TABLE t{n} RENAME COLUMN made TO made_at",
    lambda n: f"DROP INDEX t{n}_name_idx",
    lambda n: f"INSERT INTO t{n} (id, name) SELECT g, 'x' FROM generate_series(1, 10) g ON CONFLICT DO NOTHING",
)


def statements(count: int, tables: int) -> Iterator[str]:
    """A migration of ``count`` statements of ten kinds, over every table in turn."""
    for i in range(count):
        yield KINDS[i % len(KINDS)](1 + (i * 7919 // len(KINDS)) % tables) + ";\n"


def fill(server: Server, relations: int) -> int:
    """Tables with key and index and some views, so that all make ``relations``; the number of tables."""
    tables = relations * 10 // 31
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for start in range(1, tables + 1, 500):  # a transaction's locks must fit into the lock table
            connection.execute(
                f"""DO $$ BEGIN
                  FOR n IN {start}..{min(start + 499, tables)} LOOP
                    EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, parent int, name text, '
                      'total numeric(10,2) CHECK (total >= 0), made timestamptz DEFAULT now())', n);
                    EXECUTE format('CREATE INDEX ON t%s (name)', n);
                    IF n % 10 = 0 THEN EXECUTE format('CREATE VIEW v%s AS SELECT id FROM t%s', n, n); END IF;
                  END LOOP;
                END $$""".encode()
            )
        connection.execute("ANALYZE")
    return tables


def timed(name: str, work: Callable[[], T]) -> tuple[Part, T]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return Part(name, round(time.perf_counter() - wall, 3), round(time.process_time() - cpu, 3)), result


async def _read(dsn: str) -> Catalog:
    connection = await connect(dsn)
    try:
        return await read_catalog(connection)
    finally:
        await connection.close()


def measure(relations: int, count: int) -> list[Part]:
    """Every part once, on a server of its own."""
    with start_server(18, settings={"max_locks_per_transaction": "4096"}) as server:
        tables = fill(server, relations)
        reading, catalog = timed(f"read a catalog of {relations:,} relations", lambda: asyncio.run(_read(server.dsn())))
    sql = "".join(statements(count, tables))
    parsing, migration = timed(f"parse {count:,} statements", lambda: parse(sql, runner="psql"))
    telling, _ = timed(f"forecast {count:,} statements", lambda: forecast(migration, catalog))
    return [reading, parsing, telling]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--relations", type=int, default=10_000)
    parser.add_argument("--statements", type=int, default=10_000)
    options = parser.parse_args()
    parts = measure(options.relations, options.statements)
    for part in parts:
        print(f"{part.name:40} {part.wall_s:7.2f} s wall {part.cpu_s:7.2f} s CPU")
    print(f"{'peak memory':40} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:7.0f} MB")


if __name__ == "__main__":
    main()
