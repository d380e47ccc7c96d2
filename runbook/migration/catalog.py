"""The catalog: the part of a server's state that a forecast needs, as one immutable value.

Built from readings by ``runbook.postgres.catalog``, or ``Catalog.assumed`` when there is no server to ask. Nothing here
talks to a server. Relations are keyed by ``(schema, name)`` as PostgreSQL stores them, without quotes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal, TypeVar

from runbook.sql import quote_qualified

K = TypeVar("K")
V = TypeVar("V")

RelationKey = tuple[str, str]
"""(schema, name)"""

# pg_class.relkind
RelationKind = Literal["r", "p", "v", "m", "f", "i", "I", "S", "t", "c"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``type`` is ``format_type`` without typmod; ``typmod`` is pg_attribute's, -1 for none."""

    name: str
    type: str
    typmod: int = -1
    type_schema: str = "pg_catalog"
    not_null: bool = False
    has_default: bool = False
    identity: str = ""  # '', 'a' always, 'd' by default
    generated: str = ""  # '', 's' stored, 'v' virtual
    collation: str | None = None
    attnum: int = 0
    inherited: bool = False
    type_kind: str = "b"  # pg_type.typtype: b base, d domain, e enum, c composite, r range, m multirange
    default_sequences: tuple[RelationKey, ...] = ()  # that its default calls: of serial, and nextval() written by hand
    customised: bool = False  # it has rights, a comment, storage, options or a statistics target of its own


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint. ``kind`` is pg_constraint.contype: p, u, c, f, x, n (not null, 18+), t."""

    name: str
    kind: str
    columns: tuple[str, ...] = ()
    validated: bool = True
    references: RelationKey | None = None
    referenced_columns: tuple[str, ...] = ()
    index: str | None = None  # the index that backs it, in the relation's schema
    expression: str | None = None  # CHECK, where it could be read without waiting for a lock
    no_inherit: bool = False
    inherited: bool = False
    enforced: bool = True
    deferrable: bool = False
    on_delete: str = "a"  # pg_constraint.confdeltype: a no action, r restrict, c cascade, n set null, d set default
    on_update: str = "a"
    match_full: bool = False  # a foreign key's MATCH FULL
    period: bool = False  # WITHOUT OVERLAPS, or a foreign key's PERIOD
    deferred: bool = False  # INITIALLY DEFERRED


@dataclass(frozen=True, slots=True)
class Index:
    """One index of a relation. ``building`` is true while pg_stat_progress_create_index shows it."""

    name: str
    columns: tuple[str | None, ...]  # None for an expression
    unique: bool = False
    primary: bool = False
    valid: bool = True
    ready: bool = True
    live: bool = True
    building: bool = False
    method: str = "btree"
    pages: int = 0
    has_expressions: bool = False
    has_predicate: bool = False
    included: tuple[str, ...] = ()
    replica_identity: bool = False
    exclusion: bool = False
    schema: str | None = None
    expression_columns: tuple[str, ...] | None = None
    """Columns that its expressions and its predicate use (pg_depend); None where that was not read."""
    default_operator_classes: bool = True  # every key column uses its type's default operator class
    parent: RelationKey | None = None  # the partitioned index it is attached to
    tablespace: str | None = None
    created_here: bool = False  # by an earlier statement of the migration that is followed
    plain: bool = False  # known to be a B-tree over bare columns without a single option or comment


@dataclass(frozen=True, slots=True)
class Trigger:
    """One user trigger. ``enabled`` is pg_trigger.tgenabled: O origin, D disabled, R replica, A always."""

    name: str
    enabled: str = "O"
    function: str = ""
    constraint: bool = False
    internal: bool = False
    columns: tuple[str, ...] = ()
    events: tuple[str, ...] = ()  # INSERT, UPDATE, DELETE, TRUNCATE; empty where that was not read


@dataclass(frozen=True, slots=True)
class Dependant:
    """An object that depends on a relation or one of its columns: ``pg_describe_object`` and its kind."""

    kind: str  # view, matview, policy, trigger, rule, function, statistics, publication, generated column, constraint, index
    description: str
    column: str | None = None
    relation: RelationKey | None = None  # the depending relation, when it is one


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation. Sizes come from pg_class (relpages x block size), never from functions that wait for locks."""

    schema: str
    name: str
    kind: RelationKind = "r"
    oid: int = 0
    rows: float = -1  # reltuples; -1 is never analysed
    pages: int = 0
    bytes: int = 0  # the heap (or the index) itself
    toast_bytes: int = 0
    index_bytes: int = 0
    owner: str = ""
    persistence: str = "p"  # p permanent, u unlogged, t temporary
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    dependants: tuple[Dependant, ...] = ()
    parents: tuple[RelationKey, ...] = ()  # inheritance or partitioning
    children: tuple[RelationKey, ...] = ()
    is_partition: bool = False
    default_partition: RelationKey | None = None
    partition_key: tuple[str, ...] = ()
    of: RelationKey | None = None  # the table of an index or of a TOAST table
    row_security: bool = False
    force_row_security: bool = False
    replica_identity: str = "d"  # d default, n nothing, f full, i index
    publications: tuple[str, ...] = ()
    updates_published_by: tuple[str, ...] = ()  # publications that publish UPDATE of it, its ancestors' among them
    deletes_published_by: tuple[str, ...] = ()
    privileges: frozenset[str] = frozenset()  # what the migration's role may do: SELECT, INSERT, ...
    live_tuples: int | None = None
    dead_tuples: int | None = None
    modified_since_analyze: int | None = None
    seq_scans: int | None = None
    index_scans: int | None = None
    writes: int | None = None  # inserts + updates + deletes since statistics were reset
    writes_per_s: float | None = None  # between two samples
    last_analyze_s: float | None = None  # age of the last (auto)analyze
    extension: str | None = None  # the extension that owns it
    has_toast: bool | None = None  # None: not read, and deduced from the columns
    owned_by: tuple[RelationKey, str] | None = None  # a sequence's table and column (serial, identity, OWNED BY)
    of_type: RelationKey | None = None  # a typed table's composite type
    tablespace: str | None = None  # None: the database's
    access_method: str | None = None  # pg_am.amname
    partition_strategy: str | None = None  # r range, l list, h hash; None where it is not partitioned or not read
    partition_bound: str | None = None  # of a partition, as pg_get_expr(relpartbound) writes it, where it could be read
    created_here: bool = False  # by an earlier statement of the migration that is followed
    columns_uncertain: bool = False  # no server was asked whether it was there before, or what its columns come from

    @property
    def key(self) -> RelationKey:
        return (self.schema, self.name)

    @property
    def qualified(self) -> str:
        """``schema.name``, quoted where needed: how CONTRACT.md names a relation."""
        return quote_qualified(self.schema, self.name)

    @property
    def total_bytes(self) -> int:
        return self.bytes + self.toast_bytes + self.index_bytes

    def column(self, name: str) -> Column | None:
        return next((c for c in self.columns if c.name == name), None)

    def constraint(self, name: str) -> Constraint | None:
        return next((c for c in self.constraints if c.name == name), None)

    def index(self, name: str) -> Index | None:
        return next((i for i in self.indexes if i.name == name), None)


@dataclass(frozen=True, slots=True)
class Function:
    """One overload. ``arguments`` are type names as ``format_type`` writes them."""

    schema: str
    name: str
    arguments: tuple[str, ...] = ()
    returns: str = ""
    volatility: str = "v"  # i immutable, s stable, v volatile
    language: str = ""
    extension: str | None = None
    inlined_volatility: str | None = None  # of an SQL function whose body is one expression, where that is known
    kind: str = "f"  # f function, p procedure, a aggregate, w window
    used_by: tuple[Dependant, ...] = ()
    """What depends on it: triggers, defaults, constraints (``relation``: their table), indexes (``relation``: the index)."""
    definition: str | None = field(default=None, repr=False)
    """CREATE FUNCTION as text, of users' functions in SQL and PL/pgSQL; None where it was not read or is too long."""


@dataclass(frozen=True, slots=True)
class TypeObject:
    """A user type: enum (with labels), domain (with base), composite or range."""

    schema: str
    name: str
    kind: str  # pg_type.typtype
    labels: tuple[str, ...] = ()
    base: str | None = None
    base_typmod: int = -1
    has_constraints: bool = False
    not_null: bool = False
    has_default: bool = False
    owner: str = ""
    extension: str | None = None
    created_here: bool = False  # by an earlier statement of the migration that is followed


@dataclass(frozen=True, slots=True)
class Extension:
    name: str
    version: str | None  # None: available, not created
    schema: str | None = None
    default_version: str | None = None
    available_versions: tuple[str, ...] = ()
    trusted: bool = False
    needs_superuser: bool = True


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    superuser: bool = False
    create_role: bool = False
    create_db: bool = False
    bypass_rls: bool = False
    replication: bool = False
    can_login: bool = True
    connection_limit: int = -1


@dataclass(frozen=True, slots=True)
class Schema:
    name: str
    owner: str = ""
    can_create: bool = False  # for the migration's role
    can_use: bool = False


@dataclass(frozen=True)
class Catalog:
    """All of it. ``assumed`` catalogs know a version and nothing else: relations are taken to be large and busy."""

    server_version_num: int
    basis: Literal["production", "local", "assumed"] = "assumed"
    relations: Mapping[RelationKey, Relation] = field(default_factory=lambda: MappingProxyType({}))
    functions: Mapping[str, tuple[Function, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """By bare name; only those outside pg_catalog, plus what the migration names inside it."""
    types: Mapping[RelationKey, TypeObject] = field(default_factory=lambda: MappingProxyType({}))
    schemas: Mapping[str, Schema] = field(default_factory=lambda: MappingProxyType({}))
    extensions: Mapping[str, Extension] = field(default_factory=lambda: MappingProxyType({}))
    roles: Mapping[str, Role] = field(default_factory=lambda: MappingProxyType({}))
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Effective for the migration's role; raw values as in pg_settings (base units)."""
    search_path: tuple[str, ...] = ("public",)
    """Schemas that exist and may be used, in order, as ``current_schemas(false)``."""
    role: str = ""
    """The role that runs the migration."""
    usable_roles: frozenset[str] = frozenset()
    """Roles whose privileges that role has (pg_has_role ... USAGE), itself included."""
    settable_roles: frozenset[str] = frozenset()
    """Roles it may SET ROLE to."""
    can_create_schema: bool = False
    """CREATE on the database."""
    database: str = ""
    """Its name; empty where it was not read."""
    locked: frozenset[RelationKey] = frozenset()
    """Relations under ACCESS EXCLUSIVE while the catalog was read: their expressions are unknown."""
    timezone: str = "UTC"
    block_size: int = 8192
    truncated: bool = False
    """True when the server holds more relations than were read."""

    @classmethod
    def assumed(cls, server_version_num: int = 180000) -> Catalog:
        """A catalog for when no server can be asked: any table exists, is large and is busy."""
        return cls(server_version_num=server_version_num)

    @property
    def is_assumed(self) -> bool:
        return self.basis == "assumed"

    @property
    def major(self) -> int:
        return self.server_version_num // 10000

    def find(self, schema: str | None, name: str) -> Relation | None:
        """The relation that ``schema.name`` or an unqualified ``name`` means: a temporary one (that the migration made)
        before those of the search path."""
        if schema is not None:
            return self.relations.get((schema, name))
        keys = self.by_name.get(name, ())
        for candidate in ("pg_temp", "pg_catalog", *self.search_path) if keys else ():
            if (candidate, name) in keys:
                return self.relations.get((candidate, name))
        return None

    @cached_property
    def by_name(self) -> Mapping[str, tuple[RelationKey, ...]]:
        """The keys of relations by bare name, whatever their schema."""
        return grouped(self.relations.values(), name_of)

    @cached_property
    def index_tables(self) -> Mapping[RelationKey, tuple[RelationKey, ...]]:
        """The table of each index, by the index's name."""
        return grouped(self.relations.values(), indexes_of)

    @cached_property
    def owned_sequences(self) -> Mapping[RelationKey, tuple[RelationKey, ...]]:
        """Sequences by the table that owns them."""
        return grouped(self.relations.values(), owner_of)

    @cached_property
    def reads(self) -> Mapping[RelationKey, tuple[RelationKey, ...]]:
        """The relations that each view and materialized view reads directly."""
        return grouped(self.relations.values(), readers_of)

    @cached_property
    def referencing(self) -> Mapping[RelationKey, tuple[tuple[RelationKey, Constraint], ...]]:
        """Foreign keys by the relation they point to: (referencing relation, constraint)."""
        return grouped(self.relations.values(), references_of)


def grouped(
    relations: Iterable[Relation], entries: Callable[[Relation], Iterable[tuple[K, V]]]
) -> dict[K, tuple[V, ...]]:
    """What ``entries`` says of each relation, gathered by its first part, each once."""
    found: dict[K, dict[V, None]] = {}
    for relation in relations:
        for key, value in entries(relation):
            found.setdefault(key, {})[value] = None
    return {key: tuple(values) for key, values in found.items()}


def name_of(relation: Relation) -> Iterable[tuple[str, RelationKey]]:
    return ((relation.name, relation.key),)


def indexes_of(relation: Relation) -> Iterable[tuple[RelationKey, RelationKey]]:
    return [((i.schema or relation.schema, i.name), relation.key) for i in relation.indexes]


def owner_of(relation: Relation) -> Iterable[tuple[RelationKey, RelationKey]]:
    return ((relation.owned_by[0], relation.key),) if relation.owned_by is not None else ()


def readers_of(relation: Relation) -> Iterable[tuple[RelationKey, RelationKey]]:
    readers = {d.relation: None for d in relation.dependants if d.relation is not None and d.kind in READERS}
    return [(reader, relation.key) for reader in readers]


def references_of(relation: Relation) -> Iterable[tuple[RelationKey, tuple[RelationKey, Constraint]]]:
    return [(c.references, (relation.key, c)) for c in relation.constraints if c.references is not None]


READERS = frozenset({"view", "matview"})
"""Kinds of dependants that read what they depend on."""
