"""What several safe sequences are made of: marks of steps, types and statements as SQL, NOT NULL whose scan blocks nobody."""

from __future__ import annotations

from typing import Any

from runbook.migration import runner_files
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.deparse import statement_text
from runbook.sql import quote_ident

LATER = "-- in a later transaction: it reads the table, and lets others write\n"
ALONE = f"{runner_files.ALONE}\n"
NOT_NULL_NOT_VALID = 18  # from this major a NOT NULL can itself be NOT VALID
NAME_BYTES = 63  # NAMEDATALEN - 1


def with_ending(name: str, ending: str) -> str:
    """A name of the server's length that ends so."""
    return name.encode()[: NAME_BYTES - len(ending.encode())].decode(errors="ignore") + ending


def not_null_name(relation: Relation, column: str) -> str:
    """The name of the constraint by which ``not_null`` goes."""
    return f"{relation.name[:40]}_{column[:12]}_not_null"


def sql_of(node: Any) -> str:
    """A statement's node as SQL, with a semicolon."""
    return statement_text(node) + ";"


def not_null(table: str, column: str, relation: Relation, catalog: Catalog) -> list[str]:
    """SET NOT NULL whose scan blocks nobody: through a CHECK, or from 18 on through NOT NULL ... NOT VALID."""
    plain = quote_ident(column)
    name = quote_ident(not_null_name(relation, column))
    if catalog.major >= NOT_NULL_NOT_VALID:
        return [
            f"ALTER TABLE {table} ADD CONSTRAINT {name} NOT NULL {plain} NOT VALID;",
            f"{LATER}ALTER TABLE {table} VALIDATE CONSTRAINT {name};",
        ]
    return [
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({plain} IS NOT NULL) NOT VALID;",
        f"{LATER}ALTER TABLE {table} VALIDATE CONSTRAINT {name};",
        f"ALTER TABLE {table} ALTER COLUMN {plain} SET NOT NULL;",
        f"ALTER TABLE {table} DROP CONSTRAINT {name};",
    ]
