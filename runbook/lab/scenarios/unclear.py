"""What makes a diagnosis hard: little to see, two causes at once, a cause that no catalogue has, a wrong answer."""

from dataclasses import replace

from runbook.lab.scenario import BYSTANDER, Scenario, Stage, as_superuser, both, on_both, on_production
from runbook.lab.scenarios.duplicate_emails import duplicates, remove_duplicates
from runbook.lab.scenarios.lock_queue import SCENARIO as LOCK_QUEUE
from runbook.lab.scenarios.lock_queue import close_report, report_left_open
from runbook.lab.scenarios.long_report import SCENARIO as LONG_REPORT
from runbook.lab.tools import ONE_FILE

FREEZE = """
CREATE TABLE release_freezes (until date NOT NULL);
CREATE FUNCTION no_release_while_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM release_freezes WHERE until >= current_date) THEN
        RAISE EXCEPTION 'price changes are frozen until the audit ends' USING ERRCODE = 'AU001';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER frozen BEFORE UPDATE ON products FOR EACH STATEMENT EXECUTE FUNCTION no_release_while_frozen()
"""
"""What both sides have. Production also has a row in the table: what a team keeps in its tables, no catalogue knows."""


async def report_and_role(stage: Stage) -> None:
    """The report that was never ended, and a table that changed hands."""
    await stage.execute(
        "production",
        "CREATE ROLE vault NOLOGIN; ALTER TABLE customers OWNER TO vault; GRANT SELECT, INSERT, UPDATE ON customers TO deploy",
        "postgres",
    )
    await report_left_open(stage)


SCENARIOS = (
    replace(
        LOCK_QUEUE,
        id="lock-queue-unseen",
        title="A lock queue, seen by somebody who may see little",
        story="The deploy hangs. The on-call engineer's role has no rights on production.",
        kind="unreadable",
        beside=(),
        observer=BYSTANDER,
    ),
    replace(
        LOCK_QUEUE,
        id="lock-queue-wrong-answer",
        title="A lock queue, and an engineer who is sure of something else",
        story="The deploy hangs. Somebody says the deploy job is long dead; it is not.",
        kind="wrong answer",
        answers=("client_alive=no",),
        beside=(),
    ),
    replace(
        LONG_REPORT,
        id="long-report-unseen",
        title="The migration waits for a report that nobody may read",
        story="The deploy hangs, and the on-call engineer's role has no rights on production.",
        kind="unreadable",
        observer=BYSTANDER,
    ),
    Scenario(
        id="duplicates-of-another-owner",
        title="Duplicates, in a table that belongs to somebody else",
        story="The unique constraint is refused. Whoever repairs the first reason meets the second.",
        seen="failed",
        kind="two causes",
        # The server checks ownership first: its error decides what has to be dealt with first.
        expected="not-object-owner",
        runners=ONE_FILE,
        migration={
            "migrations/0101_unique_emails.sql": (
                "ALTER TABLE customers ADD CONSTRAINT customers_email_key UNIQUE (email);\n"
            )
        },
        fault=both(
            duplicates,
            as_superuser(
                "CREATE ROLE vault NOLOGIN; ALTER TABLE customers OWNER TO vault;"
                " GRANT SELECT, INSERT, UPDATE, DELETE ON customers TO deploy, web"
            ),
        ),
        unfault=both(remove_duplicates, as_superuser("GRANT vault TO deploy")),
        sqlstate="42501",
        traffic=False,
    ),
    Scenario(
        id="frozen-by-a-rule",
        title="Another team's rule refuses the change",
        story="The migration corrects prices; production answers with a sentence that nobody knows.",
        seen="failed",
        kind="outside",
        expected=None,
        runners=ONE_FILE,
        migration={"migrations/0102_round_prices.sql": "UPDATE products SET price = round(price, 1) WHERE id < 100;\n"},
        prepare=on_both(FREEZE),
        fault=on_production("INSERT INTO release_freezes VALUES ('infinity')"),
        unfault=on_production("DELETE FROM release_freezes"),
        sqlstate="AU001",
    ),
    Scenario(
        id="lock-timeout-of-two-tables",
        title="A lock timeout on one table, a missing right on the next",
        story="The deploy gave up after two seconds. Its second statement could not have passed either.",
        seen="failed",
        kind="two causes",
        expected="lock-timeout",
        beside=("lock-wait-idle-in-transaction",),
        migration={
            "migrations/0103_two_tables.sql": (
                "SET lock_timeout = '2s';\n"
                "ALTER TABLE orders ADD COLUMN channel text;\n"
                "ALTER TABLE customers ADD COLUMN channel text;\n"
            )
        },
        fault=report_and_role,
        unfault=both(close_report, as_superuser("GRANT vault TO deploy")),
        sqlstate="55P03",
    ),
)
