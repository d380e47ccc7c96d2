"""ALTER TABLE on tables, partitioned tables, views, materialized views, foreign tables and sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runbook.migration.apply.alter import apply_command, in_order, uses_column
from runbook.migration.apply.tables import constraint_name
from runbook.migration.ast import (
    AlterCommand,
    ConstraintSpec,
    alter_commands,
    column_spec,
    constraint_spec,
    enum_name,
    is_null,
    options,
)
from runbook.migration.catalog import Column, Constraint, Relation
from runbook.migration.conflicts import STRENGTH
from runbook.migration.dropping import holders_of_column
from runbook.migration.edit import index_family, lineage, owned_by_table
from runbook.migration.effects import column_type, drops, foreign_keys, indexes, minors, partitions, queries, sequences
from runbook.migration.effects.implied import proves_not_null
from runbook.migration.effects.lock_levels import (
    DEFAULT_LEVEL,
    IDENTITY_RECURSES,
    LEVELS,
    OPTION_LEVELS,
    OPTION_SINCE,
    RECURSES,
    RECURSES_PARTITIONED,
)
from runbook.migration.effects.scene import AS, AX, RS, RX, SRX, SUX, Failed, S, Scene, is_empty
from runbook.migration.effects.types import domain_has_constraints, type_written
from runbook.migration.effects.volatility import volatility

# What ALTER TABLE accepts besides tables. Source: ATSimplePermissions.
_NO_ROWS = frozenset({"v", "f", "S"})
SEQUENCES_UNLOGGED = 15
KEYS_RECURSE = 18  # from here ADD of keys and foreign keys locks partitions and children as the parent


def alter_table(scene: Scene, node: Any) -> None:
    """All subcommands of one statement, in the server's order, each on the catalog that the one before it left."""
    kind = enum_name(node, "objtype")
    if kind == "OBJECT_INDEX":
        indexes.alter(scene, node)
        return
    if kind == "OBJECT_TYPE":
        from runbook.migration.effects.objects import alter_composite

        alter_composite(scene, node)
        return
    relation = scene.resolve(node.relation, missing_ok=node.missing_ok)
    if relation is None:
        return
    if relation.kind in ("i", "I"):
        indexes.alter(scene, node)
        return
    _Alter(scene, relation, node).run()


class _Alter:
    """One ALTER TABLE. ``relation`` is the table as it stands after the subcommands handled so far."""

    def __init__(self, scene: Scene, relation: Relation, node: Any) -> None:
        self.scene = scene
        self.before = scene.catalog
        self.relation = relation
        self.node = node
        self.recurse = bool(node.relation.inh)
        self.commands = in_order(alter_commands(node))
        self.mode = self._strongest()
        self.rewritten: dict[tuple[str, str], Relation] = {}
        self.new_columns: set[str] = set()

    def run(self) -> None:
        scene = self.scene
        scene.lock(self.relation, self.mode)
        for command in self.commands:
            self._lock_descendants(command)
            handler = _HANDLERS.get(command.type)
            if handler is not None:
                handler(self, command)
            scene.catalog = apply_command(scene.catalog, self.relation, command, self.recurse)
            self.relation = scene.catalog.relations.get(self.relation.key, self.relation)
        now = scene.catalog
        for key in self.rewritten:
            member = self.before.relations.get(key) or self.relation
            left = now.relations.get(key, member)
            kept = {i.name for i in left.indexes}
            scene.rewrite(_with_indexes(member, kept))
        scene.after, scene.catalog = now, self.before

    def _strongest(self) -> str:
        return max((self._level(c) for c in self.commands), key=STRENGTH.__getitem__, default=DEFAULT_LEVEL)

    def _level(self, command: AlterCommand) -> str:
        match command.type:
            case "AT_AddConstraint":
                spec = constraint_spec(command.definition)
                return SRX if spec is not None and spec.kind == "f" else DEFAULT_LEVEL
            case "AT_SetRelOptions" | "AT_ResetRelOptions":
                names = list(options(command.definition.items))
                return max((OPTION_LEVELS.get(n, SUX) for n in names), key=STRENGTH.__getitem__, default=SUX)
            case "AT_DetachPartition":
                return SUX if command.definition.concurrent else DEFAULT_LEVEL
        return LEVELS.get(command.type, DEFAULT_LEVEL)

    def _lock_descendants(self, command: AlterCommand) -> None:
        if not self.recurse or not self._goes_on(command):
            return
        for member in lineage(self.scene.catalog, self.relation):
            self.scene.lock(member, self.mode)

    def _goes_on(self, command: AlterCommand) -> bool:
        partitioned = self.relation.kind == "p"
        if command.type in RECURSES:
            if command.type == "AT_DropConstraint":
                dropped = self.relation.constraint(command.name)
                inherited = dropped is not None and dropped.kind in ("c", "n") and not dropped.no_inherit
                return inherited or (partitioned and dropped is not None)
            return True
        if command.type in ("AT_AddIdentity", "AT_SetIdentity", "AT_DropIdentity"):
            return partitioned and self.scene.major >= IDENTITY_RECURSES
        if command.type == "AT_AddConstraint":
            spec = constraint_spec(command.definition)
            return spec is not None and (
                (spec.kind in ("c", "n") and not spec.no_inherit)
                or spec.kind == "p"
                or (spec.kind == "f" and partitioned)
                or (spec.kind not in ("c", "n") and self.scene.major >= KEYS_RECURSE)
            )
        if command.type == "AT_ValidateConstraint":
            found = self.relation.constraint(command.name)
            return found is not None and not found.validated and (found.kind != "f" or partitioned)
        return partitioned and command.type in RECURSES_PARTITIONED

    @property
    def members(self) -> list[Relation]:
        """The relation with its descendants as they are now, or alone with ONLY."""
        return list(lineage(self.scene.catalog, self.relation)) if self.recurse else [self.relation]

    def rewrite(self) -> None:
        for member in self.members:
            self.rewritten[member.key] = member

    def scan(self) -> None:
        for member in self.members:
            self.scene.scan(member)

    def column(self, name: str) -> Column | None:
        """A column that must exist. None where the columns are not known. Raises Failed 42703."""
        found = self.relation.column(name)
        if found is None and self.relation.columns and not self.relation.columns_uncertain:
            raise Failed("42703", f"column {name} of relation {self.relation.name} does not exist")
        return found

    def has_rows(self) -> bool | None:
        """Whether the table holds rows: None where that is not known."""
        stored = [m for m in self.members if m.kind == "r"]
        if any(m.rows > 0 for m in stored):
            return True
        return False if all(is_empty(m) for m in stored) else None

    # -- columns ------------------------------------------------------------------------------------------------------

    def add_column(self, command: AlterCommand) -> None:
        scene, spec = self.scene, column_spec(command.definition)
        if self.relation.of_type is not None:
            raise Failed("42809", "cannot add column to typed table")
        if self.relation.is_partition:
            raise Failed("42809", "cannot add column to a partition")
        if self.relation.column(spec.name) is not None:
            if command.missing_ok:
                return
            raise Failed(
                "42701",
                f"column {spec.name} of relation {self.relation.name} already exists",
                certain=not self.relation.columns_uncertain,
            )
        if self.relation.kind in _NO_ROWS:
            return
        self.new_columns.add(spec.name)
        kind = type_written(spec.type, scene.catalog) if spec.type is not None else None
        generated = spec.constraint("generated")
        virtual = generated is not None and generated.generated == "v"
        serial = spec.type is not None and spec.type.is_serial
        default = None if spec.default is None or is_null(spec.default) else spec.default
        has_value = default is not None or (kind is not None and kind.domain is not None and kind.domain.has_default)
        if (
            serial
            or spec.constraint("identity") is not None
            or (generated is not None and not virtual)
            or (kind is not None and domain_has_constraints(kind, scene.catalog))
        ):
            self.rewrite()
        elif default is not None and self._volatile(default):
            self.rewrite()
            depend_on_sequences(scene, default)
            if self.has_rows() is not False:
                self._sequences_called(default)
                queries.unknown_calls(scene, default)
        elif default is not None and self.relation.kind != "p":  # one value, computed now
            queries.unknown_calls(scene, default)
        filled = has_value or serial or spec.constraint("identity") is not None or generated is not None
        if spec.not_null and not filled:
            self._not_null_without_value(spec.name)
        if spec.not_null and virtual:
            self.scan()
        for constraint in spec.constraints:
            self._column_constraint(constraint, filled, virtual)

    def _volatile(self, default: Any) -> bool:
        found = volatility(default, self.scene.catalog)
        if found.unknown is not None:
            self.scene.doubt(f"the volatility of {found.unknown}() is not known: it is taken to rewrite the table")
        return found.volatile

    def _sequences_called(self, expression: Any) -> None:
        for sequence in sequences.called(self.scene.catalog, expression):
            self.scene.lock(sequence, RX)

    def _not_null_without_value(self, name: str) -> None:
        rows = self.has_rows()
        because = f"column {name} is NOT NULL without a default, and {self.relation.qualified} "
        if rows:
            raise Failed("23502", because + "has rows")
        if rows is None:
            self.scene.depends_on_data("23502", because + "may have rows")
        self.scan()

    def _column_constraint(self, spec: ConstraintSpec, filled: bool, virtual: bool) -> None:
        if spec.kind == "c":
            if spec.enforced:
                self.scan()
                if filled:
                    self.scene.depends_on_data("23514", "every row must pass the new CHECK")
        elif spec.kind in ("p", "u"):
            self._build(spec)
        elif spec.kind == "f":
            self.scene.lock(self.relation, SRX)
            foreign_keys.add(self.scene, self.relation, spec, check=filled and spec.enforced)

    def drop_column(self, command: AlterCommand) -> None:
        scene = self.scene
        if self.relation.column(command.name) is None and command.missing_ok:
            return
        column = self.column(command.name)
        if any(command.name in m.partition_key for m in self.members):
            raise Failed("42P16", f"cannot drop column {command.name} named in partition key")
        if column is not None and column.inherited:
            raise Failed("42P16", f"cannot drop inherited column {command.name}")
        pointing = [
            (k, c)
            for k, c in scene.catalog.referencing.get(self.relation.key, ())
            if command.name in c.referenced_columns
        ]
        pointing = [(k, c) for k, c in pointing if k != self.relation.key]
        holders = holders_of_column(self.relation, command.name)
        if not command.cascade:
            if holders:
                raise Failed("2BP01", f"{holders[0].description} depends on column {command.name}")
            if pointing:
                raise Failed("2BP01", f"constraint {pointing[0][1].name} depends on column {command.name}")
        for member in self.members:
            for index in member.indexes:
                if uses_column(index, command.name):
                    scene.lock_index(member, index, AX)
            for constraint in member.constraints:
                if (
                    constraint.kind == "f"
                    and command.name in constraint.columns
                    and constraint.references != member.key
                ):
                    foreign_keys.drop(scene, constraint)
        for sequence in owned_by_table(scene.catalog, self.relation, command.name):
            scene.lock(sequence, AX)
        foreign_keys.drop_pointing(scene, self.relation, {command.name})
        readers = [r for h in holders if h.relation is not None and (r := scene.catalog.relations.get(h.relation))]
        drops.take(scene, [r for r in readers if r.kind in ("v", "m")], cascade=True)

    def change_type(self, command: AlterCommand) -> None:
        column = self.column(command.name)
        if column is None:
            if self.scene.catalog.is_assumed or not self.relation.columns:
                self.scene.doubt("the column's present type is not known: it is taken to rewrite the table")
                self.rewrite()
            return
        if any(command.name in m.partition_key for m in self.members):
            raise Failed("42P16", f"cannot alter column {command.name} because it is part of the partition key")
        if self.relation.is_partition and column.inherited:
            raise Failed("42P16", f"cannot alter inherited column {command.name}")
        if self.relation.kind in _NO_ROWS:
            return
        if column_type.change(self.scene, self.members, command, column):
            self.rewrite()

    def set_not_null(self, command: AlterCommand) -> None:
        self.column(command.name)
        scene = self.scene
        if not self.recurse and self.relation.kind == "p" and self.relation.children:
            raise Failed("42P16", "constraint must be added to child tables too")
        scanned = False
        for member in self.members:
            column = member.column(command.name)
            invalid = any(c.kind == "n" and command.name in c.columns and not c.validated for c in member.constraints)
            if column is not None and column.not_null and not invalid:
                continue
            if proves_not_null(member, command.name):
                continue
            scene.scan(member)
            scanned = True
        if scanned and command.name not in self.new_columns and self.has_rows() is not False:
            scene.depends_on_data("23502", f"no row may have a null in column {command.name}")

    def drop_not_null(self, command: AlterCommand) -> None:
        column = self.column(command.name)
        if any(c.kind == "p" and command.name in c.columns for c in self.relation.constraints):
            raise Failed("42P16", f"column {command.name} is in a primary key")
        if column is not None and column.identity:
            raise Failed("42601", f"column {command.name} of relation {self.relation.name} is an identity column")

    def column_must_exist(self, command: AlterCommand) -> None:
        if command.name and not command.name.isdigit():
            self.column(command.name)

    def set_default(self, command: AlterCommand) -> None:
        self.column(command.name)
        if command.definition is not None:
            depend_on_sequences(self.scene, command.definition)

    def add_identity(self, command: AlterCommand) -> None:
        column = self.column(command.name)
        if column is None:
            return
        if not column.not_null:
            raise Failed("55000", f"column {command.name} must be declared NOT NULL before identity can be added")
        if column.identity:
            raise Failed("55000", f"column {command.name} is already an identity column")
        if column.has_default:
            raise Failed("55000", f"column {command.name} already has a default value")

    def identity_sequence(self, mode: str) -> Callable[[AlterCommand], None]:
        def lock(command: AlterCommand) -> None:
            column = self.column(command.name)
            if column is not None and not column.identity:
                if command.missing_ok:
                    return
                raise Failed("55000", f"column {command.name} is not an identity column")
            for sequence in owned_by_table(self.scene.catalog, self.relation, command.name):
                self.scene.lock(sequence, mode)

        return lock

    def set_expression(self, command: AlterCommand) -> None:
        column = self.column(command.name)
        if column is None or not column.generated:
            return
        if column.generated == "v":
            if any(c.kind == "c" and command.name in c.columns for c in self.relation.constraints):
                raise Failed(
                    "0A000", "SET EXPRESSION is not supported for virtual generated columns with check constraints"
                )
            if column.not_null:
                self.scan()
            return
        self.rewrite()
        for member in self.members:
            for constraint in member.constraints:
                if constraint.kind == "c" and command.name in constraint.columns:
                    self.scene.scan(member)

    # -- constraints --------------------------------------------------------------------------------------------------

    def add_constraint(self, command: AlterCommand) -> None:
        spec = constraint_spec(command.definition)
        if spec is None:
            return
        if spec.name is not None and self.relation.constraint(spec.name) is not None:
            raise Failed("42710", f"constraint {spec.name} for relation {self.relation.name} already exists")
        for name in spec.columns if spec.kind != "n" else ():
            self.column(name)
        match spec.kind:
            case "c":
                if spec.enforced and not spec.not_valid:
                    for member in [self.relation] if spec.no_inherit else self.members:
                        self.scene.scan(member)
                    if self.has_rows() is not False:
                        self.scene.depends_on_data("23514", "every row must pass the new CHECK")
            case "n":
                if not spec.not_valid:
                    self._verify_not_null(spec)
            case "f":
                self._add_foreign_key(spec)
            case _:
                self._add_keyed(spec)

    def _verify_not_null(self, spec: ConstraintSpec) -> None:
        for name in spec.columns:
            self.column(name)
            for member in self.members:
                column = member.column(name)
                if (column is None or not column.not_null) and not proves_not_null(member, name):
                    self.scene.scan(member)
                    self.scene.depends_on_data("23502", f"no row may have a null in column {name}")

    def _add_foreign_key(self, spec: ConstraintSpec) -> None:
        scene = self.scene
        if self.relation.kind == "p" and spec.not_valid and scene.major < 18:
            raise Failed("42809", "cannot add NOT VALID foreign key on a partitioned table")
        check = spec.enforced and not spec.not_valid
        columns = [self.relation.column(c) for c in spec.columns]
        new = any(c in self.new_columns for c in spec.columns)
        all_null = new and all(c is not None and not c.has_default and not c.identity for c in columns)
        foreign_keys.add(scene, self.relation, spec, check=check, all_null=all_null)

    def _add_keyed(self, spec: ConstraintSpec) -> None:
        scene = self.scene
        if spec.not_valid:
            raise Failed("0A000", f"{_KEYWORD[spec.kind]} constraints cannot be marked NOT VALID")
        if spec.kind == "p" and any(c.kind == "p" for c in self.relation.constraints):
            raise Failed("42P16", f"multiple primary keys for table {self.relation.name} are not allowed")
        if spec.using_index is None:
            self._build(spec)
            if spec.kind == "p":
                self._primary_not_null(spec.columns)
            return
        index = self.relation.index(spec.using_index)
        if index is None:
            if scene.catalog.is_assumed:
                return
            raise Failed("42704", f"index {spec.using_index} does not exist")
        if not index.valid:
            raise Failed("55000", f"index {spec.using_index} is not valid")
        if index.has_predicate or index.has_expressions or not index.unique:
            raise Failed("42809", f"index {spec.using_index} cannot back a constraint")
        renamed = spec.name is not None and spec.name != spec.using_index
        scene.lock_index(self.relation, index, SUX if renamed else AS)
        if spec.kind == "p":
            self._primary_not_null(tuple(c for c in index.columns if c is not None))

    def _primary_not_null(self, columns: tuple[str, ...]) -> None:
        """A primary key makes its columns NOT NULL, which reads the table unless they are."""
        for member in self.members:
            for name in columns:
                unchecked = any(c.kind == "n" and name in c.columns and not c.validated for c in member.constraints)
                if unchecked:
                    raise Failed("55000", f"cannot create primary key on column {name}: its NOT NULL is not valid")
                column = member.column(name)
                if column is not None and not column.not_null and not proves_not_null(member, name):
                    self.scene.scan(member)
                    if self.has_rows() is not False and name not in self.new_columns:
                        self.scene.depends_on_data("23502", f"no row may have a null in column {name}")

    def _build(self, spec: ConstraintSpec) -> None:
        """The index behind a key, on the table and on each partition."""
        scene = self.scene
        name = constraint_name(scene.catalog, self.relation, spec)
        if (self.relation.schema, name) in scene.catalog.relations:
            raise Failed("42P07", f"relation {name} already exists")
        if self.relation.kind != "p":
            scene.scan(self.relation)
            scene.build(self.relation, name)
        elif self.recurse:
            indexes.build_on_partitions(scene, self.relation, spec, S)
        if self.has_rows() is not False and not set(spec.columns) <= self.new_columns:
            what = "no two rows may be alike in" if spec.kind != "x" else "no two rows may overlap in"
            scene.depends_on_data("23505" if spec.kind != "x" else "23P01", f"{what} ({', '.join(spec.columns)})")

    def alter_constraint(self, command: AlterCommand) -> None:
        scene = self.scene
        change = command.definition
        found = self.relation.constraint(change.conname)
        if found is None:
            self._missing_constraint(change.conname)
            return
        if change.alter_enforceability and found.kind != "f":
            raise Failed("42809", f"cannot alter enforceability of constraint {change.conname}")
        if change.alter_deferrability and found.kind != "f":
            raise Failed("42809", f"constraint {change.conname} is not a foreign key constraint")
        if change.alter_enforceability and found.references is not None and change.is_enforced != found.enforced:
            target = scene.catalog.relations.get(found.references)
            if target is not None:
                for member in lineage(scene.catalog, target):
                    scene.lock(member, SRX if change.is_enforced else AX)
                if change.is_enforced:
                    foreign_keys.verify(scene, self.relation, target)
        if change.alter_inheritability and not change.noinherit and found.kind == "n":
            for member in list(lineage(scene.catalog, self.relation))[1:]:
                scene.lock(member, self.mode)
                for name in found.columns:
                    column = member.column(name)
                    if column is not None and not column.not_null and not proves_not_null(member, name):
                        scene.scan(member)

    def validate(self, command: AlterCommand) -> None:
        scene = self.scene
        found = self.relation.constraint(command.name)
        if found is None:
            self._missing_constraint(command.name)
            return
        if found.validated:
            return
        if found.kind == "f" and found.references is not None:
            target = scene.catalog.relations.get(found.references)
            if target is not None:
                scene.lock(target, RS)
                foreign_keys.verify(scene, self.relation, target)
            scene.depends_on_data("23503", f"constraint {command.name} must hold for every row")
            return
        for member in self.members:
            scene.scan(member)
        state = "23502" if found.kind == "n" else "23514"
        scene.depends_on_data(state, f"constraint {command.name} must hold for every row")

    def _missing_constraint(self, name: str) -> None:
        if not self.scene.catalog.is_assumed and self.relation.columns:
            raise Failed("42704", f"constraint {name} of relation {self.relation.name} does not exist")

    def drop_constraint(self, command: AlterCommand) -> None:
        scene = self.scene
        found = self.relation.constraint(command.name)
        if found is None:
            if not command.missing_ok:
                self._missing_constraint(command.name)
            if scene.catalog.is_assumed:
                scene.doubt("the constraint is not known: a foreign key's other table would be locked as well")
            return
        if found.inherited and self.relation.is_partition:
            raise Failed("42P16", f"cannot drop inherited constraint {command.name} of relation {self.relation.name}")
        if found.kind == "f":
            foreign_keys.drop(scene, found, named=True)
        self._drop_key(found, command)

    def _drop_key(self, found: Constraint, command: AlterCommand) -> None:
        scene = self.scene
        if found.index is None or found.kind not in ("p", "u", "x"):
            return
        pointing = [
            (key, c)
            for key, c in scene.catalog.referencing.get(self.relation.key, ())
            if set(c.referenced_columns) == set(found.columns)
        ]
        if pointing and not command.cascade:
            raise Failed("2BP01", f"constraint {pointing[0][1].name} depends on index {found.index}")
        for key, _ in pointing:
            scene.lock_key(key, AX)
        backing = self.relation.index(found.index)
        for member, index in index_family(scene.catalog, self.relation, backing) if backing is not None else ():
            scene.lock_index(member, index, AX)

    # -- the whole table ----------------------------------------------------------------------------------------------

    def set_options(self, command: AlterCommand) -> None:
        scene = self.scene
        for name in options(command.definition.items):
            if OPTION_SINCE.get(name, 0) > scene.major:
                raise Failed("22023", f"unrecognized parameter {name}")
        if self.relation.kind == "p" and command.type == "AT_SetRelOptions":
            raise Failed("42809" if scene.major >= 16 else "22023", "a partitioned table has no storage parameters")
        if self.relation.kind in ("r", "m"):
            scene.lock_toast(self.relation, self.mode)

    def change_owner(self, command: AlterCommand) -> None:
        scene = self.scene
        owner = command.node.newowner.rolename or scene.catalog.role
        if owner == self.relation.owner:
            return
        if self.relation.kind == "S" and self.relation.owned_by is not None:
            raise Failed("0A000", f"cannot change owner of sequence {self.relation.name}: it is linked to a table")
        scene.lock_storage(self.relation, AX)
        for sequence in owned_by_table(scene.catalog, self.relation):
            scene.lock(sequence, AX)

    def set_tablespace(self, command: AlterCommand) -> None:
        if self.relation.kind not in ("r", "m") or (self.relation.tablespace or "pg_default") == command.name:
            return
        self.scene.lock_toast(self.relation, AX, AX)
        self.scene.rewrite(self.relation, indexes=False)

    def set_persistence(self, command: AlterCommand) -> None:
        scene, relation = self.scene, self.relation
        to = "p" if command.type == "AT_SetLogged" else "u"
        if relation.kind == "S" and scene.major < SEQUENCES_UNLOGGED:
            raise Failed("42809", f"{relation.qualified} is not a table")
        if relation.persistence == to or relation.kind != "r":
            return
        for key, _ in scene.catalog.referencing.get(relation.key, ()) if to == "u" else ():
            other = scene.catalog.relations.get(key)
            if other is not None and other.persistence == "p" and key != relation.key:
                raise Failed("42P16", f"{relation.qualified} is referenced by logged table {other.qualified}")
        for constraint in relation.constraints if to == "p" else ():
            target = scene.catalog.relations.get(constraint.references) if constraint.references else None
            if target is not None and target.persistence == "u" and target.key != relation.key:
                raise Failed("42P16", f"{relation.qualified} references unlogged table {target.qualified}")
        self.rewritten[relation.key] = relation
        if scene.major >= SEQUENCES_UNLOGGED:
            full = minors.OWNED_SEQUENCES_LOCKED.in_force(scene.catalog.server_version_num)
            for sequence in owned_by_table(scene.catalog, relation):
                scene.lock(sequence, AX if full else RX)

    def set_access_method(self, command: AlterCommand) -> None:
        relation = self.relation
        if relation.kind == "p":
            if self.scene.major < 17:
                raise Failed("42809", "cannot change access method of a partitioned table")
            return
        default = self.scene.catalog.settings.get("default_table_access_method", "heap")
        if (command.name or default) != (relation.access_method or "heap"):
            self.rewritten[relation.key] = relation

    def cluster_on(self, command: AlterCommand) -> None:
        index = self.relation.index(command.name)
        if index is not None:
            self.scene.lock_index(self.relation, index, SUX)

    def replica_identity(self, command: AlterCommand) -> None:
        index = self.relation.index(command.definition.name) if command.definition.identity_type == "i" else None
        if index is not None:
            self.scene.lock_index(self.relation, index, S)

    def trigger_state(self, command: AlterCommand) -> None:
        known = {t.name for t in self.relation.triggers}
        if command.name and command.name not in known and not self.scene.catalog.is_assumed:
            raise Failed("42704", f"trigger {command.name} for table {self.relation.name} does not exist")

    def inherit(self, command: AlterCommand) -> None:
        parent = self.scene.need(command.definition)
        self.scene.lock(parent, SUX if command.type == "AT_AddInherit" else AS)

    def attach(self, command: AlterCommand) -> None:
        partitions.attach(self.scene, self.relation, command.definition)

    def detach(self, command: AlterCommand) -> None:
        partitions.detach(self.scene, self.relation, command)


def _with_indexes(relation: Relation, names: set[str]) -> Relation:
    from dataclasses import replace

    return replace(relation, indexes=tuple(i for i in relation.indexes if i.name in names))


def depend_on_sequences(scene: Scene, expression: Any) -> None:
    """From some minor on, a default that calls a sequence keeps a lock on it."""
    if minors.DEPENDENCIES_LOCKED.in_force(scene.catalog.server_version_num):
        for sequence in sequences.called(scene.catalog, expression):
            scene.lock(sequence, AS)


_KEYWORD = {"p": "PRIMARY KEY", "u": "UNIQUE", "x": "EXCLUDE"}

_HANDLERS: dict[str, Callable[[_Alter, AlterCommand], None]] = {
    "AT_AddColumn": _Alter.add_column,
    "AT_DropColumn": _Alter.drop_column,
    "AT_AlterColumnType": _Alter.change_type,
    "AT_SetNotNull": _Alter.set_not_null,
    "AT_DropNotNull": _Alter.drop_not_null,
    "AT_ColumnDefault": _Alter.set_default,
    "AT_SetStatistics": _Alter.column_must_exist,
    "AT_SetOptions": _Alter.column_must_exist,
    "AT_ResetOptions": _Alter.column_must_exist,
    "AT_SetStorage": _Alter.column_must_exist,
    "AT_SetCompression": _Alter.column_must_exist,
    "AT_AddIdentity": _Alter.add_identity,
    "AT_SetIdentity": lambda a, c: a.identity_sequence(SRX)(c),
    "AT_DropIdentity": lambda a, c: a.identity_sequence(AX)(c),
    "AT_SetExpression": _Alter.set_expression,
    "AT_AddConstraint": _Alter.add_constraint,
    "AT_AlterConstraint": _Alter.alter_constraint,
    "AT_ValidateConstraint": _Alter.validate,
    "AT_DropConstraint": _Alter.drop_constraint,
    "AT_SetRelOptions": _Alter.set_options,
    "AT_ResetRelOptions": _Alter.set_options,
    "AT_ChangeOwner": _Alter.change_owner,
    "AT_SetTableSpace": _Alter.set_tablespace,
    "AT_SetLogged": _Alter.set_persistence,
    "AT_SetUnLogged": _Alter.set_persistence,
    "AT_SetAccessMethod": _Alter.set_access_method,
    "AT_ClusterOn": _Alter.cluster_on,
    "AT_ReplicaIdentity": _Alter.replica_identity,
    "AT_EnableTrig": _Alter.trigger_state,
    "AT_DisableTrig": _Alter.trigger_state,
    "AT_AddInherit": _Alter.inherit,
    "AT_DropInherit": _Alter.inherit,
    "AT_AttachPartition": _Alter.attach,
    "AT_DetachPartition": _Alter.detach,
    "AT_DetachPartitionFinalize": _Alter.detach,
}
