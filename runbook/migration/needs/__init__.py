"""What rights a statement requires from the role that runs it.

Each need names one right; ``missing`` (from ``rights``) says whether a catalog's role lacks it and which SQL would
give it. A need about an object that is not in the catalog is not stated: the migration itself makes it, or it is
missing, which is another failure. Source: each command's page in the manual, "Notes" and "Description"; proved by
``tests/migration/test_needs.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.ast import Name
from runbook.migration.catalog import Catalog
from runbook.migration.model import Statement
from runbook.migration.needs.commands import (
    alter_system,
    default_privileges,
    fixed,
    grant,
    maintain,
    publication,
    reindex,
    role_command,
    set_command,
    subscription,
)
from runbook.migration.needs.definitions import (
    alter_table,
    altered_type,
    comment,
    create_extension,
    create_function,
    create_index,
    create_schema,
    create_sequence,
    create_table,
    create_table_as,
    create_trigger,
    create_typed,
    create_view,
    define,
    drop,
    owned_relation,
    rename,
    set_owner,
    set_schema,
    statistics,
)
from runbook.migration.needs.objects import SYSTEM, other, schema_usage, superuser
from runbook.migration.needs.queries import copy, lock, query, truncate
from runbook.migration.rights import Missing, Need, NeedKind, missing

__all__ = ["Missing", "Need", "NeedKind", "missing", "needs"]


def needs(statement: Statement, catalog: Catalog) -> tuple[Need, ...]:
    """The rights that ``statement`` requires, each once, in the order in which the server is likely to ask for them."""
    node = statement.node
    if node is None:
        return ()
    return tuple(dict.fromkeys(_needs(node, catalog)))


def _needs(node: Any, catalog: Catalog) -> Iterator[Need]:
    finder = _FINDERS.get(ast.node_name(node))
    if finder is not None:
        yield from finder(node, catalog)
    for used in ast.types_used(node):
        # LookupExplicitNamespace() in src/backend/catalog/namespace.c: a type's name is looked up like any other
        if used.schema not in SYSTEM:
            yield from schema_usage(Name(used.schema, used.name), catalog)


_FINDERS: dict[str, Callable[[Any, Catalog], Iterator[Need]]] = {
    "SelectStmt": query,
    "InsertStmt": query,
    "UpdateStmt": query,
    "DeleteStmt": query,
    "MergeStmt": query,
    "DeclareCursorStmt": query,
    "ExplainStmt": lambda node, catalog: _needs(ast.unwrap(node.query), catalog),
    "TruncateStmt": truncate,
    "CopyStmt": copy,
    "LockStmt": lock,
    "AlterTableStmt": alter_table,
    "CreateStmt": create_table,
    "CreateForeignTableStmt": lambda node, catalog: create_table(node.base_stmt, catalog),
    "CreateTableAsStmt": create_table_as,
    "ViewStmt": create_view,
    "IndexStmt": create_index,
    "DropStmt": drop,
    "RenameStmt": rename,
    "AlterObjectSchemaStmt": set_schema,
    "AlterOwnerStmt": set_owner,
    "CommentStmt": comment,
    "CreateTrigStmt": create_trigger,
    "RuleStmt": owned_relation("relation"),
    "CreatePolicyStmt": owned_relation("table"),
    "AlterPolicyStmt": owned_relation("table"),
    "AlterSeqStmt": owned_relation("sequence"),
    "CreateStatsStmt": statistics,
    "CreateSchemaStmt": create_schema,
    "CreateExtensionStmt": create_extension,
    "CreateFunctionStmt": create_function,
    "CreateSeqStmt": create_sequence,
    "CreateEnumStmt": create_typed("type_name"),
    "CreateRangeStmt": create_typed("type_name"),
    "CreateDomainStmt": create_typed("domainname"),
    "CompositeTypeStmt": create_typed("typevar"),
    "DefineStmt": define,
    "AlterEnumStmt": altered_type("type_name"),
    "AlterDomainStmt": altered_type("type_name"),
    "AlterTypeStmt": altered_type("type_name"),
    "ClusterStmt": maintain,
    "RefreshMatViewStmt": maintain,
    "ReindexStmt": reindex,
    "GrantStmt": grant,
    "VariableSetStmt": set_command,
    "AlterSystemStmt": alter_system,
    "CreatePublicationStmt": publication,
    "CreateSubscriptionStmt": subscription,
    "CreateEventTrigStmt": fixed(superuser("an event trigger")),
    "CreateOpClassStmt": fixed(superuser("an operator class")),
    "CreateOpFamilyStmt": fixed(superuser("an operator family")),
    "CreateAmStmt": fixed(superuser("an access method")),
    "CreateFdwStmt": fixed(superuser("a foreign-data wrapper")),
    "CreateTableSpaceStmt": fixed(superuser("a tablespace")),
    "CreateRoleStmt": role_command,
    "AlterRoleStmt": role_command,
    "DropRoleStmt": fixed(other("CREATEROLE")),
    "CreatedbStmt": fixed(other("CREATEDB")),
    "AlterDefaultPrivilegesStmt": default_privileges,
}
