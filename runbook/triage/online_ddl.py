"""What online schema change tools leave behind when they are interrupted, and whether it stands in the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runbook.migration.catalog import Catalog, Relation
from runbook.migration.objects import find_index
from runbook.sql import quote_ident, quote_qualified
from runbook.triage.case import Case, Facts
from runbook.triage.failing import AtFault

# Sources: pg_repack lib/pg_repack.sql and bin/pg_repack.c (repack.log_OID, table_OID, index_OID, repack_trigger);
# pgroll pkg/backfill and pkg/migrations (_pgroll_new_, _pgroll_dup_, _pgroll_trigger_, _pgroll_needs_backfill);
# pg-osc lib/pg_online_schema_change (pgosc_at_, pgosc_st_, pgosc_op_table_, primary_to_audit_table_trigger).
_RELATIONS = (
    ("pg_repack", re.compile(r"^repack\.(?:log|table|pk)_\d+$")),
    ("pgroll", re.compile(r"^[^.]+\._pgroll_")),
    ("pg-osc", re.compile(r"^[^.]+\.pgosc_(?:at|st|op_table|audit_table_for|shadow_table_for)_")),
)
_PARTS = (
    ("pg_repack", re.compile(r"^(?:repack_trigger|index_\d{4,})$")),
    ("pgroll", re.compile(r"^_pgroll_")),
    ("pg-osc", re.compile(r"^(?:primary_to_audit_table_trigger|pgosc_(?:at|st|op_table)_)")),
)
_PART_PREFIXES = ("repack_trigger", "index_", "_pgroll_", "primary_to_audit_table_trigger", "pgosc_")
"""What every name in _PARTS begins with: a catalog may hold 300,000 columns."""
_ENOUGH = 40


def state(facts: Facts, case: Case, fault: AtFault | None) -> None:
    """State ``dependency.leftovers``."""
    id_ = "dependency.leftovers"
    catalog = case.production.catalog if case.production is not None else None
    words = _words(case, fault)
    if catalog is None:
        named = list(_named(words)) if case.error is not None else []
        if named:
            facts.know(id_, named, "named by the error")
        else:
            facts.unknown(id_, "production's catalog is not known")
        return
    found = [row | {"in_the_way": _in_the_way(row, words, case, catalog)} for row in _leftovers(catalog)]
    found.sort(key=lambda row: not row["in_the_way"])
    facts.know(
        id_,
        found[:_ENOUGH],
        f"{len(found)} on production",
        side="production",
        readings="production/relations production/columns production/triggers production/indexes",
    )


_NAMED = (
    ("pg_repack", re.compile(r"\brepack\.(?:log|table)_\d+|\blog_\d+(?=\.(?:repack_)?row\b)|\brepack_trigger\b")),
    ("pgroll", re.compile(r"\b_pgroll_\w+")),
    ("pg-osc", re.compile(r"\bpgosc_(?:at|st|op_table)_\w+|\bprimary_to_audit_table_trigger\b")),
)


def _named(words: str) -> Iterator[dict[str, Any]]:
    """What the error itself names, where no catalog was read."""
    for tool, pattern in _NAMED:
        for name in dict.fromkeys(pattern.findall(words)):
            yield {"tool": tool, "kind": "object", "name": name, "relation": "", "in_the_way": True}


def _leftovers(catalog: Catalog) -> Iterator[dict[str, Any]]:
    for relation in catalog.relations.values():
        tool = _tool(_RELATIONS, f"{relation.schema}.{relation.name}")
        if tool:
            yield {"tool": tool, "kind": "table", "name": relation.qualified, "relation": relation.qualified}
            continue
        for kind, name in _parts(relation):
            tool = _tool(_PARTS, name)
            if tool:
                yield {"tool": tool, "kind": kind, "name": quote_ident(name), "relation": relation.qualified}


def _parts(relation: Relation) -> Iterator[tuple[str, str]]:
    """What of the relation may be a tool's, by the beginning of its name."""
    for kind, parts in (
        ("column", relation.columns),
        ("trigger", relation.triggers),
        ("index", relation.indexes),
        ("constraint", relation.constraints),
    ):
        for part in parts:
            if part.name.startswith(_PART_PREFIXES):
                yield kind, part.name


def _tool(patterns: tuple[tuple[str, re.Pattern[str]], ...], name: str) -> str:
    return next((tool for tool, pattern in patterns if pattern.search(name)), "")


def _words(case: Case, fault: AtFault | None) -> str:
    """What the error says, or what the forecast says will be refused."""
    if case.error is not None:
        return f"{case.error.message} {case.error.detail or ''}"
    fails = fault.forecast.fails if fault is not None and fault.forecast is not None else None
    return fails.because if fails is not None and fails.certain else ""


def _in_the_way(row: dict[str, Any], words: str, case: Case, catalog: Catalog) -> bool:
    """Whether it is named, or what exists already belongs to it."""
    bare = row["name"].rpartition(".")[2] if row["kind"] == "table" else row["name"].strip('"')
    if re.search(rf"(?<!\w){re.escape(bare)}(?!\w)", words):
        return True
    subject = case.error.subject if case.error is not None and case.error.sqlstate in ("42P07", "42710") else None
    name = (subject.index or subject.relation or subject.constraint) if subject is not None else None
    if name is None or row["kind"] != "table":
        return False
    index = find_index(catalog, None, name)
    return index is not None and quote_qualified(index[0].schema, index[0].name) == row["relation"]
