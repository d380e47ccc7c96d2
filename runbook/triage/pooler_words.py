"""What an error tells of a pooler by its words: whose prepared statement is missing, which startup parameter is refused."""

from __future__ import annotations

import re

from runbook.migration import ast
from runbook.triage.case import Case, Facts

# src/backend/commands/prepare.c and tcop/postgres.c: the name stands in quotation marks in every language.
_NAME = re.compile(r"[\"«„“](?P<name>[^\"»“”]*)[\"»“”]")

# exec_bind_message() in tcop/postgres.c: the statement of that name is another client's, with other parameters.
_BIND = re.compile(r"bind message supplies \d+ parameters", re.I)

# PgBouncer src/client.c; from 1.20 on it reads -c settings out of options. Neon adds a sentence of its own.
_STARTUP = re.compile(
    r"unsupported (?:options startup parameter|startup parameter(?: in options)?:\s*(?P<name>[A-Za-z_]\w*(?:\.\w+)*)?)",
    re.I,
)

# Sources: the drivers' own code. psycopg/_preparing.py; pgjdbc QueryExecutorImpl ("S_"); pgx stmtcache; asyncpg
# connection.py; tokio-postgres (Prisma) "s"; Rails postgresql_adapter.rb StatementPool "a"; sqlx "sqlx_s_"; npgsql "_p";
# PHP pdo_pgsql; node-postgres and postgres.js give names only where the application does.
_DRIVERS: tuple[tuple[str, str], ...] = (
    (r"_pg3_\d+", "psycopg 3"),
    (r"S_\d+", "pgjdbc"),
    (r"(?:lrupsc_\d+_|stmtcache_)\w+", "pgx"),
    (r"__asyncpg_stmt_\w+__", "asyncpg"),
    (r"s\d+", "tokio-postgres (Prisma)"),
    (r"a\d+", "Rails"),
    (r"sqlx_s_\d+", "sqlx"),
    (r"_p\d+", "Npgsql"),
    (r"pdo_stmt_[0-9a-f]+", "PHP's PDO"),
)

_PROBLEMS = {"42P05": "exists", "26000": "missing"}


def state(facts: Facts, case: Case) -> None:
    """State ``pooling.prepared_*`` and ``pooling.startup_*``."""
    error, side = case.error, case.production
    message = error.message if error is not None else ""
    problem = _PROBLEMS.get((error.sqlstate or "") if error is not None else "", "")
    if not problem and _BIND.search(message):
        problem = "other"
    found = _NAME.search(message) if problem else None
    name = found["name"] if found else ""
    because = "from the words of the error"
    facts.know("pooling.prepared_problem", problem, because)
    facts.know("pooling.prepared_name", name, because)
    driver = next((d for pattern, d in _DRIVERS if re.fullmatch(pattern, name)), "")
    facts.know("pooling.prepared_by", driver, "drivers number their statements in ways of their own")
    facts.know("pooling.prepared_in_migration", _own(case, name, problem), "the migration's statements were read")
    refusal = side.refusal.message if side is not None and side.refusal is not None else ""
    startup = _STARTUP.search(message) or _STARTUP.search(refusal)
    facts.know("pooling.startup_parameter", (startup and startup["name"]) or "", because)


def _own(case: Case, name: str, problem: str) -> bool:
    """The migration prepares a statement of that name, or throws away what was prepared."""
    migration = case.whole or case.migration
    if not problem or migration is None:
        return False
    for statement in migration.statements:
        node = statement.node
        if ast.is_node(node, "DeallocateStmt", "DiscardStmt"):
            return True
        if ast.is_node(node, "PrepareStmt", "ExecuteStmt") and node.name == name:
            return True
    return False
