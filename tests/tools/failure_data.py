"""Makes the data files of runbook/failure/data from PostgreSQL's own files; run by hand when a major is added.

    python tests/tools/failure_data.py ERRCODES_TXT... --locale /usr/share/locale --version 15

errcodes.txt lies in every server's share folder; the catalogs (postgres-N.mo, libpq5-N.mo, plpgsql-N.mo) in the
Debian packages postgresql-N and libpq5.
"""

from __future__ import annotations

import argparse
import gettext
import json
import re
from pathlib import Path

DATA = Path(__file__).parents[2] / "runbook" / "failure" / "data"
SEVERITIES = ("ERROR", "FATAL", "PANIC", "WARNING", "NOTICE", "LOG", "INFO")
FIELDS = ("DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY")
LOG_LINES = (
    "process %d still waiting for %s on %s after %ld.%03d ms",
    "process %d acquired %s on %s after %ld.%03d ms",
)


def sqlstates(files: list[Path]) -> str:
    """SQLSTATE, condition name of every code any of the majors knows; the newest major's names win."""
    found: dict[str, str] = {}
    for file in files:
        for line in file.read_text().splitlines():
            if match := re.match(r"([0-9A-Z]{5})\s+[EWS]\s+ERRCODE_\w+\s+(\w+)", line):
                found.setdefault(*match.groups())
    head = "# SQLSTATE\tcondition. Source: src/backend/utils/errcodes.txt, made by tests/tools/failure_data.py\n"
    return head + "".join(f"{code}\t{name}\n" for code, name in sorted(found.items()))


def catalog(locale: Path, language: str, names: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name in names:
        file = locale / language / "LC_MESSAGES" / f"{name}.mo"
        if not file.exists():
            continue
        with file.open("rb") as stream:
            for key, text in gettext.GNUTranslations(stream)._catalog.items():  # type: ignore[attr-defined]
                texts.setdefault(key if isinstance(key, str) else key[0], text)
    return texts


def translations(locale: Path, version: str) -> dict[str, object]:
    templates = [
        line.split("\t")[1]
        for line in (DATA / "messages.tsv").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    made: dict[str, object] = {}
    for folder in sorted(locale.iterdir()):
        if not (folder / "LC_MESSAGES" / f"postgres-{version}.mo").exists():
            continue
        server = catalog(locale, folder.name, [f"postgres-{version}", f"plpgsql-{version}"])
        client = catalog(locale, folder.name, [f"libpq5-{version}"])
        fields: dict[str, list[str]] = {}
        for field in FIELDS:
            words = [server.get(f"{field}:  ", ""), client.get(f"{field}:  %s\n", "").removesuffix("%s\n")]
            fields[field] = sorted({w.strip().rstrip(":：").strip() for w in words if w} - {field})
        line = client.get("LINE %d: ", "").split("%d")[0].strip()
        if line and line != "LINE":
            fields["LINE"] = [line]
        made[folder.name] = {
            "severities": {s: server[s] for s in SEVERITIES if server.get(s, s) != s},
            "fields": {k: v for k, v in fields.items() if v},
            "messages": {t: server[t] for t in dict.fromkeys(templates) if server.get(t, t) != t},
            "log": {t: server[t] for t in LOG_LINES if server.get(t, t) != t},
            "syntax_error": server.get("syntax error", ""),
            "at_character": server.get(" at character %d", ""),
        }
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("errcodes", nargs="+", type=Path)
    parser.add_argument("--locale", type=Path, default=Path("/usr/share/locale"))
    parser.add_argument("--version", default="15")
    given = parser.parse_args()
    (DATA / "sqlstates.tsv").write_text(sqlstates(given.errcodes))
    text = json.dumps(translations(given.locale, given.version), ensure_ascii=False, indent=0)
    (DATA / "translations.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
