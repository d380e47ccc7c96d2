"""Locks, timeouts, load, connections, replication: which cause comes first, and which neighbours stay away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.playbooks.incident import (
    ADD_COLUMN,
    HEALTHY_SIDE,
    QUIET,
    diagnosis,
    first,
    incident,
    migration_session,
    session,
    suspects,
    verdict,
    wait,
)

WAITS: dict[str, Any] = {
    "migration_found": True,
    "migration": migration_session(),
    "migration_waits": True,
    "migration_wait": wait(),
    "migrators": 1,
    "waiting": 1,
    "longest_wait_s": 271.0,
    "blocker_is_now": True,
    "chain_depth": 1,
}
IDLE: dict[str, Any] = {"blocker_kind": "idle_in_transaction", "blocker": session(), "chain_depth": 1}
BUSY: dict[str, Any] = {
    "blocker_kind": "active",
    "blocker": session(state="active", wait_event_type="", wait_event=""),
    "chain_depth": 1,
}
PREPARED: dict[str, Any] = {
    "blocker_kind": "prepared",
    "blocker": session(0, state="prepared", gid="pay-991", backend_start="", label="prepared transaction pay-991"),
    "chain_depth": 1,
}
QUEUE: dict[str, Any] = {
    "queued_behind_migration": 42,
    "waiting": 43,
    "blocked_relation": "public.orders",
    "queue": [wait(pid=5133, application_name="web", mode="AccessShareLock", is_migration=False)],
}
LOCK_TIMEOUT = {"sqlstate": "55P03", "timeout": "lock", "message": "canceling statement due to lock timeout"}
STATEMENT_TIMEOUT = {
    "sqlstate": "57014",
    "timeout": "statement",
    "message": "canceling statement due to statement timeout",
}
FIVE_SECONDS = {"statement_timeout_s": 5.0, "statement_timeout_source": "role deploy"}


def large(statement: dict[str, Any]) -> list[dict[str, Any]]:
    """The statement as one of the migration's ``*_large`` lists holds it."""
    return [
        {
            "sql": statement["sql"],
            "file": statement["file"],
            "line": statement["line"],
            "relation": statement["relation"],
            "rows": statement["rows"],
            "seconds": statement["seconds_likely"],
        }
    ]


BUILD = {
    **ADD_COLUMN,
    "sql": "CREATE INDEX orders_email_idx ON orders (email)",
    "kind": "CREATE INDEX",
    "lock_mode": "ShareLock",
    "blocks_reads": False,
    "index_builds": ["orders_email_idx"],
    "index_name": "orders_email_idx",
    "index_relation": "public.orders_email_idx",
    "seconds_likely": 60.0,
    "seconds_high": 120.0,
}
REWRITE = {
    **ADD_COLUMN,
    "sql": "ALTER TABLE orders ALTER COLUMN id TYPE bigint",
    "rewrites": ["public.orders"],
    "seconds_likely": 800.0,
    "seconds_high": 2000.0,
}
SCAN = {
    **ADD_COLUMN,
    "sql": "ALTER TABLE orders ALTER COLUMN total SET NOT NULL",
    "scans": ["public.orders"],
    "seconds_likely": 50.0,
    "seconds_high": 90.0,
}
BACKFILL = {
    **ADD_COLUMN,
    "sql": "UPDATE orders SET total = 0",
    "kind": "UPDATE",
    "lock_mode": "RowExclusiveLock",
    "is_ddl": False,
    "is_backfill": True,
    "blocks_reads": False,
    "blocks_writes": False,
    "seconds_likely": 400.0,
    "seconds_high": 900.0,
}
HAZARDS = {
    "create-index-blocks-writes": (BUILD, "builds_large"),
    "table-rewrite": (REWRITE, "rewrites_large"),
    "scan-under-exclusive-lock": (SCAN, "scans_large"),
    "unbatched-backfill": (BACKFILL, "backfills_large"),
}


def running(sql: str, **other: Any) -> dict[str, Any]:
    """``locks`` while the migration works on ``sql`` for a minute."""
    found = migration_session(query=sql, wait_event_type="IO", wait_event="DataFileRead", state_age_s=60.0)
    return {"migration_found": True, "migration_active": True, "migrators": 1, "migration": found, **other}


def hurt(*types: str) -> dict[str, Any]:
    """Seven sessions that wait for the migration."""
    return {
        "blocked_by_migration": 7,
        "blocked_by_migration_types": list(types),
        "blocked_relation": "public.orders",
        "waiting": 7,
        "longest_wait_s": 50.0,
        "queue": [wait(pid=9, mode="RowExclusiveLock", is_migration=False)],
    }


UNREACHABLE = dict.fromkeys(HEALTHY_SIDE) | {"given": True, "reachable": False, "name": "production"}
UNSEEN = dict.fromkeys(QUIET)
LAGGING = {
    "replication_lag_s": 95.0,
    "replication_lag_bytes": 734_003_200,
    "replicas": [
        {"name": "r1", "state": "streaming", "sync_state": "async", "replay_lag_s": 95.0, "lag_bytes": 734_003_200}
    ],
}


# -- nothing wrong --------------------------------------------------


@pytest.mark.parametrize("files", [True, False], ids=["with files", "without files"])
def test_a_healthy_pair_has_no_suspect(files: bool) -> None:
    found = diagnosis(incident(files=files))
    assert found.conclusion == "nothing_wrong"
    assert not found.suspects


def test_a_migration_that_has_just_started_and_hurts_nobody_is_no_incident() -> None:
    locks = running(ADD_COLUMN["sql"]) | {"migration": migration_session(state_age_s=0.4, wait_event_type="")}
    assert not suspects(incident(locks=locks, failing={**ADD_COLUMN, "how": "running"}, answer={"seen": "running"}))


def test_an_idle_transaction_does_not_explain_a_syntax_error() -> None:
    book = incident(error={"sqlstate": "42601", "message": "syntax error"}, failing=ADD_COLUMN, locks=IDLE)
    assert "lock-wait-idle-in-transaction" not in suspects(book)


def test_replicas_that_are_behind_do_not_explain_a_syntax_error() -> None:
    book = incident(error={"sqlstate": "42601", "message": "syntax error"}, production=LAGGING)
    assert "replication-lag" not in suspects(book)


@pytest.mark.parametrize("cause", sorted(HAZARDS))
def test_a_hazard_does_not_explain_an_error_of_privileges(cause: str) -> None:
    statement, kind = HAZARDS[cause]
    error = {"sqlstate": "42501", "message": "must be owner of table orders", "privilege_problem": "owner"}
    book = incident(error=error, failing=statement, migration={kind: large(statement)})
    assert cause not in suspects(book)


# -- lock waits --------------------------------------------------


@pytest.mark.parametrize(
    ("blocker", "cause"),
    [
        (IDLE, "lock-wait-idle-in-transaction"),
        (BUSY, "lock-wait-long-running-query"),
        (PREPARED, "lock-wait-prepared-transaction"),
    ],
    ids=["idle", "busy", "prepared"],
)
def test_what_the_migration_waits_behind_is_proved_and_the_neighbours_are_ruled_out(
    blocker: dict[str, Any], cause: str
) -> None:
    book = incident(locks={**WAITS, **blocker}, failing={**ADD_COLUMN, "how": "waiting"})
    assert first(book) == cause
    assert verdict(book, cause) == "proved"
    others = {"lock-wait-idle-in-transaction", "lock-wait-long-running-query", "lock-wait-prepared-transaction"} - {
        cause
    }
    assert {verdict(book, other) for other in others} == {"ruled_out"}
    assert verdict(book, "setting-difference") == "ruled_out"


def test_the_queue_comes_before_what_stands_in_front_of_it() -> None:
    book = incident(locks={**WAITS, **IDLE, **QUEUE}, failing={**ADD_COLUMN, "how": "waiting"})
    assert list(suspects(book))[:2] == ["lock-queue-behind-waiting-ddl", "lock-wait-idle-in-transaction"]
    assert verdict(book, "lock-queue-behind-waiting-ddl") == "proved"


def test_the_queue_is_found_without_any_file() -> None:
    assert first(incident(files=False, locks={**WAITS, **BUSY, **QUEUE})) == "lock-queue-behind-waiting-ddl"


def test_cancelling_the_migration_is_not_promised_to_help_when_the_holder_itself_shuts_everybody_out() -> None:
    blocker = session(holds=["AccessExclusiveLock"])
    book = incident(locks={**WAITS, **IDLE, **QUEUE, "blocker": blocker})
    assert first(book) == "lock-wait-idle-in-transaction"
    assert verdict(book, "lock-queue-behind-waiting-ddl") == "possible"


def test_writers_behind_a_holder_that_stops_writers_do_not_prove_a_queue_behind_the_migration() -> None:
    queue = [wait(pid=5133, mode="RowExclusiveLock", is_migration=False)]
    blocker = session(holds=["ShareLock"])
    book = incident(locks={**WAITS, **IDLE, **QUEUE, "queue": queue, "blocker": blocker})
    assert verdict(book, "lock-queue-behind-waiting-ddl") == "likely"


def test_a_hidden_blocker_leaves_the_two_kinds_of_sessions_open_and_claims_neither() -> None:
    hidden = {"blocker_kind": None, "blocker": session(state="", query="")}
    book = incident(locks={**WAITS, **hidden})
    assert verdict(book, "lock-wait-idle-in-transaction") == "possible"
    assert verdict(book, "lock-wait-long-running-query") == "possible"
    assert verdict(book, "lock-wait-prepared-transaction") != "proved"


@pytest.mark.parametrize("kind", ["maintenance", "backup", "wraparound_autovacuum", "ddl"])
def test_a_blocker_of_another_kind_is_not_claimed(kind: str) -> None:
    book = incident(locks={**WAITS, "blocker_kind": kind, "blocker": session(state="active")})
    assert not [c for c in suspects(book) if c in ("lock-wait-idle-in-transaction", "lock-wait-long-running-query")]


def test_an_old_idle_transaction_is_foreseen_before_the_migration_runs() -> None:
    assert first(incident(locks=IDLE)) == "lock-wait-idle-in-transaction"


def test_a_query_of_some_seconds_is_no_more_than_a_possibility_before_the_migration_runs() -> None:
    book = incident(locks={**BUSY, "blocker": session(state="active", xact_age_s=6.0)})
    assert verdict(book, "lock-wait-long-running-query") == "possible"


def test_a_hang_that_nobody_could_look_at_names_what_is_most_frequent() -> None:
    book = incident(servers=False, answer={"seen": "hanging"})
    assert set(suspects(book)) >= {"lock-wait-idle-in-transaction", "lock-wait-long-running-query"}
    assert set(suspects(book).values()) == {"possible"}


# -- lock_timeout and statement_timeout --------------------------------------------------


@pytest.mark.parametrize("who", [None, False], ids=["unknown who", "not the application"])
def test_the_text_of_a_lock_timeout_settles_it_without_any_server(who: bool | None) -> None:
    book = incident(servers=False, files=False, error={**LOCK_TIMEOUT, "from_application": who})
    assert suspects(book) == {"lock-timeout": "proved"}


def test_after_a_lock_timeout_the_holder_that_is_still_there_is_named_beside_it() -> None:
    book = incident(error=LOCK_TIMEOUT, failing=ADD_COLUMN, locks=IDLE)
    assert list(suspects(book)) == ["lock-timeout", "lock-wait-idle-in-transaction"]


def test_after_a_lock_timeout_whose_holder_is_gone_nobody_is_accused() -> None:
    assert suspects(incident(error=LOCK_TIMEOUT, failing=ADD_COLUMN)) == {"lock-timeout": "proved"}


def test_a_statement_timeout_alone_leaves_both_explanations_open() -> None:
    found = suspects(incident(servers=False, files=False, error=STATEMENT_TIMEOUT))
    assert found == {"statement-timeout": "likely", "statement-timeout-was-lock-wait": "possible"}


def test_a_timeout_of_a_statement_that_only_changes_the_catalog_was_a_lock_wait() -> None:
    book = incident(error=STATEMENT_TIMEOUT, failing=ADD_COLUMN, production=FIVE_SECONDS)
    assert first(book) == "statement-timeout-was-lock-wait"


def test_a_timeout_of_a_statement_that_needs_longer_was_the_timeout() -> None:
    book = incident(
        error=STATEMENT_TIMEOUT, failing=BUILD, production=FIVE_SECONDS, migration={"builds_large": large(BUILD)}
    )
    assert first(book) == "statement-timeout"
    assert "statement-timeout-was-lock-wait" not in suspects(book)


def test_a_timeout_while_a_materialized_view_was_filled_is_not_taken_for_a_lock_wait() -> None:
    failing = {**ADD_COLUMN, "sql": "CREATE MATERIALIZED VIEW v AS SELECT ...", "kind": "CREATE MATERIALIZED VIEW"}
    failing |= {"lock_mode": "", "seconds_likely": None, "seconds_high": None}
    assert first(incident(error=STATEMENT_TIMEOUT, failing=failing, production=FIVE_SECONDS)) == "statement-timeout"


def test_a_logged_lock_wait_proves_it_and_rules_the_timeout_out() -> None:
    book = incident(error={**STATEMENT_TIMEOUT, "lock_wait_logged": True}, failing=BUILD, production=FIVE_SECONDS)
    assert first(book) == "statement-timeout-was-lock-wait"
    assert verdict(book, "statement-timeout") == "ruled_out"


def test_what_somebody_saw_does_not_outweigh_the_log() -> None:
    book = incident(error={**STATEMENT_TIMEOUT, "lock_wait_logged": True}, answer={"waited_for_lock": "no"})
    assert first(book) == "statement-timeout-was-lock-wait"


def test_who_saw_it_work_rules_the_lock_wait_out() -> None:
    book = incident(error=STATEMENT_TIMEOUT, answer={"waited_for_lock": "no"})
    assert first(book) == "statement-timeout"
    assert verdict(book, "statement-timeout-was-lock-wait") == "ruled_out"


def test_a_holder_in_the_way_turns_a_statement_timeout_into_a_lock_wait() -> None:
    book = incident(error=STATEMENT_TIMEOUT, failing=ADD_COLUMN, locks=IDLE, production=FIVE_SECONDS)
    assert list(suspects(book))[:2] == ["statement-timeout-was-lock-wait", "lock-wait-idle-in-transaction"]


def test_a_cancel_by_a_person_is_no_statement_timeout() -> None:
    error = {"sqlstate": "57014", "timeout": "user_request", "message": "canceling statement due to user request"}
    book = incident(error=error, failing=BUILD)
    assert verdict(book, "statement-timeout") == "ruled_out"
    assert verdict(book, "statement-timeout-was-lock-wait") == "ruled_out"


def test_a_timeout_that_is_too_short_is_foreseen() -> None:
    book = incident(failing={**BUILD, "how": "forecast"}, production=FIVE_SECONDS)
    assert verdict(book, "statement-timeout") == "likely"


def test_the_applications_timeout_is_blamed_on_the_migration_that_holds_the_table() -> None:
    error = {**LOCK_TIMEOUT, "from_migration": False, "from_application": True}
    book = incident(
        error=error,
        locks=running(BUILD["sql"], **hurt("relation")),
        failing={**BUILD, "how": "running"},
        migration={"builds_large": large(BUILD)},
    )
    assert first(book) == "create-index-blocks-writes"


# -- what the migration does to others --------------------------------------------------


@pytest.mark.parametrize("cause", sorted(HAZARDS))
def test_a_hazard_is_foreseen_before_it_runs(cause: str) -> None:
    statement, kind = HAZARDS[cause]
    book = incident(failing={**statement, "how": "forecast"}, migration={kind: large(statement)})
    assert suspects(book) == {cause: "likely"}


@pytest.mark.parametrize("cause", sorted(HAZARDS))
def test_a_hazard_that_makes_others_wait_now_is_proved(cause: str) -> None:
    statement, kind = HAZARDS[cause]
    waits = "transactionid" if cause == "unbatched-backfill" else "relation"
    book = incident(
        locks=running(statement["sql"], **hurt(waits)),
        failing={**statement, "how": "running"},
        migration={kind: large(statement)},
    )
    assert first(book) == cause
    assert verdict(book, cause) == "proved"
    assert not {c for c, v in suspects(book).items() if v in ("proved", "likely")} - {cause}


@pytest.mark.parametrize(
    ("sql", "waits", "cause"),
    [
        ("CREATE INDEX i ON orders (email)", "relation", "create-index-blocks-writes"),
        ("update orders set total = 0", "transactionid", "unbatched-backfill"),
    ],
)
def test_what_hurts_is_found_without_any_file(sql: str, waits: str, cause: str) -> None:
    assert first(incident(files=False, locks=running(sql, **hurt(waits)))) == cause


def test_a_concurrent_build_is_not_blamed_for_waiting_writers() -> None:
    sql = "CREATE INDEX CONCURRENTLY i ON orders (email)"
    failing = {**BUILD, "sql": sql, "concurrently": True, "how": "running"}
    assert "create-index-blocks-writes" not in suspects(
        incident(locks=running(sql, **hurt("relation")), failing=failing)
    )


def test_the_index_of_a_new_constraint_is_told_as_the_lock_that_shuts_everybody_out() -> None:
    unique = {**SCAN, "sql": "ALTER TABLE orders ADD UNIQUE (email)", "index_builds": ["orders_email_key"]}
    both = {"scans_large": large(unique), "builds_large": large(unique)}
    book = incident(failing={**unique, "how": "forecast"}, migration=both)
    assert suspects(book) == {"scan-under-exclusive-lock": "likely"}


def test_a_small_table_is_no_hazard() -> None:
    small = {**REWRITE, "rows": 200, "bytes": 16384, "size_ratio": 2.0, "how": "forecast"}
    assert "table-rewrite" not in suspects(incident(failing=small))


def test_a_failed_constraint_on_a_large_table_is_about_its_rows_not_its_lock() -> None:
    error = {"sqlstate": "23502", "message": 'column "total" of relation "orders" contains null values'}
    book = incident(error=error, failing=SCAN, migration={"scans_large": large(SCAN)})
    assert "scan-under-exclusive-lock" not in suspects(book)


def test_a_backfill_that_ran_out_of_time_names_the_timeout_and_the_backfill() -> None:
    book = incident(
        error=STATEMENT_TIMEOUT,
        failing=BACKFILL,
        production=FIVE_SECONDS,
        migration={"backfills_large": large(BACKFILL)},
    )
    assert list(suspects(book))[:2] == ["statement-timeout", "unbatched-backfill"]


# -- slow, orphaned --------------------------------------------------


def test_a_migration_that_works_is_called_slow_and_not_stuck() -> None:
    book = incident(
        locks=running("CREATE INDEX CONCURRENTLY i ON orders (email)"),
        failing={**BUILD, "concurrently": True, "how": "running"},
        local={"maintenance_work_mem_bytes": 1 << 30},
        answer={"seen": "hanging"},
    )
    assert first(book) == "setting-difference"


def test_a_commit_that_waits_for_a_standby_is_not_called_slow() -> None:
    locks = running("COMMIT") | {"migration": migration_session(wait_event_type="IPC", wait_event="SyncRep")}
    book = incident(locks=locks, answer={"seen": "hanging"})
    assert verdict(book, "setting-difference") == "ruled_out"


def test_a_session_whose_job_is_dead_is_an_orphan_and_comes_before_what_it_waits_for() -> None:
    book = incident(locks={**WAITS, **IDLE}, answer={"client_alive": "no"})
    assert list(suspects(book))[:2] == ["orphaned-migration-session", "lock-wait-idle-in-transaction"]


def test_a_session_whose_job_is_alive_is_no_orphan() -> None:
    book = incident(locks={**WAITS, **IDLE}, answer={"client_alive": "yes"})
    assert verdict(book, "orphaned-migration-session") == "ruled_out"


def test_already_exists_while_an_earlier_session_still_works_points_to_the_orphan() -> None:
    error = {"sqlstate": "42701", "message": 'column "note" of relation "orders" already exists', "column": "note"}
    book = incident(error=error, failing=ADD_COLUMN, locks=running(ADD_COLUMN["sql"]))
    assert verdict(book, "orphaned-migration-session") == "likely"


def test_a_retry_that_runs_after_a_printed_error_is_not_taken_for_an_orphan() -> None:
    book = incident(error=LOCK_TIMEOUT, locks={**WAITS, **IDLE}, failing=ADD_COLUMN, answer={"seen": "failed"})
    assert "orphaned-migration-session" not in suspects(book)


def test_already_exists_with_nobody_there_is_no_orphan() -> None:
    error = {"sqlstate": "42701", "message": 'column "note" of relation "orders" already exists', "column": "note"}
    assert verdict(incident(error=error, failing=ADD_COLUMN), "orphaned-migration-session") == "ruled_out"


# -- connections, replication --------------------------------------------------


@pytest.mark.parametrize("refusal", ["too_many_clients", "reserved_slots"])
def test_a_refused_connection_settles_it_without_any_server(refusal: str) -> None:
    error = {"is_connection": True, "refusal": refusal, "message": "FATAL: sorry, too many clients already"}
    assert suspects(incident(servers=False, files=False, error=error)) == {"connection-saturation": "proved"}


def test_a_full_server_is_seen_from_how_it_refuses_us() -> None:
    refused = {"refusal": "too_many_clients", "refusal_message": "FATAL: sorry, too many clients already"}
    book = incident(production={**UNREACHABLE, **refused}, locks=UNSEEN)
    assert first(book) == "connection-saturation"


def test_a_roles_own_limit_is_not_called_a_full_server() -> None:
    error = {
        "sqlstate": "53300",
        "is_connection": True,
        "refusal": "role_connection_limit",
        "message": 'too many connections for role "deploy"',
    }
    book = incident(servers=False, files=False, error=error)
    assert verdict(book, "connection-saturation") == "ruled_out"


def test_many_connections_below_the_limit_are_no_incident() -> None:
    assert "connection-saturation" not in suspects(incident(production={"connections": 90}))


def test_connections_that_a_lock_queue_has_used_up_come_after_the_queue() -> None:
    book = incident(locks={**WAITS, **IDLE, **QUEUE}, production={"connections": 97})
    assert first(book) == "lock-queue-behind-waiting-ddl"
    assert verdict(book, "connection-saturation") in ("likely", "proved")


def test_replicas_fall_behind_while_the_migration_writes() -> None:
    book = incident(production=LAGGING, locks=running("REFRESH MATERIALIZED VIEW totals"))
    assert first(book) == "replication-lag"


def test_a_query_that_recovery_cancelled_points_to_the_replica() -> None:
    error = {
        "sqlstate": "40001",
        "message": "canceling statement due to conflict with recovery",
        "detail": "User was holding a relation lock for too long.",
    }
    cancelled = {"conflict": "lock", "conflict_statements": []}
    book = incident(servers=False, files=False, error=error, replication=cancelled)
    assert first(book) == "recovery-conflict"
    assert "replication-lag" not in suspects(book)


def test_a_serialization_failure_is_not_replication() -> None:
    error = {"sqlstate": "40001", "message": "could not serialize access due to concurrent update"}
    assert {"replication-lag", "recovery-conflict"}.isdisjoint(suspects(incident(error=error)))


READ_ONLY = {"sqlstate": "25006", "message": "cannot execute ALTER TABLE in a read-only transaction"}


def test_a_standby_that_refuses_to_write_is_proved() -> None:
    assert first(incident(error=READ_ONLY, production={"is_standby": True})) == "connected-to-standby"
    assert verdict(incident(error=READ_ONLY, production={"is_standby": True}), "connected-to-standby") == "proved"


def test_a_primary_that_is_read_only_by_a_setting_is_no_standby() -> None:
    book = incident(error=READ_ONLY, production={"read_only_default": True, "read_only_source": "database shop"})
    assert verdict(book, "connected-to-standby") == "ruled_out"


def test_read_only_without_any_server_may_be_a_standby_and_is_not_more() -> None:
    assert verdict(incident(servers=False, files=False, error=READ_ONLY), "connected-to-standby") == "possible"


def test_only_a_standby_says_during_recovery() -> None:
    error = {"sqlstate": "25006", "message": "cannot execute CREATE INDEX CONCURRENTLY during recovery"}
    book = incident(servers=False, files=False, error=error)
    assert verdict(book, "connected-to-standby") == "likely"


def test_a_migration_that_is_about_to_run_on_a_standby_is_stopped() -> None:
    assert first(incident(production={"is_standby": True})) == "connected-to-standby"


def test_a_standby_does_not_explain_a_syntax_error() -> None:
    book = incident(error={"sqlstate": "42601", "message": "syntax error"}, production={"is_standby": True})
    assert "connected-to-standby" not in suspects(book)
