"""One statement with all that is known when it runs, and how a hazard of it is put into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runbook.migration import safe_forms
from runbook.migration.ast import is_node, options
from runbook.migration.catalog import Catalog, Relation, RelationKey
from runbook.migration.effects.result import Effects
from runbook.migration.hazard_words import WITHOUT_PLAYBOOK
from runbook.migration.model import Statement
from runbook.migration.no_safe_form import no_safe_form
from runbook.migration.result import Fails, Hazard, RelationLock, Seconds
from runbook.migration.rights import Missing
from runbook.migration.timing import size_of


@dataclass(frozen=True, slots=True)
class Context:
    """One statement with all that is known when it runs. ``held``: what its transaction has locked before it."""

    statement: Statement
    effects: Effects
    before: Catalog
    after: Catalog
    seconds: Seconds
    fails: Fails | None = None
    lacking: Missing | None = None
    in_transaction: bool = False
    held: Mapping[RelationKey, RelationLock] = field(default_factory=dict)
    held_since: Mapping[RelationKey, int] = field(default_factory=dict)
    transaction_mode: str = "none"
    runner: str = ""
    found: dict[str, Hazard] = field(default_factory=dict)
    """By id: only the first of each counts, and a safe sequence over a thousand partitions is not written for every one."""

    def relation(self, key: RelationKey) -> Relation:
        found = self.before.relations.get(key)
        return found if found is not None else Relation(*key)

    def is_new(self, key: RelationKey) -> bool:
        return self.relation(key).created_here

    @property
    def concurrent(self) -> bool:
        """CREATE, DROP and REINDEX ... CONCURRENTLY: strong locks on indexes alone, and for a moment."""
        node = self.statement.node
        if is_node(node, "ReindexStmt"):
            return options(node.params).get("concurrently", False) is not False
        return is_node(node, "IndexStmt", "DropStmt", "RefreshMatViewStmt") and bool(node.concurrent)

    def big(self, key: RelationKey) -> bool:
        """Whether reading the relation takes time that somebody notices."""
        size, rows, _ = size_of(self.relation(key), self.before)
        return size >= LARGE_BYTES or rows >= LARGE_ROWS


LARGE_BYTES = 64 * 1024 * 1024
LARGE_ROWS = 100_000
NOTICEABLE_S = 0.2


def hazard(context: Context, id_: str, because: str, safe_sql: tuple[str, ...] | None = None) -> Hazard:
    """The hazard, with the safe sequence for this statement and this runner where one is known; the first of its id."""
    if id_ in context.found:
        return context.found[id_]
    safe = safe_sql or safe_forms.safe_form(context.statement, context.before, id_, context.runner)
    instead = None if safe else no_safe_form(context.statement, id_)
    playbook = None if id_ in WITHOUT_PLAYBOOK else id_
    return context.found.setdefault(id_, Hazard(id_, because, safe, playbook=playbook, instead=instead))


def size_words(context: Context, key: RelationKey) -> str:
    _, rows, source = size_of(context.relation(key), context.before)
    return f"{rows:,.0f} rows{', assumed' if source.startswith('assumed') else ''}"


def duration_words(context: Context) -> str:
    seconds = context.seconds.likely
    if seconds < 1:
        return "less than a second"
    return f"about {seconds:.0f} s" if seconds < 120 else f"about {seconds / 60:.0f} min"
