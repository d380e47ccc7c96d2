"""The statement at fault: the one that failed, runs, waits, or will fail first; and what it does on production."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runbook.diagnosis.vocabulary import GROUPS
from runbook.migration import ast
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.conflicts import STRENGTH
from runbook.migration.deparse import expression_text
from runbook.migration.model import Statement
from runbook.migration.result import DataCheck, StatementForecast
from runbook.sql import quote_ident, quote_qualified, split_qualified
from runbook.triage.case import Case, Facts
from runbook.triage.migrator import find_migrators
from runbook.triage.observed import paces
from runbook.triage.sizes import find, is_large, size_ratio
from runbook.triage.waits import Waits
from runbook.words import duration


@dataclass(frozen=True, slots=True)
class Parts:
    """What a statement names, as stored: read from its text alone."""

    relation: ast.Name | None = None
    columns: tuple[str, ...] = ()
    constraint: str | None = None
    index: ast.Name | None = None
    references: ast.Name | None = None
    referenced_columns: tuple[str, ...] = ()
    check: str = ""
    new_type: str = ""
    unique: bool = False
    concurrently: bool = False
    ddl: bool = True
    writes: bool = False  # UPDATE or DELETE
    limited: bool = False  # its WHERE has a LIMIT of its own
    compared: frozenset[str] = frozenset()  # columns that its WHERE compares with constants
    domain: ast.Name | None = None


@dataclass(frozen=True, slots=True)
class AtFault:
    """The statement, how we know it, and what is forecast of it on production."""

    statement: Statement
    how: str  # error, waiting, running, forecast
    forecast: StatementForecast | None = field(default=None)
    elapsed_s: float | None = None  # of a statement that runs or waits now: since it was sent
    percent: float | None = None  # of its phase, where pg_stat_progress_* shows it
    left_s: float | None = None  # until that phase is done, at the pace seen between two looks


def statement_at_fault(case: Case) -> AtFault | None:
    """The statement that failed; else the one that runs or waits now; else the first forecast to fail or to do harm."""
    if case.failing is not None:
        return AtFault(case.failing, "error", case.forecast_of(case.failing))
    if case.migration is None:
        return None
    side = case.production
    if side is not None and side.ok("activity") and side.ok("locks"):
        waits = Waits.of(side)
        for migrator in find_migrators(case, waits):
            statement = migrator.statement
            if statement is None and len(case.migration.statements) == 1:
                statement = case.migration.statements[0]
            if statement is not None and migrator.session.state == "active":
                how = "waiting" if migrator.session.pid in waits.waits else "running"
                progress = next((p for p in side.rows("progress") if p.pid == migrator.session.pid), None)
                done = (
                    round(100 * progress.done / progress.total, 1)
                    if progress and progress.total and progress.done
                    else None
                )
                pace = next((p for p in paces(side) if p.pid == migrator.session.pid), None)
                left_s = pace.left_s if pace is not None else None
                told = case.forecast_of(statement)
                return AtFault(statement, how, told, migrator.session.query_age_s, done, left_s)
    if case.error is not None or case.forecast is None:
        return None
    return _first_forecast(case)


def _first_forecast(case: Case) -> AtFault | None:
    assert case.migration is not None
    by_index = {s.index: s for s in case.migration.statements}
    forecasts = case.forecast.statements if case.forecast else ()
    for wanted in (
        lambda f: f.fails is not None and f.fails.certain,
        lambda f: f.severity == "danger",
        lambda f: f.fails is not None,
    ):
        for forecast in forecasts:
            if wanted(forecast) and forecast.index in by_index:
                return AtFault(by_index[forecast.index], "forecast", forecast)
    return None


def state(facts: Facts, case: Case) -> None:
    """State every ``failing.*`` fact."""
    fault = statement_at_fault(case)
    names = sorted(GROUPS["failing"] - {"known", "foretold", "foretold_because", "refused", "refused_because"})
    _state_foretold(facts, fault)
    _state_refused(facts, fault)
    if fault is None:
        reason = "no statement of the migration is known to be at fault"
        facts.know("failing.known", False, reason)
        facts.unknown_all([f"failing.{n}" for n in names], reason)
        return
    statement = fault.statement
    because = f"statement {statement.index}, {statement.file}:{statement.line}"
    facts.know("failing.known", True, because)
    values = _values(case, fault)
    for name in names:
        if name in values:
            facts.know(f"failing.{name}", values[name], because)
        else:
            facts.unknown(f"failing.{name}", f"not known of {because}")


def _state_foretold(facts: Facts, fault: AtFault | None) -> None:
    """What the rows were found to bring about. Known in any case: where nobody asked, nothing was found."""
    found = _offending(fault.forecast) if fault is not None and fault.forecast is not None else None
    answer = found.answer if found is not None else None
    if found is None or answer is None:
        facts.know("failing.foretold", "", "no row was found that makes a statement fail")
        facts.know("failing.foretold_because", "", "no row was found that makes a statement fail")
        return
    because = f"{found.because}: {answer.because}"
    facts.know("failing.foretold", answer.sqlstate or found.sqlstate, because)
    facts.know("failing.foretold_because", because, because)


def _state_refused(facts: Facts, fault: AtFault | None) -> None:
    """What the catalog alone refuses it with. Known in any case: where nothing is foretold, it is empty."""
    fails = fault.forecast.fails if fault is not None and fault.forecast is not None else None
    certain = fails if fails is not None and fails.certain else None
    because = certain.because if certain is not None else "the forecast knows of nothing that refuses it"
    facts.know("failing.refused", certain.sqlstate if certain is not None else "", because)
    facts.know("failing.refused_because", certain.because if certain is not None else "", because)


def _offending(forecast: StatementForecast) -> DataCheck | None:
    """The check whose query found rows that make the statement fail for certain."""
    return next(
        (c for c in forecast.depends_on_data if c.certain and c.answer is not None and c.answer.verdict == "fails"),
        None,
    )


def _offenders_sql(case: Case, forecast: StatementForecast | None) -> str:
    """The query for the error that is at hand; else the one that found something; else the first."""
    checks = [c for c in (forecast.depends_on_data if forecast is not None else ()) if c.sql is not None]
    state = case.error.sqlstate if case.error is not None else None
    if state is not None:
        checks = [c for c in checks if c.sqlstate == state]
    first = (_offending(forecast) if forecast is not None else None) or next(iter(checks), None)
    return (first.sql or "") if first is not None and (state is None or first.sqlstate == state) else ""


def _values(case: Case, fault: AtFault) -> dict[str, Any]:
    statement, forecast = fault.statement, fault.forecast
    parts = parts_of(statement)
    production = case.production.catalog if case.production else None
    local = case.local.catalog if case.local else None
    values: dict[str, Any] = {
        "how": fault.how,
        "sql": statement.sql,
        "kind": statement.kind,
        "file": statement.file,
        "line": statement.line,
        "index": statement.index,
        "column": quote_ident(parts.columns[0]) if parts.columns else "",
        "columns": [quote_ident(c) for c in parts.columns],
        "constraint": quote_ident(parts.constraint) if parts.constraint else "",
        "index_name": quote_ident(parts.index.name) if parts.index else "",
        "referenced_relation": _qualified(parts.references, production or local) if parts.references else "",
        "referenced_columns": [quote_ident(c) for c in _referenced(parts, production or local)],
        "check_expression": parts.check,
        "new_type": parts.new_type,
        "domain": _domain(parts.domain, production or local) if parts.domain else "",
        "concurrently": parts.concurrently,
        "unique": parts.unique,
        "is_ddl": parts.ddl,
        "in_transaction": statement.in_transaction,
        "earlier": [s.sql for s in _earlier(case, statement)],
        "offenders_sql": _offenders_sql(case, forecast),
    }
    if fault.elapsed_s is not None:
        values["elapsed_s"] = round(fault.elapsed_s, 1)
    relation = parts.relation or _only_locked(case, forecast)
    if relation is not None:
        qualified = _qualified(relation, production or local)
        values["relation"] = qualified
        values["relation_name"] = relation.name
        schema = split_qualified(qualified)[0]
        if schema is not None:  # without a catalog nobody knows where an unqualified name leads
            values["schema"] = schema
        values["index_relation"] = _index_relation(parts, qualified)
        values.update(_size_values(qualified, production, local, parts))
    elif parts.index is not None:
        values["index_relation"] = quote_qualified(parts.index.schema, parts.index.name)
    if forecast is not None:
        values.update(_forecast_values(forecast))
    return values


def _only_locked(case: Case, forecast: StatementForecast | None) -> ast.Name | None:
    """The table that a statement works on without naming it: a domain's constraint is checked in tables."""
    if forecast is None:
        return None
    locked = [ast.Name(*split_qualified(k.relation)) for k in forecast.locks if k.pre_existing]
    named = case.error.subject.relation if case.error is not None else None
    found = [name for name in locked if named in (None, name.name)]
    return found[0] if len(found) == 1 else None


def _forecast_values(forecast: StatementForecast) -> dict[str, Any]:
    modes = [k.mode for k in forecast.locks if k.pre_existing]
    values: dict[str, Any] = {
        "forecast_sqlstate": forecast.fails.sqlstate if forecast.fails is not None else "",
        "forecast_certain": forecast.fails is not None and forecast.fails.certain,
        "lock_mode": max(modes, key=lambda m: STRENGTH.get(m, -1), default=""),
        "blocks_reads": bool(forecast.blocks.reads),
        "blocks_writes": bool(forecast.blocks.writes),
        "rewrites": list(forecast.rewrites),
        "scans": list(forecast.scans),
        "index_builds": list(forecast.index_builds),
        "forbidden_in_transaction": forecast.transaction == "forbidden",
        "safe_sql": list(next((h.safe_sql for h in forecast.hazards if h.safe_sql), ())),
    }
    if forecast.seconds is not None:
        values["seconds_likely"] = forecast.seconds.likely
        values["seconds_high"] = forecast.seconds.high
    return values


def _size_values(qualified: str, production: Catalog | None, local: Catalog | None, parts: Parts) -> dict[str, Any]:
    there, here = find(production, qualified), find(local, qualified)
    values: dict[str, Any] = {"is_backfill": is_whole_table(parts, there)}
    if there is not None:
        values["primary_key"] = [quote_ident(c) for c in _primary_key(there)]
        values["bytes"] = there.total_bytes
        if there.rows >= 0:
            values["rows"] = int(there.rows)
        values["is_backfill"] = is_whole_table(parts, there) and is_large(there)
    if here is not None and here.rows >= 0:
        values["rows_local"] = int(here.rows)
    ratio = size_ratio(here, there)
    if ratio is not None:
        values["size_ratio"] = round(ratio, 1)
    return values


def _primary_key(relation: Relation) -> tuple[str, ...]:
    found = next((c for c in relation.constraints if c.kind == "p"), None)
    return found.columns if found else ()


def expected_beside_measured(case: Case, fault: AtFault) -> str:
    """What was forecast of a statement beside what is seen of it, in one sentence; empty where nothing was forecast."""
    forecast = fault.forecast
    if forecast is None or forecast.seconds is None:
        return ""
    s = forecast.seconds
    expected = f"{duration(s.low)} to {duration(s.high)}, likely {duration(s.likely)}"
    if fault.elapsed_s is not None:
        verb = "ran" if fault.how == "running" else "waited and ran"
        left = f", about {duration(fault.left_s)} left in this phase" if fault.left_s is not None else ""
        done = f"; {fault.percent:g} % done{left}" if fault.percent is not None else ""
        late = "; longer than expected" if fault.how == "running" and fault.elapsed_s > s.high else ""
        return f"{verb} {duration(fault.elapsed_s)} of an expected {expected}{done}{late}"
    if fault.how == "error" and case.error is not None and case.error.sqlstate == "57014":
        limit = _statement_timeout_s(case)
        hit = f"; statement_timeout is {duration(limit)} there" if limit else ""
        return f"needs {expected}{hit}"
    return f"expected {expected}"


def _statement_timeout_s(case: Case) -> float | None:
    """Of production's role; None where it is off or not known. pg_settings has it in milliseconds."""
    catalog = case.production.catalog if case.production is not None else None
    value = catalog.settings.get("statement_timeout", "") if catalog is not None else ""
    return int(value) / 1000 if value.isdecimal() and int(value) else None


def _earlier(case: Case, statement: Statement) -> list[Statement]:
    assert case.migration is not None
    return [s for s in case.migration.statements if s.file == statement.file and s.index < statement.index]


def _qualified(name: ast.Name, catalog: Catalog | None) -> str:
    """``schema.name`` as it resolves in the catalog; as it is written where nothing of that name exists."""
    found = catalog.find(name.schema, name.name) if catalog is not None else None
    if found is not None:
        return found.qualified
    schema = name.schema or (catalog.search_path[0] if catalog is not None and catalog.search_path else None)
    return quote_qualified(schema, name.name)


def _domain(name: ast.Name, catalog: Catalog | None) -> str:
    path = (name.schema,) if name.schema else catalog.search_path if catalog is not None else ()
    found = next((s for s in path if catalog is not None and (s, name.name) in catalog.types), name.schema)
    return quote_qualified(found, name.name)


def _index_relation(parts: Parts, relation: str) -> str:
    """An index lives in its table's schema."""
    if parts.index is None:
        return ""
    schema, _ = split_qualified(relation)
    return quote_qualified(parts.index.schema or schema, parts.index.name)


def _referenced(parts: Parts, catalog: Catalog | None) -> tuple[str, ...]:
    """The key columns of the parent; its primary key when none are written."""
    if parts.referenced_columns or parts.references is None or catalog is None:
        return parts.referenced_columns
    parent = catalog.find(parts.references.schema, parts.references.name)
    return _primary_key(parent) if parent is not None else ()


# -- reading the statement's text -----------------------------------------------------------------------------------


def parts_of(statement: Statement) -> Parts:
    """What the statement names. Empty parts for one that could not be parsed."""
    node = statement.node
    if node is None:
        return Parts(ddl=False)
    match ast.node_name(node):
        case "IndexStmt":
            return _index_parts(node)
        case "AlterTableStmt":
            return _alter_parts(node)
        case "UpdateStmt" | "DeleteStmt":
            return _dml_parts(node)
        case "InsertStmt" | "MergeStmt" | "SelectStmt" | "CopyStmt":
            return Parts(_first_relation(node), ddl=False)
        case "DropStmt":
            return _drop_parts(node)
        case "RenameStmt":
            columns = (node.subname,) if node.subname and ast.enum_name(node, "rename_type") == "OBJECT_COLUMN" else ()
            return Parts(_first_relation(node), columns)
        case "ReindexStmt":
            return Parts(_first_relation(node), concurrently="concurrently" in ast.options(node.params))
        case "CreateStmt":
            return Parts(ast.relation_name(node.relation))
        case "AlterDomainStmt":
            return _domain_parts(node)
    return Parts(_first_relation(node))


def _first_relation(node: Any) -> ast.Name | None:
    used = ast.relations_used(node)
    return used[0].name if used else None


def _index_parts(node: Any) -> Parts:
    columns = tuple(e.name for p in node.index_params if (e := ast.unwrap(p)) is not None and e.name)
    relation = ast.relation_name(node.relation)
    name = node.idxname or "_".join([relation.name, *(columns or ("expr",)), "idx"])
    return Parts(relation, columns, index=ast.Name(None, name), unique=node.unique, concurrently=node.concurrent)


def _alter_parts(node: Any) -> Parts:
    relation = ast.relation_name(node.relation)
    parts = Parts(relation)
    for command in ast.alter_commands(node):
        found = _command_parts(relation, command)
        if found is not None:
            return found
    return parts


def _command_parts(relation: ast.Name, command: ast.AlterCommand) -> Parts | None:
    """The first subcommand that says something: most ALTER TABLEs have just one."""
    match command.type:
        case "AT_AddConstraint" if ast.is_node(command.definition, "Constraint"):
            spec = ast.constraint_spec(command.definition)
            return _constraint_parts(relation, spec) if spec is not None else None
        case "AT_AddColumn" if ast.is_node(command.definition, "ColumnDef"):
            column = ast.column_spec(command.definition)
            key = next((c for c in column.constraints if c.kind in ("p", "u", "f", "c")), None)
            if key is not None:
                return _constraint_parts(relation, key)
            return Parts(relation, (column.name,))
        case "AT_ValidateConstraint" | "AT_DropConstraint":
            return Parts(relation, constraint=command.name)
        case "AT_AlterColumnType" if ast.is_node(command.definition, "ColumnDef"):
            new = ast.column_spec(command.definition)
            return Parts(relation, (command.name,), new_type=_type_text(new))
        case _:
            return (
                Parts(relation, (command.name,))
                if (command.name and "Column" in command.type) or command.type in ("AT_SetNotNull", "AT_DropNotNull")
                else None
            )


def _type_text(column: ast.ColumnSpec) -> str:
    if column.type is None:
        return ""
    modifiers = f"({', '.join(map(str, column.type.modifiers))})" if column.type.modifiers else ""
    name = quote_ident(column.type.name) if column.type.schema != "pg_catalog" else column.type.name
    schema = f"{quote_ident(column.type.schema)}." if column.type.schema not in (None, "pg_catalog") else ""
    return f"{schema}{name}{modifiers}" + "[]" * column.type.dimensions


def _constraint_parts(relation: ast.Name, spec: ast.ConstraintSpec) -> Parts:
    name = spec.name or _default_name(relation.name, spec)
    index = ast.Name(None, name) if spec.kind in ("p", "u", "x") else None
    return Parts(
        relation,
        spec.columns,
        constraint=name,
        index=index,
        references=spec.references,
        referenced_columns=spec.referenced_columns,
        check=expression_text(spec.expression) if spec.kind == "c" else "",
        unique=spec.kind in ("p", "u"),
    )


def _default_name(relation: str, spec: ast.ConstraintSpec) -> str:
    """The name PostgreSQL gives: ``t_a_b_key`` (src/backend/parser/parse_utilcmd.c, ChooseConstraintName)."""
    if spec.kind == "p":
        return f"{relation}_pkey"
    suffix = {"u": "key", "f": "fkey", "c": "check", "x": "excl", "n": "not_null"}.get(spec.kind, "")
    return "_".join([relation, *spec.columns, suffix])


def _domain_parts(node: Any) -> Parts:
    domain = ast.qualified(node.type_name)
    spec = next(iter(ast.constraint_specs(node)), None)
    if spec is None or spec.kind != "c":
        return Parts(constraint=node.name or None, domain=domain)
    name = spec.name or f"{domain.name}_check"  # src/backend/commands/typecmds.c, domainAddCheckConstraint()
    return Parts(constraint=name, check=expression_text(spec.expression), domain=domain)


def _dml_parts(node: Any) -> Parts:
    columns = tuple(
        t.name for item in getattr(node, "target_list", ()) if (t := ast.unwrap(item)) is not None and t.name
    )
    limited, compared = _bounds(node)
    return Parts(ast.relation_name(node.relation), columns, ddl=False, writes=True, limited=limited, compared=compared)


def is_whole_table(parts: Parts, relation: Relation | None) -> bool:
    """Whether an UPDATE or DELETE is a backfill and no batch: no LIMIT, and no indexed column in its WHERE.

    Errs towards a batch: the first column of any index is enough. Where the table is not known, a column called id or
    something_id is taken for one.
    """
    if not parts.writes or parts.limited or "ctid" in parts.compared:
        return False
    if relation is None:
        return not any(name == "id" or name.endswith("_id") for name in parts.compared)
    return not {i.columns[0] for i in relation.indexes if i.columns} & parts.compared


def _bounds(node: Any) -> tuple[bool, frozenset[str]]:
    """(whether the WHERE has a LIMIT, the columns that it compares with constants)."""
    if not node.HasField("where_clause"):
        return False, frozenset()
    limited, compared = False, set()
    for item in ast.walk(ast.unwrap(node.where_clause)):
        if ast.is_node(item, "SelectStmt") and item.HasField("limit_count"):
            limited = True
        if ast.is_node(item, "A_Expr") and ast.enum_name(item, "kind") in (
            "AEXPR_BETWEEN",
            "AEXPR_IN",
            "AEXPR_OP_ANY",
            "AEXPR_OP",
        ):
            sides = [ast.unwrap(item.lexpr), ast.unwrap(item.rexpr)]
            named = [s for s in sides if ast.is_node(s, "ColumnRef")]
            if any(ast.is_node(s, "A_Const", "ParamRef", "List", "TypeCast") for s in sides):
                compared |= {ast.strings(c.fields)[-1] for c in named if ast.strings(c.fields)}
    return limited, frozenset(compared)


def _drop_parts(node: Any) -> Parts:
    relation = _first_relation(node)
    if ast.enum_name(node, "remove_type") == "OBJECT_INDEX" and relation is not None:
        return Parts(None, index=relation, concurrently=node.concurrent)
    return Parts(relation)
