"""What production may not write any more: limits of files, and what nobody fetches."""

from runbook.lab.scenario import Scenario, Stage, as_superuser, both
from runbook.lab.tools import ONE_FILE

_A_SEGMENT = as_superuser("CREATE TABLE wal_writer (); DROP TABLE wal_writer; SELECT pg_switch_wal()")
_ARCHIVING_FAILS = (
    "SELECT 1 FROM pg_stat_archiver WHERE failed_count > 0 AND current_setting('archive_mode') = 'on'"
    " AND (SELECT sum(size) FROM pg_ls_waldir()) > 144e6"
)


async def archive_refuses(stage: Stage) -> None:
    """The key of the archive has expired: every file of WAL is tried, and stays."""
    failing = {"archive_mode": "on", "archive_command": "/bin/false", "max_wal_size": "32MB", "min_wal_size": "32MB"}
    stage.production.restart(settings=failing)
    for _ in range(10):
        await _A_SEGMENT(stage)


async def no_archive(stage: Stage) -> None:
    """Production runs without its archive."""
    stage.production.restart(settings={"archive_mode": "off"})


SCENARIOS = (
    Scenario(
        id="index-too-large-for-temp-files",
        title="An index build whose sort may not write its files",
        story="A report once filled the disk; since then there is a limit. Today an index build was ended after a second.",
        seen="failed",
        expected="temp-file-limit",
        runners=ONE_FILE,
        migration={"migrations/0141_orders_reference.sql": "CREATE INDEX orders_by_reference ON orders (reference);\n"},
        fault=as_superuser(
            "ALTER ROLE deploy SET temp_file_limit = '512kB'; ALTER ROLE deploy SET maintenance_work_mem = '1MB'"
        ),
        unfault=as_superuser("ALTER ROLE deploy RESET temp_file_limit"),
        sqlstate="53400",
    ),
    Scenario(
        id="slot-of-a-removed-replica",
        title="A disk alarm before the release",
        story="A disk of production grows by itself. A replica was taken away last month. May today's migration run?",
        seen="planned",
        expected="inactive-replication-slot",
        migration={"migrations/0142_orders_note.sql": "ALTER TABLE orders ADD COLUMN note text;\n"},
        fault=both(
            as_superuser("ALTER SYSTEM SET max_wal_size = '32MB'"),
            as_superuser("SELECT pg_reload_conf(); SELECT pg_create_physical_replication_slot('old_replica', true)"),
            *(_A_SEGMENT,) * 9,
        ),
        unfault=as_superuser("SELECT pg_drop_replication_slot('old_replica')"),
        attempt=False,
        in_force=(
            "SELECT 1 FROM pg_replication_slots WHERE NOT active AND pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) > 128e6"
        ),
        traffic=False,
    ),
    Scenario(
        id="archive-that-refuses",
        title="WAL that cannot be archived",
        story="The archive refuses every file since the night. A column of orders is to be added now: may it run?",
        seen="planned",
        expected="wal-volume-fills-disk",
        migration={"migrations/0143_orders_note.sql": "ALTER TABLE orders ADD COLUMN note text;\n"},
        fault=archive_refuses,
        unfault=no_archive,
        attempt=False,
        in_force=_ARCHIVING_FAILS,
        traffic=False,
    ),
)
