"""What PostgreSQL and migration tools refuse: each error leads to its cause, and never to a neighbour's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from runbook.diagnosis.facts import FactBook
from tests.playbooks.incident import ADD_COLUMN, diagnosis, incident, suspects, verdict

SURE = ("proved", "likely")
_NO_OBJECT = {
    "error_object_on_production": False,
    "error_object_on_local": False,
    "error_object_elsewhere": [],
    "error_object_extension": "none",
    "error_object_extension_installed": False,
    "error_object_extension_available": False,
    "error_function_min_major": 0,
    "error_index_valid": False,
    "error_index_exists": False,
    "error_column_dropped_by_migration": False,
    "missing_extensions": [],
}


def failed(sqlstate: str, message: str, statement: dict[str, Any] | None = None, **more: Any) -> FactBook:
    """An error of the migration's own statement, with both servers and the files at hand."""
    error = {"sqlstate": sqlstate, "message": message, "from_migration": True} | more.pop("error", {})
    schema = _NO_OBJECT | {"already_there": [], "not_there": [], "drift": [], "dependants": []} | more.pop("schema", {})
    return incident(error=error, failing=ADD_COLUMN | (statement or {}), schema=schema, **more)


def text_only(sqlstate: str, message: str, **error: Any) -> FactBook:
    """Nothing but an error pasted from chat: no server, no file, and nobody knows whose statement it was."""
    said = {"sqlstate": sqlstate, "message": message, "from_migration": None, "from_application": None} | error
    unknown = dict.fromkeys(
        (
            "needs_newer",
            "unparsed",
            "forbidden_in_transaction",
            "drops_columns",
            "drops_relations",
            "creates_extensions",
        )
    )
    return incident(error=said, servers=False, files=False, migration={"given": False} | unknown)


def lacking(kind: str, **more: Any) -> dict[str, Any]:
    row = {
        "kind": kind,
        "object": "public.orders",
        "privilege": "ownership",
        "sql": ADD_COLUMN["sql"],
        "grant_sql": "GRANT app_owner TO deploy;",
        "file": "0007_add_note.sql",
        "line": 1,
        "owner": "app_owner",
    }
    return {"missing": [row | more], "missing_kinds": [kind], "missing_on_local": [], "unknown": []}


def thing(kind: str, name: str, **more: Any) -> dict[str, Any]:
    """A row of ``schema.already_there`` or ``schema.not_there``."""
    return {
        "kind": kind,
        "name": name,
        "relation": "public.orders",
        "same_on_local": True,
        "valid": True,
        "on_local": True,
        "elsewhere": [],
        "similar": [],
        "sql": ADD_COLUMN["sql"],
        "file": "0007_add_note.sql",
        "line": 1,
    } | more


NEWER = {
    "feature": "NULLS [NOT] DISTINCT",
    "kind": "syntax",
    "min_version": 15,
    "file": "0007_add_note.sql",
    "line": 1,
    "sql": "CREATE UNIQUE INDEX ...",
}
OLD_PRODUCTION = {"major": 14, "version": "14.11", "version_num": 140011}
TYPO = {"unparsed": [{"file": "0007_add_note.sql", "line": 1, "message": 'syntax error at or near "TABEL"'}]}
DIRTY = {"found": True, "dirty": True, "dirty_version": "42", "tool": "golang-migrate", "table": "schema_migrations"}
DROPPED = {"drops_columns": [{"relation": "public.orders", "column": "coupon", "renamed_to": ""}]}
UNIQUE_BUILD = {
    "error": {"index": "u", "key_columns": ["email"]},
    "statement": {"unique": True, "kind": "CREATE INDEX"},
}


@dataclass(frozen=True)
class Case:
    """``cause`` None: no playbook of these explains it. ``sure``: proved or likely, else at least possible."""

    what: str
    cause: str | None
    book: FactBook
    sure: bool = True
    never: tuple[str, ...] = field(default=())


CASES = (
    Case(
        "a syntax that production's parser does not know",
        "needs-newer-major",
        failed(
            "42601",
            'syntax error at or near "NULLS"',
            error={"token": "NULLS"},
            production=OLD_PRODUCTION,
            migration={"needs_newer": [NEWER]},
        ),
    ),
    Case(
        "a typo in one statement while another one needs a newer server",
        "plain-sql-error",
        failed(
            "42601",
            'syntax error at or near "TABEL"',
            error={"token": "TABEL"},
            production=OLD_PRODUCTION,
            migration={"needs_newer": [NEWER | {"line": 9}]} | TYPO,
        ),
        never=("needs-newer-major",),
    ),
    Case(
        "a typo where production is older, and nothing needs the newer one",
        "plain-sql-error",
        failed(
            "42601",
            'syntax error at or near "TABEL"',
            error={"token": "TABEL"},
            production=OLD_PRODUCTION,
            migration=TYPO,
        ),
        never=("needs-newer-major",),
    ),
    Case(
        "a new word at the caret, and nothing else known",
        "needs-newer-major",
        text_only("42601", 'syntax error at or near "NULLS"', token="NULLS"),
        sure=False,
    ),
    Case(
        "a newer syntax in a migration that has not run yet",
        "needs-newer-major",
        incident(production=OLD_PRODUCTION, migration={"needs_newer": [NEWER]}, answer={"seen": "planned"}),
    ),
    Case(
        "a built-in function of a newer major",
        "function-needs-newer-major",
        failed(
            "42883",
            "function any_value(integer) does not exist",
            error={"function": "any_value"},
            schema={"error_function_min_major": 16, "error_object_on_local": True},
            production=OLD_PRODUCTION,
        ),
        never=("extension-not-installed", "missing-object"),
    ),
    Case(
        "a function of a newer major, from the text alone",
        "function-needs-newer-major",
        text_only("42883", "function any_value(integer) does not exist", function="any_value"),
        sure=False,
    ),
    Case(
        "a function of an extension that only local has",
        "extension-not-installed",
        failed(
            "42883",
            "function uuid_generate_v4() does not exist",
            error={"function": "uuid_generate_v4"},
            local={"extensions": {"uuid-ossp": {"version": "1.1", "schema": "public"}}},
            schema={
                "error_object_on_local": True,
                "error_object_extension": "uuid-ossp",
                "error_object_extension_available": True,
            },
        ),
        never=("function-needs-newer-major", "missing-object"),
    ),
    Case(
        "a function of an extension that is installed in another schema",
        None,
        failed(
            "42883",
            "function uuid_generate_v4() does not exist",
            error={"function": "uuid_generate_v4"},
            schema={
                "error_object_on_local": True,
                "error_object_extension": "uuid-ossp",
                "error_object_extension_installed": True,
                "error_object_elsewhere": ["extensions"],
            },
        ),
        never=("extension-not-installed", "missing-object", "function-needs-newer-major"),
    ),
    Case(
        "an extension whose files production lacks",
        "extension-not-available",
        failed(
            "0A000",
            'extension "postgis" is not available',
            error={"extension": "postgis"},
            schema={"error_object_extension": "postgis"},
        ),
    ),
    Case(
        "the same on 14, from the text alone",
        "extension-not-available",
        text_only("58P01", 'could not open extension control file "/x/postgis.control"', extension="postgis"),
    ),
    Case(
        "an extension that the provider does not allow",
        None,
        failed(
            "0A000",
            'extension "pg_trgm" is not allow-listed for users',
            error={"extension": "pg_trgm"},
            production={"available_extensions": ["pg_trgm"]},
        ),
        never=("extension-not-available",),
    ),
    Case(
        "a second extension that production will not have",
        "extension-not-available",
        incident(migration={"creates_extensions": ["plpgsql", "postgis"]}),
    ),
    Case(
        "an extension that needs a superuser",
        "extension-needs-superuser",
        failed(
            "42501",
            'permission denied to create extension "x"',
            error={"extension": "x", "privilege_problem": "extension"},
            role=lacking("extension"),
        ),
        never=("not-object-owner", "no-create-on-schema", "missing-table-privilege"),
    ),
    Case(
        "ALTER TABLE by a role that does not own the table",
        "not-object-owner",
        failed(
            "42501",
            "must be owner of table orders",
            error={"relation": "orders", "privilege_problem": "owner"},
            role=lacking("owner"),
        ),
        never=("missing-table-privilege", "no-create-on-schema"),
    ),
    Case(
        "ALTER TABLE on a table that the provider owns",
        None,
        failed(
            "42501",
            "must be owner of table objects",
            error={"relation": "objects", "privilege_problem": "owner"},
            role=lacking("owner", owner="supabase_admin"),
        ),
        never=("not-object-owner",),
    ),
    Case("missing ownership, before anything ran", "not-object-owner", incident(role=lacking("owner"))),
    Case(
        "ownership, from the text alone",
        "not-object-owner",
        text_only("42501", "must be owner of table orders", relation="orders", privilege_problem="owner"),
    ),
    Case(
        "CREATE TABLE in public on 15",
        "no-create-on-schema",
        failed(
            "42501",
            "permission denied for schema public",
            error={"schema": "public", "privilege_problem": "schema"},
            role=lacking("schema_create"),
        ),
    ),
    Case(
        "USAGE that is missing on the schema",
        "no-usage-on-schema",
        failed(
            "42501",
            "permission denied for schema app",
            error={"schema": "app", "privilege_problem": "schema"},
            role=lacking("schema_usage"),
        ),
        never=("no-create-on-schema",),
    ),
    Case(
        "INSERT without the privilege",
        "missing-table-privilege",
        failed(
            "42501",
            "permission denied for table orders",
            error={"relation": "orders", "privilege_problem": "table"},
            role=lacking("table"),
        ),
        never=("not-object-owner",),
    ),
    Case(
        "a foreign key without REFERENCES on the parent",
        None,
        failed(
            "42501",
            "permission denied for table customers",
            error={"relation": "customers", "privilege_problem": "table"},
            role=lacking("references"),
        ),
        never=("missing-table-privilege",),
    ),
    Case(
        "duplicates under a new unique index",
        "unique-violation-existing-duplicates",
        failed("23505", 'could not create unique index "u"', **UNIQUE_BUILD),
    ),
    Case(
        "the same with messages in German",
        "unique-violation-existing-duplicates",
        failed("23505", "konnte Unique Index »u« nicht erstellen", **UNIQUE_BUILD),
    ),
    Case(
        "a duplicate key in an INSERT",
        None,
        failed(
            "23505",
            'duplicate key value violates unique constraint "u"',
            {"is_ddl": False, "kind": "INSERT"},
            error={"constraint": "u", "key_columns": ["id"]},
        ),
        never=("unique-violation-existing-duplicates", "invalid-index"),
    ),
    Case(
        "duplicates, with the invalid index that the failed build left",
        "unique-violation-existing-duplicates",
        failed(
            "23505",
            'could not create unique index "u"',
            **UNIQUE_BUILD,
            schema={"error_index_exists": True, "error_index_valid": False},
        ),
    ),
    Case(
        "NULLs under SET NOT NULL",
        "not-null-violation",
        failed("23502", 'column "note" of relation "orders" contains null values', error={"column": "note"}),
    ),
    Case(
        "a row written without the value of a new column",
        None,
        failed(
            "23502",
            'null value in column "note" violates not-null constraint',
            {"is_ddl": False, "kind": "INSERT"},
            error={"column": "note", "detail": "Failing row contains (1, null)."},
        ),
        never=("not-null-violation",),
    ),
    Case(
        "orphans under a new foreign key",
        "foreign-key-violation",
        failed(
            "23503",
            'insert or update on table "c" violates foreign key constraint "f"',
            {"referenced_relation": "public.p", "constraint": "f"},
            error={"constraint": "f", "detail": "Key (x)=(9)"},
        ),
    ),
    Case(
        "the same text for an INSERT of the application",
        None,
        incident(
            error={
                "sqlstate": "23503",
                "message": 'insert or update on table "c" violates ... "f"',
                "statement": "INSERT INTO c VALUES (9)",
                "from_application": True,
            }
        ),
        never=("foreign-key-violation",),
    ),
    Case(
        "the same text and nothing else",
        "foreign-key-violation",
        text_only("23503", 'insert or update on table "c" violates foreign key constraint "f"'),
        sure=False,
    ),
    Case(
        "rows that break a new CHECK",
        "check-violation",
        failed(
            "23514",
            'check constraint "ck" of relation "a" is violated by some row',
            {"check_expression": "x > 0"},
            error={"constraint": "ck"},
        ),
    ),
    Case(
        "rows that do not fit the partition they are attached as",
        None,
        failed("23514", 'partition constraint of relation "p1" is violated by some row'),
        never=("check-violation",),
    ),
    Case(
        "a column that a hotfix added",
        "object-already-exists",
        failed(
            "42701",
            'column "note" of relation "orders" already exists',
            error={"column": "note"},
            schema={"already_there": [thing("column", "note")], "error_object_on_production": True},
        ),
    ),
    Case(
        "the same, before anything ran",
        "object-already-exists",
        incident(schema={"already_there": [thing("column", "note")]}),
    ),
    Case(
        "IF NOT EXISTS over an object that exists",
        None,
        incident(schema={"already_there": [thing("relation", "t", sql="CREATE TABLE IF NOT EXISTS t ()")]}),
    ),
    Case(
        "a migration that is applied already",
        None,
        incident(schema={"already_there": [thing("column", "note")]}, history={"pending": []}),
    ),
    Case(
        "a migration that has made its objects and works on",
        None,
        incident(schema={"already_there": [thing("column", "note")]}, locks={"migration_found": True}),
    ),
    Case(
        "an invalid index in the way",
        "invalid-index",
        failed(
            "42P07",
            'relation "i" already exists',
            {"kind": "CREATE INDEX", "concurrently": True},
            error={"relation": "i"},
            schema={
                "already_there": [thing("index", "i", valid=False)],
                "error_object_on_production": True,
                "error_index_exists": True,
            },
        ),
    ),
    Case(
        "an invalid index that IF NOT EXISTS would keep",
        "invalid-index",
        incident(schema={"already_there": [thing("index", "i", valid=False, sql="CREATE INDEX IF NOT EXISTS i")]}),
    ),
    Case(
        "an invalid index that nobody mentions",
        None,
        incident(production={"invalid_indexes": [{"index": "public.z", "relation": "public.z"}]}),
    ),
    Case(
        "a table that only local has",
        "missing-object",
        failed(
            "42P01",
            'relation "orders" does not exist',
            error={"relation": "orders"},
            schema={"not_there": [thing("table", "orders")], "error_object_on_local": True},
        ),
    ),
    Case("the same, before anything ran", "missing-object", incident(schema={"not_there": [thing("table", "orders")]})),
    Case(
        "a role that is not there",
        None,
        failed("42704", 'role "app_rw" does not exist', error={"object_kind": "role"}),
        never=("missing-object",),
    ),
    Case(
        "a table in another schema",
        "search-path-difference",
        failed(
            "42P01",
            'relation "orders" does not exist',
            error={"relation": "orders"},
            schema={"error_object_elsewhere": ["app"], "error_object_on_local": True},
        ),
        never=("missing-object",),
    ),
    Case(
        "a table that is spelled in another case",
        None,
        failed(
            "42P01",
            'relation "orders" does not exist',
            error={"relation": "orders"},
            schema={"not_there": [thing("table", "orders", similar=['"Orders"'])], "error_object_on_local": True},
        ),
        never=("missing-object",),
    ),
    Case(
        "CONCURRENTLY inside a transaction, from the text alone",
        "not-allowed-in-transaction",
        text_only("25001", "CREATE INDEX CONCURRENTLY cannot run inside a transaction block"),
    ),
    Case(
        "the same, before anything ran",
        "not-allowed-in-transaction",
        incident(migration={"forbidden_in_transaction": [{"sql": "VACUUM", "file": "1.sql", "line": 1}]}),
    ),
    Case(
        "a tool that refuses a dirty database, from the text alone",
        "dirty-migration-state",
        text_only("", "Dirty database version 42. Fix and force version.", tool_condition="dirty", tool_version="42"),
    ),
    Case("a dirty history, before anything ran", "dirty-migration-state", incident(history=DIRTY)),
    Case(
        "a history that is dirty because the migration runs now",
        None,
        incident(history=DIRTY, locks={"migration_found": True}),
    ),
    Case(
        "an error whose run left the history dirty",
        "unique-violation-existing-duplicates",
        failed("23505", 'could not create unique index "u"', **UNIQUE_BUILD, history=DIRTY),
    ),
    Case(
        "an old release that asks for a dropped column",
        "old-code-uses-removed-column",
        incident(
            error={
                "sqlstate": "42703",
                "message": "column o.coupon does not exist",
                "column": "coupon",
                "statement": "SELECT o.coupon FROM orders o",
                "from_application": True,
            },
            migration=DROPPED,
            schema=_NO_OBJECT | {"error_column_dropped_by_migration": True},
        ),
        never=("missing-object",),
    ),
    Case(
        "a column that was dropped on production before the migration came to drop it",
        "missing-object",
        failed(
            "42703",
            'column "coupon" of relation "orders" does not exist',
            error={"column": "coupon"},
            migration=DROPPED,
            schema={
                "error_column_dropped_by_migration": True,
                "error_object_on_local": True,
                "not_there": [thing("column", "coupon")],
            },
        ),
        never=("old-code-uses-removed-column",),
    ),
    Case("a DROP COLUMN that is about to run", None, incident(migration=DROPPED, answer={"seen": "planned"})),
    Case("a version gap that the migration does not touch", None, incident(production=OLD_PRODUCTION)),
    Case(
        "a setting that only a newer server has",
        None,
        failed(
            "42704",
            'unrecognized configuration parameter "transaction_timeout"',
            error={"setting": "transaction_timeout"},
            production=OLD_PRODUCTION,
            migration={"needs_newer": [NEWER | {"kind": "setting", "feature": "transaction_timeout"}]},
        ),
        never=("needs-newer-major", "missing-object"),
    ),
    Case(
        "no schema of the search path exists",
        "search-path-difference",
        text_only("3F000", "no schema has been selected to create in"),
    ),
    Case(
        "a name that neither side has",
        "plain-sql-error",
        failed("42P01", 'relation "ordres" does not exist', error={"relation": "ordres"}),
    ),
    Case(
        "the echo of an earlier error",
        "transaction-already-aborted",
        text_only("25P02", "current transaction is aborted, commands ignored until end of transaction block"),
    ),
    Case(
        "a primary that is read-only by a setting",
        "read-only-default",
        failed(
            "25006",
            "cannot execute ALTER TABLE in a read-only transaction",
            production={"read_only_default": True, "read_only_source": "database shop"},
        ),
        never=("connected-to-standby",),
    ),
    Case(
        "a standby",
        "connected-to-standby",
        failed("25006", "cannot execute ALTER TABLE in a read-only transaction", production={"is_standby": True}),
        never=("read-only-default",),
    ),
    Case("a deadlock", "deadlock", text_only("40P01", "deadlock detected")),
    Case(
        "a cancel that somebody on call asked for",
        "cancelled-by-other-session",
        failed(
            "57014",
            "canceling statement due to user request",
            error={"timeout": "user_request"},
            answer={"ended_by": "person"},
        ),
    ),
    Case(
        "a port where nothing listens",
        "server-unreachable",
        text_only("", "connection refused", refusal="refused", is_connection=True),
    ),
    Case(
        "a production that nobody reaches, and no error given",
        "server-unreachable",
        incident(
            servers=False,
            production={
                "given": True,
                "reachable": False,
                "refusal": "timed_out",
                "refusal_message": "timeout expired",
                "host": "db",
                "port": 5432,
            },
        ),
    ),
    Case(
        "a wrong password",
        "authentication-failed",
        text_only("", "password authentication failed", refusal="wrong_password", is_connection=True),
    ),
    Case(
        "a server that starts up",
        "server-not-accepting-connections",
        text_only("57P03", "the database system is starting up", refusal="starting_up", is_connection=True),
    ),
    Case(
        "a server that demands TLS",
        "ssl-mismatch",
        text_only("", "SSL is required", refusal="tls_required", is_connection=True),
    ),
    Case(
        "an ordinary error while we cannot reach production ourselves",
        "not-object-owner",
        incident(
            servers=False,
            production={
                "given": True,
                "reachable": False,
                "refusal": "timed_out",
                "refusal_message": "timeout expired",
            },
            error={"sqlstate": "42501", "message": "must be owner of table t", "privilege_problem": "owner"},
        ),
        never=("server-unreachable",),
    ),
    Case("an error that no playbook explains", None, failed("22012", "division by zero")),
    Case("a healthy pair", None, incident()),
)
OURS = frozenset(c.cause for c in CASES if c.cause)


@pytest.mark.parametrize("case", CASES, ids=[c.what.replace(" ", "-") for c in CASES])
def test_the_cause_comes_first_and_its_neighbours_stay_out(case: Case) -> None:
    found = suspects(case.book)
    if case.cause is None:
        assert not OURS & set(found), found
    else:
        assert next(iter(found), None) == case.cause, found
        assert found[case.cause] in SURE if case.sure else found[case.cause] == "possible", found
    assert not set(case.never) & set(found), found


def test_a_second_fault_is_named_but_does_not_pass_for_the_cause_of_the_error() -> None:
    book = failed("55P03", "canceling statement due to lock timeout", error={"timeout": "lock"}, role=lacking("owner"))
    found = suspects(book)
    assert next(iter(found)) == "lock-timeout"
    assert found["not-object-owner"] == "possible"


def test_the_question_who_got_the_error_decides_between_missing_objects_and_old_code() -> None:
    book = failed(
        "42703",
        "column o.coupon does not exist",
        error={"column": "coupon", "from_migration": None, "from_application": None},
        migration=DROPPED,
        schema={"error_column_dropped_by_migration": True},
    )
    from_application = book.with_facts(_answer("error_from", "application"))
    assert verdict(from_application, "old-code-uses-removed-column") == "proved"
    from_migration = book.with_facts(_answer("error_from", "migration"))
    assert verdict(from_migration, "old-code-uses-removed-column") == "ruled_out"


def test_what_refuted_a_cause_is_said_in_a_sentence() -> None:
    book = failed(
        "42P01",
        'relation "orders" does not exist',
        error={"relation": "orders"},
        schema={"error_object_elsewhere": ["app"], "error_object_on_local": True},
    )
    cause = next(c for c in diagnosis(book).causes if c.id == "missing-object")
    assert "production has it outside the search path, in: app" in [r.because for r in cause.opposing]


def _answer(question: str, answer: str) -> list[Any]:
    from runbook.diagnosis.questions import answer_fact

    return [answer_fact(question, answer)]
