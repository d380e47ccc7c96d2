"""What depends on a relation's columns without being a relation: triggers, policies, rules, functions, publications.

A migration that drops such an object before it changes the column is refused nothing; one that makes it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from runbook.migration.ast import columns_used, enum_name, qualified, relation_name, strings, unwrap
from runbook.migration.catalog import Catalog, Dependant, Relation, RelationKey
from runbook.migration.edit import lineage, with_relations
from runbook.migration.revise import replace
from runbook.sql import quote_ident, split_qualified


def without_dependant(
    catalog: Catalog, kind: str, name: str, *, on: Iterable[Relation] | None = None, arguments: int | None = None
) -> Catalog:
    """``catalog`` where no relation (of ``on``) knows the dependant of this kind and name any more.

    ``arguments``: of a function, how many the DROP names; None: it names none, and then there is only one.
    """
    relations = list(on) if on is not None else [r for r in catalog.relations.values() if r.dependants]
    changes = {}
    for relation in relations:
        kept = tuple(d for d in relation.dependants if d.kind != kind or not _is(d, name, arguments))
        if len(kept) != len(relation.dependants):
            changes[relation.key] = replace(relation, dependants=kept)
    return with_relations(catalog, changes)


def _is(dependant: Dependant, name: str, arguments: int | None) -> bool:
    """Whether a description (pg_describe_object, in any language) is of the object with this name."""
    text = dependant.description
    if arguments is not None:
        inside = re.search(r"\((.*)\)", text)
        if inside is not None and (inside[1].count(",") + 1 if inside[1].strip() else 0) != arguments:
            return False
    return any(re.search(rf"(?<![\w$\"]){re.escape(n)}(?![\w$\"])", text) for n in {name, quote_ident(name)})


def drop_of(catalog: Catalog, kind: str, item: Any) -> Catalog:
    """What DROP TRIGGER, RULE, POLICY, FUNCTION, STATISTICS or PUBLICATION takes away; ``kind`` as in OBJECT_TRIGGER."""
    word = _KINDS.get(kind)
    if word is None:
        return catalog
    if word in ("trigger", "rule", "policy"):
        parts = strings(unwrap(item).items)
        relation = catalog.find(parts[-3] if len(parts) > 2 else None, parts[-2]) if len(parts) > 1 else None
        return without_dependant(catalog, word, parts[-1], on=lineage(catalog, relation)) if relation else catalog
    if word == "publication":
        catalog = _unpublished(catalog, qualified(item).name, None)
    arguments = None
    node = unwrap(item)
    if word == "function" and not node.args_unspecified:
        arguments = len(node.objargs)
    return without_dependant(catalog, word, qualified(item).name, arguments=arguments)


def without_callers(catalog: Catalog, function: str) -> Catalog:
    """DROP FUNCTION ... CASCADE: the triggers that call it go as well."""
    for relation in [r for r in catalog.relations.values() if r.triggers]:
        gone = [t.name for t in relation.triggers if split_qualified(t.function)[1] == function]
        if gone:
            kept = replace(relation, triggers=tuple(t for t in relation.triggers if t.name not in gone))
            catalog = with_relations(catalog, {relation.key: kept})
            for name in gone:
                catalog = without_dependant(catalog, "trigger", name, on=[kept])
                kept = catalog.relations[relation.key]
    return catalog


_KINDS = {
    "OBJECT_TRIGGER": "trigger",
    "OBJECT_RULE": "rule",
    "OBJECT_POLICY": "policy",
    "OBJECT_FUNCTION": "function",
    "OBJECT_PROCEDURE": "function",
    "OBJECT_ROUTINE": "function",
    "OBJECT_STATISTIC_EXT": "statistics",
    "OBJECT_PUBLICATION": "publication",
}


def alter_publication(catalog: Catalog, node: Any) -> Catalog:
    """ALTER PUBLICATION ... DROP TABLE, and SET TABLE, which drops whatever it does not name."""
    action = enum_name(node, "action")
    named = [unwrap(o) for o in node.pubobjects]
    keys = set()
    for item in named:
        if item.HasField("pubtable"):
            name = relation_name(item.pubtable.relation)
            relation = catalog.find(name.schema, name.name)
            keys.update({relation.key} if relation is not None else set())
    if action == "AP_DropObjects":
        gone = {member.key for key in keys for member in lineage(catalog, catalog.relations[key])}
        catalog = _unpublished(catalog, node.pubname, gone)
        return without_dependant(catalog, "publication", node.pubname, on=[catalog.relations[k] for k in keys])
    if action == "AP_SetObjects":
        catalog = _unpublished(catalog, node.pubname, None)  # what is set instead is not followed: rather say nothing
        others = [r for r in catalog.relations.values() if r.dependants and r.key not in keys]
        return without_dependant(catalog, "publication", node.pubname, on=others)
    if len(node.options):  # SET (publish = ...): which commands, is not followed
        return _unpublished(catalog, node.pubname, None)
    return catalog


def _unpublished(catalog: Catalog, publication: str, keys: set[RelationKey] | None) -> Catalog:
    """Without UPDATE and DELETE of these relations (None: of all) in the publication."""
    changes = {}
    for relation in catalog.relations.values():
        if publication not in (*relation.updates_published_by, *relation.deletes_published_by):
            continue
        if keys is None or relation.key in keys:
            updates = tuple(n for n in relation.updates_published_by if n != publication)
            deletes = tuple(n for n in relation.deletes_published_by if n != publication)
            changes[relation.key] = replace(relation, updates_published_by=updates, deletes_published_by=deletes)
    return with_relations(catalog, changes) if changes else catalog


def depending(relation: Relation, kind: str, name: str, expressions: Iterable[Any], columns: Iterable[str]) -> Relation:
    """``relation`` whose columns in ``expressions`` and ``columns`` a trigger or policy of this name depends on."""
    used = {parts[-1] for e in expressions for parts in columns_used(e)} | set(columns)
    known = [c.name for c in relation.columns if c.name in used]
    text = f"{kind} {name} on table {quote_ident(relation.name)}"
    others = tuple(d for d in relation.dependants if d.kind != kind or not _is(d, name, None))
    return replace(relation, dependants=(*others, *(Dependant(kind, text, column, relation.key) for column in known)))


def create_policy(catalog: Catalog, node: Any) -> Catalog:
    """CREATE POLICY: the columns of its conditions cannot change their type while it is there."""
    name = relation_name(node.table)
    relation = catalog.find(name.schema, name.name)
    if relation is None:
        return catalog
    expressions = [unwrap(getattr(node, field)) for field in ("qual", "with_check") if node.HasField(field)]
    changed = depending(relation, "policy", node.policy_name, expressions, ())
    return with_relations(catalog, {relation.key: changed})
