"""Types and casts that every PostgreSQL has. Source: pg_type and pg_cast of real servers, 12 to 18, their union."""

from __future__ import annotations

_NAMES = """
    aclitem any anyarray anycompatible anycompatiblearray anycompatiblemultirange anycompatiblenonarray
    anycompatiblerange anyelement anyenum anymultirange anynonarray anyrange bit bool box bpchar bytea char cid
    cidr circle cstring date datemultirange daterange event_trigger fdw_handler float4 float8 gtsvector
    index_am_handler inet int2 int2vector int4 int4multirange int4range int8 int8multirange int8range internal
    interval json jsonb jsonpath language_handler line lseg macaddr macaddr8 money name numeric nummultirange
    numrange oid oidvector opaque path pg_ddl_command pg_dependencies pg_lsn pg_mcv_list pg_ndistinct pg_node_tree
    pg_snapshot point polygon record refcursor regclass regcollation regconfig regdictionary regnamespace regoper
    regoperator regproc regprocedure regrole regtype table_am_handler text tid time timestamp timestamptz timetz
    trigger tsm_handler tsmultirange tsquery tsrange tstzmultirange tstzrange tsvector txid_snapshot unknown uuid
    varbit varchar void xid xid8 xml serial serial2 serial4 serial8 bigserial smallserial
"""
TYPES = frozenset(_NAMES.split())
"""By pg_type.typname; the last six are macros of the parser."""

EXTENSION_TYPES: dict[str, str] = {
    "citext": "citext", "hstore": "hstore", "ltree": "ltree", "lquery": "ltree", "ltxtquery": "ltree", "cube": "cube",
    "geometry": "postgis", "geography": "postgis", "vector": "vector", "halfvec": "vector", "isbn": "isn",
    "seg": "seg", "ulid": "ulid",
}  # fmt: skip
"""Types that people get from extensions. Source: the extensions' own scripts."""

STRINGS = frozenset({"text", "varchar", "bpchar", "name"})
"""Types of category S: an assignment converts anything to them, an explicit cast anything from them."""

_REG = "regclass regconfig regdictionary regnamespace regoper regoperator regproc regprocedure regrole regtype regcollation"
_NUMBERS = "int2 int4 int8 numeric float4 float8"


def _pairs(source: str, targets: str) -> set[tuple[str, str]]:
    return {(source, target) for target in targets.split()}


def _to(sources: str, target: str) -> set[tuple[str, str]]:
    return {(source, target) for source in sources.split()}


ASSIGNMENT: frozenset[tuple[str, str]] = frozenset(
    {(a, b) for a in _NUMBERS.split() for b in _NUMBERS.split()}
    | {("cidr", "inet"), ("inet", "cidr"), ("date", "timestamp"), ("date", "timestamptz"), ("macaddr", "macaddr8"),
       ("macaddr8", "macaddr"), ("box", "polygon"), ("path", "polygon"), ("point", "box"), ("polygon", "path"),
       ("bit", "varbit"), ("varbit", "bit"), ("json", "jsonb"), ("jsonb", "json"), ("int4", "money"), ("int8", "money"),
       ("numeric", "money"), ("money", "numeric"), ("interval", "time"), ("bpchar", "char"), ("text", "char"),
       ("varchar", "char"), ("text", "regclass"), ("varchar", "regclass"), ("oid", "int4"), ("oid", "int8"),
       ("regproc", "regprocedure"), ("regprocedure", "regproc"), ("regoper", "regoperator"), ("regoperator", "regoper")}
    | _pairs("timestamp", "date time timestamptz") | _pairs("timestamptz", "date time timestamp timetz")
    | _pairs("time", "interval timetz") | _pairs("timetz", "time") | _to("int2 int4 int8 " + _REG, "oid")
    | {(a, b) for a in ("int2", "int4", "int8", "oid") for b in _REG.split()}
    | {(a, b) for a in _REG.split() for b in ("int4", "int8")}
)  # fmt: skip
"""Casts that ALTER COLUMN TYPE without USING and INSERT may use, besides those to strings."""

EXPLICIT: frozenset[tuple[str, str]] = frozenset(
    {("bool", "int4"), ("int4", "bool"), ("char", "int4"), ("int4", "char"), ("xid8", "xid"), ("path", "point"),
     ("lseg", "point"), ("int8", "bytea"), ("int4", "bytea"), ("int2", "bytea"), ("bytea", "int8"), ("bytea", "int4"),
     ("bytea", "int2")}
    | _pairs("bit", "int4 int8") | _to("int4 int8", "bit") | _pairs("box", "circle lseg point")
    | _pairs("circle", "box point polygon") | _pairs("polygon", "box circle point")
    | _pairs("jsonb", "bool " + _NUMBERS) | {(f"{n}range", f"{n}multirange") for n in
       ("date", "int4", "int8", "num", "ts", "tstz")}
)  # fmt: skip
"""Casts that must be written."""

COMPARABLE: frozenset[frozenset[str]] = frozenset(
    {
        frozenset(_NUMBERS.split()),
        frozenset({"int2", "int4", "int8", "oid"}),
        frozenset({"text", "varchar", "bpchar", "name"}),
        frozenset({"date", "timestamp", "timestamptz"}),
        frozenset({"inet", "cidr"}),
        frozenset({"bit", "varbit"}),
    }
)
"""Types with an equality operator between them, so that a foreign key may join them (pfeqop, or an implicit cast)."""

NOT_ORDERED = frozenset({"json", "xml", "xid", "point", "box", "polygon", "path", "line", "lseg", "circle", "jsonpath"})
"""Types without a default operator class of btree: no index, no key. (box, circle and the like have other methods.)"""

GIN_TYPES = frozenset({"jsonb", "tsvector"})
GIST_TYPES = frozenset(
    {"box", "circle", "point", "polygon", "tsquery", "tsvector"}
    | {f"{n}{r}" for n in ("date", "int4", "int8", "num", "ts", "tstz") for r in ("range", "multirange")}
)
"""Types with a default operator class for gin (and every array) and for gist. Source: pg_opclass of real servers."""
