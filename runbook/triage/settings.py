"""Step 6, settings: effective values of the migration's role on both sides, with where they come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from runbook.postgres.rows import RoleSettingRow, SettingRow
from runbook.triage import limits, preloading
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.model import ComparedRow, Mark, Step, StepVerdict
from runbook.words import size

_STEP = ("settings", "Settings")

FIRST = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
    "default_transaction_read_only",
    "search_path",
    "maintenance_work_mem",
    "max_parallel_maintenance_workers",
    "work_mem",
    "temp_file_limit",
    "max_locks_per_transaction",
    "max_connections",
    "client_connection_check_interval",
    "log_lock_waits",
    "deadlock_timeout",
    "synchronous_standby_names",
    "standard_conforming_strings",
    "DateStyle",
    "TimeZone",
    "session_replication_role",
    "wal_level",
)
"""What a migration depends on, in the order of interest; everything else that differs comes below."""

_NOISE = re.compile(
    r"^(?:log_|data_directory|config_file|hba_file|ident_file|external_pid_file|port$|unix_socket|listen_addresses|"
    r"cluster_name|application_name|archive_|primary_|restore_|server_version|lc_|ssl_|krb_|event_source|dynamic_shared|"
    r"shared_memory_size|in_hot_standby|client_encoding|bonjour|debug_|huge_pages|data_checksums|fsync|full_page_writes|"
    r"wal_sync_method|max_stack_depth|default_text_search_config|timezone_abbreviations|jit_provider|server_encoding)",
    re.I,
)
_MEMORY = {"B": 1, "kB": 1024, "8kB": 8192, "MB": 1 << 20, "GB": 1 << 30}
_TIME_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "min": 60_000.0, "h": 3_600_000.0, "d": 86_400_000.0}


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting as a new session of the migration's role gets it. ``number`` in ms or bytes where it has a unit."""

    name: str
    shown: str
    source: str
    number: float | None = None
    boot: str | None = None


def examine(case: Case) -> Step:
    facts = Facts("settings")
    effective: dict[str, Mapping[str, Effective] | None] = {}
    for key in ("local", "production"):
        side: SideCase | None = getattr(case, key)
        values = effective_settings(side) if side is not None and side.ok("settings") else None
        effective[key] = values
        _state(facts, key, side, values)
    limits.state(facts, case)
    preloading.state(facts, case)
    rows = _rows(effective["local"], effective["production"], case)
    verdict, summary, badge = _summary(case, effective["local"], effective["production"], rows)
    return Step(*_STEP, verdict, summary, badge, rows, tuple(facts.stated))


def effective_settings(side: SideCase) -> dict[str, Effective]:
    """What the migration's role gets: the server's values, with ALTER ROLE/DATABASE ... SET of that role on top."""
    values = {row.name: _from_row(row) for row in side.rows("settings")}
    taken: set[str] = set()
    for override in side.rows("role_settings"):
        if override.name in taken:
            continue  # strongest scope first
        taken.add(override.name)
        known = next((n for n in values if n.lower() == override.name.lower()), override.name)
        values[known] = _overridden(override, values.get(known), _unit(side, known))
    return values


def _from_row(row: SettingRow) -> Effective:
    number = _number(row.value, row.unit)
    return Effective(row.name, _shown(row.value, row.unit), row.source, number, row.boot_value)


def _overridden(row: RoleSettingRow, before: Effective | None, unit: str | None) -> Effective:
    source = {
        "role": f"role {row.role}",
        "database": f"database {row.database}",
        "role in database": f"role {row.role} in database {row.database}",
    }.get(row.scope, row.scope)
    number = _parsed(row.value, unit)
    shown = _shown_number(number, unit) if number is not None and unit else row.value
    return Effective(row.name, shown, source, number, before.boot if before else None)


def _unit(side: SideCase, name: str) -> str | None:
    return next((r.unit for r in side.rows("settings") if r.name == name), None)


def _number(value: str, unit: str | None) -> float | None:
    """Milliseconds for times, bytes for memory, the plain number without a unit; None for words."""
    try:
        number = float(value)
    except ValueError:
        return None
    if unit in _MEMORY:
        return number * _MEMORY[unit]
    return number * _TIME_MS[unit] if unit in _TIME_MS else number


def _parsed(text: str, unit: str | None) -> float | None:
    """A value as people write it (``5s``, ``64MB``, ``500``) in ms or bytes; ``unit`` is the setting's own."""
    match = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    if match is None:
        return None
    number, written = float(match[1]), match[2]
    if not written:
        return _number(match[1], unit)
    if written in _TIME_MS:
        return number * _TIME_MS[written]
    return number * _MEMORY[written] if written in _MEMORY else number


def _shown(value: str, unit: str | None) -> str:
    number = _number(value, unit)
    return _shown_number(number, unit) if unit and number is not None else (value or "''")


def _shown_number(number: float, unit: str | None) -> str:
    if number < 0:
        return "-1"
    if unit in _MEMORY:
        return size(number)
    if number == 0:
        return "0"
    for name in ("d", "h", "min", "s"):
        if number % _TIME_MS[name] == 0:
            return f"{number / _TIME_MS[name]:.0f}{name}"
    return f"{number:.0f}ms"


# -- facts --------------------------------------------------------------------------------------------------------

_SECONDS = (
    ("statement_timeout_s", "statement_timeout"),
    ("lock_timeout_s", "lock_timeout"),
    ("idle_in_transaction_timeout_s", "idle_in_transaction_session_timeout"),
    ("client_connection_check_interval_s", "client_connection_check_interval"),
)


def _state(facts: Facts, key: str, side: SideCase | None, values: Mapping[str, Effective] | None) -> None:
    names = (
        "settings",
        "setting_sources",
        "statement_timeout_s",
        "statement_timeout_source",
        "lock_timeout_s",
        "lock_timeout_source",
        "idle_in_transaction_timeout_s",
        "maintenance_work_mem_bytes",
        "client_connection_check_interval_s",
        "read_only_default",
        "read_only_source",
    )
    if side is None or values is None:
        reason = f"no {key} side was given" if side is None else side.why_not("settings")
        facts.unknown_all([f"{key}.{n}" for n in names], reason)
        return
    reading = f"{key}/settings {key}/role_settings"
    facts.know(f"{key}.settings", {v.name: v.shown for v in values.values()}, "effective values", readings=reading)
    facts.know(f"{key}.setting_sources", {v.name: v.source for v in values.values()}, "where they come from")
    for fact, setting in _SECONDS:
        value = values.get(setting)
        if value is None or value.number is None:
            # client_connection_check_interval is 14+: before, a dead client is never looked for.
            facts.know(f"{key}.{fact}", 0.0, f"{setting} does not exist on this version")
        else:
            facts.know(
                f"{key}.{fact}", value.number / 1000.0, f"{setting} = {value.shown} ({value.source})", readings=reading
            )
    for fact, setting in (("statement_timeout_source", "statement_timeout"), ("lock_timeout_source", "lock_timeout")):
        value = values.get(setting)
        facts.know(f"{key}.{fact}", value.source if value else "default", f"source of {setting}", readings=reading)
    memory = values.get("maintenance_work_mem")
    if memory is not None and memory.number is not None:
        facts.know(
            f"{key}.maintenance_work_mem_bytes",
            int(memory.number),
            f"maintenance_work_mem = {memory.shown}",
            readings=reading,
        )
    else:
        facts.unknown(f"{key}.maintenance_work_mem_bytes", "maintenance_work_mem was not among the settings read")
    read_only = values.get("default_transaction_read_only")
    on = read_only is not None and read_only.shown.lower() in ("on", "true", "yes", "1")
    facts.know(f"{key}.read_only_default", on, "default_transaction_read_only", readings=reading)
    facts.know(f"{key}.read_only_source", read_only.source if read_only else "default", "its source", readings=reading)


# -- what people read -----------------------------------------------------------------------------------------------


def _rows(
    local: Mapping[str, Effective] | None, production: Mapping[str, Effective] | None, case: Case
) -> tuple[ComparedRow, ...]:
    names = [n for n in FIRST if n in (local or {}) or n in (production or {})]
    if local is not None and production is not None:
        names += sorted(
            n
            for n in {*local, *production} - set(names)
            if not _NOISE.match(n) and n in local and n in production and _chosen_apart(local[n], production[n])
        )
    return tuple(sorted((_row(n, local, production, case) for n in names), key=lambda r: _ORDER[r.mark]))


def _chosen_apart(here: Effective, there: Effective) -> bool:
    """Two values that differ because somebody set one: other defaults of another major are no news."""
    return here.shown != there.shown and (here.source != "default" or there.source != "default")


_ORDER: dict[Mark, int] = {"matters": 0, "differs": 1, "only_here": 2, "unknown": 3, "info": 4, "same": 5}


def _row(
    name: str, local: Mapping[str, Effective] | None, production: Mapping[str, Effective] | None, case: Case
) -> ComparedRow:
    here = local.get(name) if local is not None else None
    there = production.get(name) if production is not None else None
    why = f"from {there.source}" if there and there.source != "default" else ""
    mark: Mark
    if local is None or production is None:
        mark = "info"
    elif here is None or there is None:
        mark = "only_here"
    else:
        mark = "same" if here.shown == there.shown else "differs"
    if there is not None and _matters(name, there, case):
        mark = "matters"
    missing = "-" if (local is not None and production is not None) else None
    return ComparedRow(name, here.shown if here else missing, there.shown if there else missing, mark, why)


def _matters(name: str, value: Effective, case: Case) -> bool:
    """Settings that explain the error at hand."""
    error = case.error
    if error is None:
        return name == "default_transaction_read_only" and value.shown == "on"
    return (
        (name == "statement_timeout" and error.timeout == "statement" and value.shown != "0")
        or (name == "lock_timeout" and error.timeout == "lock" and value.shown != "0")
        or (name == "idle_in_transaction_session_timeout" and error.timeout == "idle_in_transaction")
        or (name == "default_transaction_read_only" and error.sqlstate == "25006" and value.shown == "on")
        or (name == "temp_file_limit" and error.sqlstate == "53400" and value.shown != "-1")
    )


def _summary(
    case: Case,
    local: Mapping[str, Effective] | None,
    production: Mapping[str, Effective] | None,
    rows: tuple[ComparedRow, ...],
) -> tuple[StepVerdict, str, str]:
    if not case.sides():
        return "skipped", "no server was given", ""
    matters = [r for r in rows if r.mark == "matters"]
    if matters:
        row = matters[0]
        return "attention", f"{row.name} = {row.production} on production {row.why}".strip(), row.name
    if local is None or production is None:
        side = case.production if production is None else case.local
        reason = side.why_not("settings") if side is not None else "only one side was given"
        return "unknown", f"not compared: {reason}", "?"
    different = [r.name for r in rows if r.mark == "differs"]
    if different:
        return "differs", f"different: {', '.join(different[:5])}", f"{len(different)} differ"
    return "same", "the settings that matter are the same", "same"
