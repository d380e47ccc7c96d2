"""Tools that differ in what they print and in whether they send a file's statements one by one.

The shapes are those of tests/failure/texts, of which the files called real-* were printed by the tools themselves (Alembic
1.18 and SQLAlchemy 2.0, Django 5.2, Knex 3.1, Drizzle 0.45, TypeORM 0.3, Sequelize 6, node-pg-migrate 8); the others
follow the tools' sources and issue threads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runbook.lab.tools.base import Outcome, Tool, line_of, statements_of, up_part, without_comments

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Failed:
    """What a tool knows when a statement has failed."""

    error: psycopg.Error
    path: Path
    text: str
    statement: str

    @property
    def name(self) -> str:
        """The migration's name: its file's without the suffix, or its folder's."""
        return self.path.parent.name if self.path.name == "migration.sql" else self.path.stem

    @property
    def message(self) -> str:
        return self.error.diag.message_primary or ""

    @property
    def detail(self) -> str | None:
        return self.error.diag.message_detail

    @property
    def libpq(self) -> str:
        """The message as libpq words it for its drivers: with detail, hint and the line it points at."""
        diag = self.error.diag
        lines = [self.message]
        if diag.statement_position:
            at = int(diag.statement_position) - 1
            row = self.statement.count("\n", 0, at) + 1
            shown = self.statement.splitlines()[row - 1]
            column = at - (self.statement.rfind("\n", 0, at) + 1)
            lines += [f"LINE {row}: {shown}", " " * (len(f"LINE {row}: ") + column) + "^"]
        if diag.message_detail:
            lines.append(f"DETAIL:  {diag.message_detail}")
        if diag.message_hint:
            lines.append(f"HINT:  {diag.message_hint}")
        if diag.internal_query:
            lines.append(f"QUERY:  {diag.internal_query}")
        if diag.context:
            lines.append(f"CONTEXT:  {diag.context}")
        return "\n".join(lines)

    @property
    def condition(self) -> str:
        """psycopg's class of the SQLSTATE, as Python and Ruby drivers both name it: UniqueViolation, LockNotAvailable."""
        return type(self.error).__name__

    def python(self, driver: str) -> str:
        """The class as ``driver`` names it. An SQLSTATE of nobody's has none of its own: psycopg2.DatabaseError."""
        return f"{driver}.{self.condition}" if self.is_nobodys else f"{driver}.errors.{self.condition}"

    @property
    def is_nobodys(self) -> bool:
        """Whether the SQLSTATE is none that PostgreSQL knows: somebody's own function raised it."""
        return type(self.error).__module__ == "psycopg"


Print = Callable[[Failed], str]


def _alembic(f: Failed) -> str:
    return (
        "INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.\n"
        "INFO  [alembic.runtime.migration] Will assume transactional DDL.\n"
        f"INFO  [alembic.runtime.migration] Running upgrade 8d2f31c0aa17 -> c1643702f28d, {f.name}\n"
        "Traceback (most recent call last):\n"
        '  File "/srv/venv/lib/python3.12/site-packages/sqlalchemy/engine/base.py", line 1967, in _exec_single_context\n'
        "    self.dialect.do_execute(\n"
        '  File "/srv/venv/lib/python3.12/site-packages/sqlalchemy/engine/default.py", line 951, in do_execute\n'
        "    cursor.execute(statement, parameters)\n"
        f"{f.python('psycopg2')}: {f.libpq}\n\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        "Traceback (most recent call last):\n"
        '  File "/srv/venv/bin/alembic", line 8, in <module>\n'
        "    sys.exit(main())\n"
        f"sqlalchemy.exc.{_sqlalchemy_class(f.error)}: ({f.python('psycopg2')}) {f.libpq}\n\n"
        f"[SQL: {f.statement}]\n"
        "(Background on this error at: https://sqlalche.me/e/20/f405)"
    )


def _sqlalchemy_class(error: psycopg.Error) -> str:
    import psycopg

    for name in ("IntegrityError", "ProgrammingError", "OperationalError", "InternalError", "DataError"):
        if isinstance(error, getattr(psycopg, name)):
            return name
    return "NotSupportedError" if isinstance(error, psycopg.NotSupportedError) else "DatabaseError"


def _django(f: Failed) -> str:
    return (
        "Operations to perform:\n  Apply all migrations: admin, auth, core, sessions\nRunning migrations:\n"
        f"  Applying core.{f.name}...Traceback (most recent call last):\n"
        '  File "/srv/venv/lib/python3.12/site-packages/django/db/backends/utils.py", line 103, in _execute\n'
        "    return self.cursor.execute(sql)\n"
        '  File "/srv/venv/lib/python3.12/site-packages/psycopg/cursor.py", line 97, in execute\n'
        "    raise ex.with_traceback(None)\n"
        f"{f.python('psycopg')}: {f.libpq}\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        "Traceback (most recent call last):\n"
        '  File "/srv/app/manage.py", line 22, in <module>\n    main()\n'
        f"django.db.utils.{_sqlalchemy_class(f.error)}: {f.libpq}"
    )


def _rails(f: Failed) -> str:
    ruby = "PG::" + ("ServerError" if f.is_nobodys else f.condition)
    camel = "".join(part.capitalize() for part in f.name.split("_")[1:]) or "Change"
    source = f"/app/db/migrate/{f.name}.rb:3:in `change'"
    said = "ERROR:  " + f.libpq
    return (
        f"== 20250305101500 {camel}: migrating =====================================\n"
        f"-- execute({json.dumps(f.statement)})\n"
        "bin/rails aborted!\n"
        "StandardError: An error has occurred, this and all later migrations canceled:\n\n"
        f"{ruby}: {said}\n{source}\n\n"
        f"Caused by:\nActiveRecord::StatementInvalid: {ruby}: {said} (ActiveRecord::StatementInvalid)\n{source}\n\n"
        f"Caused by:\n{ruby}: {said} ({ruby})\n{source}\n"
        "Tasks: TOP => db:migrate\n(See full trace by running task with --trace)"
    )


def _knex(f: Failed) -> str:
    return (
        f'migration file "{f.name}.js" failed\n'
        f"migration failed with error: {f.statement} - {f.message}\n"
        f"error: {f.statement} - {f.message}\n"
        "    at Parser.parseErrorMessage (/app/node_modules/pg-protocol/dist/parser.js:283:98)\n"
        "    at Socket.<anonymous> (/app/node_modules/pg-protocol/dist/index.js:11:42)\n"
        "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"
    )


def _node_fields(f: Failed, indent: str) -> str:
    """The fields of node-postgres' error object, as console.error prints them."""
    diag = f.error.diag

    def quoted(value: str | None) -> str:
        if value is None:
            return "undefined"
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"

    fields = {
        "severity": "ERROR",
        "code": f.error.sqlstate,
        "detail": diag.message_detail,
        "hint": diag.message_hint,
        "position": diag.statement_position,
        "where": diag.context,
        "schema": diag.schema_name,
        "table": diag.table_name,
        "column": diag.column_name,
        "constraint": diag.constraint_name,
        "file": diag.source_file,
        "line": diag.source_line,
        "routine": diag.source_function,
    }
    lines = ",\n".join(f"{indent}{name}: {quoted(value)}" for name, value in fields.items())
    return f"{indent}length: 127,\n{lines}"


def _node_pg_migrate(f: Failed) -> str:
    return (
        f"> Migrating files:\n> - {f.name}\n### MIGRATION {f.name} (UP) ###\n{f.text}\n\nError executing:\n{f.text}\n"
        f"error: {f.message}\n\n> Rolling back attempted migration ...\nerror: {f.message}\n"
        "    at /app/node_modules/pg/lib/client.js:694:17\n"
        "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5) {\n"
        f"{_node_fields(f, '  ')}\n}}"
    )


def _drizzle(f: Failed) -> str:
    query = f.statement.replace("\n", "\\n")
    return (
        "/app/node_modules/drizzle-orm/pg-core/session.cjs:66\n"
        "        throw new import_errors.DrizzleQueryError(queryString, params, e);\n              ^\n\n"
        f"DrizzleQueryError: Failed query: {f.statement}\nparams: \n"
        "    at NodePgPreparedQuery.queryWithCache (/app/node_modules/drizzle-orm/pg-core/session.cjs:66:15)\n"
        "    at async /app/migrate.js:2:12 {\n"
        f"  query: '{query}',\n  params: [],\n  cause: error: {f.message}\n"
        "      at /app/node_modules/pg/lib/client.js:694:17 {\n"
        f"{_node_fields(f, '    ')}\n  }}\n}}"
    )


def _goose(f: Failed) -> str:
    return (
        "2025/03/05 10:15:05 OK   00001_baseline.sql (4.98ms)\n"
        f"2025/03/05 10:15:05 goose run: ERROR {f.path.name}: failed to run SQL migration: failed to execute SQL query "
        f"{json.dumps(f.statement)}: ERROR: {f.message} (SQLSTATE {f.error.sqlstate})"
    )


def _dbmate(f: Failed) -> str:
    return f"Applying: {f.path.name}\nError: pq: {f.message}"


def _liquibase(f: Failed) -> str:
    detail = f"\n  Detail: {f.detail}" if f.detail else ""
    change = f"{f.path.name}::1::release"
    return (
        f"Running Changeset: {change}\n"
        f"Unexpected error running Liquibase: Migration failed for changeset {change}:\n"
        f"     Reason: liquibase.exception.DatabaseException: ERROR: {f.message}{detail} [Failed SQL: (0) {f.statement}]\n"
        "\tat liquibase.changelog.ChangeSet.execute(ChangeSet.java:836)"
    )


def _ecto(f: Failed) -> str:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", f.condition).lower()
    said = f.libpq.partition("\nCONTEXT:")[0]
    return (
        f"10:15:18.399 [info] == Running 20250305101500 Core.Repo.Migrations.{f.name.title().replace('_', '')}.change/0"
        f" forward\n10:15:18.399 [info] execute {json.dumps(f.statement)}\n"
        f"** (Postgrex.Error) ERROR {f.error.sqlstate} ({name}) {said}\n"
        "    (ecto_sql 3.12.1) lib/ecto/adapters/sql.ex:1096: Ecto.Adapters.SQL.raise_sql_call_error/1"
    )


def _efcore(f: Failed) -> str:
    indented = "\n".join(f"      {line}" for line in f.statement.splitlines())
    said = f"{f.error.sqlstate}: {f.message}"
    detail = f"\n\nDETAIL: {f.detail}" if f.detail else ""
    return (
        "info: Microsoft.EntityFrameworkCore.Migrations[20402]\n"
        f"      Applying migration '20250305101500_{f.name}'.\n"
        "fail: Microsoft.EntityFrameworkCore.Database.Command[20102]\n"
        "      Failed executing DbCommand (5ms) [Parameters=[], CommandType='Text', CommandTimeout='30']\n"
        f"{indented}\n"
        f"Npgsql.PostgresException (0x80004005): {said}{detail}\n"
        "   at Npgsql.Internal.NpgsqlConnector.ReadMessageLong(Boolean async)\n"
        f"  Exception data:\n    Severity: ERROR\n    SqlState: {f.error.sqlstate}\n    MessageText: {f.message}\n{said}"
    )


def _sqlx(f: Failed) -> str:
    number = f.path.name.split("_")[0]
    return f"error: while executing migration {number}: error returned from database: {f.message}"


def _atlas(f: Failed) -> str:
    version = f.path.name.split("_")[0]
    return (
        f"Migrating to version {version} (1 migrations in total):\n\n  -- migrating version {version}\n"
        f"    -> {f.statement};\n    pq: {f.message}\n\n"
        f"Error: sql/migrate: executing statement {json.dumps(f.statement + ';')} from version {json.dumps(version)}: "
        f"pq: {f.message}"
    )


def _jdbc(f: Failed) -> str:
    detail = f"\n  Detail: {f.detail}" if f.detail else ""
    return (
        "2025-03-05T10:15:31.114Z  INFO 1 --- [           main] c.e.app.Migrator : applying "
        f"{f.path.name}\norg.postgresql.util.PSQLException: ERROR: {f.message}{detail}\n"
        "\tat org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse(QueryExecutorImpl.java:2725)\n"
        "\tat org.postgresql.jdbc.PgStatement.execute(PgStatement.java:401)\n"
        f"\tat com.example.app.Migrator.apply(Migrator.java:{line_of(f.text, f.statement) + 40})"
    )


def _pgx(f: Failed) -> str:
    return f"2025/03/05 10:15:07 apply {f.path.name}: ERROR: {f.message} (SQLSTATE {f.error.sqlstate})"


async def _run(
    dsn: str, folder: Path, files: list[Path], *, program: str, printed: Print, whole: bool = False
) -> Outcome:
    """One transaction per file; its statements one by one, or as one string (``whole``)."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(dsn, application_name=program) as connection:
        for path in files:
            text = up_part(path.read_text())
            for statement in (text,) if whole else map(without_comments, statements_of(text)):
                try:
                    await connection.execute(statement.encode())
                except psycopg.Error as error:
                    await connection.rollback()
                    return Outcome(printed(Failed(error, path, text, statement)), error.sqlstate)
            await connection.commit()
    return Outcome()


def _numbered(number: int, slug: str) -> str:
    return f"migrations/{number:04}_{slug}.sql"


def _dated(folder: str) -> Callable[[int, str], str]:
    return lambda number, slug: f"{folder}/20250305{number % 1_000_000:06}_{slug}.sql"


def _tool(
    name: str,
    program: str,
    printed: Print,
    layout: Callable[[int, str], str] = _numbered,
    *,
    before: str = "",
    after: str = "",
) -> Tool:
    """A tool that keeps no history table here: the scenario's own migration is the only one it is asked for."""
    whole = name in ("drizzle", "dbmate", "sqlx", "node-pg-migrate", "ecto")
    return Tool(name, partial(_run, program=program, printed=printed, whole=whole), layout, before=before, after=after)


PRINTED: tuple[Tool, ...] = (
    _tool("alembic", "alembic", _alembic),
    _tool("django", "manage.py", _django),
    _tool("rails", "bin/rails", _rails, _dated("db/migrate")),
    _tool("knex", "knex", _knex),
    _tool("node-pg-migrate", "node", _node_pg_migrate),
    _tool("drizzle", "drizzle", _drizzle, lambda number, slug: f"drizzle/{number:04}_{slug}.sql"),
    _tool(
        "goose",
        "goose",
        _goose,
        lambda number, slug: f"migrations/{number:05}_{slug}.sql",
        before="-- +goose Up\n",
        after="\n-- +goose Down\n",
    ),
    _tool("dbmate", "dbmate", _dbmate, _dated("db/migrations"), before="-- migrate:up\n", after="\n-- migrate:down\n"),
    _tool(
        "liquibase",
        "Liquibase",
        _liquibase,
        lambda number, slug: f"changelog/{number:04}-{slug}.sql",
        before="--liquibase formatted sql\n\n--changeset release:1\n",
    ),
    _tool("ecto", "ecto", _ecto),
    _tool("efcore", "dotnet", _efcore),
    _tool("sqlx", "sqlx", _sqlx, _dated("migrations")),
    _tool("atlas", "atlas", _atlas, _dated("migrations")),
    _tool("jdbc", "PostgreSQL JDBC Driver", _jdbc),
    _tool("pgx", "migrator", _pgx),
)

PRINTED_NAMES = tuple(t.name for t in PRINTED)
