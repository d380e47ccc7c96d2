"""The SQL of the playbooks on what extensions need runs on every major, whatever the extension is called."""

from __future__ import annotations

import psycopg
import pytest

from runbook.diagnosis.facts import Fact, FactBook
from runbook.migration.statement import split
from tests.playbooks.incident import playbooks
from tests.support import Database

CAUSES = ("extension-forced-into-schema", "extension-version-too-old", "missing-shared-preload-library")
NOT_THERE = (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile)


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("name", ["plpgsql", "no such 'ext\"ension"], ids=["real", "hostile"])
def test_every_look_runs_on_every_major_and_writes_nothing(matrix_database: Database, cause: str, name: str) -> None:
    samples = FactBook.of_samples()
    renamed = [
        Fact(f.id, [{**row, "extension": name} for row in f.value], "test", "test")
        for f in samples.facts.values()
        if f.id in ("extension.elsewhere", "extension.lacks", "extension.refused_versions")
    ]
    renamed.append(Fact("extension.library", name, "test", "test"))
    looks = [b for b in playbooks()[cause].render(samples.with_facts(renamed)).sql if not b.changes]
    assert looks
    with matrix_database.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for block in looks:
            for statement in split(block.sql)[0]:
                try:
                    connection.execute(statement.sql.encode())
                except NOT_THERE:  # pg_extension_update_paths refuses an extension without files
                    assert name != "plpgsql"
                except psycopg.Error as error:
                    raise AssertionError(f"{block.section}: {block.sql}") from error
