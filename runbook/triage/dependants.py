"""What stands in the way of the statement at fault: the objects that depend on what it changes or takes away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runbook.failure.report import ErrorReport
from runbook.migration.catalog import Catalog
from runbook.migration.dropping import HOLDING_COLUMN
from runbook.migration.objects import dropped
from runbook.triage.case import Case, Facts
from runbook.triage.failing import AtFault, parts_of

# The first words of pg_describe_object (src/backend/catalog/objectaddress.c, getObjectDescription), longest first.
_KINDS = (
    ("materialized view ", "matview"),
    ("publication of table ", "publication"),
    ("publication of schema ", "publication"),
    ("statistics object ", "statistics"),
    ("default value for ", "default"),
    ("a column of ", "column"),  # the forecast's own words
    ("a trigger on ", "trigger"),
    ("composite type ", "type"),
    ("foreign table ", "table"),
    ("event trigger ", "event trigger"),
    ("operator class ", "operator class"),
    ("operator family ", "operator family"),
    *((f"{kind} ", kind) for kind in (
        "view", "rule", "policy", "trigger", "column", "function", "procedure", "aggregate", "constraint", "index",
        "type", "domain", "table", "sequence", "schema", "extension", "cast", "operator", "collation", "server",
    )),
)  # fmt: skip
_DEPENDS = re.compile(r"^(?P<what>.+?) depends on (?P<on>.+)$")
_GENERATED = re.compile(r'^Column "(?P<column>.+)" is used by generated column "(?P<by>.+)"\.$')
# XX000 in minors of 2024 and before, which did not know functions and publications (ATExecAlterColumnType; bug 18449)
_UNEXPECTED = re.compile(r"^unexpected object depending on column: (?P<what>.+)$")
_REFERENCES = re.compile(
    r'^Table "(?P<what>.+)" references "(?P<on>.+)"\.$'
)  # TRUNCATE: heap_truncate_check_FKs (heap.c)
_REFERENCES_IT = re.compile(r"^(?P<table>.+) references it by constraint (?P<constraint>.+)$")
# find_composite_type_dependencies (tablecmds.c): names the relation without its schema
_ROW_TYPE = re.compile(
    r'^cannot alter \w+(?: table)? "(?P<on>.+)" because column "(?P<what>.+)\.(?P<column>.+)" uses (?:its row type|it)$'
)
_FORETOLD = re.compile(
    r"^(?P<what>.+?) (?:depends on|is generated from|requires) (?P<on>.+)$"
)  # the forecast's own sentences
_REQUIRES = re.compile(r"^cannot drop (?P<on>.+) because (?P<what>.+) requires it$")
_READ = frozenset(
    {"view", "matview", "policy", "trigger", "publication", "function", "rule", "generated column", "constraint"}
)
_ENOUGH = 60


def state(facts: Facts, case: Case, fault: AtFault | None) -> None:
    """State ``dependency.blockers``: from the error's own words, then from production's catalog."""
    error = case.error
    found = {b["description"]: b for b in _from_error(error, _table(fault, error))} if error is not None else {}
    refused = error is None or error.sqlstate in ("2BP01", "0A000", "42601", "XX000")
    catalog = case.production.catalog if case.production is not None else None
    if fault is not None and refused:
        if not found:
            found = {b["description"]: b for b in _from_forecast(fault)}
        if found and catalog is not None and (error is None or error.sqlstate != "2BP01"):  # a drop names them all
            for more in _from_catalog(case, fault, catalog):
                found.setdefault(more["description"], more)
    if not found and error is None and catalog is None:
        facts.unknown("dependency.blockers", "there is no error, and production's catalog is not known")
        return
    here = case.local.catalog if case.local is not None else None
    local = _descriptions(here) if here is not None and found else None
    for row in found.values():
        row["on_local"] = _on_local(row["description"], row["kind"], local)
    facts.know(
        "dependency.blockers",
        list(found.values())[:_ENOUGH],
        "named by the error" if error is not None else "by the forecast on production's catalog",
        side="production",
        readings="production/dependants",
    )


def blocker(description: str, on: str, named: str) -> dict[str, Any]:
    """One object in the way, from what ``pg_describe_object`` says of it and of what it depends on."""
    description = description.removeprefix("rule _RETURN on ")  # a view, as ALTER COLUMN TYPE names it
    kind, on_kind = kind_of(description), kind_of(on)
    if kind == "column" and on_kind == "column":
        kind = "generated column"
    return {
        "kind": kind,
        "description": description,
        "on_kind": on_kind,
        "on": on,
        "on_name": on.removeprefix(_words(on)),
        "on_local": None,
        "named": named,
    }


def kind_of(description: str) -> str:
    """The kind of object that a description begins with; empty for words of another language."""
    return next((kind for words, kind in _KINDS if f"{description} ".startswith(words)), "")


def _words(description: str) -> str:
    return next((words for words, _ in _KINDS if description.startswith(words)), "")


def _table(fault: AtFault | None, error: ErrorReport) -> str:
    """The bare name of the table at hand, for the message that leaves it out."""
    relation = parts_of(fault.statement).relation if fault is not None else None
    return relation.name if relation is not None else error.subject.relation or ""


def _from_error(error: ErrorReport, table: str) -> Iterator[dict[str, Any]]:
    for pattern in (_UNEXPECTED, _REQUIRES):
        if match := pattern.match(error.message):
            on = match["on"] if "on" in pattern.groupindex else f"column {error.subject.column or ''}".strip()
            yield blocker(match["what"], on, "error")
    if error.sqlstate not in ("2BP01", "0A000", "42601"):
        return
    if match := _ROW_TYPE.match(error.message):
        yield blocker(f"column {match['column']} of table {match['what']}", f"type {match['on']}", "error")
    for line in (error.detail or "").splitlines():
        if match := _DEPENDS.match(line.strip()):
            yield blocker(match["what"], match["on"], "error")
        elif match := _REFERENCES.match(line.strip()):
            yield blocker(f"constraint of table {match['what']}", f"table {match['on']}", "error")
        elif match := _GENERATED.match(line.strip()):
            of = f" of table {table}" if table else ""
            yield blocker(f"column {match['by']}{of}", f"column {match['column']}{of}", "error")


def _from_forecast(fault: AtFault) -> Iterator[dict[str, Any]]:
    """What the forecast names: its sentences hold pg_describe_object's words."""
    fails = fault.forecast.fails if fault.forecast is not None else None
    if fails is None or fails.sqlstate not in ("2BP01", "0A000", "42601", "XX000"):
        return
    head, _, sentence = fails.because.rpartition(": ")
    if match := _REFERENCES_IT.match(sentence):
        yield blocker(f"constraint {match['constraint']} on table {match['table']}", "table", "forecast")
    elif match := _FORETOLD.match(sentence):
        on = head.removeprefix("cannot drop ") if match["on"] == "it" else match["on"]
        kind = fault.statement.kind.lower().removeprefix("drop ")  # of its command tag: DROP SEQUENCE
        yield blocker(match["what"], on if kind_of(on) else f"{kind} {on}", "forecast")


def _from_catalog(case: Case, fault: AtFault, catalog: Catalog) -> Iterator[dict[str, Any]]:
    """What else depends on the column that the statement changes, and would refuse it next."""
    parts = parts_of(fault.statement)
    if parts.relation is None or fault.statement.kind != "ALTER TABLE":
        return
    relation = catalog.find(parts.relation.schema, parts.relation.name)
    earlier = case.migration.statements if case.migration is not None else ()
    gone = {d.name for s in earlier if s.index < fault.statement.index for d in dropped(s)}
    for dependant in relation.dependants if relation is not None else ():
        if dependant.relation is not None and dependant.relation[1] in gone:
            continue
        if dependant.column in parts.columns and dependant.kind in HOLDING_COLUMN:
            found = blocker(
                dependant.description, f"column {dependant.column} of table {parts.relation.name}", "catalog"
            )
            yield found | {"kind": dependant.kind}


def _descriptions(local: Catalog) -> frozenset[str]:
    """Everything on local that depends on something, as pg_describe_object writes it."""
    of_relations = (d.description for r in local.relations.values() for d in r.dependants)
    of_functions = (d.description for fs in local.functions.values() for f in fs for d in f.used_by)
    keys = (
        f"constraint {c.name} on table {n}"
        for r in local.relations.values()
        for c in r.constraints
        for n in (r.name, r.qualified)
    )
    return frozenset((*of_relations, *of_functions, *keys))


def _on_local(description: str, kind: str, local: frozenset[str] | None) -> bool | None:
    """Whether local has it too; None where nothing that was read tells."""
    if local is None or kind not in _READ:
        return None
    return description in local
