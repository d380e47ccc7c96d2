"""A pool that had no connection to give within its time, told by its words. Source of each row: the pool's own code."""

from __future__ import annotations

import re

_POOLS: tuple[tuple[str, str], ...] = (
    ("SQLAlchemy", r"QueuePool limit of size \d+ overflow -?\d+ reached, connection timed out"),  # pool/impl.py
    ("Rails", r"could not obtain a connection from the pool within [\d.]+ seconds"),  # connection_pool/queue.rb
    ("HikariCP", r"Connection is not available, request timed out after \d+ ?ms"),  # HikariPool.java
    ("Tomcat JDBC", r"Timeout: Pool empty\. Unable to fetch a connection"),  # ConnectionPool.java
    ("Commons DBCP", r"Cannot get a connection, pool error Timeout waiting for idle object"),  # PoolingDataSource.java
    ("Prisma", r"Timed out fetching a new connection from the connection pool"),  # query engine, P2024
    ("node-postgres", r"timeout exceeded when trying to connect"),  # pg-pool/index.js
    ("Knex", r"Timeout acquiring a connection\. The pool is probably full"),  # knex lib/client.js
    ("Sequelize", r"ConnectionAcquireTimeoutError"),  # sequelize-pool
    ("Npgsql", r"The connection pool has been exhausted"),  # PoolingDataSource.cs
    ("psycopg_pool", r"couldn't get a connection after [\d.]+ sec"),  # psycopg_pool/pool.py
    ("sqlx", r"pool timed out while waiting for an open connection"),  # sqlx-core/src/error.rs
    ("Ecto", r"connection not available and request was dropped from queue after \d+ms"),  # db_connection
    (
        "PgBouncer",
        r"\bquery_wait_timeout\b|no more connections allowed \(max_client_conn\)",
    ),  # src/janitor.c, objects.c
    ("Supavisor", r"[Uu]nable to check out (?:a )?(?:connection|process) from the pool|Max client connections reached"),
    ("PgCat", r"could not get connection from the pool"),  # src/client.rs
)
_COMPILED = tuple((pool, re.compile(pattern)) for pool, pattern in _POOLS)
_QUICK = re.compile(r"[Pp]ool|onnect|query_wait|quireTimeout")

POOLERS = frozenset({"PgBouncer", "Supavisor", "PgCat"})
"""Those that stand before the server; the others are in the application."""


def pool_of(text: str) -> str:
    """The pool that says in ``text`` that it had no connection to give; empty: none does."""
    if not _QUICK.search(text):
        return ""
    return next((pool for pool, pattern in _COMPILED if pattern.search(text)), "")
