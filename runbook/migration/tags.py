"""The command tag of a parsed statement, as the server and its logs name it: ``ALTER TABLE``, ``CREATE INDEX``.

Source: CreateCommandTag and AlterObjectTypeCommandTag in src/backend/tcop/utility.c of PostgreSQL 18.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Object types by the words that CREATE, ALTER, DROP and COMMENT use for them; the order of pg_query's enum ObjectType.
OBJECT_WORDS: dict[str, str] = {
    "OBJECT_ACCESS_METHOD": "ACCESS METHOD",
    "OBJECT_AGGREGATE": "AGGREGATE",
    "OBJECT_ATTRIBUTE": "TYPE",
    "OBJECT_CAST": "CAST",
    "OBJECT_COLUMN": "TABLE",
    "OBJECT_COLLATION": "COLLATION",
    "OBJECT_CONVERSION": "CONVERSION",
    "OBJECT_DATABASE": "DATABASE",
    "OBJECT_DOMAIN": "DOMAIN",
    "OBJECT_DOMCONSTRAINT": "DOMAIN",
    "OBJECT_EVENT_TRIGGER": "EVENT TRIGGER",
    "OBJECT_EXTENSION": "EXTENSION",
    "OBJECT_FDW": "FOREIGN DATA WRAPPER",
    "OBJECT_FOREIGN_SERVER": "SERVER",
    "OBJECT_FOREIGN_TABLE": "FOREIGN TABLE",
    "OBJECT_FUNCTION": "FUNCTION",
    "OBJECT_INDEX": "INDEX",
    "OBJECT_LANGUAGE": "LANGUAGE",
    "OBJECT_LARGEOBJECT": "LARGE OBJECT",
    "OBJECT_MATVIEW": "MATERIALIZED VIEW",
    "OBJECT_OPCLASS": "OPERATOR CLASS",
    "OBJECT_OPERATOR": "OPERATOR",
    "OBJECT_OPFAMILY": "OPERATOR FAMILY",
    "OBJECT_POLICY": "POLICY",
    "OBJECT_PROCEDURE": "PROCEDURE",
    "OBJECT_PUBLICATION": "PUBLICATION",
    "OBJECT_ROLE": "ROLE",
    "OBJECT_ROUTINE": "ROUTINE",
    "OBJECT_RULE": "RULE",
    "OBJECT_SCHEMA": "SCHEMA",
    "OBJECT_SEQUENCE": "SEQUENCE",
    "OBJECT_SUBSCRIPTION": "SUBSCRIPTION",
    "OBJECT_STATISTIC_EXT": "STATISTICS",
    "OBJECT_TABCONSTRAINT": "TABLE",
    "OBJECT_TABLE": "TABLE",
    "OBJECT_TABLESPACE": "TABLESPACE",
    "OBJECT_TRANSFORM": "TRANSFORM",
    "OBJECT_TRIGGER": "TRIGGER",
    "OBJECT_TSCONFIGURATION": "TEXT SEARCH CONFIGURATION",
    "OBJECT_TSDICTIONARY": "TEXT SEARCH DICTIONARY",
    "OBJECT_TSPARSER": "TEXT SEARCH PARSER",
    "OBJECT_TSTEMPLATE": "TEXT SEARCH TEMPLATE",
    "OBJECT_TYPE": "TYPE",
    "OBJECT_USER_MAPPING": "USER MAPPING",
    "OBJECT_VIEW": "VIEW",
}

_FIXED: dict[str, str] = {
    "InsertStmt": "INSERT",
    "DeleteStmt": "DELETE",
    "UpdateStmt": "UPDATE",
    "MergeStmt": "MERGE",
    "CreateSchemaStmt": "CREATE SCHEMA",
    "AlterCollationStmt": "ALTER COLLATION",
    "AlterDomainStmt": "ALTER DOMAIN",
    "AlterDefaultPrivilegesStmt": "ALTER DEFAULT PRIVILEGES",
    "CopyStmt": "COPY",
    "VariableShowStmt": "SHOW",
    "CreateStmt": "CREATE TABLE",
    "CreateTableSpaceStmt": "CREATE TABLESPACE",
    "DropTableSpaceStmt": "DROP TABLESPACE",
    "AlterTableSpaceOptionsStmt": "ALTER TABLESPACE",
    "CreateExtensionStmt": "CREATE EXTENSION",
    "AlterExtensionStmt": "ALTER EXTENSION",
    "AlterExtensionContentsStmt": "ALTER EXTENSION",
    "CreateFdwStmt": "CREATE FOREIGN DATA WRAPPER",
    "AlterFdwStmt": "ALTER FOREIGN DATA WRAPPER",
    "CreateForeignServerStmt": "CREATE SERVER",
    "AlterForeignServerStmt": "ALTER SERVER",
    "CreateForeignTableStmt": "CREATE FOREIGN TABLE",
    "CreateUserMappingStmt": "CREATE USER MAPPING",
    "AlterUserMappingStmt": "ALTER USER MAPPING",
    "DropUserMappingStmt": "DROP USER MAPPING",
    "ImportForeignSchemaStmt": "IMPORT FOREIGN SCHEMA",
    "CreatePolicyStmt": "CREATE POLICY",
    "AlterPolicyStmt": "ALTER POLICY",
    "CreateAmStmt": "CREATE ACCESS METHOD",
    "CreateTrigStmt": "CREATE TRIGGER",
    "CreateEventTrigStmt": "CREATE EVENT TRIGGER",
    "AlterEventTrigStmt": "ALTER EVENT TRIGGER",
    "CreatePLangStmt": "CREATE LANGUAGE",
    "CreateRoleStmt": "CREATE ROLE",
    "AlterRoleStmt": "ALTER ROLE",
    "AlterRoleSetStmt": "ALTER ROLE",
    "DropRoleStmt": "DROP ROLE",
    "CreateSeqStmt": "CREATE SEQUENCE",
    "AlterSeqStmt": "ALTER SEQUENCE",
    "CreateDomainStmt": "CREATE DOMAIN",
    "CreateOpClassStmt": "CREATE OPERATOR CLASS",
    "CreateOpFamilyStmt": "CREATE OPERATOR FAMILY",
    "AlterOpFamilyStmt": "ALTER OPERATOR FAMILY",
    "TruncateStmt": "TRUNCATE TABLE",
    "CommentStmt": "COMMENT",
    "SecLabelStmt": "SECURITY LABEL",
    "DeclareCursorStmt": "DECLARE CURSOR",
    "IndexStmt": "CREATE INDEX",
    "CreateStatsStmt": "CREATE STATISTICS",
    "AlterStatsStmt": "ALTER STATISTICS",
    "DoStmt": "DO",
    "CallStmt": "CALL",
    "AlterOperatorStmt": "ALTER OPERATOR",
    "AlterTypeStmt": "ALTER TYPE",
    "RuleStmt": "CREATE RULE",
    "NotifyStmt": "NOTIFY",
    "ListenStmt": "LISTEN",
    "UnlistenStmt": "UNLISTEN",
    "CompositeTypeStmt": "CREATE TYPE",
    "CreateEnumStmt": "CREATE TYPE",
    "CreateRangeStmt": "CREATE TYPE",
    "AlterEnumStmt": "ALTER TYPE",
    "ViewStmt": "CREATE VIEW",
    "LoadStmt": "LOAD",
    "CreatedbStmt": "CREATE DATABASE",
    "AlterDatabaseStmt": "ALTER DATABASE",
    "AlterDatabaseRefreshCollStmt": "ALTER DATABASE",
    "AlterDatabaseSetStmt": "ALTER DATABASE",
    "DropdbStmt": "DROP DATABASE",
    "AlterSystemStmt": "ALTER SYSTEM",
    "ClusterStmt": "CLUSTER",
    "ExplainStmt": "EXPLAIN",
    "RefreshMatViewStmt": "REFRESH MATERIALIZED VIEW",
    "CheckPointStmt": "CHECKPOINT",
    "LockStmt": "LOCK TABLE",
    "ConstraintsSetStmt": "SET CONSTRAINTS",
    "ReindexStmt": "REINDEX",
    "CreateConversionStmt": "CREATE CONVERSION",
    "CreateCastStmt": "CREATE CAST",
    "CreateTransformStmt": "CREATE TRANSFORM",
    "PrepareStmt": "PREPARE",
    "ExecuteStmt": "EXECUTE",
    "DropOwnedStmt": "DROP OWNED",
    "ReassignOwnedStmt": "REASSIGN OWNED",
    "AlterTSDictionaryStmt": "ALTER TEXT SEARCH DICTIONARY",
    "AlterTSConfigurationStmt": "ALTER TEXT SEARCH CONFIGURATION",
    "CreatePublicationStmt": "CREATE PUBLICATION",
    "AlterPublicationStmt": "ALTER PUBLICATION",
    "CreateSubscriptionStmt": "CREATE SUBSCRIPTION",
    "AlterSubscriptionStmt": "ALTER SUBSCRIPTION",
    "DropSubscriptionStmt": "DROP SUBSCRIPTION",
}

# Nodes whose tag is a verb and the type of the object: verb and the field that holds the type.
_BY_OBJECT: dict[str, tuple[str, str]] = {
    "AlterTableStmt": ("ALTER", "objtype"),
    "AlterTableMoveAllStmt": ("ALTER", "objtype"),
    "AlterFunctionStmt": ("ALTER", "objtype"),
    "AlterObjectDependsStmt": ("ALTER", "object_type"),
    "AlterObjectSchemaStmt": ("ALTER", "object_type"),
    "AlterOwnerStmt": ("ALTER", "object_type"),
    "DefineStmt": ("CREATE", "kind"),
    "DropStmt": ("DROP", "remove_type"),
    "CreateTableAsStmt": ("CREATE", "objtype"),
}

_TRANSACTION: dict[str, str] = {
    "TRANS_STMT_BEGIN": "BEGIN",
    "TRANS_STMT_START": "START TRANSACTION",
    "TRANS_STMT_COMMIT": "COMMIT",
    "TRANS_STMT_ROLLBACK": "ROLLBACK",
    "TRANS_STMT_SAVEPOINT": "SAVEPOINT",
    "TRANS_STMT_RELEASE": "RELEASE",
    "TRANS_STMT_ROLLBACK_TO": "ROLLBACK",
    "TRANS_STMT_PREPARE": "PREPARE TRANSACTION",
    "TRANS_STMT_COMMIT_PREPARED": "COMMIT PREPARED",
    "TRANS_STMT_ROLLBACK_PREPARED": "ROLLBACK PREPARED",
}


def enum_name(node: Any, field: str) -> str:
    """The name of an enum field's value: ``enum_name(drop, "remove_type")`` is ``"OBJECT_TABLE"``."""
    key = (type(node), field)
    names = _enum_names.get(key)
    if names is None:
        values = node.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
        names = _enum_names[key] = {number: str(value.name) for number, value in values.items()}
    return names[getattr(node, field)]


_enum_names: dict[tuple[type, str], dict[int, str]] = {}  # asked a hundred thousand times of a long migration


def command_tag(node: Any) -> str:
    """The tag of a statement node (unwrapped), or its node's name where PostgreSQL has none."""
    name = node.DESCRIPTOR.name
    fixed = _FIXED.get(name)
    if fixed is not None:
        return fixed
    if name in _BY_OBJECT:
        verb, field = _BY_OBJECT[name]
        if name == "CreateTableAsStmt" and node.objtype and enum_name(node, "objtype") == "OBJECT_TABLE":
            return "SELECT INTO" if node.is_select_into else "CREATE TABLE AS"
        return f"{verb} {OBJECT_WORDS.get(enum_name(node, field), '')}".strip()
    special = _SPECIAL.get(name)
    return special(node) if special else str(name)


def _select(node: Any) -> str:
    return "SELECT INTO" if node.HasField("into_clause") else "SELECT"


def _rename(node: Any) -> str:
    kind = enum_name(node, "rename_type")
    if kind in ("OBJECT_COLUMN", "OBJECT_TABCONSTRAINT", "OBJECT_ATTRIBUTE"):
        return f"ALTER {OBJECT_WORDS.get(enum_name(node, 'relation_type'), 'TABLE')}"
    return f"ALTER {OBJECT_WORDS.get(kind, '')}".strip()


def _variable(node: Any) -> str:
    return "RESET" if enum_name(node, "kind") in ("VAR_RESET", "VAR_RESET_ALL") else "SET"


_SPECIAL: dict[str, Callable[[Any], str]] = {
    "SelectStmt": _select,
    "RenameStmt": _rename,
    "VariableSetStmt": _variable,
    "TransactionStmt": lambda node: _TRANSACTION[enum_name(node, "kind")],
    "GrantStmt": lambda node: "GRANT" if node.is_grant else "REVOKE",
    "GrantRoleStmt": lambda node: "GRANT ROLE" if node.is_grant else "REVOKE ROLE",
    "VacuumStmt": lambda node: "VACUUM" if node.is_vacuumcmd else "ANALYZE",
    "CreateFunctionStmt": lambda node: "CREATE PROCEDURE" if node.is_procedure else "CREATE FUNCTION",
    "FetchStmt": lambda node: "MOVE" if node.ismove else "FETCH",
    "ClosePortalStmt": lambda node: "CLOSE CURSOR" if node.portalname else "CLOSE CURSOR ALL",
    "DiscardStmt": lambda node: enum_name(node, "target").replace("_", " "),
    "DeallocateStmt": lambda node: "DEALLOCATE ALL" if node.isall else "DEALLOCATE",
}
