"""ALTER COLUMN TYPE from every type to every other: rewritten, index built anew or refused, as the server does it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import product

import psycopg
import pytest

from runbook.migration.edit import replace_keeping
from tests import support
from tests.oracle.grid import Told, Try, catalog_of, database, forecast, measured

USER_TYPES = (
    "CREATE TYPE mood AS ENUM ('sad', 'happy')",
    "CREATE TYPE colour AS ENUM ('red')",
    "CREATE DOMAIN d_int AS integer",
    "CREATE DOMAIN d_positive AS integer CHECK (VALUE > 0)",
    "CREATE DOMAIN d_not_null AS integer NOT NULL",
    "CREATE DOMAIN d_text AS text",
    "CREATE DOMAIN d_checked AS text CHECK (VALUE <> '')",
    "CREATE DOMAIN d_varchar AS varchar(20)",
    "CREATE DOMAIN d_numeric AS numeric(10,2)",
    "CREATE DOMAIN d_over_domain AS d_varchar",
    "CREATE DOMAIN d_over_checked AS d_checked",
    "CREATE DOMAIN d_bigint AS bigint",
    "CREATE DOMAIN d_array AS integer[]",
    "CREATE DOMAIN d_mood AS mood",
    "CREATE DOMAIN d_range AS int4range",
    "CREATE DOMAIN d_stamp AS timestamptz(3)",
    "CREATE TYPE pair AS (a integer, b text)",
    "CREATE TYPE float_range AS RANGE (subtype = float8)",
    "CREATE SCHEMA other",
    "CREATE TYPE other.mood AS ENUM ('angry')",
    "CREATE DOMAIN other.d_text AS text",
)
GROUPS: dict[str, str] = {
    "strings": 'text; varchar; varchar(10); varchar(20); varchar(30); char(10); char(20); bpchar; "char"; name; d_text;'
    " d_checked; d_varchar; d_over_domain; d_over_checked; other.d_text; json; jsonb",
    "numbers": "integer; smallint; bigint; numeric; numeric(10,2); numeric(12,2); numeric(12,4); numeric(8,2);"
    " numeric(10); real; double precision; money; boolean; d_int; d_positive; d_not_null; d_numeric; d_bigint",
    "identifiers": "oid; integer; regclass; regproc; regtype; xid; uuid",
    "moments": "timestamptz; timestamptz(3); timestamptz(6); timestamp; timestamp(0); timestamp(3); timestamp(6); date;"
    " time; time(3); time(6); timetz; timetz(0); d_stamp",
    "intervals": "interval; interval(3); interval(6); interval year to month; interval day to second;"
    " interval day to second(3); interval hour; interval minute to second; interval year; interval month; interval day",
    "bits": "bit(8); bit(16); varbit; varbit(8); varbit(16); bytea",
    "addresses": "inet; cidr; macaddr; macaddr8",
    "enums": "mood; colour; other.mood; d_mood; text; varchar(10)",
    "arrays": "integer[]; bigint[]; d_array; text[]; varchar[]; varchar(10)[]; varchar(20)[]; numeric(10,2)[];"
    " timestamp[]; timestamptz[]; mood[]; d_int[]",
    "ranges": "int4range; int8range; d_range; tsrange; float_range",
    "rest": "point; box; tsvector; pg_lsn; pair",
}
"""Types by what they are converted to in life; the first of a group stands for it towards the other groups."""
OPTIONAL = {"xml": "SELECT '<a/>'::xml", "citext": "CREATE EXTENSION citext", "xid8": "SELECT '1'::xid8"}
"""Types that not every server has, and what tells; of the groups strings and identifiers."""
OTHER_ZONE = "Europe/Paris"
VARIANTS = {
    "as it is": ("", "UTC"),
    "USING a cast": (" USING c::{to}", "UTC"),
    "USING two casts": (" USING c::text::{to}", "UTC"),
    "in another zone": ("", OTHER_ZONE),
    "with a collation": (' COLLATE "C"', "UTC"),
}
MAJORS = (min(support.majors()), max(support.majors()))


class Grid:
    """One server with a table for each type, which has an index where the type can have one."""

    def __init__(self, made: support.Database) -> None:
        self.database = made
        self.groups = {name: types.split("; ") for name, types in GROUPS.items()}
        with made.connect() as connection:
            for name, sql in OPTIONAL.items():
                with suppress(
                    psycopg.errors.UndefinedObject, psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile
                ):
                    connection.execute(sql.encode())
                    self.groups["identifiers" if name == "xid8" else "strings"].append(name)
            self.types = list(dict.fromkeys(t for types in self.groups.values() for t in types))
            for number, name in enumerate(self.types):
                connection.execute(f"CREATE TABLE t{number} (c {name})".encode())
                with suppress(psycopg.errors.UndefinedObject):  # no operator class
                    connection.execute(f"CREATE INDEX ON t{number} (c)".encode())
        self.catalog = catalog_of(made)

    def pairs(self) -> list[tuple[str, str]]:
        """From what to what: all of a group, and the first of each group to the first of every other."""
        first = [types[0] for types in self.groups.values()]
        found = [pair for types in (*self.groups.values(), first) for pair in product(types, types)]
        return list(dict.fromkeys(found))

    def tries(self, pairs: Iterable[tuple[str, str]], clause: str) -> list[Try]:
        return [
            Try(f"ALTER TABLE {table} ALTER c TYPE {to}{clause.format(to=to)} -- from {old}", table)
            for old, to in pairs
            for table in [f"t{self.types.index(old)}"]
        ]

    def differences(self, tries: list[Try], zone: str) -> list[str]:
        """What the forecast says of each that is not what the server did."""
        settings = {**self.catalog.settings, "TimeZone": zone}
        did = measured(self.database, tries, f"SET TimeZone = '{zone}'")
        said = forecast(replace_keeping(self.catalog, timezone=zone, settings=settings), tries)
        return [
            f"{t.sql}: {_show(d)} / forecast {_show(s)}"
            for t, d, s in zip(tries, did, said, strict=True)
            if (d.error, d.rewrites, d.builds) != (s.error, s.rewrites, s.builds) and not _unread_cast(d, s, t.sql)
        ]


_CASTS_NOT_READ = re.compile(r"\b(float_range|pair|(mood|d_int)\[\]|citext|d_mood)(?!\w)")


def _unread_cast(did: Told, said: Told, sql: str) -> bool:
    """A refusal the forecast leaves open: which casts users made for types of their own is not in the catalog."""
    return said.error is None and did.error in ("42804", "42846", "42704") and _CASTS_NOT_READ.search(sql) is not None


def _show(told: Told) -> str:
    if told.error:
        return f"{told.error} {told.message}"
    return f"{'rewrite' if told.rewrites else 'stays'}, {'build' if told.builds else 'kept'}"


@pytest.fixture(scope="module", params=MAJORS, ids=lambda m: f"pg{m}")
def grid(request: pytest.FixtureRequest) -> Iterator[Grid]:
    with database(request.param, USER_TYPES) as made:
        yield Grid(made)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_change_of_type_does_what_the_forecast_says(grid: Grid, variant: str) -> None:
    clause, zone = VARIANTS[variant]
    chosen = {"in another zone": "moments", "with a collation": "strings"}.get(variant)
    pairs = product(grid.groups[chosen], grid.groups[chosen]) if chosen is not None else grid.pairs()
    assert grid.differences(grid.tries(pairs, clause), zone) == []


def main(majors: Iterable[int]) -> None:
    """Every type to every other on the majors given, every variant: python -m tests.oracle.test_types_grid 12 13."""
    try:
        for major in majors:
            with database(major, USER_TYPES) as made:
                grid = Grid(made)
                for variant, (clause, zone) in VARIANTS.items():
                    found = grid.differences(grid.tries(product(grid.types, grid.types), clause), zone)
                    print(f"{major} {variant}: {len(grid.types) ** 2} pairs, {len(found)} differ", *found, sep="\n  ")
    finally:
        support.stop_servers()


if __name__ == "__main__":
    main(int(major) for major in sys.argv[1:])
