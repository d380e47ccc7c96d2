"""What a server here gets done in a second: the figures behind runbook.migration.timing's defaults.

``python benchmarks/throughput.py [--rows N] [--major N]`` builds a table on an embedded server with fsync on, and times a
scan (ADD CHECK), a rewrite (ALTER TYPE), an index build and an UPDATE of every row. Prints a line per kind of work.
"""

from __future__ import annotations

import argparse
import time

import psycopg

from runbook.lab.servers import start_server

MEGABYTE = 1024 * 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--major", type=int, default=18)
    options = parser.parse_args()
    settings = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "128MB"}
    with (
        start_server(options.major, settings=settings) as server,
        psycopg.connect(server.dsn(), autocommit=True) as connection,
    ):
        run = connection.execute
        run("CREATE TABLE t (id int, a int, filler text)")
        run(f"INSERT INTO t SELECT g, g % 1000, repeat('x', 150) FROM generate_series(1, {options.rows}) g".encode())
        run("VACUUM ANALYZE t")
        row = run("SELECT pg_relation_size('t')").fetchone()
        size = row[0] if row is not None else 0
        work = {
            "scan": ("ALTER TABLE t ADD CHECK (a >= 0)", size / MEGABYTE, "MB/s"),
            "rewrite": ("ALTER TABLE t ALTER COLUMN a TYPE bigint", size / MEGABYTE, "MB/s"),
            "index": ("CREATE INDEX ON t (a)", options.rows, "rows/s"),
            "update": ("UPDATE t SET a = a + 1", options.rows, "rows/s, one index"),
        }
        for kind, (sql, amount, unit) in work.items():
            began = time.perf_counter()
            run(sql.encode())
            print(f"{kind:8} {amount / (time.perf_counter() - began):12,.0f} {unit}")


if __name__ == "__main__":
    main()
