"""Effective settings of a role, in base units, from what ``pg_settings`` tells our own role and ALTER ROLE ... SET."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from runbook.postgres.rows import RoleSettingRow, SettingRow

# Factors to the base unit. Source: src/backend/utils/misc/guc.c, memory_unit_conversion_table and time_unit_...
_BYTES = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_MICROSECONDS = {"us": 1, "ms": 1000, "s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
_AMOUNT = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Z]*)\s*")


def to_base_units(text: str, setting: SettingRow) -> str:
    """``text`` ("5s", "64MB", "on") as pg_settings would show it: a number in the setting's unit, on or off."""
    if setting.type == "bool":
        return "on" if text.strip().lower() in ("on", "true", "t", "yes", "y", "1") else "off"
    if setting.type not in ("integer", "real") or not (match := _AMOUNT.fullmatch(text)):
        return text
    amount, unit = float(match.group(1)), match.group(2)
    base = re.fullmatch(r"(\d*)(\w+)", setting.unit or "")
    if unit and base:
        for factors in (_BYTES, _MICROSECONDS):
            if unit in factors and base.group(2) in factors:
                amount = amount * factors[unit] / (factors[base.group(2)] * int(base.group(1) or 1))
    return f"{amount:g}" if setting.type == "real" else str(round(amount))


def effective_settings(
    settings: Iterable[SettingRow], role_settings: Iterable[RoleSettingRow], *, is_us: bool
) -> dict[str, str]:
    """Values for the migration's role. ``settings`` is true for our own; for another role what only our role has is
    left out (what stands below it cannot be seen), and that role's own entries are laid over."""
    rows = {row.name: row for row in settings}
    found = {name: row.value for name, row in rows.items() if is_us or row.source not in ("role", "role in database")}
    if is_us:
        return found
    by_name = {name.lower(): name for name in rows}
    for entry in reversed(list(role_settings)):  # strongest first in the reading, so it is written last
        name = by_name.get(entry.name.lower())
        if name is not None:
            found[name] = to_base_units(entry.value, rows[name])
    return found


def parse_search_path(value: str) -> tuple[str, ...]:
    """The names in a ``search_path`` value, unquoted and folded as the server does."""
    names = re.findall(r'"((?:[^"]|"")*)"|([^",\s]+)', value)
    return tuple(quoted.replace('""', '"') if quoted or not plain else plain.lower() for quoted, plain in names)


def resolve_search_path(value: str, role: str, usable: Mapping[str, bool]) -> tuple[str, ...]:
    """``current_schemas(false)`` of ``role``: existing schemas that it may use, each once."""
    names = (role if name == "$user" else name for name in parse_search_path(value))
    return tuple(dict.fromkeys(name for name in names if usable.get(name)))
