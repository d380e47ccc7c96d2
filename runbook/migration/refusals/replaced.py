"""OR REPLACE that would change what others rely on (42P16, 42P13), and settings that are not there (42704, 22023)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration.ast import constant, enum_name, is_node, qualified, strings, type_ref, unwrap
from runbook.migration.catalog import Catalog
from runbook.migration.effects.types import type_written
from runbook.migration.refusals.built_in import TYPES
from runbook.migration.result import Fails


def replaced_view(node: Any, catalog: Catalog) -> Iterator[Fails]:
    """The new columns must be the old ones by name and order, and more only at the end."""
    view = catalog.find(node.view.schemaname or None, node.view.relname)
    query = unwrap(node.query)
    if view is None or view.kind != "v" or not view.columns or not is_node(query, "SelectStmt") or query.values_lists:
        return
    names = [t.name or _title(unwrap(t.val)) for item in query.target_list if (t := unwrap(item)) is not None]
    names = [*strings(node.aliases), *names[len(node.aliases) :]]
    if not names or None in names or enum_name(query, "op") != "SETOP_NONE":
        return
    if len(names) < len(view.columns):
        yield Fails("42P16", "cannot drop columns from view", certain=True)
        return
    for old, new in zip(view.columns, names, strict=False):
        if old.name != new:
            yield Fails("42P16", f"cannot change name of view column {old.name} to {new}", certain=True)
            return


def _title(value: Any) -> str | None:
    names = strings(value.fields) if is_node(value, "ColumnRef") else ()
    return names[-1] if names and len(names) == len(value.fields) else None


def replaced_function(node: Any, catalog: Catalog) -> Iterator[Fails]:
    """The result's type must stay."""
    name = qualified(node.funcname)
    schema = name.schema or next(iter(catalog.search_path), None)
    parameters = [unwrap(p) for p in node.parameters]
    if any(enum_name(p, "mode") not in ("FUNC_PARAM_IN", "FUNC_PARAM_DEFAULT") for p in parameters):
        return
    arguments = tuple(type_written(type_ref(p.arg_type), catalog).printed for p in parameters)
    new = type_ref(node.return_type)
    kind = type_written(new, catalog)
    for found in catalog.functions.get(name.name, ()):
        same = found.schema == schema and found.arguments == arguments and found.kind == "f" and not new.set_of
        if same and kind.schema == "pg_catalog" and kind.name in TYPES and found.returns != kind.printed:
            yield Fails("42P13", "cannot change return type of existing function", certain=True)


_ALL_SETTINGS = 200  # every server has more; a catalog with fewer was given some only

# What SET takes and the probe of settings leaves out, or pg_settings does not show. Source: GUC_NO_SHOW_ALL (guc_tables.c), gram.y.
_SPECIAL_SETTINGS = frozenset(
    {
        "role", "session_authorization", "transaction_isolation", "transaction_read_only", "transaction_deferrable",
        "seed", "is_superuser", "transaction", "session characteristics", "timezone", "xmloption", "client_encoding",
        "default_with_oids", "transaction snapshot", "names", "application_name",
    }
)  # fmt: skip


def set_setting(node: Any, catalog: Catalog) -> Iterator[Fails]:
    """SET of something that the server does not know, and SET ROLE of nobody."""
    name = node.name.lower()
    known = {s.lower() for s in catalog.settings} if len(catalog.settings) > _ALL_SETTINGS else None
    if name == "role" and node.args:
        role = constant(node.args[0])
        if isinstance(role, str) and role != "none" and catalog.roles and role not in catalog.roles:
            yield Fails("22023", f"role {role} does not exist", certain=not catalog.truncated)
    elif known is not None and name and "." not in name and name not in known and name not in _SPECIAL_SETTINGS:
        because = f"unrecognized configuration parameter {node.name}"
        yield Fails("42704", because, certain=False)  # developer options are not read
