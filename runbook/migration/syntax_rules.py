"""Syntax and options by the first major that knows them, each with an example and the error that older servers give.

Every row is proved on real servers by ``tests/migration/test_versions.py``: below ``minimum`` the example fails with
``sqlstate``, from it on it does not. ``source`` is the section of that major's release notes
(https://www.postgresql.org/docs/release/) or of the command's page. What 11 and older brought is not listed: the oldest
server looked at is 12.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runbook.migration.ast import constant, enum_name, is_node, options, strings, unwrap


@dataclass(frozen=True, slots=True)
class Rule:
    """``holds(node)`` is asked for each node of that name in a statement; ``minimum`` is a server_version_num.

    ``kind`` is syntax, option or index method. ``setup`` stands before the example where its error needs objects.
    """

    feature: str
    minimum: int
    node: str
    holds: Callable[[Any], bool]
    source: str
    example: str
    kind: str = "syntax"
    sqlstate: str = "42601"
    setup: str = ""


def _always(_: Any) -> bool:
    return True


def _flag(field: str) -> Callable[[Any], bool]:
    return lambda node: bool(getattr(node, field))


def _has(field: str) -> Callable[[Any], bool]:
    return lambda node: bool(node.HasField(field))


def _enum(field: str, *values: str) -> Callable[[Any], bool]:
    return lambda node: enum_name(node, field) in values


def _option(field: str, *names: str) -> Callable[[Any], bool]:
    """An option of one of these names in a list of DefElem."""
    wanted = frozenset(names)
    return lambda node: any(is_node(o := unwrap(e), "DefElem") and o.defname in wanted for e in getattr(node, field))


def _value(field: str, name: str, *values: str) -> Callable[[Any], bool]:
    return lambda node: str(options(getattr(node, field)).get(name, "")).lower() in values


def _both(*conditions: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda node: all(condition(node) for condition in conditions)


def _is_not_null(node: Any) -> bool:
    """A NOT NULL that stands by itself and names its column."""
    constraint = unwrap(node)
    return (
        is_node(constraint, "Constraint")
        and enum_name(constraint, "contype") == "CONSTR_NOTNULL"
        and bool(constraint.keys)
    )


def _old_or_new(node: Any) -> bool:
    """RETURNING old.x or new.x."""
    targets = (unwrap(e) for e in node.exprs)
    columns = (unwrap(t.val) for t in targets if is_node(t, "ResTarget"))
    return any(
        is_node(c, "ColumnRef") and len(c.fields) > 1 and strings(c.fields[:1]) in (("old",), ("new",)) for c in columns
    )


def _like(bit: int) -> Callable[[Any], bool]:
    """INCLUDING of one kind. Bits are TableLikeOption in parsenodes.h; ALL sets every bit and is old."""
    return lambda node: bool(node.options & bit) and node.options != 0x7FFFFFFF


def _view_column(node: Any) -> bool:
    return enum_name(node, "rename_type") == "OBJECT_COLUMN" and enum_name(node, "relation_type") == "OBJECT_VIEW"


def _out_parameter(node: Any) -> bool:
    parameters = (unwrap(p) for p in node.parameters)
    return node.is_procedure and any(enum_name(p, "mode") == "FUNC_PARAM_OUT" for p in parameters)


def _alter(*types: str) -> Callable[[Any], bool]:
    return _enum("subtype", *types)


def _definition(node: Any) -> Any:
    return unwrap(node.__getattribute__("def")) if node.HasField("def") else None


def _set_option(*names: str) -> Callable[[Any], bool]:
    """ALTER ... SET (name = ...)."""
    wanted = frozenset(names)

    def holds(node: Any) -> bool:
        if enum_name(node, "subtype") != "AT_SetRelOptions":
            return False
        items = _definition(node)
        return items is not None and any(unwrap(i).defname in wanted for i in items.items)

    return holds


def _alter_constraint(field: str) -> Callable[[Any], bool]:
    def holds(node: Any) -> bool:
        return enum_name(node, "subtype") == "AT_AlterConstraint" and bool(getattr(_definition(node), field, False))

    return holds


_CMD, _UTIL, _IDX, _CON, _REP, _SQL, _PRIV = (
    "CREATE TABLE, ALTER TABLE", "Utility Commands", "Indexes", "Constraints", "Logical Replication",
    "SELECT, DML", "Privileges",
)  # fmt: skip
_T = "CREATE TABLE rule_t (a int, b int); "

RULES: tuple[Rule, ...] = (
    # 12
    Rule("REINDEX CONCURRENTLY", 120000, "ReindexStmt", _option("params", "concurrently"), _IDX,
         "REINDEX TABLE CONCURRENTLY t"),
    Rule("GENERATED ALWAYS AS ... STORED", 120000, "Constraint",
         _both(_enum("contype", "CONSTR_GENERATED"), lambda n: n.generated_kind == "s"), _CMD,
         "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a) STORED)"),
    Rule("WITH ... AS [NOT] MATERIALIZED", 120000, "CommonTableExpr",
         _enum("ctematerialized", "CTEMaterializeAlways", "CTEMaterializeNever"), _SQL,
         "WITH x AS MATERIALIZED (SELECT 1) SELECT * FROM x"),
    Rule("COPY FROM ... WHERE", 120000, "CopyStmt", _has("where_clause"), _UTIL, "COPY t FROM STDIN WHERE a > 1"),
    Rule("COMMIT AND CHAIN", 120000, "TransactionStmt", _flag("chain"), _UTIL, "COMMIT AND CHAIN", sqlstate="42601"),
    Rule("CREATE OR REPLACE AGGREGATE", 120000, "DefineStmt", _flag("replace"), _UTIL,
         "CREATE OR REPLACE AGGREGATE s.x (int) (sfunc = int4pl, stype = int)"),
    # 13
    Rule("DROP EXPRESSION", 130000, "AlterTableCmd", _alter("AT_DropExpression"), _CMD,
         "ALTER TABLE t ALTER COLUMN a DROP EXPRESSION"),
    Rule("FETCH FIRST ... WITH TIES", 130000, "SelectStmt", _enum("limit_option", "LIMIT_OPTION_WITH_TIES"), _SQL,
         "SELECT 1 ORDER BY 1 FETCH FIRST 1 ROW WITH TIES"),
    Rule("operator class parameters", 130000, "IndexElem", lambda n: bool(n.opclassopts), _IDX,
         "CREATE INDEX ON t USING gist (a tsvector_ops(siglen=64))"),
    Rule("DROP DATABASE ... WITH (FORCE)", 130000, "DropdbStmt", lambda n: bool(n.options), _UTIL,
         "DROP DATABASE nowhere WITH (FORCE)"),
    Rule("VACUUM (PARALLEL)", 130000, "VacuumStmt", _option("options", "parallel"), _UTIL, "VACUUM (PARALLEL 2) t",
         "option"),
    Rule("EXPLAIN (WAL)", 130000, "ExplainStmt", _option("options", "wal"), _UTIL,
         "EXPLAIN (ANALYZE, WAL) SELECT 1", "option"),
    Rule("ALTER VIEW ... RENAME COLUMN", 130000, "RenameStmt", _view_column, _UTIL,
         "ALTER VIEW v RENAME COLUMN a TO b"),
    Rule("NO DEPENDS ON EXTENSION", 130000, "AlterObjectDependsStmt", _flag("remove"), _UTIL,
         "ALTER FUNCTION f() NO DEPENDS ON EXTENSION x"),
    Rule("ALTER TYPE ... SET (...)", 130000, "AlterTypeStmt", _always, _UTIL, "ALTER TYPE t SET (STORAGE = plain)"),
    Rule("ALTER STATISTICS ... SET STATISTICS", 130000, "AlterStatsStmt", _always, _UTIL,
         "ALTER STATISTICS s SET STATISTICS 10"),
    Rule("CREATE DATABASE ... LOCALE", 130000, "CreatedbStmt", _option("options", "locale"), _UTIL,
         "CREATE DATABASE d LOCALE 'C' TEMPLATE nowhere", "option"),
    Rule("publish_via_partition_root", 130000, "CreatePublicationStmt",
         _option("options", "publish_via_partition_root"), _REP,
         "CREATE PUBLICATION p WITH (publish_via_partition_root = true)", "option"),
    Rule("autovacuum_vacuum_insert_* storage parameter", 130000, "CreateStmt",
         _option("options", "autovacuum_vacuum_insert_threshold", "autovacuum_vacuum_insert_scale_factor"), _CMD,
         "CREATE TABLE rule_t (a int) WITH (autovacuum_vacuum_insert_threshold = 5)", "option", "22023"),
    Rule("autovacuum_vacuum_insert_* storage parameter", 130000, "AlterTableCmd",
         _set_option("autovacuum_vacuum_insert_threshold", "autovacuum_vacuum_insert_scale_factor"), _CMD,
         "ALTER TABLE rule_t SET (autovacuum_vacuum_insert_threshold = 5)", "option", "22023", _T),
    Rule("deduplicate_items", 130000, "IndexStmt", _option("options", "deduplicate_items"), _IDX,
         "CREATE INDEX ON rule_t (a) WITH (deduplicate_items = off)", "option", "22023", _T),
    # 14
    Rule("CREATE OR REPLACE TRIGGER", 140000, "CreateTrigStmt", _flag("replace"), _UTIL,
         "CREATE OR REPLACE TRIGGER x BEFORE INSERT ON t EXECUTE FUNCTION f()"),
    Rule("SQL-standard function body (BEGIN ATOMIC, RETURN)", 140000, "CreateFunctionStmt", _has("sql_body"), _UTIL,
         "CREATE FUNCTION rule_f() RETURNS int LANGUAGE sql RETURN 1"),
    Rule("OUT parameters of procedures", 140000, "CreateFunctionStmt", _out_parameter, _UTIL,
         "CREATE PROCEDURE rule_p(OUT a int) LANGUAGE sql AS 'SELECT 1'", sqlstate="0A000"),
    Rule("DETACH PARTITION CONCURRENTLY", 140000, "PartitionCmd", _flag("concurrent"), _CMD,
         "ALTER TABLE t DETACH PARTITION p CONCURRENTLY"),
    Rule("DETACH PARTITION ... FINALIZE", 140000, "AlterTableCmd", _alter("AT_DetachPartitionFinalize"), _CMD,
         "ALTER TABLE t DETACH PARTITION p FINALIZE"),
    Rule("COMPRESSION of a column", 140000, "ColumnDef", lambda n: bool(n.compression), _CMD,
         "CREATE TABLE t (a text COMPRESSION pglz)"),
    Rule("SET COMPRESSION", 140000, "AlterTableCmd", _alter("AT_SetCompression"), _CMD,
         "ALTER TABLE t ALTER COLUMN a SET COMPRESSION pglz"),
    Rule("INCLUDING COMPRESSION", 140000, "TableLikeClause", _like(1 << 1), _CMD,
         "CREATE TABLE t (LIKE s INCLUDING COMPRESSION)"),
    Rule("GROUP BY DISTINCT", 140000, "SelectStmt", _flag("group_distinct"), _SQL,
         "SELECT 1 GROUP BY DISTINCT ROLLUP (a), ROLLUP (b)"),
    Rule("SEARCH and CYCLE in WITH RECURSIVE", 140000, "CommonTableExpr",
         lambda n: n.HasField("search_clause") or n.HasField("cycle_clause"), _SQL,
         "WITH RECURSIVE x(a) AS (SELECT 1 UNION SELECT a FROM x) SEARCH DEPTH FIRST BY a SET o SELECT * FROM x"),
    Rule("JOIN ... USING (...) AS alias", 140000, "JoinExpr", _has("join_using_alias"), _SQL,
         "SELECT * FROM a JOIN b USING (c) AS d"),
    Rule("statistics on expressions", 140000, "StatsElem", _has("expr"), _UTIL,
         "CREATE STATISTICS x ON (a + b) FROM rule_t", sqlstate="0A000", setup=_T),
    Rule("VACUUM (PROCESS_TOAST)", 140000, "VacuumStmt", _option("options", "process_toast"), _UTIL,
         "VACUUM (PROCESS_TOAST false) t", "option"),
    Rule("REINDEX (TABLESPACE)", 140000, "ReindexStmt", _option("params", "tablespace"), _UTIL,
         "REINDEX (TABLESPACE pg_default) TABLE t", "option"),
    Rule("GRANT ... GRANTED BY", 140000, "GrantStmt", _has("grantor"), _PRIV,
         "GRANT SELECT ON t TO PUBLIC GRANTED BY CURRENT_USER"),
    Rule("INCLUDE in an SP-GiST index", 140000, "IndexStmt",
         lambda n: n.access_method == "spgist" and bool(n.index_including_params), _IDX,
         "CREATE INDEX ON rule_s USING spgist (p) INCLUDE (a)", "index method", "0A000",
         "CREATE TABLE rule_s (a int, p point); "),
    Rule("multirange_type_name", 140000, "CreateRangeStmt", _option("params", "multirange_type_name"), _UTIL,
         "CREATE TYPE rule_r AS RANGE (subtype = int4, multirange_type_name = rule_m)", "option"),
    Rule("ALTER SUBSCRIPTION ... ADD PUBLICATION", 140000, "AlterSubscriptionStmt",
         _enum("kind", "ALTER_SUBSCRIPTION_ADD_PUBLICATION", "ALTER_SUBSCRIPTION_DROP_PUBLICATION"), _REP,
         "ALTER SUBSCRIPTION s ADD PUBLICATION p"),
    Rule("binary, streaming of a subscription", 140000, "CreateSubscriptionStmt",
         _option("options", "binary", "streaming"), _REP,
         "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false, binary = true)", "option"),
    # 15
    Rule("NULLS [NOT] DISTINCT", 150000, "IndexStmt", _flag("nulls_not_distinct"), _IDX,
         "CREATE UNIQUE INDEX ON t (a) NULLS NOT DISTINCT"),
    Rule("NULLS [NOT] DISTINCT", 150000, "Constraint", _flag("nulls_not_distinct"), _CON,
         "CREATE TABLE t (a int UNIQUE NULLS NOT DISTINCT)"),
    Rule("MERGE", 150000, "MergeStmt", _always, _SQL, "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE"),
    Rule("security_invoker view", 150000, "ViewStmt", _option("options", "security_invoker"), "Views",
         "CREATE VIEW rule_v WITH (security_invoker = true) AS SELECT 1 AS a", "option", "22023"),
    Rule("security_invoker view", 150000, "AlterTableCmd", _set_option("security_invoker"), "Views",
         "ALTER VIEW rule_v SET (security_invoker = true)", "option", "22023", "CREATE VIEW rule_v AS SELECT 1 AS a; "),
    Rule("ON DELETE SET NULL (columns)", 150000, "Constraint", lambda n: bool(n.fk_del_set_cols), _CON,
         "CREATE TABLE t (a int, b int, FOREIGN KEY (a, b) REFERENCES p ON DELETE SET NULL (a))"),
    Rule("row filter of a publication", 150000, "PublicationTable", _has("where_clause"), _REP,
         "CREATE PUBLICATION p FOR TABLE t WHERE (a > 1)"),
    Rule("column list of a publication", 150000, "PublicationTable", lambda n: bool(n.columns), _REP,
         "CREATE PUBLICATION p FOR TABLE t (a)"),
    Rule("FOR TABLES IN SCHEMA", 150000, "PublicationObjSpec",
         _enum("pubobjtype", "PUBLICATIONOBJ_TABLES_IN_SCHEMA", "PUBLICATIONOBJ_TABLES_IN_CUR_SCHEMA"), _REP,
         "CREATE PUBLICATION p FOR TABLES IN SCHEMA public"),
    Rule("SET ACCESS METHOD", 150000, "AlterTableCmd", _alter("AT_SetAccessMethod"), _CMD,
         "ALTER TABLE t SET ACCESS METHOD heap"),
    Rule("UNLOGGED sequence", 150000, "CreateSeqStmt", lambda n: n.sequence.relpersistence == "u", _CMD,
         "CREATE UNLOGGED SEQUENCE rule_q", sqlstate="0A000"),
    Rule("GRANT ... ON PARAMETER", 150000, "GrantStmt", _enum("objtype", "OBJECT_PARAMETER_ACL"), _PRIV,
         "GRANT SET ON PARAMETER work_mem TO PUBLIC"),
    Rule("REFRESH COLLATION VERSION of a database", 150000, "AlterDatabaseRefreshCollStmt", _always, _UTIL,
         "ALTER DATABASE d REFRESH COLLATION VERSION"),
    Rule("COPY (HEADER MATCH)", 150000, "CopyStmt", _value("options", "header", "match"), _UTIL,
         "COPY rule_t FROM STDIN (FORMAT csv, HEADER match)", "option", setup=_T),
    Rule("CREATE DATABASE STRATEGY, LOCALE_PROVIDER, ICU_LOCALE, OID", 150000, "CreatedbStmt",
         _option("options", "strategy", "locale_provider", "icu_locale", "oid", "collation_version"), _UTIL,
         "CREATE DATABASE d STRATEGY = wal_log TEMPLATE nowhere", "option"),
    Rule("two_phase, disable_on_error of a subscription", 150000, "CreateSubscriptionStmt",
         _option("options", "two_phase", "disable_on_error"), _REP,
         "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false, disable_on_error = true)", "option"),
    Rule("ALTER SUBSCRIPTION ... SKIP", 150000, "AlterSubscriptionStmt", _enum("kind", "ALTER_SUBSCRIPTION_SKIP"), _REP,
         "ALTER SUBSCRIPTION s SKIP (lsn = NONE)"),
    # 16
    Rule("STORAGE of a column in CREATE TABLE", 160000, "ColumnDef", lambda n: bool(n.storage_name), _CMD,
         "CREATE TABLE t (a text STORAGE external)"),
    Rule("SET STORAGE DEFAULT", 160000, "AlterTableCmd",
         lambda n: enum_name(n, "subtype") == "AT_SetStorage" and constant(n.__getattribute__("def")) == "default", _CMD,
         "ALTER TABLE t ALTER COLUMN a SET STORAGE DEFAULT"),
    Rule("subquery in FROM without an alias", 160000, "RangeSubselect", lambda n: not n.HasField("alias"), _SQL,
         "SELECT * FROM (SELECT 1)"),
    Rule("SQL/JSON constructors", 160000, "JsonObjectConstructor", _always, _SQL, "SELECT JSON_OBJECT('a': 1)"),
    Rule("SQL/JSON constructors", 160000, "JsonArrayConstructor", _always, _SQL,
         "SELECT JSON_ARRAY(1, 2 RETURNING jsonb)"),
    Rule("SQL/JSON constructors", 160000, "JsonArrayQueryConstructor", _always, _SQL, "SELECT JSON_ARRAY(SELECT 1)"),
    Rule("SQL/JSON aggregates", 160000, "JsonObjectAgg", _always, _SQL, "SELECT JSON_OBJECTAGG('a': 1)"),
    Rule("SQL/JSON aggregates", 160000, "JsonArrayAgg", _always, _SQL, "SELECT JSON_ARRAYAGG(1 RETURNING jsonb)"),
    Rule("IS JSON", 160000, "JsonIsPredicate", _always, _SQL, "SELECT '1' IS JSON"),
    Rule("CREATE STATISTICS without a name", 160000, "CreateStatsStmt", lambda n: not n.defnames, _UTIL,
         "CREATE STATISTICS ON a, b FROM t"),
    Rule("GRANT role WITH INHERIT, SET", 160000, "GrantRoleStmt", _option("opt", "inherit", "set"), _PRIV,
         "GRANT pg_monitor TO CURRENT_USER WITH INHERIT TRUE"),
    Rule("COPY (DEFAULT)", 160000, "CopyStmt", _option("options", "default"), _UTIL,
         "COPY rule_t FROM STDIN (DEFAULT 'x')", "option", setup=_T),
    Rule("VACUUM (SKIP_DATABASE_STATS, BUFFER_USAGE_LIMIT, PROCESS_MAIN)", 160000, "VacuumStmt",
         _option("options", "skip_database_stats", "only_database_stats", "buffer_usage_limit", "process_main"), _UTIL,
         "VACUUM (PROCESS_MAIN false) t", "option"),
    Rule("EXPLAIN (GENERIC_PLAN)", 160000, "ExplainStmt", _option("options", "generic_plan"), _UTIL,
         "EXPLAIN (GENERIC_PLAN) SELECT 1", "option"),
    Rule("REINDEX DATABASE without a name", 160000, "ReindexStmt",
         lambda n: enum_name(n, "kind") in ("REINDEX_OBJECT_DATABASE", "REINDEX_OBJECT_SYSTEM") and not n.name, _UTIL,
         "REINDEX DATABASE"),
    Rule("CREATE DATABASE ICU_RULES", 160000, "CreatedbStmt", _option("options", "icu_rules"), _UTIL,
         "CREATE DATABASE d ICU_RULES = '' TEMPLATE nowhere", "option"),
    Rule("origin, password_required, run_as_owner of a subscription", 160000, "CreateSubscriptionStmt",
         _option("options", "origin", "password_required", "run_as_owner"), _REP,
         "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false, origin = none)", "option"),
    # 17
    Rule("MERGE ... RETURNING", 170000, "MergeStmt", _has("returning_clause"), _SQL,
         "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE RETURNING *"),
    Rule("WHEN NOT MATCHED BY SOURCE", 170000, "MergeWhenClause",
         _enum("match_kind", "MERGE_WHEN_NOT_MATCHED_BY_SOURCE"), _SQL,
         "MERGE INTO t USING s ON t.a = s.a WHEN NOT MATCHED BY SOURCE THEN DELETE"),
    Rule("NOT NULL as a constraint of a domain", 170000, "AlterDomainStmt",
         lambda n: n.subtype == "C" and _is_not_null(n.__getattribute__("def")), _CMD,
         "ALTER DOMAIN d ADD CONSTRAINT n NOT NULL"),
    Rule("SET EXPRESSION", 170000, "AlterTableCmd", _alter("AT_SetExpression"), _CMD,
         "ALTER TABLE t ALTER COLUMN a SET EXPRESSION AS (b)"),
    Rule("SET STATISTICS DEFAULT", 170000, "AlterTableCmd",
         lambda n: enum_name(n, "subtype") == "AT_SetStatistics" and not n.HasField("def"), _CMD,
         "ALTER TABLE t ALTER COLUMN a SET STATISTICS DEFAULT"),
    Rule("SET ACCESS METHOD DEFAULT", 170000, "AlterTableCmd",
         lambda n: enum_name(n, "subtype") == "AT_SetAccessMethod" and not n.name, _CMD,
         "ALTER TABLE t SET ACCESS METHOD DEFAULT"),
    Rule("JSON_TABLE", 170000, "JsonTable", _always, _SQL,
         "SELECT * FROM JSON_TABLE('[]', '$[*]' COLUMNS (a int PATH '$'))"),
    Rule("JSON_EXISTS, JSON_QUERY, JSON_VALUE", 170000, "JsonFuncExpr", _always, _SQL,
         "SELECT JSON_VALUE(jsonb '{}', '$.a' RETURNING int)"),
    Rule("JSON()", 170000, "JsonParseExpr", _always, _SQL, "SELECT JSON('1' WITH UNIQUE KEYS)"),
    Rule("JSON_SCALAR", 170000, "JsonScalarExpr", _always, _SQL, "SELECT JSON_SCALAR(1)", sqlstate="42883"),
    Rule("JSON_SERIALIZE", 170000, "JsonSerializeExpr", _always, _SQL, "SELECT JSON_SERIALIZE('1' RETURNING bytea)"),
    Rule("merge_action()", 170000, "MergeSupportFunc", _always, _SQL,
         "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE RETURNING merge_action()"),
    Rule("COPY (ON_ERROR, LOG_VERBOSITY)", 170000, "CopyStmt", _option("options", "on_error", "log_verbosity"), _UTIL,
         "COPY rule_t FROM STDIN (ON_ERROR ignore)", "option", setup=_T),
    Rule("EXPLAIN (MEMORY, SERIALIZE)", 170000, "ExplainStmt", _option("options", "memory", "serialize"), _UTIL,
         "EXPLAIN (MEMORY) SELECT 1", "option"),
    Rule("GRANT MAINTAIN", 170000, "AccessPriv", lambda n: n.priv_name == "maintain", _PRIV,
         "GRANT MAINTAIN ON rule_t TO PUBLIC", setup=_T),
    Rule("event trigger ON login", 170000, "CreateEventTrigStmt", lambda n: n.eventname == "login", _UTIL,
         "CREATE EVENT TRIGGER x ON login EXECUTE FUNCTION f()"),
    Rule("CREATE DATABASE BUILTIN_LOCALE", 170000, "CreatedbStmt", _option("options", "builtin_locale"), _UTIL,
         "CREATE DATABASE d BUILTIN_LOCALE = 'C' TEMPLATE nowhere", "option"),
    Rule("failover of a subscription", 170000, "CreateSubscriptionStmt", _option("options", "failover"), _REP,
         "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false, failover = true)", "option"),
    # 18
    Rule("VIRTUAL generated column (the default where STORED is not written)", 180000, "Constraint",
         _both(_enum("contype", "CONSTR_GENERATED"), lambda n: n.generated_kind == "v"), _CMD,
         "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a))"),
    Rule("NOT NULL as a table constraint (named, NOT VALID)", 180000, "AlterTableCmd",
         lambda n: _is_not_null(n.__getattribute__("def")), _CON,
         "ALTER TABLE t ADD CONSTRAINT n NOT NULL a NOT VALID"),
    Rule("NOT NULL as a table constraint", 180000, "CreateStmt",
         lambda n: any(_is_not_null(e) for e in [*n.table_elts, *n.constraints]), _CON,
         "CREATE TABLE t (a int, CONSTRAINT n NOT NULL a)"),
    Rule("NOT NULL NO INHERIT", 180000, "Constraint",
         _both(_enum("contype", "CONSTR_NOTNULL"), _flag("is_no_inherit")), _CON,
         "CREATE TABLE t (a int NOT NULL NO INHERIT)"),
    Rule("[NOT] ENFORCED", 180000, "Constraint", _enum("contype", "CONSTR_ATTR_NOT_ENFORCED", "CONSTR_ATTR_ENFORCED"),
         _CON, "CREATE TABLE t (a int CHECK (a > 0) NOT ENFORCED)"),
    Rule("[NOT] ENFORCED", 180000, "Constraint",
         lambda n: enum_name(n, "contype") in ("CONSTR_CHECK", "CONSTR_FOREIGN") and not n.is_enforced, _CON,
         "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT ENFORCED"),
    Rule("ALTER CONSTRAINT ... [NOT] ENFORCED", 180000, "AlterTableCmd", _alter_constraint("alter_enforceability"),
         _CON, "ALTER TABLE t ALTER CONSTRAINT c NOT ENFORCED"),
    Rule("ALTER CONSTRAINT ... [NO] INHERIT", 180000, "AlterTableCmd", _alter_constraint("alter_inheritability"), _CON,
         "ALTER TABLE t ALTER CONSTRAINT c INHERIT"),
    Rule("WITHOUT OVERLAPS", 180000, "Constraint", _flag("without_overlaps"), _CON,
         "CREATE TABLE t (a int, p tstzrange, PRIMARY KEY (a, p WITHOUT OVERLAPS))"),
    Rule("PERIOD in a foreign key", 180000, "Constraint", _flag("fk_with_period"), _CON,
         "CREATE TABLE t (a int, p tstzrange, FOREIGN KEY (a, PERIOD p) REFERENCES o (a, PERIOD p))"),
    Rule("RETURNING WITH (OLD AS ...)", 180000, "ReturningClause", lambda n: bool(n.options), _SQL,
         "DELETE FROM t RETURNING WITH (OLD AS o) o.a"),
    Rule("RETURNING old, new", 180000, "ReturningClause", _old_or_new, _SQL,
         "UPDATE rule_t SET a = 1 RETURNING old.a, new.a", sqlstate="42P01", setup=_T),
    Rule("VACUUM and ANALYZE ONLY", 180000, "VacuumRelation", lambda n: not n.relation.inh, _UTIL, "ANALYZE ONLY (t)"),
    Rule("COPY (REJECT_LIMIT)", 180000, "CopyStmt", _option("options", "reject_limit"), _UTIL,
         "COPY rule_t FROM STDIN (ON_ERROR ignore, REJECT_LIMIT 5)", "option", setup=_T),
    Rule("publish_generated_columns", 180000, "CreatePublicationStmt",
         _option("options", "publish_generated_columns"), _REP,
         "CREATE PUBLICATION rule_p WITH (publish_generated_columns = stored)", "option"),
    Rule("autovacuum_vacuum_max_threshold, vacuum_max_eager_freeze_failure_rate", 180000, "CreateStmt",
         _option("options", "autovacuum_vacuum_max_threshold", "vacuum_max_eager_freeze_failure_rate"), _CMD,
         "CREATE TABLE rule_t (a int) WITH (autovacuum_vacuum_max_threshold = 5)", "option", "22023"),
    Rule("autovacuum_vacuum_max_threshold, vacuum_max_eager_freeze_failure_rate", 180000, "AlterTableCmd",
         _set_option("autovacuum_vacuum_max_threshold", "vacuum_max_eager_freeze_failure_rate"), _CMD,
         "ALTER TABLE rule_t SET (autovacuum_vacuum_max_threshold = 5)", "option", "22023", _T),
    Rule("ALTER DEFAULT PRIVILEGES ... ON LARGE OBJECTS", 180000, "GrantStmt",
         _both(_enum("targtype", "ACL_TARGET_DEFAULTS"), _enum("objtype", "OBJECT_LARGEOBJECT")), _PRIV,
         "ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO PUBLIC"),
)  # fmt: skip
