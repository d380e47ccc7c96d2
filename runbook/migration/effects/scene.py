"""What one statement does, while it is being found out: the catalog it meets, and what it was seen to lock and do."""

from __future__ import annotations

from typing import Any, Literal

from runbook.migration.catalog import Catalog, Index, Relation, RelationKey
from runbook.migration.conflicts import STRENGTH
from runbook.migration.edit import index_key, lineage
from runbook.migration.effects.result import Effects, Work, WorkKind
from runbook.migration.result import LOCK_MODES, Confidence, Fails, RelationLock
from runbook.sql import quote_qualified

AS, RS, RX, SUX, S, SRX, X, AX = LOCK_MODES
TOAST_SCHEMA = "pg_toast"
# Schemas of the server itself: locks on them do not matter, and are left out.
SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema", TOAST_SCHEMA})
WITH_ROWS = frozenset({"r", "m", "t"})


class Failed(Exception):
    """The server will refuse the statement, for certain as far as the catalog knows."""

    def __init__(self, sqlstate: str, because: str, *, certain: bool = True) -> None:
        super().__init__(because)
        self.fails = Fails(sqlstate, because, certain)


class Scene:
    """Collects locks and work. ``lock`` keeps the strongest mode of each relation, as one who waits for it sees it."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.major = catalog.major
        self.transaction: Literal["allowed", "forbidden"] = "allowed"
        self.fails: Fails | None = None
        self.confidence: Confidence = "exact"
        self.opaque_because: str | None = None
        self.after: Catalog | None = None
        self.following: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
        """The functions whose bodies are being followed, outermost first."""
        self._modes: dict[RelationKey, str] = {}
        self._new: set[RelationKey] = set()
        self._own: set[RelationKey] = set()
        self._work: dict[tuple[WorkKind, RelationKey, str | None], Work] = {}

    # -- finding ------------------------------------------------------------------------------------------------------

    def find(self, schema: str | None, name: str) -> Relation | None:
        """The relation of that name. With nothing known of the server, one that is taken to exist."""
        found = self.catalog.find(schema, name)
        if found is None and self.catalog.is_assumed:
            self.doubt("no server was asked: what depends on the table is not known")
            return Relation(schema or self.default_schema, name)
        return found

    def resolve(self, range_var: Any, *, missing_ok: bool = False) -> Relation | None:
        """The relation that a RangeVar names; None where it is missing and may be. Raises ``Failed`` (42P01, 3F000)."""
        schema, name = range_var.schemaname or None, range_var.relname
        found = self.find(schema, name)
        if found is not None or missing_ok:
            return found
        known = self.catalog.schemas
        if schema is not None and known and schema not in known and schema not in SYSTEM_SCHEMAS:
            raise Failed("3F000", f"schema {schema} does not exist", certain=not self.catalog.truncated)
        if (schema in SYSTEM_SCHEMAS or name.startswith("pg_")) and schema != TOAST_SCHEMA:
            return Relation(schema or "pg_catalog", name, kind="v")
        raise Failed(
            "42P01", f"relation {quote_qualified(schema, name)} does not exist", certain=not self.catalog.truncated
        )

    def need(self, range_var: Any) -> Relation:
        """``resolve`` for a relation that must exist."""
        found = self.resolve(range_var)
        assert found is not None
        return found

    @property
    def default_schema(self) -> str:
        return self.catalog.search_path[0] if self.catalog.search_path else "public"

    def target(self, schema: str | None) -> str:
        """The schema in which a new object of that (or no) schema is made."""
        return schema or self.default_schema

    def taken(self, key: RelationKey) -> bool:
        """Whether a relation or index of that name exists."""
        return key in self.catalog.relations or self.index_owner(key) is not None

    def index_owner(self, key: RelationKey) -> tuple[Relation, Index] | None:
        """An index and its table."""
        owner = self.catalog.index_tables.get(key)
        table = self.catalog.relations.get(owner[0]) if owner else None
        index = table.index(key[1]) if table is not None else None
        return (table, index) if table is not None and index is not None else None

    def find_index(self, schema: str | None, name: str) -> tuple[Relation, Index] | None:
        """An index by name under the search path, with its table."""
        for candidate in [schema] if schema is not None else self.catalog.search_path:
            found = self.index_owner((candidate, name))
            if found is not None:
                return found
        return None

    def family(self, relation: Relation, range_var: Any) -> list[Relation]:
        """The relation, with its descendants unless the statement says ONLY."""
        return list(lineage(self.catalog, relation)) if range_var.inh else [relation]

    # -- recording ----------------------------------------------------------------------------------------------------

    def lock(self, relation: Relation, mode: str) -> None:
        """The statement takes ``mode`` on the relation and keeps it."""
        self.lock_key(relation.key, mode, created=relation.created_here)

    def lock_key(self, key: RelationKey, mode: str, *, created: bool = False) -> None:
        if key[0] in ("pg_catalog", "information_schema") or key in self._own:
            return
        held = self._modes.get(key)
        if held is None or STRENGTH[mode] > STRENGTH[held]:
            self._modes[key] = mode
        if created:
            self._new.add(key)

    def holds(self, relation: Relation, mode: str) -> bool:
        """Whether the relation was locked in this mode or a stronger one."""
        return STRENGTH.get(self._modes.get(relation.key, ""), -1) >= STRENGTH[mode]

    def lock_index(self, relation: Relation, index: Index, mode: str) -> None:
        self.lock_key(index_key(relation, index), mode, created=index.created_here or relation.created_here)

    def lock_indexes(self, relation: Relation, mode: str) -> None:
        for index in relation.indexes:
            self.lock_index(relation, index, mode)

    def lock_toast(self, relation: Relation, mode: str, index_mode: str | None = None) -> None:
        """The TOAST table, and with ``index_mode`` its index.

        One made in this migration has no name to speak of yet.
        """
        if not relation.oid or not has_toast(relation):
            return
        name = f"pg_toast_{relation.oid}"
        self.lock_key((TOAST_SCHEMA, name), mode)
        if index_mode is not None:
            self.lock_key((TOAST_SCHEMA, f"{name}_index"), index_mode)

    def lock_storage(self, relation: Relation, mode: str) -> None:
        """The relation with its indexes, its TOAST table and that one's index, all in one mode."""
        self.lock(relation, mode)
        self.lock_indexes(relation, mode)
        self.lock_toast(relation, mode, mode)

    def own(self, key: RelationKey) -> None:
        """The statement itself makes this relation: nobody can see it, so its locks are not told."""
        self._own.add(key)

    def rewrite(self, relation: Relation, *, indexes: bool = True) -> None:
        """Every row is written anew, and with it the indexes."""
        if relation.kind not in WITH_ROWS:
            return
        self.lock_storage(relation, AX) if indexes else self.lock(relation, AX)
        self._add("rewrite", relation)
        self.scan(relation)
        if indexes:
            for index in relation.indexes:
                self.build(relation, index.name, schema=index.schema)

    def scan(self, relation: Relation) -> None:
        """Every row is read. A relation known to be empty is not told: there is nothing to read."""
        if relation.kind in WITH_ROWS and not is_empty(relation):
            self._add("scan", relation)

    def build(self, relation: Relation, name: str, *, schema: str | None = None, concurrently: bool = False) -> None:
        """An index is built over the relation."""
        key = quote_qualified(schema or relation.schema, name)
        self._work[("index_build", relation.key, key)] = Work(
            "index_build", relation.key, key, concurrently=concurrently
        )

    def write(self, relation: Relation, share: float) -> None:
        """Rows are inserted, updated or deleted."""
        self._work[("write", relation.key, None)] = Work("write", relation.key, share=share)

    def truncate(self, relation: Relation) -> None:
        self._add("truncate", relation)

    def _add(self, kind: WorkKind, relation: Relation) -> None:
        self._work[(kind, relation.key, None)] = Work(kind, relation.key)

    def forbid_transaction(self) -> None:
        self.transaction = "forbidden"

    def depends_on_data(self, sqlstate: str, because: str) -> None:
        """It fails when production's rows are so; the first such reason is kept."""
        if self.fails is None:
            self.fails = Fails(sqlstate, because, certain=False)

    def doubt(self, because: str) -> None:
        """Something that is not known could change what is told."""
        if self.confidence == "exact":
            self.confidence = "likely"
            self.opaque_because = because

    def opaque(self, because: str) -> None:
        """What runs cannot be read from the statement."""
        self.confidence = "opaque"
        self.opaque_because = because

    def effects(self) -> Effects:
        modes = tuple(sorted(self._modes.items()))
        locks = frozenset(RelationLock(quote_qualified(*k), m, pre_existing=k not in self._new) for k, m in modes)
        work = tuple(self._work.values())

        def named(*kinds: WorkKind) -> tuple[str, ...]:
            return tuple(sorted({quote_qualified(*w.relation) for w in work if w.kind in kinds}))

        return Effects(
            locks=locks,
            rewrites=named("rewrite", "truncate"),
            scans=named("scan"),
            index_builds=tuple(sorted({w.index for w in work if w.index is not None})),
            transaction=self.transaction,
            fails=self.fails,
            confidence=self.confidence,
            opaque_because=self.opaque_because,
            work=work,
            modes=modes,
            after=self.after,
        )


def is_empty(relation: Relation) -> bool:
    """Whether the relation is known to hold nothing: made here and never filled, or analysed and without a page.

    Before 14 a relation that was analysed while empty reads like one that never was: its counters tell them apart.
    """
    analysed = relation.last_analyze_s is not None and relation.live_tuples == 0
    return relation.pages == 0 and (relation.rows == 0 or (relation.rows == -1 and analysed))


def has_toast(relation: Relation) -> bool:
    """Whether the relation has a TOAST table: as read, else deduced from its columns."""
    if relation.has_toast is not None:
        return relation.has_toast
    if relation.kind not in ("r", "m"):
        return False
    from runbook.migration.effects.types import needs_toast

    return needs_toast(relation.columns)
