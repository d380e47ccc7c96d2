"""Step 5, role permissions: what the statements need, what the role has, and the GRANT that is missing."""

from __future__ import annotations

from typing import Any

from runbook.diagnosis.vocabulary import GROUPS
from runbook.migration.catalog import Catalog
from runbook.migration.model import Statement
from runbook.migration.needs import needs
from runbook.migration.rights import Missing, missing
from runbook.postgres.rows import RoleRow
from runbook.triage import new_objects, providers, reserved, roles_named, row_security
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.migrator import find_migrators
from runbook.triage.model import ComparedRow, Mark, Step, StepVerdict
from runbook.triage.waits import Waits

_STEP = ("role", "Role permissions")
_ATTRIBUTES = ("superuser", "create_role", "create_db", "bypass_rls", "replication", "inherit")


def examine(case: Case) -> Step:
    facts = Facts("role")
    production = case.production.catalog if case.production else None
    local = case.local.catalog if case.local else None
    lacking, unknown = _missing(case, production)
    local_lacking, _ = _missing(case, local)
    other = _runs_as_another(case, lacking)
    if other:
        lacking, unknown = [], [other]
    _state(facts, case, production, lacking, unknown, local_lacking, other)
    checked = production is not None and case.migration is not None and other is None
    reserved.state(facts, case, lacking if checked else None)
    providers.state(facts, case, lacking if checked else None)
    roles_named.state(facts, case)
    new_objects.state(facts, case)
    row_security.state(facts, case)
    rows = tuple(_rows(case, lacking, unknown))
    if production is None:
        side = case.production
        why = side.why_not("role") if side is not None else "no production side was given"
        verdict: StepVerdict = "unknown" if side is not None else "skipped"
        return Step(*_STEP, verdict, f"not seen: {why}", "?" if side else "", rows, tuple(facts.stated))
    verdict, summary, badge = _summary(case, production, lacking, unknown)
    return Step(*_STEP, verdict, summary, badge, rows, tuple(facts.stated))


def _missing(case: Case, catalog: Catalog | None) -> tuple[list[dict[str, Any]], list[str]]:
    """Rights that the role lacks on this side, statement by statement, and those nobody could check."""
    if case.migration is None or catalog is None or catalog.is_assumed:
        return [], []
    lacking: list[dict[str, Any]] = []
    unknown: list[str] = []
    seen: set[tuple[str, str]] = set()
    made = _made(case)
    for statement in case.migration.statements:
        for need in needs(statement, catalog):
            if need.object in made:
                continue
            lack = missing(need, catalog)
            if lack is None or (need.kind, need.object) in seen:
                continue
            seen.add((need.kind, need.object))
            if lack.certain:
                lacking.append(_record(lack, statement))
            else:
                unknown.append(lack.because)
    return lacking, unknown


_OBSERVERS = frozenset({"pg_monitor", "pg_read_all_stats", "pg_read_all_settings", "pg_read_all_data"})


def _runs_as_another(case: Case, lacking: list[dict[str, Any]]) -> str | None:
    """Why the role that we look with is not the one that runs the migration; None when it may well be.

    What an observer's role lacks says nothing about the migration: the privileges read are the wrong role's.
    """
    side = case.production
    role = _role(side)
    if side is None or side.role is not None or role is None or not lacking:
        return None
    hint = f"name it with --role to have its rights checked (we look as {role.name})"
    if side.ok("activity") and side.ok("locks"):
        for migrator in find_migrators(case, Waits.of(side)):
            if migrator.session.role and migrator.session.role != role.name:
                return f"the migration runs as {migrator.session.role}: {hint}"
    error = case.error
    named = (error.role or (error.subject.role if error.is_connection else None)) if error is not None else None
    if named is not None and named != role.name:
        return f"the error is of role {named}: {hint}"
    if error is not None and error.sqlstate != "42501" and case.failing is not None:
        passed = [i for i in lacking if i["index"] <= case.failing.index]
        if passed:
            return f"the migration got past what {role.name} may not do ({passed[0]['privilege']}): {hint}"
    if (error is None or error.sqlstate != "42501") and _OBSERVERS & set(role.member_of):
        return f"{role.name} is a monitoring role: {hint}"
    return None


def _made(case: Case) -> set[str]:
    """Objects that the migration itself makes: their owner is the role."""
    forecast = case.forecast
    if forecast is None:
        return set()
    return {k.relation for s in forecast.statements for k in s.locks if not k.pre_existing}


def _record(lack: Missing, statement: Statement) -> dict[str, Any]:
    need = lack.need
    return {
        "kind": need.kind,
        "object": need.object,
        "privilege": need.privilege,
        "owner": lack.owner or "",
        "grant_sql": lack.grant_sql,
        "because": lack.because,
        "sql": statement.sql,
        "file": statement.file,
        "line": statement.line,
        "index": statement.index,
    }


def _state(
    facts: Facts,
    case: Case,
    production: Catalog | None,
    lacking: list[dict[str, Any]],
    unknown: list[str],
    local: list[dict[str, Any]],
    other: str | None,
) -> None:
    if production is None or case.migration is None or other is not None:
        reason = other or ("no migration was given" if case.migration is None else "production's catalog is not known")
        facts.unknown_all([f"role.{n}" for n in sorted(GROUPS["role"])], reason)
        return
    reading = "production/role production/relations production/schemas"
    facts.know("role.missing", lacking, f"{len(lacking)} rights are missing", readings=reading)
    facts.know("role.missing_kinds", sorted({i["kind"] for i in lacking}), "kinds of these", readings=reading)
    facts.know("role.missing_on_local", sorted({i["kind"] for i in local}), "the same on local", side="local")
    facts.know("role.unknown", unknown, f"{len(unknown)} could not be checked")


# -- what people read -----------------------------------------------------------------------------------------------


def _rows(case: Case, lacking: list[dict[str, Any]], unknown: list[str]) -> list[ComparedRow]:
    local, production = case.local, case.production
    rows = [
        ComparedRow(f"{i['privilege']} on {i['object']}", "", "missing", "matters", i["grant_sql"]) for i in lacking
    ]
    rows += [ComparedRow("not checked", "", None, "unknown", reason) for reason in unknown]
    here, there = _role(local), _role(production)
    rows.append(ComparedRow("role", here.name if here else None, there.name if there else None, "info"))
    for name in _ATTRIBUTES:
        a = None if here is None else _yes(getattr(here, name))
        b = None if there is None else _yes(getattr(there, name))
        differs = a is not None and b is not None and a != b
        mark: Mark = "unknown" if b is None else ("differs" if differs else "same")
        why = "what a superuser may do locally may be refused here" if name == "superuser" and differs else ""
        rows.append(ComparedRow(name.replace("_", " "), a, b, mark, why))
    rows.append(ComparedRow("member of", _members(here), _members(there), "info"))
    rows += _default_privileges(production)
    return rows


def _role(side: SideCase | None) -> RoleRow | None:
    row: RoleRow | None = side.first("role") if side is not None else None
    return row


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _members(role: RoleRow | None) -> str | None:
    return None if role is None else (", ".join(role.member_of) or "no role")


def _default_privileges(side: SideCase | None) -> list[ComparedRow]:
    """Who gets what on new objects, and whose objects that covers."""
    rows = []
    for row in side.rows("default_privileges") if side is not None else ():
        where = f" in {row.schema}" if row.schema else ""
        rows.append(
            ComparedRow(
                f"default for {row.grantee}",
                "",
                f"{', '.join(row.privileges)}{where} on what {row.creator} makes",
                "info",
            )
        )
    return rows[:8]


def _summary(
    case: Case, catalog: Catalog, lacking: list[dict[str, Any]], unknown: list[str]
) -> tuple[StepVerdict, str, str]:
    if lacking:
        first = lacking[0]
        return "attention", f"{catalog.role} lacks {first['privilege']} on {first['object']}", "missing"
    if case.migration is None:
        return "skipped", f"role {catalog.role}; no migration was given to check it against", ""
    if unknown:
        return "unknown", f"not all could be checked: {unknown[0]}", "?"
    local, production = _role(case.local), _role(case.production)
    if local is not None and production is not None and local.superuser != production.superuser:
        return "differs", f"{catalog.role} has every right the statements need; local is a superuser", "differs"
    return "same", f"{catalog.role} has every right the statements need", "same"
