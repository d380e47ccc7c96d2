"""The migration passed; the old release still asks for the column that it removed."""

from runbook.lab.scenario import Scenario, Stage
from runbook.lab.tools import ONE_FILE

OLD_CODE = "SELECT o.id, o.coupon FROM orders o WHERE o.id = :id"
LOGGED = """\
E, [2025-03-05T10:19:44.120145 #7] ERROR -- : [7c1d6c64] ActiveRecord::StatementInvalid \
(PG::UndefinedColumn: ERROR:  {message}
LINE 1: {sql}
{caret}^
):
E, [2025-03-05T10:19:44.120201 #7] ERROR -- : [7c1d6c64] app/models/order.rb:41:in `with_coupon'
"""


async def old_release_goes_on(stage: Stage) -> str:
    """The sessions of the old release fail one after another; this is what stands in their log."""
    import psycopg

    stage.application(4, OLD_CODE, pause_s=0.1)
    sql = stage.text(OLD_CODE.replace(":id", "1207"))
    try:
        await stage.execute("production", sql, "web")
    except psycopg.errors.UndefinedColumn as error:
        caret = " " * (len("LINE 1: ") + int(error.diag.statement_position or 1) - 1)
        return stage.text(LOGGED).format(message=error.diag.message_primary, sql=sql, caret=caret)
    raise AssertionError("the column should be gone")


async def bring_column_back(stage: Stage) -> None:
    """The column returns, so that the old release works."""
    await stage.execute("production", "ALTER TABLE orders ADD COLUMN coupon text")


SCENARIO = Scenario(
    id="removed-column",
    title="The old release asks for a column that is gone",
    story="The migration passed. Since then half of the pods fail on every request.",
    seen="broken",
    expected="old-code-uses-removed-column",
    runners=ONE_FILE,
    migration={"migrations/0050_orders_drop_coupon.sql": "ALTER TABLE orders DROP COLUMN coupon;\n"},
    incident=old_release_goes_on,
    unfault=bring_column_back,
    in_force="""
        SELECT 1 WHERE NOT EXISTS (
            SELECT 1 FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'coupon' AND NOT attisdropped)
    """,
)
