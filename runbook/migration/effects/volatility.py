"""Whether an expression gives another value for every row: what makes ADD COLUMN ... DEFAULT rewrite a table.

Source: ATExecAddColumn and contain_volatile_functions (clauses.c): the default is evaluated once unless it is volatile
after the planner has inlined what SQL functions it can.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from runbook.migration.ast import Name, functions_used
from runbook.migration.catalog import Catalog, Function

# Functions of extensions, for when the catalog does not list them. Source: the extensions' own SQL scripts.
EXTENSION_FUNCTIONS: dict[str, str] = {
    "uuid_generate_v1": "v",
    "uuid_generate_v1mc": "v",
    "uuid_generate_v4": "v",
    "uuid_generate_v7": "v",
    "uuid_generate_v3": "i",
    "uuid_generate_v5": "i",
    "gen_random_bytes": "v",
    "gen_salt": "v",
    "nanoid": "v",
    "gen_ulid": "v",
    "st_setsrid": "i",
    "st_makepoint": "i",
    "digest": "i",
    "unaccent": "s",
}


@dataclass(frozen=True, slots=True)
class Volatility:
    """``volatile``, and the function that makes it so; ``unknown`` names one of which nothing is known."""

    volatile: bool
    function: Name | None = None
    unknown: Name | None = None


def volatility(expression: Any, catalog: Catalog) -> Volatility:
    """What is known of an expression's volatility. A function that nobody knows is taken to be volatile."""
    unknown: Name | None = None
    for call in functions_used(expression):
        found = function_volatility(call.name, call.arguments, catalog)
        if found == "v":
            return Volatility(True, call.name)
        if found is None:
            unknown = call.name
    return Volatility(unknown is not None, unknown, unknown)


def function_volatility(name: Name, arguments: int, catalog: Catalog) -> str | None:
    """i, s or v; None where no such function is known. A user function comes before a built-in one of its name."""
    overloads = [f for f in catalog.functions.get(name.name, ()) if name.schema is None or f.schema == name.schema]
    fitting = [f for f in overloads if len(f.arguments) == arguments] or overloads
    if fitting:
        return min((_of(f) for f in fitting), key="vsi".index)
    built_in = _built_in().get(name.name) if name.schema in (None, "pg_catalog") else None
    return built_in or EXTENSION_FUNCTIONS.get(name.name.lower())


def is_built_in(name: Name) -> bool:
    """Whether PostgreSQL itself has a function of that name, on any major from 12 to 18."""
    return name.schema in (None, "pg_catalog") and name.name in _built_in()


def _of(function: Function) -> str:
    if function.volatility != "v":  # a body that is more volatile than it says is not inlined: what it says counts
        return function.volatility
    return function.inlined_volatility or function.volatility


@cache
def _built_in() -> dict[str, str]:
    """Volatility by name: v where an overload is volatile, else i (whether stable or immutable makes no difference)."""
    lines = Path(__file__).with_name("built_in_functions.txt").read_text(encoding="ascii").splitlines()
    return {line.rstrip("!"): "v" if line.endswith("!") else "i" for line in lines if not line.startswith("#")}
