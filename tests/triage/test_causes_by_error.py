"""A migration that passes on local fails on production: the true cause is named first, from psql's own output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import BARE, Database, create_database, drop_database
from tests.triage.incident import causes, explain, psql, triage, write

SHOP = """
CREATE TABLE customers (id int PRIMARY KEY, email text, name text);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, total numeric(10,2), note text);
INSERT INTO customers SELECT g, 'c' || g || '@example.org', 'n' FROM generate_series(1, 500) g;
INSERT INTO orders SELECT g, g % 500 + 1, g, 'x' FROM generate_series(1, 2000) g;
ANALYZE;
"""


@dataclass(frozen=True)
class Fault:
    """``fault`` is what only production has. ``role`` runs the migration there."""

    cause: str
    migration: str
    fault: str = ""
    local: str = ""
    majors: tuple[int, int] = (18, 16)
    role: str = "postgres"
    options: tuple[str, ...] = ()
    name: str = ""


FAULTS = [
    Fault("needs-newer-major", "ALTER TABLE orders ADD COLUMN double numeric GENERATED ALWAYS AS (total * 2) VIRTUAL;"),
    Fault(
        "needs-newer-major", "ALTER TABLE orders ADD CONSTRAINT note_nn NOT NULL note NOT VALID;", name="not-valid-nn"
    ),
    Fault(
        "needs-newer-major",
        "MERGE INTO orders o USING customers c ON o.customer_id = c.id WHEN MATCHED THEN UPDATE SET note = c.name"
        " RETURNING o.id;",
        name="merge-returning",
    ),
    Fault("function-needs-newer-major", "ALTER TABLE orders ADD COLUMN ref uuid DEFAULT uuidv7();"),
    Fault("function-needs-newer-major", "UPDATE orders SET note = casefold(note);", name="casefold"),
    Fault("extension-not-available", "CREATE EXTENSION citext;"),
    Fault(
        "extension-not-installed",
        "ALTER TABLE customers ALTER COLUMN email TYPE citext;",
        local="CREATE EXTENSION citext",
        majors=(18, 18),
    ),
    Fault(
        "extension-not-installed",
        "CREATE INDEX customers_name_trgm ON customers USING gin (name gin_trgm_ops);",
        local="CREATE EXTENSION pg_trgm",
        majors=(18, 18),
        name="opclass",
    ),
    Fault(
        "extension-not-installed",
        "ALTER TABLE customers ADD COLUMN sound text GENERATED ALWAYS AS (soundex(name)) STORED;",
        local="CREATE EXTENSION fuzzystrmatch",
        majors=(18, 18),
        name="function",
    ),
    Fault(
        "extension-needs-superuser",
        "CREATE EXTENSION pg_stat_statements;",
        fault=f"GRANT ALL ON SCHEMA public TO {BARE}",
        majors=(18, 18),
        role=BARE,
    ),
    Fault(
        "not-object-owner",
        "ALTER TABLE orders ADD COLUMN email text;",
        fault=f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {BARE}; GRANT ALL ON SCHEMA public TO {BARE}",
        role=BARE,
    ),
    Fault(
        "not-object-owner",
        "CREATE INDEX orders_note_idx ON orders (note);",
        fault=f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {BARE}; GRANT ALL ON SCHEMA public TO {BARE}",
        role=BARE,
        name="index",
    ),
    Fault("no-create-on-schema", "CREATE TABLE refunds (id int PRIMARY KEY);", role=BARE),
    Fault(
        "missing-table-privilege",
        "INSERT INTO customers (id, email) VALUES (100000, 'a@example.org');",
        fault=f"GRANT SELECT ON customers TO {BARE}",
        role=BARE,
    ),
    Fault(
        "object-already-exists",  # the message leaves out the schema that the statement writes
        "CREATE TABLE billing.refund (id bigint PRIMARY KEY);",
        local="CREATE SCHEMA billing",
        fault="CREATE SCHEMA billing; CREATE TABLE billing.refund (id int)",
        name="other-schema",
    ),
    Fault(
        "missing-object",  # and local has dropped it by now
        "DROP INDEX billing.refund_code_idx;",
        local="CREATE SCHEMA billing; CREATE TABLE billing.refund (code text);"
        "CREATE INDEX refund_code_idx ON billing.refund (code)",
        fault="CREATE SCHEMA billing; CREATE TABLE billing.refund (code text)",
        name="dropped-index",
    ),
    Fault(
        "no-usage-on-schema",
        "CREATE TABLE billing.refund (country ref.iso2);",
        local="CREATE SCHEMA billing; CREATE SCHEMA ref; CREATE DOMAIN ref.iso2 AS char(2)",
        fault=f"CREATE SCHEMA billing AUTHORIZATION {BARE}; CREATE SCHEMA ref; CREATE DOMAIN ref.iso2 AS char(2)",
        role=BARE,
        name="type-in-other-schema",
    ),
    Fault(
        "check-violation",
        "ALTER DOMAIN \"Ref\".iso2 ADD CONSTRAINT iso2_known CHECK (VALUE IN ('DE', 'FR'));",
        local='CREATE SCHEMA "Ref"; CREATE DOMAIN "Ref".iso2 AS char(2); CREATE TABLE "Ref".country (code "Ref".iso2)',
        fault='CREATE SCHEMA "Ref"; CREATE DOMAIN "Ref".iso2 AS char(2); CREATE TABLE "Ref".country (code "Ref".iso2);'
        " INSERT INTO \"Ref\".country VALUES ('ZZ')",
        name="domain",
    ),
    Fault(
        "unique-violation-existing-duplicates",
        "CREATE UNIQUE INDEX customers_email_key ON customers (email);",
        fault="UPDATE customers SET email = 'twice@example.org' WHERE id IN (7, 8)",
    ),
    Fault(
        "unique-violation-existing-duplicates",
        "ALTER TABLE customers ADD CONSTRAINT customers_email_key UNIQUE (email);",
        fault="UPDATE customers SET email = 'twice@example.org' WHERE id IN (7, 8)",
        name="constraint",
    ),
    Fault(
        "not-null-violation",
        "ALTER TABLE customers ALTER COLUMN email SET NOT NULL;",
        fault="UPDATE customers SET email = NULL WHERE id = 3",
    ),
    Fault(
        "not-null-violation",
        "ALTER TABLE customers ADD COLUMN tier text NOT NULL;",
        local="TRUNCATE customers, orders",
        name="add-column",
    ),
    Fault(
        "foreign-key-violation",
        "ALTER TABLE orders ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer_id) REFERENCES customers (id);",
        fault="UPDATE orders SET customer_id = 99999 WHERE id = 5",
    ),
    Fault(
        "check-violation",
        "ALTER TABLE orders ADD CONSTRAINT orders_total_positive CHECK (total > 0);",
        fault="UPDATE orders SET total = -1 WHERE id = 5",
    ),
    Fault(
        "object-already-exists",
        "ALTER TABLE orders ADD COLUMN email text;",
        fault="ALTER TABLE orders ADD COLUMN email varchar(80)",
    ),
    Fault(
        "object-already-exists",
        "CREATE TABLE refunds (id int PRIMARY KEY, order_id int);",
        fault="CREATE TABLE refunds (id int)",
        name="table",
    ),
    Fault("missing-object", "ALTER TABLE orders DROP COLUMN note;", fault="ALTER TABLE orders DROP COLUMN note"),
    Fault("missing-object", "CREATE INDEX ON customers (email);", fault="DROP TABLE customers CASCADE", name="table"),
    Fault(
        "missing-object",
        "ALTER TABLE orders DROP CONSTRAINT orders_total_check;",
        local="ALTER TABLE orders ADD CONSTRAINT orders_total_check CHECK (total IS NOT NULL)",
        name="constraint",
    ),
    Fault(
        "not-allowed-in-transaction",
        "CREATE INDEX CONCURRENTLY orders_note_idx ON orders (note);",
        options=("-1",),
    ),
    Fault("not-allowed-in-transaction", "BEGIN; VACUUM orders; COMMIT;", name="vacuum"),
    Fault(
        "statement-timeout",
        "UPDATE orders SET note = pg_sleep(0.01)::text;",
        fault=f"GRANT ALL ON orders TO {BARE}; ALTER ROLE {BARE} IN DATABASE CURRENT SET statement_timeout = '300ms'",
        role=BARE,
    ),
]


@pytest.fixture
def databases(request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database]]:
    fault: Fault = request.getfixturevalue("fault")
    local, production = (create_database(m) for m in fault.majors)
    yield local, production
    drop_database(local)
    drop_database(production)


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{f.cause}-{f.name}" if f.name else f.cause for f in FAULTS])
async def test_the_cause_of_a_failed_migration_is_named_first(
    fault: Fault, databases: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = databases
    for side, extra in ((local, fault.local), (production, fault.fault)):
        side.execute(SHOP)
        if extra:
            side.execute(extra.replace("DATABASE CURRENT", f"DATABASE {side.name}"))
    path = write(tmp_path, fault.migration + "\n")
    error = psql(production, path, role=fault.role, options=fault.options)
    assert "ERROR" in error, error
    state = await triage(local, production, migration=path, error=error, role=fault.role)
    assert causes(state)[:1] == [fault.cause], error + explain(state)
    assert state.diagnosis is not None
    assert state.diagnosis.causes[0].verdict in ("proved", "likely"), explain(state)


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{f.cause}-{f.name}" if f.name else f.cause for f in FAULTS])
async def test_the_error_text_alone_never_leads_to_another_cause_with_certainty(
    fault: Fault, databases: tuple[Database, Database], tmp_path: Path
) -> None:
    _, production = databases
    production.execute(SHOP)
    if fault.fault:
        production.execute(fault.fault.replace("DATABASE CURRENT", f"DATABASE {production.name}"))
    path = write(tmp_path, fault.migration + "\n")
    error = psql(production, path, role=fault.role, options=fault.options)
    state = await triage(None, None, error=error)
    assert state.diagnosis is not None
    sure = [c.id for c in state.diagnosis.causes if c.verdict in ("proved", "likely")]
    assert set(sure) <= {fault.cause}, error + explain(state)


@pytest.mark.parametrize(
    "migration",
    [
        "ALTER TABLE orders ADD COLUMN email text;",
        "CREATE INDEX orders_note_idx ON orders (note);",
        "CREATE TABLE refunds (id int PRIMARY KEY, order_id int REFERENCES orders (id));",
        "ALTER TABLE orders ALTER COLUMN note SET DEFAULT 'x'; UPDATE orders SET note = 'y' WHERE id = 1;",
        "CREATE UNIQUE INDEX CONCURRENTLY customers_email_key ON customers (email);",
        "ALTER TABLE customers ALTER COLUMN email SET NOT NULL;",
    ],
)
async def test_a_healthy_pair_has_no_causes(pair: tuple[Database, Database], tmp_path: Path, migration: str) -> None:
    local, production = pair
    local.execute(SHOP)
    production.execute(SHOP)
    state = await triage(local, production, migration=write(tmp_path, migration + "\n"), seen="planned")
    assert causes(state) == [], explain(state)
    assert state.diagnosis is not None
    assert state.diagnosis.conclusion == "nothing_wrong"


PLANNED = [
    f
    for f in FAULTS
    if f.cause
    not in (
        "unique-violation-existing-duplicates",
        "not-null-violation",
        "foreign-key-violation",
        "check-violation",
        "statement-timeout",
    )
]


@pytest.mark.parametrize("fault", PLANNED, ids=[f"{f.cause}-{f.name}" if f.name else f.cause for f in PLANNED])
async def test_what_the_catalog_can_tell_is_told_before_the_migration_runs(
    fault: Fault, databases: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = databases
    for side, extra in ((local, fault.local), (production, fault.fault)):
        side.execute(SHOP)
        if extra:
            side.execute(extra)
    migration = f"BEGIN;\n{fault.migration}\nCOMMIT;\n" if fault.options else fault.migration + "\n"
    path = write(tmp_path, migration)
    state = await triage(local, production, migration=path, seen="planned", role=fault.role)
    assert causes(state)[:1] == [fault.cause], explain(state)
