"""Which function finds the effects of which kind of statement; a kind that is nowhere here is said to be opaque."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from runbook.migration.ast import enum_name, is_node, node_name, options, unwrap
from runbook.migration.catalog import Catalog, Schema
from runbook.migration.effects import alter_table, blocks, bodies, create, drops, indexes, maintenance, objects, queries
from runbook.migration.effects.result import Effects
from runbook.migration.effects.scene import Failed, Scene
from runbook.migration.model import Statement
from runbook.migration.result import Fails
from runbook.migration.versions import Requirement, minimum_version, removals

Finder = Callable[[Scene, Any], None]


def find_effects(statement: Statement, catalog: Catalog) -> Effects:
    """What ``statement`` does on the server that ``catalog`` describes."""
    scene = Scene(catalog)
    if statement.node is None:
        return _without_node(statement)
    needs = minimum_version(statement, catalog)
    lowest = max((n.minimum for n in needs), default=None)
    try:
        _known_to(catalog, needs, statement)
        find_in(scene, statement.node)
    except Failed as failed:
        if failed.fails.certain:
            return Effects(fails=failed.fails, transaction=scene.transaction, min_server_version=lowest)
        scene.fails = failed.fails
        scene.doubt(failed.fails.because)
    return replace(scene.effects(), min_server_version=lowest)


def find_in(scene: Scene, node: Any) -> None:
    """Add what one parsed statement does. Raises Failed."""
    name = node_name(node)
    finder = _FINDERS.get(name)
    if finder is not None:
        finder(scene, node)
    elif name not in _NO_RELATION:
        scene.opaque(f"what {name} locks is not known")


def _known_to(catalog: Catalog, needs: tuple[Requirement, ...], statement: Statement) -> None:
    """Raises Failed where the server is older, or newer, than what the statement uses."""
    for need in needs:
        if need.minimum > catalog.server_version_num:
            raise Failed(need.sqlstate, f"{need.feature} needs PostgreSQL {need.minimum // 10000}")
    for gone in removals(statement, catalog):
        if gone.since <= catalog.server_version_num:
            raise Failed(gone.sqlstate, f"{gone.feature} is gone since PostgreSQL {gone.since // 10000}")


def _without_node(statement: Statement) -> Effects:
    if statement.kind.startswith("psql \\"):
        from runbook.migration.psql import CLIENT_ONLY

        if statement.kind.removeprefix("psql ") in CLIENT_ONLY:
            return Effects()
        return Effects(confidence="opaque", opaque_because=f"{statement.kind} was not followed")
    problem = statement.problem or "the statement could not be parsed"
    state = "0A000" if "cannot be marked" in problem else "42601"
    return Effects(fails=Fails(state, problem, certain=False), confidence="opaque", opaque_because=problem)


def _forbidden(scene: Scene, node: Any) -> None:
    scene.forbid_transaction()


def _discard(scene: Scene, node: Any) -> None:
    if enum_name(node, "target") == "DISCARD_ALL":
        scene.forbid_transaction()


def _create_tablespace(scene: Scene, node: Any) -> None:
    scene.forbid_transaction()
    scene.depends_on_data("58P01", f"the folder {node.location} must exist on the server")


def _explain(scene: Scene, node: Any) -> None:
    analyze = options(node.options).get("analyze", False) not in (False, "false", "off")
    inner = unwrap(node.query)
    if is_node(inner, *_QUERIES):
        queries.query(scene, inner, executed=analyze)
    else:
        find_in(scene, inner)


def _query(scene: Scene, node: Any) -> None:
    if (
        is_node(node, "SelectStmt")
        and node.HasField("into_clause")
        and create.exists(scene, node.into_clause.rel, skip=False)
    ):
        return
    queries.query(scene, node)


def _create_schema(scene: Scene, node: Any) -> None:
    name = node.schemaname or node.authrole.rolename
    if name in scene.catalog.schemas and not scene.catalog.is_assumed:
        if node.if_not_exists:
            return
        raise Failed("42P06", f"schema {name} already exists")
    scene.catalog = replace(
        scene.catalog,
        schemas={**scene.catalog.schemas, name: Schema(name, can_create=True, can_use=True)},
        search_path=(name,),
    )
    for element in node.schema_elts:
        find_in(scene, unwrap(element))


def _cursor(scene: Scene, node: Any) -> None:
    queries.query(scene, unwrap(node.query), executed=False)


def _prepare(scene: Scene, node: Any) -> None:
    queries.query(scene, unwrap(node.query), planned=False, executed=False)


def _prepared(scene: Scene, node: Any) -> None:
    scene.opaque("it runs a prepared statement")


def _extension(scene: Scene, node: Any) -> None:
    known = scene.catalog.extensions.get(node.extname)
    if known is not None and known.version is not None:
        if node.if_not_exists:
            return
        raise Failed("42710", f"extension {node.extname} already exists")
    if known is None and scene.catalog.extensions and not scene.catalog.is_assumed:
        state = "0A000" if scene.major >= 15 else "58P01"
        raise Failed(state, f"extension {node.extname} is not available", certain=not scene.catalog.truncated)


_QUERIES = ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")

_FINDERS: dict[str, Finder] = {
    **dict.fromkeys(_QUERIES, _query),
    "CopyStmt": queries.copy,
    "ExplainStmt": _explain,
    "AlterTableStmt": alter_table.alter_table,
    "AlterTableMoveAllStmt": objects.move_all,
    "RenameStmt": objects.rename,
    "AlterObjectSchemaStmt": objects.set_schema,
    "AlterObjectDependsStmt": objects.depends,
    "CreateStmt": create.table,
    "CreateForeignTableStmt": create.foreign_table,
    "CreateTableAsStmt": create.table_as,
    "ViewStmt": create.view,
    "CreateTrigStmt": create.trigger,
    "RuleStmt": create.rule,
    "CreatePolicyStmt": create.policy,
    "AlterPolicyStmt": create.policy,
    "CreateSeqStmt": create.sequence,
    "AlterSeqStmt": create.sequence,
    "CreateFunctionStmt": create.function,
    "CreateStatsStmt": create.statistics,
    "CreateSchemaStmt": _create_schema,
    "CreateExtensionStmt": _extension,
    "IndexStmt": indexes.create,
    "ReindexStmt": indexes.reindex,
    "DropStmt": drops.drop,
    "DropOwnedStmt": drops.owned,
    "ReassignOwnedStmt": drops.reassign,
    "TruncateStmt": maintenance.truncate,
    "LockStmt": maintenance.lock,
    "VacuumStmt": maintenance.vacuum,
    "ClusterStmt": maintenance.cluster,
    "RefreshMatViewStmt": maintenance.refresh,
    "CommentStmt": objects.comment,
    "SecLabelStmt": objects.comment,
    "GrantStmt": objects.grant,
    "AlterDomainStmt": objects.alter_domain,
    "AlterEnumStmt": objects.alter_enum,
    "CreatePublicationStmt": objects.publication,
    "AlterPublicationStmt": objects.publication,
    "CreateSubscriptionStmt": objects.subscription,
    "DoStmt": blocks.do_block,
    "CallStmt": bodies.call,
    "ExecuteStmt": _prepared,
    "PrepareStmt": _prepare,
    "DeclareCursorStmt": _cursor,
    "AlterOwnerStmt": objects.owner,
    "CreatedbStmt": _forbidden,
    "DropdbStmt": _forbidden,
    "CreateTableSpaceStmt": _create_tablespace,
    "DropTableSpaceStmt": _forbidden,
    "AlterSystemStmt": _forbidden,
    "DropSubscriptionStmt": _forbidden,
    "DiscardStmt": _discard,
}

# Statements that lock no user relation. Source: utility.c; each is seen in tests/oracle or takes no relation at all.
_NO_RELATION = frozenset(
    {
        "TransactionStmt", "VariableSetStmt", "VariableShowStmt",
        "DeallocateStmt", "FetchStmt", "ClosePortalStmt", "CheckPointStmt", "LoadStmt",
        "NotifyStmt", "ListenStmt", "UnlistenStmt", "ConstraintsSetStmt", "CompositeTypeStmt", "CreateEnumStmt",
        "CreateRangeStmt", "CreateDomainStmt", "DefineStmt", "CreateRoleStmt", "AlterRoleStmt",
        "AlterRoleSetStmt", "DropRoleStmt", "GrantRoleStmt", "AlterDefaultPrivilegesStmt",
        "AlterFunctionStmt", "AlterTypeStmt", "AlterStatsStmt", "AlterExtensionStmt",
        "AlterExtensionContentsStmt", "CreateEventTrigStmt", "AlterEventTrigStmt", "CreateFdwStmt",
        "AlterFdwStmt", "CreateForeignServerStmt", "AlterForeignServerStmt", "CreateUserMappingStmt",
        "AlterUserMappingStmt", "DropUserMappingStmt", "CreateCastStmt", "CreateConversionStmt",
        "CreatePLangStmt", "CreateTransformStmt", "CreateOpClassStmt", "CreateOpFamilyStmt",
        "AlterOpFamilyStmt", "AlterOperatorStmt", "CreateAmStmt", "AlterDatabaseStmt", "AlterDatabaseSetStmt",
        "AlterDatabaseRefreshCollStmt", "AlterCollationStmt", "AlterTSDictionaryStmt",
        "AlterTSConfigurationStmt", "AlterSubscriptionStmt", "ImportForeignSchemaStmt",
        "AlterTableSpaceOptionsStmt", "ReturnStmt",
    }
)  # fmt: skip
