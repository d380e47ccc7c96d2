"""Which statements of a migration a rehearsal sends, in which transactions, and which it cannot, with the reason.

In rollback mode everything runs in one transaction that is rolled back: the file's own BEGIN and COMMIT are not sent, they
only end a *unit*, the statements that the runner commits together. In commit mode each unit is committed as its runner
would. Source of what cannot run in a transaction: the forecast (PreventInTransactionBlock), and ``_ALONE`` below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from runbook.migration.ast import children, enum_name, is_node, unwrap
from runbook.migration.catalog import Catalog
from runbook.migration.model import Migration, MigrationFile, Statement
from runbook.migration.result import Forecast, StatementForecast
from runbook.rehearsal.escapes import escape
from runbook.rehearsal.result import Mode

Action = Literal["run", "alone", "parse", "commit", "rollback", "nothing", "skip"]
"""run: in the unit's transaction. alone: outside any transaction. parse: only ask the server whether it reads it.
commit, rollback: the file ends its transaction here. nothing: nothing to send. skip: not rehearsed."""

_OPENS = frozenset({"BEGIN", "START TRANSACTION"})
# Kinds that the server refuses outside a transaction (RequireTransactionBlock, 25P01).
_ONLY_INSIDE = frozenset({"LOCK TABLE", "SAVEPOINT", "RELEASE"})
# May run in a transaction or not, which only the server knows: DO and procedures may commit.
_UNSURE = frozenset({"DO", "CALL", "EXECUTE", "ALTER SUBSCRIPTION", "ALTER DATABASE", "DISCARD"})
REFUSED_INSIDE = frozenset({"25001", "2D000"})
"""active_sql_transaction, invalid_transaction_termination: the statement wants to be outside of a transaction."""
LABEL_TOO_EARLY = "55P04"  # unsafe_new_enum_value_usage


@dataclass(frozen=True, slots=True)
class Planned:
    """One statement with what is done about it. ``unit``: statements with the same number commit together."""

    statement: Statement
    forecast: StatementForecast
    file: MigrationFile
    unit: int
    action: Action
    because: str | None = None
    guarded: bool = False  # behind a savepoint: an error of it may mean that it cannot be rehearsed, not that it fails
    unit_ends: bool = False  # after it, the runner commits


def plan(migration: Migration, forecast: Forecast, catalog: Catalog, mode: Mode) -> tuple[Planned, ...]:
    """Every statement of ``migration`` that its forecast has, in order. ``catalog``: of the server it would run on."""
    told = {s.index: s for s in forecast.statements}
    walk = _Walk(catalog, mode)
    found = [
        walk.step(file, statement, told[statement.index])
        for file in migration.files
        for statement in file.statements
        if statement.index in told
    ]
    return tuple(_with_ends(found))


class _Walk:
    def __init__(self, catalog: Catalog, mode: Mode) -> None:
        self.catalog = catalog
        self.mode = mode
        self.unit = 0
        self.inside = False  # the unit before was one with a transaction, and is still open
        self.file = ""
        self.elsewhere: str | None = None
        self.labels_since: int | None = None  # the first unit that added an enum value

    def step(self, file: MigrationFile, statement: Statement, told: StatementForecast) -> Planned:
        fresh = file.path != self.file and file.transaction_mode != "all_files"
        self.file = file.path
        if not statement.in_transaction or not self.inside or fresh:
            self.unit += 1
        self.inside = statement.in_transaction or statement.kind in _OPENS
        action, because = self._action(statement, told)
        if action in ("commit", "rollback"):
            self.inside = bool(getattr(statement.node, "chain", False))
        after_label = self.labels_since is not None and self.labels_since < self.unit
        if is_node(statement.node, "AlterEnumStmt") and self.labels_since is None:
            self.labels_since = self.unit
        unsure = statement.kind in _UNSURE and not statement.in_transaction
        guarded = self.mode == "rollback" and action == "run" and (unsure or after_label)
        return Planned(statement, told, file, self.unit, action, because, guarded)

    def _action(self, statement: Statement, told: StatementForecast) -> tuple[Action, str | None]:
        kind, node = statement.kind, statement.node
        if self.elsewhere is not None:
            return "skip", self.elsewhere
        if kind.startswith("psql "):
            return self._psql(kind.removeprefix("psql "))
        if node is None:
            return "parse", None
        outside = escape(statement, told, self.catalog)
        if outside is not None:
            return "skip", f"it is never run in a rehearsal: {outside}"
        if is_node(node, "TransactionStmt"):
            return self._transaction(statement)
        if is_node(node, "CopyStmt") and not node.filename:
            way = "come from" if node.is_from else "go to"
            return "skip", f"its rows {way} the client that runs the file"
        if statement.in_transaction:
            return "run", None
        return self._without_transaction(statement, told)

    def _without_transaction(self, statement: Statement, told: StatementForecast) -> tuple[Action, str | None]:
        """The runner has no transaction open here, in rollback mode we do."""
        node = statement.node
        commits = self.mode == "commit"
        only_inside = statement.kind in _ONLY_INSIDE or (
            is_node(node, "VariableSetStmt") and (node.is_local or node.name == "TRANSACTION")
        )
        if only_inside:
            return ("alone", None) if commits else ("skip", "outside a transaction it fails or has no effect")
        if told.transaction == "forbidden" or statement.kind.startswith("DISCARD"):
            return ("alone", None) if commits else ("skip", "it cannot run in a transaction, and so not be rolled back")
        if commits and statement.kind in _UNSURE:
            return "alone", None
        return "run", None

    def _transaction(self, statement: Statement) -> tuple[Action, str | None]:
        kind = enum_name(statement.node, "kind")
        if kind in ("TRANS_STMT_BEGIN", "TRANS_STMT_START"):
            return "nothing", None
        if kind == "TRANS_STMT_COMMIT":
            return ("commit" if statement.in_transaction else "nothing"), None
        if kind == "TRANS_STMT_ROLLBACK":
            return ("rollback" if statement.in_transaction else "nothing"), None
        if not statement.in_transaction:
            return ("alone", None) if self.mode == "commit" else ("skip", "outside a transaction it fails")
        return "run", None

    def _psql(self, name: str) -> tuple[Action, str | None]:
        from runbook.migration.psql import CLIENT_ONLY

        if name in ("\\c", "\\connect"):
            self.elsewhere = "it runs in the session that \\connect opened"
            return "skip", "it opens a session of its own, perhaps elsewhere: nothing after it is rehearsed"
        if name in CLIENT_ONLY:
            return "nothing", None
        return "skip", f"psql's {name} is not run here"


def _with_ends(found: list[Planned]) -> Iterator[Planned]:
    """``unit_ends`` on the last statement of each unit."""
    from dataclasses import replace

    for one, following in zip(found, [*found[1:], None], strict=True):
        last = following is None or following.unit != one.unit
        yield replace(one, unit_ends=last)


# -- what later statements need of one that was not run --------------------------------------------------------------------

_NAMES = frozenset({"relname", "idxname", "conname", "indexname", "colname", "newname", "subname", "name", "dbname"})
_ELSEWHERE = frozenset({"A_Const", "TypeName", "FuncCall"})


def mentions(node: Any) -> frozenset[str]:
    """Every name in a statement: of relations, columns, constraints, types, functions. Not its constants."""
    return frozenset(_names(node, frozenset({"A_Const"})))


def leaves_out(statement: Statement, told: StatementForecast, catalog: Catalog) -> frozenset[str]:
    """Names that are not as they would be because the statement was not run: what it would have made or dropped."""
    node = statement.node
    if node is None:
        return frozenset()
    made = {n for n in _names(node, _ELSEWHERE) if n not in known_names(catalog)}
    built = {name.rpartition(".")[2].strip('"') for name in told.index_builds}
    dropped = mentions(node) if is_node(node, "DropStmt") else frozenset()
    return frozenset(made | dropped | {b for b in built if b not in known_names(catalog)})


def _names(node: Any, without: frozenset[str]) -> Iterator[str]:
    stack = [node]
    while stack:
        current = unwrap(stack.pop())
        if current is None or current.DESCRIPTOR.name in without:
            continue
        if current.DESCRIPTOR.name == "String":
            yield current.sval
            continue
        for field, value in current.ListFields():
            if field.name in _NAMES and isinstance(value, str) and value:
                yield value
        stack.extend(children(current))


_known: tuple[Catalog | None, frozenset[str]] = (None, frozenset())


def known_names(catalog: Catalog) -> frozenset[str]:
    """Names of all that the catalog holds."""
    global _known
    if _known[0] is not catalog:
        names: set[str] = {*catalog.schemas, *catalog.functions, *catalog.extensions, *catalog.roles}
        names |= {name for _, name in catalog.types}
        for relation in catalog.relations.values():
            names.add(relation.name)
            for part in (relation.columns, relation.constraints, relation.indexes, relation.triggers):
                names |= {item.name for item in part}
        _known = (catalog, frozenset(names))
    return _known[1]


def needed(statement: Statement, missing: Mapping[str, int]) -> tuple[str, int] | None:
    """A name that the statement uses and that is not there because statement N was not run: (name, N)."""
    if statement.node is None or not missing:
        return None
    return next(((name, missing[name]) for name in sorted(mentions(statement.node)) if name in missing), None)
