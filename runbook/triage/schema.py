"""Step 7, schema: what the migration touches, what is there already or missing, drift, and what depends on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from runbook.diagnosis.vocabulary import GROUPS
from runbook.migration import ast
from runbook.migration.catalog import Catalog, Column, Relation
from runbook.migration.model import Statement
from runbook.migration.objects import (
    Found,
    ObjectRef,
    created,
    dropped,
    find_index,
    in_catalog,
    missing,
    obstacles,
    taken_away,
    used,
)
from runbook.migration.result import StatementForecast
from runbook.sql import quote_ident, quote_qualified
from runbook.text import plural
from runbook.triage import data, dependency, extension_schemas, extension_versions, replication, zone_rewrites
from runbook.triage.case import Case, Facts
from runbook.triage.extensions import missing_extensions, provider_of
from runbook.triage.failing import is_whole_table, parts_of, statement_at_fault
from runbook.triage.model import ComparedRow, Mark, Step, StepVerdict
from runbook.triage.sizes import find, is_large, touched_relations

_STEP = ("schema", "Schema")
_DEPENDANTS = frozenset(
    {"view", "matview", "rule", "policy", "trigger", "function", "statistics", "publication", "generated column"}
)


def examine(case: Case) -> Step:
    facts = Facts("schema")
    production = case.production.catalog if case.production else None
    local = case.local.catalog if case.local else None
    there = _obstacles(case, production, local)
    gone = _missing(case, production, local)
    drift = list(_drift(case, local, production))
    dependants = list(_dependants(case, production, local))
    _state_migration(facts, case)
    _state_schema(facts, case, production, local, there, gone, drift, dependants)
    _state_error_object(facts, case, production, local)
    dependency.state(facts, case)
    data.state(facts, case)
    replication.state(facts, case)
    if production is None:
        side = case.production
        why = side.why_not("relations") if side is not None else "no production side was given"
        return Step(
            *_STEP, "unknown" if side else "skipped", f"not seen: {why}", "?" if side else "", facts=tuple(facts.stated)
        )
    rows = tuple(_rows(there, gone, drift, dependants, case))
    verdict, summary, badge = _summary(case, there, gone, drift, dependants)
    return Step(*_STEP, verdict, summary, badge, rows, tuple(facts.stated))


# -- the migration itself -------------------------------------------------------------------------------------------


def _state_migration(facts: Facts, case: Case) -> None:
    migration = case.migration
    facts.know("migration.given", case.given, "files were given" if case.given else "no migration was given")
    if migration is None:
        facts.unknown_all([f"migration.{n}" for n in sorted(GROUPS["migration"] - {"given"})], "no migration was given")
        return
    because = f"read from {len(migration.files)} files"
    values: dict[str, Any] = {
        "runner": migration.runner,
        "transaction_mode": migration.transaction_mode,
        "statements": len(migration.statements),
        "files": [f.path for f in migration.files],
        "relations": touched_relations(case),
        "unparsed": [{"file": s.file, "line": s.line, "message": s.problem} for s in migration.statements if s.problem],
        "creates_extensions": [
            s.node.extname for s in migration.statements if ast.is_node(s.node, "CreateExtensionStmt")
        ],
        "sets_lock_timeout": any(_sets(s, "lock_timeout") for s in migration.statements),
        "sets_statement_timeout": any(_sets(s, "statement_timeout") for s in migration.statements),
    }
    catalog = case.production.catalog if case.production else None
    columns, relations = _taken_away(case, catalog)
    values["drops_columns"], values["drops_relations"] = columns, relations
    for name, value in values.items():
        facts.know(f"migration.{name}", value, because)
    _state_versions(facts, case)
    _state_forecast(facts, case)


def _sets(statement: Statement, setting: str) -> bool:
    return ast.is_node(statement.node, "VariableSetStmt") and statement.node.name == setting


def _taken_away(case: Case, catalog: Catalog | None) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    assert case.migration is not None
    columns, relations = [], []
    for change in taken_away(case.whole or case.migration):
        found = catalog.find(change.relation.schema, change.relation.name) if catalog else None
        name = found.qualified if found else quote_qualified(change.relation.schema, change.relation.name)
        if change.column:
            columns.append({"relation": name, "column": change.column, "renamed_to": change.new_name})
        else:
            relations.append({"relation": name, "renamed_to": change.new_name})
    return columns, relations


def _state_versions(facts: Facts, case: Case) -> None:
    from runbook.migration.versions import minimum_version

    assert case.migration is not None
    identity = case.production.identity if case.production else None
    if identity is None:
        facts.unknown("migration.needs_newer", "production's version is not known")
        return
    catalog = case.production.catalog if case.production else None
    needs = [
        {
            "feature": r.feature,
            "kind": r.kind,
            "min_version": r.minimum // 10000,
            "file": s.file,
            "line": s.line,
            "sql": s.sql,
        }
        for s in case.migration.statements
        for r in minimum_version(s, catalog)
        if r.minimum > identity.server_version_num
    ]
    facts.know("migration.needs_newer", needs, f"compared with production's {identity.server_version_num // 10000}")


def _state_forecast(facts: Facts, case: Case) -> None:
    assert case.migration is not None
    statements = {s.index: s for s in case.migration.statements}
    forecasts = case.forecast.statements if case.forecast else ()
    forbidden = [
        {"sql": statements[f.index].sql, "file": statements[f.index].file, "line": f.line}
        for f in forecasts
        if f.transaction == "forbidden" and statements[f.index].in_transaction
    ]
    facts.know("migration.forbidden_in_transaction", forbidden, "by the runner's transaction mode and each statement")
    catalog = case.production.catalog if case.production else None
    names = ("rewrites_large", "scans_large", "builds_large", "backfills_large")
    if catalog is None:
        facts.unknown_all([f"migration.{n}" for n in names], "production's table sizes are not known")
        return
    found: dict[str, list[dict[str, Any]]] = {n: [] for n in names}
    for forecast in forecasts:
        for name, relation in _heavy(forecast, statements[forecast.index], catalog):
            found[name].append(_large(forecast, statements[forecast.index], relation))
    for name in names:
        facts.know(f"migration.{name}", found[name], "by the forecast on production's catalog")


def _heavy(forecast: StatementForecast, statement: Statement, catalog: Catalog) -> Iterator[tuple[str, Relation]]:
    """Large tables that it rewrites, scans under ACCESS EXCLUSIVE, indexes while writers wait, or updates whole."""
    exclusive = {k.relation for k in forecast.locks if k.mode == "AccessExclusiveLock" and k.pre_existing}
    for name in forecast.rewrites:
        if is_large(relation := find(catalog, name)) and relation is not None:
            yield "rewrites_large", relation
    for name in forecast.scans:
        if (
            name in exclusive
            and name not in forecast.rewrites
            and is_large(relation := find(catalog, name))
            and relation is not None
        ):
            yield "scans_large", relation
    if forecast.index_builds and forecast.blocks.writes and not forecast.rewrites:
        for name in forecast.blocks.writes:
            if is_large(relation := find(catalog, name)) and relation is not None:
                yield "builds_large", relation
    parts = parts_of(statement)
    if parts.writes and parts.relation is not None:
        relation = catalog.find(parts.relation.schema, parts.relation.name)
        if relation is not None and is_large(relation) and is_whole_table(parts, relation):
            yield "backfills_large", relation


def _large(forecast: StatementForecast, statement: Statement, relation: Relation) -> dict[str, Any]:
    return {
        "sql": statement.sql,
        "file": statement.file,
        "line": statement.line,
        "relation": relation.qualified,
        "rows": int(relation.rows),
        "seconds": forecast.seconds.likely if forecast.seconds else 0.0,
    }


# -- what is there, what is missing ---------------------------------------------------------------------------------


def _obstacles(case: Case, production: Catalog | None, local: Catalog | None) -> list[dict[str, Any]]:
    if case.migration is None or production is None:
        return []
    return [_obstacle(f, production, local) for f in obstacles(case.migration, production)]


def _obstacle(found: Found, production: Catalog, local: Catalog | None) -> dict[str, Any]:
    ref = found.ref
    valid, building = True, False
    same: bool | None = None
    table = _table_name(ref, production)
    if ref.kind == "index" or (ref.kind == "relation" and find_index(production, ref.schema, ref.name)):
        index = find_index(production, ref.schema, ref.name)
        building = index is not None and index[1].building
        valid = index is None or index[1].valid or building
        table = index[0].qualified if index else table
    if local is not None:
        same = _same_definition(ref, local, production)
    return {
        "kind": ref.kind,
        "name": quote_ident(ref.name),
        "relation": table,
        "same_on_local": bool(same),
        "valid": valid,
        "building": building,
        "optional": ref.optional,
        "sql": found.statement.sql,
        "file": found.statement.file,
        "line": found.statement.line,
    }


def _same_definition(ref: ObjectRef, local: Catalog, production: Catalog) -> bool | None:
    """Whether what production has already is what local has after the migration; None where local lacks it."""
    if ref.kind == "column" and ref.relation is not None:
        here = local.find(ref.relation.schema, ref.relation.name)
        there = production.find(ref.relation.schema, ref.relation.name)
        a = here.column(ref.name) if here else None
        b = there.column(ref.name) if there else None
        return None if a is None or b is None else _column_text(a) == _column_text(b)
    if ref.kind == "relation":
        one, other = local.find(ref.schema, ref.name), production.find(ref.schema, ref.name)
        if one is None or other is None:
            return None
        return [(c.name, _column_text(c)) for c in one.columns] == [(c.name, _column_text(c)) for c in other.columns]
    if ref.kind == "index":
        x, y = find_index(local, ref.schema, ref.name), find_index(production, ref.schema, ref.name)
        return None if x is None or y is None else (x[1].columns, x[1].unique) == (y[1].columns, y[1].unique)
    return None


def _missing(case: Case, production: Catalog | None, local: Catalog | None) -> list[dict[str, Any]]:
    if case.migration is None or production is None:
        return []
    return [_absent(f, production, local) for f in missing(case.migration, production)]


def _absent(found: Found, production: Catalog, local: Catalog | None) -> dict[str, Any]:
    ref = found.ref
    return {
        "kind": "table" if ref.kind == "relation" else ref.kind,
        "name": quote_ident(ref.name),
        "relation": _table_name(ref, production),
        "on_local": bool(local is not None and in_catalog(local, ref)),
        "elsewhere": _elsewhere(ref, production),
        "similar": _similar(ref, production),
        "sql": found.statement.sql,
        "file": found.statement.file,
        "line": found.statement.line,
    }


def _table_name(ref: ObjectRef, catalog: Catalog) -> str:
    if ref.relation is None:
        return ""
    found = catalog.find(ref.relation.schema, ref.relation.name)
    return found.qualified if found else quote_qualified(ref.relation.schema, ref.relation.name)


def _elsewhere(ref: ObjectRef, catalog: Catalog) -> list[str]:
    """Schemas outside the search path that have a relation of this name."""
    if ref.kind not in ("relation", "index"):
        return []
    return sorted(schema for schema, _ in catalog.by_name.get(ref.name, ()) if schema not in catalog.search_path)


def _similar(ref: ObjectRef, catalog: Catalog) -> list[str]:
    """Names that differ from this one only in case."""
    wanted = ref.name.lower()
    if ref.kind == "column" and ref.relation is not None:
        table = catalog.find(ref.relation.schema, ref.relation.name)
        names = [c.name for c in table.columns] if table else []
    elif ref.kind == "relation":
        names = list(catalog.by_name)
    else:
        names = []
    return [quote_ident(n) for n in names if n.lower() == wanted and n != ref.name]


def _state_schema(
    facts: Facts,
    case: Case,
    production: Catalog | None,
    local: Catalog | None,
    there: list[dict[str, Any]],
    gone: list[dict[str, Any]],
    drift: list[str],
    dependants: list[dict[str, Any]],
) -> None:
    extension_schemas.state(facts, case)
    extension_versions.state(facts, case)
    zone_rewrites.state(facts, case)
    extensions = missing_extensions(case, production, local) if production is not None else []
    names: dict[str, list[Any]] = {
        "missing_extensions": extensions,
        "already_there": there,
        "not_there": gone,
        "drift": drift,
        "dependants": dependants,
    }
    for name, value in names.items():
        if production is None:
            facts.unknown(f"schema.{name}", "production's catalog is not known")
        elif case.migration is None:
            facts.unknown(f"schema.{name}", "no migration was given")
        elif name == "drift" and (case.local is None or case.local.catalog is None):
            facts.unknown("schema.drift", "there is no local side to compare with")
        else:
            facts.know(
                f"schema.{name}",
                value,
                f"{len(value)} on production",
                side="production",
                readings="production/relations production/columns",
            )


# -- the object that the error names ----------------------------------------------------------------------------------


def _error_object(case: Case) -> ObjectRef | None:
    """What the error says is missing or in the way."""
    named = _named_object(case)
    if named is None or named.schema is not None or named.kind not in ("relation", "index", "type", "function"):
        return named
    return replace(named, schema=_written_schema(case, named.name))


def _written_schema(case: Case, name: str) -> str | None:
    """The schema that the failing statement writes before ``name``: most messages leave it out."""
    if case.failing is None:
        return None
    refs = [(r.name, r.schema) for r in (*created(case.failing), *dropped(case.failing), *used(case.failing))]
    if ast.is_node(case.failing.node, "CreateFunctionStmt"):
        function = ast.qualified(case.failing.node.funcname)
        refs.append((function.name, function.schema))
    return next((schema for found, schema in refs if found == name and schema is not None), None)


def _named_object(case: Case) -> ObjectRef | None:
    error = case.error
    if error is None:
        return None
    s = error.subject
    table = ast.Name(s.schema, s.relation) if s.relation else None
    if table is None and s.column and case.failing is not None:
        table = parts_of(case.failing).relation
    if s.extension:
        return ObjectRef("extension", s.extension)
    if s.object_kind == "operator class" and (quoted := re.search(r'"([^"]+)"', error.message)):
        return ObjectRef("operator class", quoted[1])
    if s.function:
        return ObjectRef("function", s.function, s.schema)
    if s.type:
        return ObjectRef("type", s.type, s.schema)
    if s.column and error.sqlstate in ("42703", "42701", "23502"):
        return ObjectRef("column", s.column, None, table) if table else None
    if s.constraint and error.sqlstate in ("42704", "42710"):
        return ObjectRef("constraint", s.constraint, None, table) if table else None
    if s.index:
        return ObjectRef("index", s.index, s.schema)
    if s.relation:
        return ObjectRef("relation", s.relation, s.schema)
    if s.schema and error.sqlstate in ("3F000", "42P06"):
        return ObjectRef("schema", s.schema)
    return None


def _state_error_object(facts: Facts, case: Case, production: Catalog | None, local: Catalog | None) -> None:
    ref = _error_object(case)
    names = (
        "error_object_on_production",
        "error_object_on_local",
        "error_object_elsewhere",
        "error_object_extension",
        "error_object_extension_installed",
        "error_object_extension_available",
        "error_function_min_major",
    )
    _state_error_index(facts, case, production)
    _state_dropped(facts, case)
    if ref is None:
        facts.unknown_all([f"schema.{n}" for n in names], "the error names no object")
        return
    for name, catalog, side in (("production", production, case.production), ("local", local, case.local)):
        exists = _exists(ref, catalog)
        if name == "local" and exists is False and _dropped_by_migration(case, ref):
            facts.unknown("schema.error_object_on_local", "the migration drops it, and local may have run that")
        elif exists is None:
            why = f"{name}'s catalog does not tell" if side is not None else f"no {name} side was given"
            facts.unknown(f"schema.error_object_on_{name}", why)
        else:
            facts.know(f"schema.error_object_on_{name}", exists, f"{ref.kind} {ref.name} on {name}", side=name)  # type: ignore[arg-type]
    if production is None:
        facts.unknown("schema.error_object_elsewhere", "production's catalog is not known")
    else:
        facts.know("schema.error_object_elsewhere", _schemas_with(ref, production), "schemas outside the search path")
    _state_extension(facts, case, ref, local)
    facts.know("schema.error_function_min_major", _function_major(ref), "by the table of functions and their versions")


def _dropped_by_migration(case: Case, ref: ObjectRef) -> bool:
    statements = case.migration.statements if case.migration is not None else ()
    kinds = {"relation", "index"} if ref.kind in ("relation", "index") else {ref.kind}
    return any(d.kind in kinds and d.name == ref.name for s in statements for d in dropped(s))


def _exists(ref: ObjectRef, catalog: Catalog | None) -> bool | None:
    if catalog is None:
        return None
    if ref.kind == "function":
        return bool(_visible(catalog, ref))
    if ref.kind == "type":
        if in_catalog(catalog, ref):
            return True
        # Base types of extensions are not in the catalog: only where no extension lives is absence certain.
        homes = {e.schema for e in catalog.extensions.values() if e.version is not None}
        return False if ref.schema is not None and ref.schema not in (*homes, "pg_catalog") else None
    return in_catalog(catalog, ref)


def _visible(catalog: Catalog, ref: ObjectRef) -> list[Any]:
    """Overloads of the function that an unqualified call can see."""
    schemas = {ref.schema} if ref.schema else {*catalog.search_path, "pg_catalog"}
    return [f for f in catalog.functions.get(ref.name, ()) if f.schema in schemas]


def _schemas_with(ref: ObjectRef, catalog: Catalog) -> list[str]:
    path = {*catalog.search_path, "pg_catalog"}
    if ref.kind == "function":
        return sorted({f.schema for f in catalog.functions.get(ref.name, ())} - path)
    if ref.kind == "type":
        return sorted({schema for schema, name in catalog.types if name == ref.name} - path)
    return _elsewhere(ref, catalog)


def _state_extension(facts: Facts, case: Case, ref: ObjectRef, local: Catalog | None) -> None:
    name = _extension_for(ref, local)
    facts.know("schema.error_object_extension", name or "none", "by local's catalog, or as such objects are known")
    side = case.production
    if name is None:
        facts.know("schema.error_object_extension_installed", False, "no extension is known to bring it")
        facts.know("schema.error_object_extension_available", False, "no extension is known to bring it")
        return
    for fact, probe in (("installed", "extensions"), ("available", "available_extensions")):
        if side is None or not side.ok(probe):
            why = side.why_not(probe) if side is not None else "no production side was given"
            facts.unknown(f"schema.error_object_extension_{fact}", why)
        else:
            has = any(e.name == name for e in side.rows(probe))
            facts.know(
                f"schema.error_object_extension_{fact}",
                has,
                f"{name} on production",
                side="production",
                readings=f"production/{probe}",
            )


def _extension_for(ref: ObjectRef, local: Catalog | None) -> str | None:
    return ref.name if ref.kind == "extension" else provider_of(ref.kind, ast.Name(ref.schema, ref.name), local)


def _function_major(ref: ObjectRef) -> int:
    if ref.kind != "function" or ref.schema not in (None, "pg_catalog"):
        return 0
    from runbook.migration.versions_data import ADDED_FUNCTIONS

    return ADDED_FUNCTIONS.get(ref.name, 0)


def _state_error_index(facts: Facts, case: Case, production: Catalog | None) -> None:
    """The index that the error or the statement at fault names: whether it exists and is valid."""
    names = ("schema.error_index_exists", "schema.error_index_valid")
    name = None
    error = case.error
    if error is not None and error.sqlstate in ("42P07", "23505"):
        name = error.subject.index or error.subject.relation or error.subject.constraint
    fault = statement_at_fault(case)
    if name is None and fault is not None:
        index = parts_of(fault.statement).index
        name = index.name if index else None
    if production is None or name is None:
        facts.unknown_all(list(names), "no index is named" if name is None else "production's catalog is not known")
        return
    found = find_index(production, _written_schema(case, name), name)
    facts.know(
        names[0], found is not None, f"index {name} on production", side="production", readings="production/indexes"
    )
    if found is None:
        facts.unknown(names[1], f"there is no index {name} on production")
        return
    valid = found[1].valid or found[1].building
    word = "is valid" if found[1].valid else ("is being built" if found[1].building else "is NOT valid")
    facts.know(names[1], valid, f"index {name} {word}", side="production", readings="production/indexes")


def _state_dropped(facts: Facts, case: Case) -> None:
    """Whether the error misses what the migration takes away."""
    id_ = "schema.error_column_dropped_by_migration"
    error = case.error
    if error is None or not case.given or case.migration is None:
        facts.unknown(id_, "there is no error" if error is None else "no migration was given")
        return
    hit = any(
        (c.column and c.column == error.subject.column) or (not c.column and c.relation.name == error.subject.relation)
        for c in taken_away(case.whole or case.migration)
    )
    facts.know(id_, hit, "compared with what the migration drops and renames")


# -- drift and dependants ---------------------------------------------------------------------------------------------


def _drift(case: Case, local: Catalog | None, production: Catalog | None) -> Iterator[str]:
    """Differences between the sides in what the migration touches, as sentences."""
    if local is None or production is None or case.migration is None:
        return
    explained = made_by_migration(case)
    for name in touched_relations(case):
        here, there = find(local, name), find(production, name)
        if here is None or there is None:
            if (here or there) is not None:
                yield f"{name} exists only on {'local' if here else 'production'}"
            continue
        yield from relation_drift(name, here, there, explained)


def made_by_migration(case: Case) -> set[str]:
    """Names that the migration makes or takes away: local may have run it already."""
    assert case.migration is not None
    return {r.name for s in case.migration.statements for r in (*created(s), *dropped(s))}


def relation_drift(name: str, here: Relation, there: Relation, explained: set[str]) -> Iterator[str]:
    """How production's relation differs from local's, as sentences; ``explained``: names that the migration makes."""
    if here.kind != there.kind:
        kind_here, kind_there = (_KINDS.get(r.kind, r.kind) for r in (here, there))
        yield f"{name} is {kind_here} on local and {kind_there} on production"
    columns = {c.name: c for c in here.columns}
    for column in there.columns:
        mine = columns.pop(column.name, None)
        if mine is None:
            if column.name not in explained:
                yield f"{name}.{quote_ident(column.name)} exists only on production"
        elif (
            there.is_partition
            and here.is_partition
            and _column_text(replace(mine, identity=column.identity)) == _column_text(column)
        ):
            continue  # from 17 on a partition has its parent's identity, before it has none
        elif _column_text(mine) != _column_text(column) and column.name not in explained:
            texts = f"{_column_text(mine)} on local, {_column_text(column)} on production"
            yield f"{name}.{quote_ident(column.name)} is {texts}"
    yield from (f"{name}.{quote_ident(c)} exists only on local" for c in columns if c not in explained)
    for what, mine_names, their_names in (
        (
            "constraint",
            {c.name for c in here.constraints if c.kind != "n"},
            {c.name for c in there.constraints if c.kind != "n"},
        ),
        ("index", {i.name for i in here.indexes}, {i.name for i in there.indexes}),
        (
            "trigger",
            {t.name for t in here.triggers if not t.internal},
            {t.name for t in there.triggers if not t.internal},
        ),
    ):
        for only in sorted(mine_names - their_names - explained):
            yield f"{what} {quote_ident(only)} of {name} exists only on local"
        for only in sorted(their_names - mine_names - explained):
            yield f"{what} {quote_ident(only)} of {name} exists only on production"


_KINDS = {
    "r": "a table",
    "p": "a partitioned table",
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
}


def _column_text(column: Column) -> str:
    text = column.type if column.typmod < 0 else f"{column.type} (typmod {column.typmod})"
    if column.not_null:
        text += " not null"
    if column.identity:
        text += " identity"
    elif column.generated:
        text += " generated"
    elif column.has_default:
        text += " with default"
    return text


def _dependants(case: Case, production: Catalog | None, local: Catalog | None) -> Iterator[dict[str, Any]]:
    """What depends, on production, on the columns and relations that the migration changes or takes away."""
    if production is None or case.migration is None:
        return
    seen: set[str] = set()
    for relation_name, column in _changed(case):
        there = production.find(relation_name.schema, relation_name.name)
        if there is None:
            continue
        here = local.find(relation_name.schema, relation_name.name) if local is not None else None
        known = {d.description for d in here.dependants} if here is not None else set()
        for dependant in there.dependants:
            if dependant.kind not in _DEPENDANTS or (column and dependant.column not in (None, column)):
                continue
            if dependant.description in seen:
                continue
            seen.add(dependant.description)
            yield {
                "kind": dependant.kind,
                "description": dependant.description,
                "relation": there.qualified,
                "column": dependant.column or "",
                "on_local": dependant.description in known,
            }


def _changed(case: Case) -> Iterator[tuple[ast.Name, str]]:
    assert case.migration is not None
    for change in taken_away(case.migration):
        yield change.relation, change.column
    for statement in case.migration.statements:
        if ast.is_node(statement.node, "AlterTableStmt"):
            table = ast.relation_name(statement.node.relation)
            for command in ast.alter_commands(statement.node):
                if command.type in ("AT_AlterColumnType", "AT_SetExpression", "AT_DropExpression"):
                    yield table, command.name


# -- what people read -----------------------------------------------------------------------------------------------


def _rows(
    there: list[dict[str, Any]],
    gone: list[dict[str, Any]],
    drift: list[str],
    dependants: list[dict[str, Any]],
    case: Case,
) -> Iterator[ComparedRow]:
    for item in there:
        of = f" of {item['relation']}" if item["relation"] and item["kind"] != "relation" else ""
        state = (
            "is being built now"
            if item["building"]
            else "exists already"
            if item["valid"]
            else "exists already, INVALID"
        )
        mark: Mark = "matters" if not item["optional"] or not item["valid"] else "info"
        yield ComparedRow(
            f"{item['kind']} {item['name']}{of}",
            "made by the migration",
            state,
            mark,
            f"{item['file']}:{item['line']}",
        )
    for item in gone:
        why = f"{item['file']}:{item['line']}"
        if item["elsewhere"]:
            why = f"exists in schema {', '.join(item['elsewhere'])}"
        elif item["similar"]:
            why = f"there is {', '.join(item['similar'])}"
        yield ComparedRow(
            f"{item['kind']} {item['name']}", "exists" if item["on_local"] else "-", "does not exist", "matters", why
        )
    for item in dependants:
        yield ComparedRow(
            item["description"],
            "exists" if item["on_local"] else "-",
            "depends on it",
            "only_here" if not item["on_local"] else "info",
            f"{item['relation']} {item['column']}".strip(),
        )
    for sentence in drift:
        yield ComparedRow("drift", "", sentence, "differs")
    relations = touched_relations(case)
    if relations and not (there or gone or drift):
        yield ComparedRow("touched", plural(len(relations), "table"), ", ".join(relations[:6]), "same")


def _summary(
    case: Case,
    there: list[dict[str, Any]],
    gone: list[dict[str, Any]],
    drift: list[str],
    dependants: list[dict[str, Any]],
) -> tuple[StepVerdict, str, str]:
    hard = [i for i in there if not i["optional"] or not i["valid"]]
    if hard:
        first = hard[0]
        if first["building"]:
            return "attention", f"{first['kind']} {first['name']} is being built on production now", "building"
        return "attention", f"{first['kind']} {first['name']} exists on production already", "exists"
    if gone:
        first = gone[0]
        return "attention", f"{first['kind']} {first['name']} does not exist on production", "missing"
    new = [d for d in dependants if not d["on_local"]]
    if new:
        return (
            "attention",
            f"{plural(len(new), 'object')} on production {'depends' if len(new) == 1 else 'depend'} on what changes:"
            f" {new[0]['description']}",
            f"{len(new)} depend",
        )
    if drift:
        found = plural(len(drift), "difference")
        return "differs", f"{found} in what the migration touches: {drift[0]}", f"{len(drift)} drift"
    if case.migration is None:
        return "skipped", "no migration was given: nothing to compare", ""
    return "same", "what the migration touches is the same on both sides", "same"
