"""Asks real servers of every major what they have, and writes ``runbook/migration/versions_data.py``.

    python -m runbook.lab.version_data

Needs all majors from 12 to 18 (``python -m runbook.lab.matrix``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

FIRST, LAST = 12, 18
TARGET = Path(__file__).parents[1] / "migration" / "versions_data.py"

_FUNCTIONS = """
    SELECT p.proname, n FROM pg_proc p,
    LATERAL generate_series(p.pronargs - p.pronargdefaults, CASE WHEN p.provariadic <> 0 THEN p.pronargs + 2
                            ELSE p.pronargs END) n
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname !~ '^(binary_upgrade_|pg_stat_get_|pg_get_replica)'
"""
_SETTINGS = "SELECT name, NULL FROM pg_settings WHERE name !~ '[.]'"
_SUPERUSER_SETTINGS = "SELECT name, NULL FROM pg_settings WHERE context = 'superuser' AND name !~ '[.]'"
_TYPES = """
    SELECT typname, NULL FROM pg_type t WHERE typnamespace = 'pg_catalog'::regnamespace AND typname !~ '^_'
      AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid)
"""
_ROLES = "SELECT rolname, NULL FROM pg_roles WHERE rolname ~ '^pg_'"
_TEXT_SEARCH = "SELECT cfgname, NULL FROM pg_ts_config"
_KEYWORDS = "SELECT word, catcode FROM pg_get_keywords()"

Seen = dict[tuple[str, object], set[int]]


def main() -> int:
    """Writes the file; 3 where a major is missing."""
    import psycopg

    from runbook.lab.servers import available_majors, start_server

    majors = range(FIRST, LAST + 1)
    missing = [m for m in majors if m not in available_majors()]
    if missing:
        print(f"PostgreSQL {missing} cannot be started here: run python -m runbook.lab.matrix", file=sys.stderr)
        return 3
    queries = {"functions": _FUNCTIONS, "settings": _SETTINGS, "types": _TYPES, "roles": _ROLES,
               "superuser_settings": _SUPERUSER_SETTINGS, "text_search": _TEXT_SEARCH,
               "keywords": _KEYWORDS}  # fmt: skip
    seen: dict[str, Seen] = {name: {} for name in queries}
    versions = []
    for major in majors:
        with start_server(major) as server, psycopg.connect(server.dsn()) as connection:
            versions.append(connection.info.parameter_status("server_version") or str(major))
            for name, query in queries.items():
                for key, value in connection.execute(query).fetchall():
                    seen[name].setdefault((key, value), set()).add(major)
            for key in seen["settings"]:
                # Some old names are still understood though they are not listed.
                if connection.execute("SELECT current_setting(%s, true)", (key[0],)).fetchone() != (None,):
                    seen["settings"][key].add(major)
    TARGET.write_text(_module(seen, versions), "utf-8")
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")
    return 0


def _module(seen: dict[str, Seen], versions: list[str]) -> str:
    functions: dict[str, set[int]] = {}
    for (name, _), majors in seen["functions"].items():
        functions.setdefault(name, set()).update(majors)
    arities = {
        f"{name}/{n}": majors
        for (name, n), majors in seen["functions"].items()
        if min(functions[name]) < min(majors) or max(functions[name]) > max(majors)
    }
    words: dict[str, dict[int, str]] = {}
    for (word, code), majors in seen["keywords"].items():
        for major in majors:
            words.setdefault(word, {})[major] = str(code)
    parts = [
        '"""What each major of PostgreSQL has in its catalogs, where the majors from 12 to 18 differ.\n\n'
        "Written by ``python -m runbook.lab.version_data``; do not edit. Source: pg_proc (name, and number of\n"
        "arguments with defaults), pg_settings, pg_type, pg_roles, pg_ts_config and pg_get_keywords() of\n"
        f"{', '.join(versions)}.\n"
        '``ADDED_``: the first major that has it. ``REMOVED_``: the first major that no longer has it.\n"""\n\n'
        "from __future__ import annotations\n",
    ]
    for title, table in (
        ("FUNCTIONS", functions),
        ("FUNCTION_ARITIES", arities),
        ("SETTINGS", _names(seen["settings"])),
        ("TYPES", _names(seen["types"])),
        ("ROLES", _names(seen["roles"])),
        ("TEXT_SEARCH", _names(seen["text_search"])),
    ):
        parts.append(_table(f"ADDED_{title}", table, lambda m: min(m) if min(m) > FIRST else None))
        parts.append(_table(f"REMOVED_{title}", table, lambda m: max(m) + 1 if max(m) < LAST else None))
    guarded = sorted(name for name, _ in seen["superuser_settings"])
    parts.append(
        "SUPERUSER_SETTINGS = frozenset(\n    {\n" + "".join(f'        "{n}",\n' for n in guarded) + "    }\n)"
    )
    parts.append('"""Settings that only a superuser may SET, from 15 on also who has SET on the parameter."""\n')
    changed = {w: codes for w, codes in words.items() if len({codes.get(m) for m in range(FIRST, LAST + 1)}) > 1}
    parts.append(
        "KEYWORDS: dict[str, str] = {\n"
        + "".join(
            f'    "{w}": "{"".join(codes.get(m, "-") for m in range(FIRST, LAST + 1))}",\n'
            for w, codes in sorted(changed.items())
        )
        + "}\n"
        '"""Words whose category differs: one letter per major from 12 to 18, - for no keyword; U unreserved, C not a\n'
        'function or type name, T only a function or type name, R reserved."""\n'
    )
    return "\n".join(parts)


def _names(seen: Seen) -> dict[str, set[int]]:
    return {name: majors for (name, _), majors in seen.items()}


def _table(title: str, table: dict[str, set[int]], major: Callable[[set[int]], int | None]) -> str:
    rows = {name: found for name, majors in table.items() if (found := major(majors)) is not None}
    return f"{title}: dict[str, int] = {{\n" + "".join(f'    "{n}": {m},\n' for n, m in sorted(rows.items())) + "}\n"


if __name__ == "__main__":
    raise SystemExit(main())
