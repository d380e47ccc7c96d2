"""The server version that a statement needs, and what it uses that later servers no longer have.

Knowledge lives in ``syntax_rules`` (syntax and options, each row proved on real servers) and ``versions_data``
(functions, types, settings, roles and keywords, read out of real servers). Both know the majors from 12 to 18.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from runbook.migration import versions_data as data
from runbook.migration.ast import by_kind, constant, enum_name, is_node, options, qualified, relation_name, unwrap
from runbook.migration.catalog import Catalog
from runbook.migration.model import Statement
from runbook.migration.syntax_rules import RULES, Rule

Kind = Literal["syntax", "function", "type", "setting", "index method", "option", "role"]

_CATALOG_SOURCE = "pg_catalog of real servers (versions_data)"


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that servers below ``minimum`` (a server_version_num) do not know, and the error they give.

    ``line_offset`` is the line within the statement, 0 for its first.
    """

    feature: str
    minimum: int
    kind: Kind
    sqlstate: str
    source: str
    line_offset: int = 0


@dataclass(frozen=True, slots=True)
class Removal:
    """Something that servers from ``since`` (a server_version_num) on no longer have, and the error they give."""

    feature: str
    since: int
    kind: Kind
    sqlstate: str
    source: str
    line_offset: int = 0


@dataclass(frozen=True, slots=True)
class KeywordUse:
    """An unquoted word that is a keyword of category ``before`` on one server and ``after`` on the other.

    Categories are pg_get_keywords()'s: U unreserved, C not a function or type name, T only one, R reserved, - none.
    """

    word: str
    before: str
    after: str
    line_offset: int


def minimum_version(statement: Statement, catalog: Catalog | None = None) -> tuple[Requirement, ...]:
    """What ``statement`` needs that not every server from 12 on has; empty for what all have or what does not parse.

    ``catalog``: functions and types that the server has of its own under such a name are left out.
    """
    if statement.node is None:
        return ()
    return tuple(dict.fromkeys(_requirements(statement.node, statement.sql, catalog)))


def needed_version(statement: Statement, catalog: Catalog | None = None) -> int | None:
    """The lowest server_version_num that can run ``statement``; None where any from 12 on can."""
    return max((r.minimum for r in minimum_version(statement, catalog)), default=None)


def removals(statement: Statement, catalog: Catalog | None = None) -> tuple[Removal, ...]:
    """What ``statement`` uses that some newer major has removed: functions, types, settings."""
    if statement.node is None:
        return ()
    return tuple(dict.fromkeys(_removals(statement.node, statement.sql, catalog)))


def changed_keywords(sql: str, here: int, there: int) -> tuple[KeywordUse, ...]:
    """Unquoted words of ``sql`` that two servers (server_version_num) reserve differently: a name that is accepted by
    one and a syntax error for the other."""
    found = []
    for match in _WORD.finditer(_without_quotes(sql)):
        word = match.group().lower()
        codes = data.KEYWORDS.get(word)
        if codes is None:
            continue
        before, after = _category(codes, here), _category(codes, there)
        if before != after and not {before, after} <= {"U", "-"}:
            found.append(KeywordUse(word, before, after, sql.count("\n", 0, match.start())))
    return tuple(found)


def _category(codes: str, version: int) -> str:
    return codes[min(max(version // 10000 - 12, 0), len(codes) - 1)]


_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$", re.DOTALL)


def _without_quotes(sql: str) -> str:
    """``sql`` with quoted text and comments blanked, positions unchanged."""
    return _QUOTED.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), sql)


@cache
def _rules_by_node() -> dict[str, tuple[Rule, ...]]:
    grouped: dict[str, tuple[Rule, ...]] = {}
    for rule in RULES:
        grouped[rule.node] = (*grouped.get(rule.node, ()), rule)
    return grouped


def _requirements(node: Any, sql: str, catalog: Catalog | None) -> Iterator[Requirement]:
    rules = _rules_by_node()
    for name, parts in by_kind(node).items():
        for rule in rules.get(name, ()):
            for part in parts:
                if rule.holds(part):
                    line = _line(part, sql)
                    yield Requirement(rule.feature, rule.minimum, _kind(rule), rule.sqlstate, rule.source, line)
        for part in parts if name in _NAMING else ():
            for kind, used, sqlstate, table in _named(part, name, catalog, data_added=True):
                major = table[used]
                yield Requirement(_bare(used), major * 10000, kind, sqlstate, _CATALOG_SOURCE, _line(part, sql))
    yield from _literals(sql)
    if catalog is not None:
        yield from _on_partitioned(node, catalog)
    for body, offset in _sql_bodies(node, sql):
        for requirement in _requirements(body, "", catalog):
            yield Requirement(
                requirement.feature,
                requirement.minimum,
                requirement.kind,
                requirement.sqlstate,
                requirement.source,
                offset,
            )


def _kind(rule: Rule) -> Kind:
    return "option" if rule.kind == "option" else "index method" if rule.kind == "index method" else "syntax"


def _removals(node: Any, sql: str, catalog: Catalog | None) -> Iterator[Removal]:
    for name, parts in by_kind(node).items():
        for part in parts if name in _NAMING else ():
            for kind, used, sqlstate, table in _named(part, name, catalog, data_added=False):
                yield Removal(_bare(used), table[used] * 10000, kind, sqlstate, _CATALOG_SOURCE, _line(part, sql))


def _bare(used: str) -> str:
    name, _, arguments = used.partition("/")
    return f"{name} with {arguments} argument{'s' if arguments != '1' else ''}" if arguments else name


_Named = tuple[Kind, str, str, dict[str, int]]
_TEXT_SEARCH = frozenset(
    {"to_tsvector", "to_tsquery", "plainto_tsquery", "phraseto_tsquery", "websearch_to_tsquery", "ts_headline"}
)
_SETTING_FUNCTIONS = frozenset({"set_config", "current_setting"})


_NAMING = frozenset({"FuncCall", "TypeName", "VariableSetStmt", "VariableShowStmt", "RoleSpec", "AccessPriv"})


def _named(part: Any, name: str, catalog: Catalog | None, *, data_added: bool) -> Iterator[_Named]:
    """The functions, types, settings and roles that one node names and of which the tables know something."""
    if name == "FuncCall":
        yield from _function(part, catalog, data_added=data_added)
    elif name == "TypeName":
        used = qualified(part.names)
        table = data.ADDED_TYPES if data_added else data.REMOVED_TYPES
        if used.name in table and used.schema in (None, "pg_catalog") and not _own_type(catalog, used.name):
            yield "type", used.name, "42704", table
    elif name in ("VariableSetStmt", "VariableShowStmt"):
        table = data.ADDED_SETTINGS if data_added else data.REMOVED_SETTINGS
        if part.name in table:
            yield "setting", part.name, "42704", table
    elif name in ("RoleSpec", "AccessPriv"):
        role = part.rolename if name == "RoleSpec" else part.priv_name
        table = data.ADDED_ROLES if data_added else data.REMOVED_ROLES
        if role in table:
            yield "role", role, "42704", table


def _function(call: Any, catalog: Catalog | None, *, data_added: bool) -> Iterator[_Named]:
    used = qualified(call.funcname)
    if used.schema not in (None, "pg_catalog"):
        return
    if (used.schema, used.name) == ("pg_catalog", "extract"):  # EXTRACT(... FROM ...): date_part() before 14
        return
    count = len(call.args)
    whole = data.ADDED_FUNCTIONS if data_added else data.REMOVED_FUNCTIONS
    arities = data.ADDED_FUNCTION_ARITIES if data_added else data.REMOVED_FUNCTION_ARITIES
    own = catalog is not None and any(len(f.arguments) == count for f in catalog.functions.get(used.name, ()))
    extension = catalog.extensions.get(_BEFORE.get(used.name, "")) if catalog is not None else None
    own = own or (extension is not None and extension.version is not None)
    if used.name in whole and not own:
        yield "function", used.name, "42883", whole
    elif f"{used.name}/{count}" in arities and not own:
        yield "function", f"{used.name}/{count}", "42883", arities
    first = constant(call.args[0]) if count else None
    if used.name in _SETTING_FUNCTIONS and isinstance(first, str):
        settings = data.ADDED_SETTINGS if data_added else data.REMOVED_SETTINGS
        missing_is_fine = used.name == "current_setting" and count > 1
        if first.lower() in settings and not missing_is_fine:
            yield "setting", first.lower(), "42704", settings
    if used.name in _TEXT_SEARCH and count > 1 and isinstance(first, str):
        table = data.ADDED_TEXT_SEARCH if data_added else data.REMOVED_TEXT_SEARCH
        if first.rpartition(".")[2] in table:
            yield "type", first.rpartition(".")[2], "42704", table


# Functions that an extension had before the server: the followed catalog does not list what an extension creates.
# Source: 13 release notes, E.24.3.4 (gen_random_uuid); contrib/pgcrypto.
_BEFORE = {"gen_random_uuid": "pgcrypto"}


def _own_type(catalog: Catalog | None, name: str) -> bool:
    return catalog is not None and any(key[1] == name for key in catalog.types)


def _line(part: Any, sql: str) -> int:
    location = getattr(part, "location", 0)
    return sql.encode().count(b"\n", 0, location) if isinstance(location, int) and location > 0 else 0


_NON_DECIMAL = re.compile(r"(?<![\w.$])0[xXoObB]_?[0-9a-fA-F]")
_UNDERSCORE = re.compile(r"(?<![\w.$])\d+_\d")
_MAYBE = re.compile(r"\d[xXoObB_]")
_LITERAL_SOURCE = "16 release notes, Data Types"


def _literals(sql: str) -> Iterator[Requirement]:
    """Integers that 15 does not read as written. Servers to 14 read 0x1F as 0 named x1F: no error, another value."""
    if not _MAYBE.search(sql):
        return
    for pattern, feature in ((_NON_DECIMAL, "0x1F, 0o17 and 0b11 as integers"), (_UNDERSCORE, "1_000 as a number")):
        if pattern.search(sql):
            match = pattern.search(_without_quotes(sql))
            if match is not None:
                line = sql.count("\n", 0, match.start())
                yield Requirement(feature, 160000, "syntax", "42601", _LITERAL_SOURCE, line)


def _on_partitioned(node: Any, catalog: Catalog) -> Iterator[Requirement]:
    """What is allowed on a partitioned table only since some major."""
    if is_node(node, "AlterTableStmt"):
        if not _is_partitioned(node.relation, catalog):
            return
        for command in (unwrap(c) for c in node.cmds):
            constraint: Any = unwrap(command.__getattribute__("def")) if command.HasField("def") else None
            if not is_node(constraint, "Constraint"):
                continue
            if enum_name(constraint, "contype") == "CONSTR_FOREIGN" and constraint.skip_validation:
                feature = "NOT VALID foreign key on a partitioned table"
                yield Requirement(feature, 180000, "syntax", "42809", "18 release notes, Constraints")
    elif is_node(node, "CreateTrigStmt") and node.row and node.timing & 2 and _is_partitioned(node.relation, catalog):
        feature = "BEFORE ROW trigger on a partitioned table"
        yield Requirement(feature, 130000, "syntax", "42809", "13 release notes, Partitioning")


def _is_partitioned(relation: Any, catalog: Catalog) -> bool:
    name = relation_name(relation)
    found = catalog.find(name.schema, name.name)
    return found is not None and found.kind == "p"


def _sql_bodies(node: Any, sql: str) -> Iterator[tuple[Any, int]]:
    """The statements in the text body of a LANGUAGE sql function: the server checks them when it is created."""
    if not is_node(node, "CreateFunctionStmt"):
        return
    given = options(node.options)
    body: Any = given.get("as")
    if str(given.get("language", "")).lower() != "sql" or not is_node(body, "List") or len(body.items) != 1:
        return
    from runbook.migration.statement import split

    text = constant(body.items[0])
    if isinstance(text, str):
        at = sql.find(text)
        before = sql.count("\n", 0, at) if at >= 0 else 0
        for statement in split(text, psql=False)[0]:
            if statement.node is not None:
                yield statement.node, before + statement.line - 1
