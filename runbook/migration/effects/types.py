"""What decides whether a change of type rewrites a table: modifiers, binary coercible casts, operator classes.

Sources: src/include/catalog/pg_cast.dat (castmethod 'b'), pg_opclass.dat, the planner support functions
varchar_support, varbit_support, numeric_support, timestamp_support, time_support and interval_support (12-18),
ATColumnChangeRequiresRewrite and heapam_relation_needs_toast_table. Measured by tests/oracle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from runbook.migration.ast import ColumnSpec, TypeRef, strings, type_ref, unwrap
from runbook.migration.catalog import Catalog, Column, TypeObject
from runbook.sql import quote_ident

# What format_type prints for a built-in type, and its name in pg_type.
BUILT_IN: dict[str, str] = {
    "bigint": "int8",
    "integer": "int4",
    "smallint": "int2",
    "character varying": "varchar",
    "character": "bpchar",
    '"char"': "char",
    "boolean": "bool",
    "double precision": "float8",
    "real": "float4",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "time with time zone": "timetz",
    "bit": "bit",
    "bit varying": "varbit",
}
PRINTED = {name: printed for printed, name in BUILT_IN.items()}
SERIALS = {
    "serial": "int4",
    "serial4": "int4",
    "bigserial": "int8",
    "serial8": "int8",
    "smallserial": "int2",
    "serial2": "int2",
}
# Built-in types of fixed length in bytes (pg_type.typlen): never in TOAST.
FIXED_LENGTH: dict[str, int] = {
    "int2": 2, "int4": 4, "int8": 8, "float4": 4, "float8": 8, "bool": 1, "char": 1, "date": 4, "time": 8,
    "timetz": 12,
    "timestamp": 8, "timestamptz": 8, "interval": 16, "uuid": 16, "oid": 4, "name": 64, "money": 8, "macaddr": 6,
    "macaddr8": 8,
    "point": 16, "lseg": 32, "box": 32, "circle": 24, "line": 24, "xid": 4, "xid8": 8, "cid": 4, "tid": 6, "pg_lsn": 8,
    "regclass": 4, "regproc": 4, "regprocedure": 4, "regoper": 4, "regtype": 4, "regrole": 4, "regnamespace": 4,
    "regconfig": 4,
}  # fmt: skip
# Variable length, but always stored in line (typstorage 'p'), or small by nature.
NEVER_TOASTED = frozenset({"inet", "cidr", "tsquery", "oidvector", "int2vector", "int4range", "int8range", "daterange"})
# Casts that change nothing in the stored bytes (pg_cast.castmethod = 'b'), source to target.
BINARY_COERCIBLE: frozenset[tuple[str, str]] = frozenset(
    {
        ("text", "varchar"), ("varchar", "text"), ("text", "bpchar"), ("varchar", "bpchar"), ("xml", "text"),
        ("xml", "varchar"),
        ("xml", "bpchar"), ("int4", "oid"), ("oid", "int4"), ("cidr", "inet"), ("bit", "varbit"), ("varbit", "bit"),
        ("pg_node_tree", "text"), ("citext", "text"), ("citext", "varchar"), ("citext", "bpchar"), ("text", "citext"),
        ("varchar", "citext"),
    }
    | {(a, b) for r in ("regclass", "regproc", "regtype", "regrole", "regnamespace") for a, b in
       ((r, "oid"), ("oid", r), (r, "int4"), ("int4", r))}
)  # fmt: skip
# Types whose default operator class is another type's: an index survives a change between them.
OPERATOR_CLASS: dict[str, str] = {
    "varchar": "text", "cidr": "inet", "varbit": "varbit",
    **dict.fromkeys(("regclass", "regproc", "regtype", "regrole", "regnamespace"), "oid"),
}  # fmt: skip
# Types whose typmod is "length + 4" or a length, where growing changes nothing; see widens().
_LENGTH = frozenset({"varchar", "varbit"})
_PRECISION = frozenset({"timestamp", "timestamptz", "time", "timetz"})
_MOST_PRECISE = 6
_VARHDRSZ = 4
# Zones in which timestamp and timestamptz store the same number. Source: TimestampTimestampTzRequiresRewrite.
UTC_ZONES = frozenset(
    {
        "utc", "gmt", "etc/utc", "etc/gmt", "etc/uct", "uct", "zulu", "etc/zulu", "greenwich", "etc/greenwich", "gmt0",
        "gmt+0", "gmt-0", "etc/gmt0", "etc/gmt+0", "etc/gmt-0", "universal", "etc/universal", "utc0",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Type:
    """A column's type: pg_type's name (``int4``, ``varchar``, or a user type's), modifier, and what kind it is."""

    name: str
    typmod: int = -1
    schema: str = "pg_catalog"
    array: bool = False
    kind: str = "b"
    domain: TypeObject | None = None
    typmod_known: bool = True

    @property
    def printed(self) -> str:
        """As ``format_type`` would, without modifier."""
        base = PRINTED.get(self.name, self.name if self.schema == "pg_catalog" else quote_ident(self.name))
        return base + "[]" if self.array else base


def type_of_column(column: Column, catalog: Catalog) -> Type:
    """The type of a column of the catalog."""
    printed = column.type
    array = printed.endswith("[]")
    name = printed[:-2] if array else printed
    if not (name.startswith('"') and name.count('"') == 2) and "." in name:
        name = name.rsplit(".", 1)[-1]
    name = BUILT_IN.get(name, name.strip('"').replace('""', '"'))
    kind = column.type_kind
    domain = _user_type(catalog, column.type_schema, name) if kind == "d" and not array else None
    return Type(name, column.typmod, column.type_schema, array, kind, domain)


def is_of(printed: str, schema: str, found: TypeObject) -> bool:
    """Whether a column's type as the catalog holds it is this user type, or an array of it."""
    bare = printed.removesuffix("[]").rsplit(".", 1)[-1].strip('"')
    return bare == found.name and schema in (found.schema, "pg_catalog")


def type_written(written: TypeRef, catalog: Catalog) -> Type:
    """The type that a statement names, as it is on this server."""
    array = written.dimensions > 0
    user = None if written.schema == "pg_catalog" else _user_type(catalog, written.schema, written.name)
    if user is not None:
        return Type(user.name, -1, user.schema, array, user.kind, user if user.kind == "d" and not array else None)
    name = SERIALS.get(written.name, written.name) if written.schema is None else written.name
    typmod = _typmod(name, list(written.modifiers))
    known = typmod != _UNKNOWN
    return Type(name, typmod if known else -1, written.schema or "pg_catalog", array, typmod_known=known)


_UNKNOWN = -2
_DEEPEST = 32  # domains over domains


def _typmod(name: str, given_modifiers: list[Any]) -> int:
    """atttypmod from the modifiers as written. Source: the *typmodin functions."""
    if not given_modifiers:
        return {"bpchar": -1, "bit": 1}.get(name, -1)
    first = given_modifiers[0]
    if not isinstance(first, int):
        return _UNKNOWN
    match name:
        case "varchar" | "bpchar":
            return first + _VARHDRSZ
        case "varbit" | "bit":
            return first
        case "numeric":
            scale = given_modifiers[1] if len(given_modifiers) > 1 and isinstance(given_modifiers[1], int) else 0
            return ((first << 16) | (scale & 0x7FF)) + _VARHDRSZ
        case "timestamp" | "timestamptz" | "time" | "timetz":
            return min(first, _MOST_PRECISE)
        case "interval":
            precision = given_modifiers[1] if len(given_modifiers) > 1 else 0xFFFF
            return (first << 16) | precision if isinstance(precision, int) else _UNKNOWN
    return _UNKNOWN


def _user_type(catalog: Catalog, schema: str | None, name: str) -> TypeObject | None:
    if schema is not None:
        return catalog.types.get((schema, name))
    return next((t for s in catalog.search_path if (t := catalog.types.get((s, name))) is not None), None)


def base_of(kind: Type, catalog: Catalog) -> Type:
    """The type under a domain (through domains over domains); the type itself otherwise."""
    for _ in range(_DEEPEST):
        domain = kind.domain
        if domain is None or domain.base is None:
            break
        base = domain.base
        schema = "pg_catalog"
        bare = base.removesuffix("[]")
        if "." in bare:
            schema, bare = bare.rsplit(".", 1)
        under = _user_type(catalog, None if schema == "pg_catalog" else schema, bare)
        if under is not None and bare not in BUILT_IN:
            kind = Type(bare, -1, under.schema, base.endswith("[]"), under.kind, under if under.kind == "d" else None)
        else:
            kind = Type(BUILT_IN.get(bare, bare), domain.base_typmod, "pg_catalog", base.endswith("[]"))
    return kind


def domain_has_constraints(kind: Type, catalog: Catalog) -> bool:
    """Whether a value of the type is checked by a domain, at any level."""
    while kind.domain is not None:
        if kind.domain.has_constraints or kind.domain.not_null:
            return True
        inner = (kind.domain.base or "").rsplit(".", 1)[-1]
        under = _user_type(catalog, None, inner)
        if under is None or under.kind != "d" or under is kind.domain:
            return False
        kind = Type(under.name, -1, under.schema, False, "d", under)
    return False


def widens(name: str, old: int, new: int) -> bool:
    """Whether going from one modifier to another of the same type leaves every stored value as it is."""
    if new in (old, -1):
        return True
    if name == "interval":
        return _interval_widens(old, new)
    if old == -1:
        return name in _PRECISION and new >= _MOST_PRECISE
    if name in _LENGTH:
        return new >= old
    if name in _PRECISION:
        return new >= _MOST_PRECISE or new >= old
    if name == "numeric":
        old_scale, new_scale = (old - _VARHDRSZ) & 0x7FF, (new - _VARHDRSZ) & 0x7FF
        return old_scale == new_scale and (new - _VARHDRSZ) >> 16 >= (old - _VARHDRSZ) >> 16
    return False


# Bits of an interval's fields in its modifier, the smallest unit first. Source: intervaltypmodleastfield, timestamp.c.
_FIELDS = (12, 11, 10, 3, 1, 2)  # second, minute, hour, day, month, year
_ALL_FIELDS, _FULL_PRECISION = 0x7FFF, 0xFFFF


def _interval_widens(old: int, new: int) -> bool:
    """Whether every interval keeps its smallest unit and its precision. Source: interval_support, timestamp.c."""
    smallest_old, smallest_new = _smallest_field(old), _smallest_field(new)
    if smallest_old < smallest_new:
        return False
    precision = new & _FULL_PRECISION
    old_precision = _FULL_PRECISION if old == -1 else old & _FULL_PRECISION
    return smallest_old > 0 or precision >= _MOST_PRECISE or precision >= old_precision


def _smallest_field(typmod: int) -> int:
    fields = _ALL_FIELDS if typmod == -1 else typmod >> 16 & _ALL_FIELDS
    return next((place for place, bit in enumerate(_FIELDS) if fields & 1 << bit), 0)


def conversion_rewrites(old: Type, new: Type, catalog: Catalog, *, using: Any, column: str) -> bool:
    """Whether ALTER COLUMN TYPE must write every row anew. Source: ATColumnChangeRequiresRewrite, tablecmds.c."""
    steps = casts_of(using, column, catalog) if using is not None else []
    if steps is None:
        return True
    return any(_step_rewrites(a, b, catalog) for a, b in pairwise((old, *steps, new)))


def _step_rewrites(old: Type, new: Type, catalog: Catalog) -> bool:
    """Whether one conversion of the column, by assignment or by a cast, changes what is stored or checks it."""
    same = _same(old, new)
    if same and old.domain is not None:
        return False
    if domain_has_constraints(new, catalog):
        return True
    source, target = base_of(old, catalog), base_of(new, catalog)
    if old.domain is not None:  # a value of a domain shows no modifier, so that the target's is applied
        source = replace(source, typmod=-1)
    if source.array or target.array:
        return not _same(source, target) or target.typmod not in (source.typmod, -1)
    if _same(source, target):
        return not target.typmod_known or not widens(source.name, source.typmod, target.typmod)
    if {source.name, target.name} == {"timestamp", "timestamptz"}:
        zone = catalog.settings.get("TimeZone", catalog.timezone)
        # The conversion has no precision of its own: a length coercion over it is spared at full precision only.
        return zone.lower() not in UTC_ZONES or not widens(target.name, -1, target.typmod)
    if (source.name, target.name) in BINARY_COERCIBLE:
        return not _length_free(source, target)
    return True


def _length_free(source: Type, target: Type) -> bool:
    """Whether a binary coercible cast needs no length function on top."""
    if target.typmod == -1 and target.name not in ("bit",):
        return True
    same_storage = {source.name, target.name} <= {"varchar", "text"}
    return same_storage and target.name == "varchar" and source.typmod != -1 and target.typmod >= source.typmod


def casts_of(using: Any, column: str, catalog: Catalog) -> list[Type] | None:
    """The types that USING casts the column to, the first one first; None where it says more than casts."""
    casts: list[Type] = []
    inner = unwrap(using)
    while inner is not None and inner.DESCRIPTOR.name == "TypeCast":
        casts.insert(0, type_written(type_ref(inner.type_name), catalog))
        inner = unwrap(inner.arg)
    plain = inner is not None and inner.DESCRIPTOR.name == "ColumnRef" and strings(inner.fields)[-1:] == (column,)
    return casts if plain else None


def _same(one: Type, other: Type) -> bool:
    """One type. Where a base type of an extension lives is not known of a type as it is written."""
    same_place = one.schema == other.schema or (one.kind == "b" and other.kind == "b")
    return (one.name, one.array) == (other.name, other.array) and same_place


def _polymorphic(kind: Type) -> bool:
    """Whether types of its kind share one operator class: array_ops, enum_ops, range_ops, record_ops."""
    return kind.array or kind.kind != "b" or (kind.schema == "pg_catalog" and kind.name.endswith("range"))


def same_operators(old: Type, new: Type, catalog: Catalog) -> bool:
    """Whether both use one default operator class and equality: indexes and foreign keys stay as they are."""
    one, two = base_of(old, catalog), base_of(new, catalog)
    if _polymorphic(one) or _polymorphic(two):
        # The class is polymorphic: it must be the very type, not a domain over it. Source: CheckIndexCompatible.
        return _same(old, new)
    return OPERATOR_CLASS.get(one.name, one.name) == OPERATOR_CLASS.get(two.name, two.name) and (
        one.schema == two.schema or one.name == two.name
    )


def needs_toast(columns: tuple[Column, ...]) -> bool:
    """Whether a table of these columns gets a TOAST table (8 kB blocks). Source: heapam_relation_needs_toast_table."""
    threshold, bytes_so_far, toastable, unbounded = 2032, 0, False, False
    for column in columns:
        if column.generated == "v":
            continue
        printed = column.type
        name = BUILT_IN.get(printed, printed)
        length = 4 if column.type_kind == "e" else FIXED_LENGTH.get(name)
        if length is not None:
            bytes_so_far = -(-bytes_so_far // min(length, 8)) * min(length, 8) + length
            continue
        if name not in NEVER_TOASTED:
            toastable = True
        size = _largest(name, column.typmod)
        if size is None:
            unbounded = unbounded or name not in NEVER_TOASTED
        else:
            bytes_so_far = -(-bytes_so_far // 4) * 4 + size
    if not toastable:
        return False
    return unbounded or 24 + -(-len(columns) // 8) + bytes_so_far > threshold


def _largest(name: str, typmod: int) -> int | None:
    """The most bytes a value can take (UTF-8), or None without a bound. Source: type_maximum_size, format_type.c."""
    if typmod < 0:
        return None
    match name:
        case "varchar" | "bpchar":
            return (typmod - _VARHDRSZ) * 4 + _VARHDRSZ
        case "numeric":
            digits = (typmod - _VARHDRSZ) >> 16
            return 8 + 2 * ((digits + 3) // 4 + 2)
        case "varbit" | "bit":
            return (typmod + 7) // 8 + 8
    return None


def column_of(spec: ColumnSpec, catalog: Catalog) -> Column:
    """The catalog's column for one as it is written, with its marks."""
    kind = type_written(spec.type, catalog) if spec.type is not None else Type("unknown")
    serial = spec.type is not None and spec.type.is_serial
    identity = spec.constraint("identity")
    generated = spec.constraint("generated")
    return Column(
        name=spec.name,
        type=kind.printed,
        typmod=kind.typmod,
        type_schema=kind.schema,
        type_kind=kind.kind,
        not_null=spec.not_null,
        has_default=spec.default is not None or serial or generated is not None,
        identity=identity.generated if identity is not None else "",
        generated=(generated.generated or "s") if generated is not None else "",
        collation=spec.collation.name if spec.collation is not None else None,
    )
