"""What PostgreSQL keeps for superusers, or for roles with an attribute: told from the refusal, or from the statement."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from runbook.failure.report import ErrorReport
from runbook.migration.catalog import Catalog
from runbook.migration.needs import needs
from runbook.triage.case import Case, Facts

Way = Literal["attribute", "predefined_role", "parameter", "alter_system", "function", "otherwise", "administrator"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that is refused to ordinary roles.

    ``way`` is what else than SUPERUSER opens it: an attribute of the role, a predefined role (``opens`` names either),
    a grant on the parameter (15+) or on the function, another statement (``otherwise``), or nothing: an administrator
    has to run it. ``pattern`` matches the server's message in English.
    """

    id: str
    words: str
    way: Way
    opens: str
    pattern: str


# Source: each refusal was asked of the servers 12-18 as a role without attributes; the rest is from the checks in
# src/backend/commands/*.c. What "opens" it is on the command's page of the manual.
OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "bypassrls", "changing BYPASSRLS or REPLICATION of a role", "administrator", "",
        r"to change (?:bypassrls|replication) attribute|alter (?:superuser|replication) (?:roles|users)"
        r"|change (?:superuser|replication) attribute|create (?:superusers|replication users|bypassrls users)",
    ),
    Operation(
        "roles", "creating, changing or dropping roles", "attribute", "CREATEROLE",
        r"permission denied to (?:create|alter|drop|rename) role|must have CREATEROLE",
    ),
    Operation(
        "grant_role", "granting a role, which takes ADMIN OPTION on it", "administrator", "",
        r"must have admin option on role|permission denied to (?:grant|revoke) role",
    ),
    Operation("database", "creating databases", "attribute", "CREATEDB", r"permission denied to (?:create|copy) database"),
    Operation(
        "replication", "replication slots and connections", "attribute", "REPLICATION",
        r"to use replication slots|must be superuser or replication role",
    ),
    Operation(
        "read_file", "reading a file of the server", "predefined_role", "pg_read_server_files",
        r"COPY from a file",
    ),
    Operation(
        "write_file", "writing a file of the server", "predefined_role", "pg_write_server_files",
        r"COPY to a file",
    ),
    Operation(
        "program", "running a program on the server", "predefined_role", "pg_execute_server_program",
        r"external program",
    ),
    Operation(
        "subscription", "creating subscriptions", "predefined_role", "pg_create_subscription",
        r"create subscriptions?\b",
    ),
    Operation(
        "publication", "a publication FOR ALL TABLES or of a schema", "otherwise", "",
        r"create (?:a )?FOR (?:ALL TABLES|TABLES IN SCHEMA)|FOR ALL TABLES publication",
    ),
    Operation("alter_system", "ALTER SYSTEM", "alter_system", "", r"ALTER SYSTEM"),
    Operation("parameter", "setting a parameter", "parameter", "", r"permission denied (?:to set|for) parameter"),
    Operation(
        "system_trigger", "switching off the triggers of foreign keys", "otherwise", "",
        r"is a system trigger",
    ),
    Operation(
        "session_authorization", "SET SESSION AUTHORIZATION", "otherwise", "", r"set session authorization",
    ),
    Operation("catalog", "writing to a system catalog", "otherwise", "", r"is a system catalog"),
    Operation("function", "calling a function of the server", "function", "", r"permission denied for function (?:pg_|lo_)"),
    Operation("library", "loading a library", "administrator", "", r"access to library"),
    Operation("leakproof", "a LEAKPROOF function", "otherwise", "", r"leakproof"),
    Operation(
        "language", "functions in a language that is not trusted", "administrator", "",
        r"permission denied for language|language \"[^\"]*\" is not trusted|create custom procedural language",
    ),
    Operation("event_trigger", "event triggers", "administrator", "", r"event trigger"),
    Operation("tablespace", "tablespaces", "administrator", "", r"permission denied to create tablespace"),
    Operation("fdw", "foreign-data wrappers", "administrator", "", r"foreign-data wrapper"),
    Operation("superuser", "something that is for superusers only", "administrator", "", r"must be superuser|only superusers? can"),
)  # fmt: skip
BY_ID = {o.id: o for o in OPERATIONS}

_OF_PRIVILEGE: dict[str, str] = {
    "CREATEROLE": "roles",
    "CREATEDB": "database",
    "COPY with a file or program of the server": "read_file",
    "CREATE SUBSCRIPTION": "subscription",
    "FOR ALL TABLES": "publication",
    "FOR TABLES IN SCHEMA": "publication",
    "SET": "parameter",
    "ALTER SYSTEM": "alter_system",
    "ALTER SYSTEM RESET ALL": "alter_system",
    "SET SESSION AUTHORIZATION": "session_authorization",
    "an event trigger": "event_trigger",
    "a tablespace": "tablespace",
    "a foreign-data wrapper": "fdw",
}
_OF_FILE_ROLES = {"pg_write_server_files": "write_file", "pg_execute_server_program": "program"}


_CATALOGS = frozenset(
    [
        "pg_attrdef",
        "pg_attribute",
        "pg_authid",
        "pg_class",
        "pg_constraint",
        "pg_database",
        "pg_depend",
        "pg_description",
        "pg_enum",
        "pg_extension",
        "pg_index",
        "pg_namespace",
        "pg_proc",
        "pg_rewrite",
        "pg_sequence",
        "pg_shadow",
        "pg_statistic",
        "pg_trigger",
        "pg_type",
    ]
)
"""System catalogs that people write to, or read secrets from. Not by prefix: a gem's table is pg_search_documents."""


def operation_of(error: ErrorReport) -> Operation | None:
    """The operation that a 42501 refuses, from its message; None where it is refused for something else."""
    if error.sqlstate != "42501":
        return None
    text = " ".join(filter(None, (error.message, error.detail)))
    if error.subject.relation in _CATALOGS and error.subject.object_kind == "table":
        return BY_ID["catalog"]
    return next((o for o in OPERATIONS if re.search(o.pattern, text, re.I)), None)


def operation_of_right(kind: str, object_: str, privilege: str) -> Operation | None:
    """The operation that a missing right is about; None for rights that are granted on an object."""
    if kind not in ("superuser", "other"):
        return None
    return BY_ID[_OF_FILE_ROLES.get(object_) or _OF_PRIVILEGE.get(privilege, "superuser")]


def state(facts: Facts, case: Case, lacking: list[dict[str, Any]] | None) -> None:
    """State what is refused, and what the migration's role lacks. ``lacking`` None: its rights could not be told."""
    error = case.error
    refused = operation_of(error) if error is not None else None
    if refused is None and error is not None and error.sqlstate == "42501":
        refused = next(_of_statement(case), None)
    facts.know("rights.refused", refused.id if refused else "", "from the refusal of the server")
    facts.know("rights.refused_words", refused.words if refused else "", "from the refusal of the server")
    facts.know("rights.refused_way", refused.way if refused else "", "what else than SUPERUSER opens it")
    facts.know("rights.refused_opens", refused.opens if refused else "", "what else than SUPERUSER opens it")
    if lacking is None:
        facts.unknown("rights.reserved", "the rights of the migration's role were not told")
        return
    rows = [
        {
            "id": o.id,
            "words": o.words,
            "way": o.way,
            "opens": o.opens,
            "privilege": i["privilege"],
            "object": i["object"],
            "sql": i["sql"],
            "file": i["file"],
            "line": i["line"],
        }
        for i in lacking
        if (o := operation_of_right(i["kind"], i["object"], i["privilege"])) is not None
    ]
    facts.know("rights.reserved", rows, f"{len(rows)} things that are kept from the role", readings="production/role")


def _of_statement(case: Case) -> Iterator[Operation]:
    """For a server that does not speak English: what the refused statement needs of the role besides grants."""
    if case.failing is None or case.production is None:
        return
    catalog = case.production.catalog or Catalog.assumed()
    for need in needs(case.failing, catalog):
        found = operation_of_right(need.kind, need.object, need.privilege)
        if found is not None:
            yield found
