"""Readings -> Catalog: the one immutable value that forecasts are made from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from runbook.migration.catalog import (
    Catalog,
    Column,
    Constraint,
    Dependant,
    Extension,
    Function,
    Index,
    Relation,
    RelationKey,
    Role,
    Schema,
    Trigger,
    TypeObject,
)
from runbook.postgres import rows
from runbook.postgres.bulk import many_objects
from runbook.postgres.reading import Reading
from runbook.postgres.settings import effective_settings, resolve_search_path

if TYPE_CHECKING:
    from runbook.postgres.connection import Connection

CATALOG_PROBES = (
    "identity", "locks", "settings", "role_settings", "extensions", "role", "roles", "schemas", "relations",
    "inheritance", "columns", "constraints", "indexes", "triggers", "dependants", "functions", "function_uses", "types",
    "sequences", "publications", "available_extensions",
)  # fmt: skip
# Without these a catalog would say "there is no such table" where the truth is "we could not look".
_REQUIRED = ("identity", "relations", "columns", "constraints", "indexes", "schemas")

_T = TypeVar("_T")


class CatalogUnavailable(Exception):
    """A reading that a catalog cannot do without is missing. The text says which and why."""


async def read_catalog(
    connection: Connection,
    *,
    role: str | None = None,
    functions: Sequence[str] = (),
    on_reading: Callable[[Reading[Any]], None] | None = None,
) -> Catalog:
    """The catalog of the connection's database in one round trip, without a lock on any user relation.

    ``role`` is the role that runs the migration (default: ours); privileges and settings are that role's.
    ``functions``: names of pg_catalog functions to include. Raises ``CatalogUnavailable``.
    """
    from runbook.postgres.probe import run_probes

    params = {"role": role, "functions": list(functions)}
    readings = await run_probes(connection, CATALOG_PROBES, params=params, on_reading=on_reading)
    return build_catalog(readings, basis=connection.side)


def build_catalog(
    readings: Mapping[str, Reading[Any]],
    *,
    basis: Literal["production", "local"],
    writes_per_s: Mapping[int, float] | None = None,
) -> Catalog:
    """The catalog that ``readings`` make; pure. ``writes_per_s``: by relation oid, see ``write_rates``.

    Raises ``CatalogUnavailable`` when a reading is missing without which it would claim what nobody saw. Readings
    that are less than that (triggers, functions ...) leave their part empty and set ``truncated``.
    """
    for name in _REQUIRED:
        reading = readings.get(name)
        if reading is None or not reading.ok:
            why = "was not asked" if reading is None else f"{reading.status}: {reading.reason}"
            raise CatalogUnavailable(f"the catalog is not known ({name} {why})")
    with many_objects(sum(len(reading.rows) for reading in readings.values())):
        return _build(readings, basis, writes_per_s or {})


def _build(
    readings: Mapping[str, Reading[Any]], basis: Literal["production", "local"], writes_per_s: Mapping[int, float]
) -> Catalog:
    identity: rows.IdentityRow = readings["identity"].rows[0]
    role_row: rows.RoleRow | None = _first(readings, "role")
    relation_rows: Sequence[rows.RelationRow] = _rows(readings, "relations")
    keys: dict[int, RelationKey] = {row.oid: (row.schema, row.name) for row in relation_rows}
    relations = _relations(readings, relation_rows, keys, writes_per_s)
    schemas = {row.name: Schema(row.name, row.owner, row.can_create, row.can_use) for row in _rows(readings, "schemas")}
    is_us = role_row is None or role_row.is_us
    settings = effective_settings(_rows(readings, "settings"), _rows(readings, "role_settings"), is_us=is_us)
    role = role_row.name if role_row is not None else identity.role
    if is_us:
        search_path = tuple(name for name in identity.schemas if name in schemas)
    else:
        usable = {name: schema.can_use for name, schema in schemas.items()}
        search_path = resolve_search_path(settings.get("search_path", identity.search_path), role, usable)
    # indexes are relations too, so that what depends on a function can name them
    everything = keys | {row.oid: (row.schema, row.name) for row in _rows(readings, "indexes")}
    used_by: dict[int, list[Dependant]] = defaultdict(list)
    for u in _rows(readings, "function_uses"):
        relation = everything.get(u.relation_oid) if u.relation_oid is not None else None
        used_by[u.function_oid].append(Dependant(u.kind, u.description, None, relation))
    functions: dict[str, list[Function]] = defaultdict(list)
    for f in _rows(readings, "functions"):
        functions[f.name].append(
            Function(
                f.schema, f.name, f.arguments, f.returns, f.volatility, f.language, f.extension, f.inlined_volatility,
                f.kind, tuple(used_by.get(f.oid, ())), f.definition,
            )
        )  # fmt: skip
    part_missing = any(not readings[n].ok or readings[n].truncated for n in CATALOG_PROBES if n in readings)
    return Catalog(
        server_version_num=identity.server_version_num,
        basis=basis,
        relations=MappingProxyType(relations),
        functions=MappingProxyType({name: tuple(found) for name, found in functions.items()}),
        types=MappingProxyType({(t.schema, t.name): _type(t) for t in _rows(readings, "types")}),
        schemas=MappingProxyType(schemas),
        extensions=MappingProxyType(_extensions(readings)),
        roles=MappingProxyType({r.name: _role(r) for r in _rows(readings, "roles")}),
        settings=MappingProxyType(settings),
        search_path=search_path,
        role=role,
        usable_roles=frozenset(role_row.usable_roles) if role_row else frozenset({role}),
        settable_roles=frozenset(role_row.settable_roles) if role_row else frozenset({role}),
        can_create_schema=role_row.can_create_schema if role_row else False,
        database=identity.database,
        locked=_locked(readings),
        timezone=settings.get("TimeZone", identity.timezone),
        block_size=identity.block_size,
        truncated=part_missing,
    )


def write_rates(first: Reading[rows.TupleCounterRow], second: Reading[rows.TupleCounterRow]) -> dict[int, float]:
    """Writes per second by relation oid between two samples; a table whose counters were reset is left out.

    A backend reports its counts at most once a second, so over a short gap the rate of a single writer is lumpy.
    """
    before = {row.relation_oid: row for row in first.rows}
    rates: dict[int, float] = {}
    for row in second.rows:
        earlier = before.get(row.relation_oid)
        if earlier is not None and row.at_s > earlier.at_s and row.writes >= earlier.writes:
            rates[row.relation_oid] = (row.writes - earlier.writes) / (row.at_s - earlier.at_s)
    return rates


# -- relations -------------------------------------------------------------------------------------------------------


def _relations(
    readings: Mapping[str, Reading[Any]],
    relation_rows: Sequence[rows.RelationRow],
    keys: Mapping[int, RelationKey],
    writes_per_s: Mapping[int, float],
) -> dict[RelationKey, Relation]:
    block_size = readings["identity"].rows[0].block_size
    column_rows: Sequence[rows.ColumnRow] = _rows(readings, "columns")
    names: dict[tuple[int, int], str] = {(c.relation_oid, c.attnum): c.name for c in column_rows}
    called = _default_sequences(readings, keys)
    columns = _grouped(column_rows, lambda c: _column(c, tuple(called.get((c.relation_oid, c.attnum), ()))))
    constraints = _grouped(_rows(readings, "constraints"), lambda c: _constraint(c, keys))
    index_rows: Sequence[rows.IndexRow] = _rows(readings, "indexes")
    index_keys: dict[int, RelationKey] = {i.oid: (i.schema, i.name) for i in index_rows}
    indexes = _grouped(index_rows, lambda i: _index(i, index_keys))
    type_keys: dict[int, RelationKey] = {t.oid: (t.schema, t.name) for t in _rows(readings, "types")}
    owned_by: dict[int, tuple[RelationKey, str]] = {}
    for s in _rows(readings, "sequences"):
        if s.owned_by_oid in keys and (column := names.get((s.owned_by_oid, s.owned_by_attnum))):
            owned_by[s.oid] = (keys[s.owned_by_oid], column)
    triggers = _grouped(_rows(readings, "triggers"), _trigger)
    dependants = _grouped(
        _rows(readings, "dependants"),
        lambda d: Dependant(
            d.kind,
            d.description,
            names.get((d.relation_oid, d.attnum)) if d.attnum > 0 else None,
            keys.get(d.dependant_oid) if d.dependant_oid is not None else None,
        ),
    )
    parents: dict[int, list[RelationKey]] = defaultdict(list)
    children: dict[int, list[RelationKey]] = defaultdict(list)
    defaults: dict[int, RelationKey] = {}
    for link in _rows(readings, "inheritance"):
        if link.child_oid in keys and link.parent_oid in keys:
            parents[link.child_oid].append(keys[link.parent_oid])
            children[link.parent_oid].append(keys[link.child_oid])
            if link.is_default:
                defaults[link.parent_oid] = keys[link.child_oid]
    published: dict[int, list[str]] = defaultdict(list)
    for_all: list[str] = []
    updates, deletes = set[str](), set[str]()
    for p in _rows(readings, "publications"):
        if p.all_tables:
            for_all.append(p.name)
        elif p.relation_oid is not None:
            published[p.relation_oid].append(p.name)
        updates |= {p.name} if p.updates else set()
        deletes |= {p.name} if p.deletes else set()
    above = {link.child_oid: link.parent_oid for link in _rows(readings, "inheritance")} if published else {}
    partitions = {r.oid for r in relation_rows if r.is_partition}
    found: dict[RelationKey, Relation] = {}
    owners: dict[int, str] = {}
    for r in relation_rows:
        owners[r.oid] = r.owner
        writes = None if r.inserts is None else r.inserts + (r.updates or 0) + (r.deletes or 0)
        everywhere = for_all if r.kind in ("r", "p") and r.persistence == "p" else ()
        through = [*everywhere]
        member: int | None = r.oid
        while published and member is not None:  # what publishes a partitioned table publishes its partitions
            through += published.get(member, ())
            member = above.get(member) if member in partitions else None
        found[(r.schema, r.name)] = Relation(
            schema=r.schema,
            name=r.name,
            kind=r.kind,  # type: ignore[arg-type]
            oid=r.oid,
            rows=r.rows,
            pages=r.pages,
            bytes=r.bytes,
            toast_bytes=r.toast_bytes,
            index_bytes=r.index_bytes,
            owner=r.owner,
            persistence=r.persistence,
            columns=columns.get(r.oid, ()),
            constraints=constraints.get(r.oid, ()),
            indexes=indexes.get(r.oid, ()),
            triggers=triggers.get(r.oid, ()),
            dependants=dependants.get(r.oid, ()),
            parents=tuple(parents.get(r.oid, ())),
            children=tuple(children.get(r.oid, ())),
            is_partition=r.is_partition,
            default_partition=defaults.get(r.oid),
            partition_key=r.partition_key,
            row_security=r.row_security,
            force_row_security=r.force_row_security,
            replica_identity=r.replica_identity,
            publications=(*published.get(r.oid, ()), *everywhere),
            updates_published_by=tuple(dict.fromkeys(name for name in through if name in updates)),
            deletes_published_by=tuple(dict.fromkeys(name for name in through if name in deletes)),
            privileges=frozenset(r.privileges),
            live_tuples=r.live_tuples,
            dead_tuples=r.dead_tuples,
            modified_since_analyze=r.modified_since_analyze,
            seq_scans=r.seq_scans,
            index_scans=r.index_scans,
            writes=writes,
            writes_per_s=writes_per_s.get(r.oid),
            last_analyze_s=r.last_analyze_age_s,
            extension=r.extension,
            has_toast=r.has_toast if r.kind in ("r", "m") else None,
            owned_by=owned_by.get(r.oid),
            of_type=type_keys.get(r.of_type_oid) if r.of_type_oid is not None else None,
            tablespace=r.tablespace,
            access_method=r.access_method,
            partition_strategy=r.partition_strategy,
            partition_bound=r.partition_bound,
        )
    for i in index_rows:
        table = keys.get(i.relation_oid)
        partitioned = table is not None and found[table].kind == "p"
        found[(i.schema, i.name)] = Relation(
            schema=i.schema,
            name=i.name,
            kind="I" if partitioned else "i",
            oid=i.oid,
            pages=i.pages,
            bytes=i.pages * block_size,
            owner=owners.get(i.relation_oid, ""),
            is_partition=i.is_partition,
            of=table,
            parents=(index_keys[i.parent_oid],) if i.parent_oid in index_keys else (),
            tablespace=i.tablespace,
            access_method=i.method,
        )
    return found


def _default_sequences(
    readings: Mapping[str, Reading[Any]], keys: Mapping[int, RelationKey]
) -> Mapping[tuple[int, int], list[RelationKey]]:
    """The sequences that defaults call, by the relation and the number of the column."""
    sequences = {s.oid for s in _rows(readings, "sequences")}
    found: dict[tuple[int, int], list[RelationKey]] = defaultdict(list)
    for d in _rows(readings, "dependants"):
        if d.default_attnum is not None and d.dependant_oid is not None and d.relation_oid in sequences:
            found[(d.dependant_oid, d.default_attnum)].append(keys[d.relation_oid])
    return found


def _column(c: rows.ColumnRow, default_sequences: tuple[RelationKey, ...]) -> Column:
    return Column(
        c.name, c.type, c.typmod, c.type_schema, c.not_null, c.has_default, c.identity, c.generated, c.collation,
        c.attnum, c.inherited, c.type_kind, default_sequences=default_sequences, customised=c.customised,
    )  # fmt: skip


def _constraint(c: rows.ConstraintRow, keys: Mapping[int, RelationKey]) -> Constraint:
    return Constraint(
        name=c.name,
        kind=c.kind,
        columns=c.columns,
        validated=c.validated,
        references=keys.get(c.references_oid) if c.references_oid is not None else None,
        referenced_columns=c.referenced_columns,
        index=c.index_name,
        expression=c.expression,
        no_inherit=c.no_inherit,
        inherited=c.inherited,
        enforced=c.enforced,
        deferrable=c.deferrable,
        deferred=c.deferred,
        on_delete=c.on_delete or "a",
        on_update=c.on_update or "a",
        match_full=c.match_full,
        period=c.period,
    )


def _index(i: rows.IndexRow, keys: Mapping[int, RelationKey]) -> Index:
    return Index(
        name=i.name,
        columns=i.columns,
        unique=i.unique,
        primary=i.primary,
        valid=i.valid,
        ready=i.ready,
        live=i.live,
        building=i.building,
        method=i.method,
        pages=i.pages,
        has_expressions=i.has_expressions,
        has_predicate=i.has_predicate,
        included=i.included,
        replica_identity=i.replica_identity,
        exclusion=i.exclusion,
        schema=i.schema,
        expression_columns=i.expression_columns,
        default_operator_classes=i.default_operator_classes,
        parent=keys.get(i.parent_oid) if i.parent_oid is not None else None,
        tablespace=i.tablespace,
        plain=i.plain,
    )


def _trigger(t: rows.TriggerRow) -> Trigger:
    return Trigger(t.name, t.enabled, t.function, t.constraint, False, t.columns, t.events)


# -- the rest --------------------------------------------------------------------------------------------------------


def _type(t: rows.TypeRow) -> TypeObject:
    return TypeObject(
        t.schema, t.name, t.kind, t.labels, t.base, t.base_typmod, t.has_constraints, t.not_null, t.has_default,
        t.owner, t.extension,
    )  # fmt: skip


def _role(r: rows.AnyRoleRow) -> Role:
    return Role(
        r.name, r.superuser, r.create_role, r.create_db, r.bypass_rls, r.replication, r.can_login, r.connection_limit
    )


def _extensions(readings: Mapping[str, Reading[Any]]) -> dict[str, Extension]:
    found: dict[str, Extension] = {}
    for a in _rows(readings, "available_extensions"):
        found[a.name] = Extension(
            a.name, None, None, a.default_version, a.versions, trusted=a.trusted, needs_superuser=a.needs_superuser
        )
    for e in _rows(readings, "extensions"):
        known = found.get(e.name)
        found[e.name] = Extension(
            e.name,
            e.version,
            e.schema,
            known.default_version if known else None,
            known.available_versions if known else (),
            trusted=known.trusted if known else False,
            needs_superuser=known.needs_superuser if known else True,
        )
    return found


def _locked(readings: Mapping[str, Reading[Any]]) -> frozenset[RelationKey]:
    held: Iterable[rows.LockRow] = _rows(readings, "locks")
    return frozenset(
        (lock.table_schema, lock.table)
        for lock in held
        if lock.mode == "AccessExclusiveLock" and lock.locktype == "relation" and lock.table_schema and lock.table
    )


def _rows(readings: Mapping[str, Reading[Any]], name: str) -> Sequence[Any]:
    reading = readings.get(name)
    return reading.rows if reading is not None else ()


def _first(readings: Mapping[str, Reading[Any]], name: str) -> Any:
    found = _rows(readings, name)
    return found[0] if found else None


def _grouped(found: Iterable[Any], make: Callable[[Any], _T]) -> dict[int, tuple[_T, ...]]:
    groups: dict[int, list[_T]] = defaultdict(list)
    for row in found:
        groups[row.relation_oid].append(make(row))
    return {oid: tuple(members) for oid, members in groups.items()}
