"""The server's own log: stderr with any log_line_prefix, csvlog, jsonlog. Lines of several processes may be mixed.

Source of the formats: https://www.postgresql.org/docs/current/runtime-config-logging.html
"""

from __future__ import annotations

import csv
import json
import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

from runbook.failure import sqlstates, words
from runbook.failure.draft import Draft
from runbook.failure.messages import classify, pattern_of, translations
from runbook.failure.report import LoggedWait

_OPEN_AT_MOST = 256
"""Processes whose entry may be unfinished at a time; the oldest is closed when there are more."""
_WAITS_AT_MOST = 200

_CSV_START = re.compile(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [\w+:/-]+,(?:"(?:[^"]|"")*")?,(?:"(?:[^"]|"")*")?,\d+,')
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,](\d{1,6})\d*)? ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?")
_PID = re.compile(r"\[(\d+)(?:-\d+)?\]|(?:^|[\s:,])(?:pid|p)=(\d+)|(?<=[ :])(\d{2,8})(?=[ :]|$)")
_BRACKETED = re.compile(r"\[(\d+)(?:-\d+)?\]")
_OWN_PROCESS = re.compile(r"^\[\d+\]|\bpostgres\[\d+\]|^\d{4,}[:,] ")
"""A pid where only a server puts it: at the line's beginning, or behind the name that syslog gives."""
_WHO = re.compile(r"(?:user|u)=(?P<user>[^,\s]*)|(?P<user2>[\w.-]+)@(?P<db2>[\w.-]+)|(?P<user3>\[unknown\])@")
_DATABASE = re.compile(r"(?:db|database|d)=([^,\s]*)")
_APPLICATION = re.compile(r"(?:app|application|a)=([^,\s]*)")
_HOLDERS = re.compile(r"(?:Process(?:es)? holding the lock|holding the lock)s?: ([\d, ]+)\.")
_CSV_FIELDS = (
    *("timestamp", "user", "dbname", "pid", "connection_from", "session_id", "line_num", "ps", "session_start"),
    *("vxid", "txid", "error_severity", "state_code", "message", "detail", "hint", "internal_query"),
    *("internal_position", "context", "statement", "cursor_position", "location", "application_name"),
)


@cache
def _names() -> frozenset[str]:
    return frozenset({*words.severities(), *(w for w, f in words.fields().items() if f != "LINE")})


_LAST_WORD = re.compile(r"(?:[^\s:\]>|\[]+ )?([^\s:\]>|\[]+)\s?\Z")


def _head(line: str) -> tuple[str, str, str] | None:
    """(prefix, severity or field, text) of a line of the log: PostgreSQL puts two blanks after the word's colon."""
    at = line.find(":  ", 4, 300)
    while at > 0:
        found = _LAST_WORD.search(line, max(at - 40, 0), at)
        if found is not None:
            for word, start in ((found[0].strip(), found.start()), (found[1], found.start(1))):
                if word in _names():
                    return line[:start], word, line[at + 3 :].lstrip(" ")
        at = line.find(":  ", at + 1, 300)
    return None


class ServerLog:
    """Reads lines one by one; ``feed`` says whether a line was the server's, and finished errors come out of it."""

    def __init__(self) -> None:
        self._open: OrderedDict[int | str, Draft] = OrderedDict()
        self._last: int | str | None = None
        self._csv: list[str] = []
        self._wait_lines: list[int] = []  # the input's line of each of ``waits``
        self.waits: list[LoggedWait] = []
        self.seen = False

    def feed(self, line: str, number: int) -> tuple[bool, list[Draft]]:
        """(whether the line belongs to a server's log, the errors that are complete now)."""
        if self._csv or _CSV_START.match(line):
            return True, self._feed_csv(line, number)
        if line.startswith("{") and '"error_severity"' in line:
            return True, self._feed_json(line, number)
        if line[:1] == "\t" and self._last is not None:
            self._continue(line)
            return True, []
        head = _head(line)
        pid = _pid(head[0]) if head is not None else None
        if head is None or not self._is_ours(head[0], pid):
            self._last = None
            return False, []
        self.seen = True
        return True, self._entry(*head, pid, number, line)

    def _is_ours(self, prefix: str, pid: int | None) -> bool:
        """A log_line_prefix has a time and a pid; one without a pid is believed once the log was recognised."""
        if _OWN_PROCESS.search(prefix) is not None:
            return True
        timed = _TIME.match(prefix.lstrip("< [")) is not None
        return timed and (pid is not None or "@" in prefix or (self.seen and len(prefix) < 40))

    def close(self) -> list[Draft]:
        """The errors that were still open at the end."""
        done = []
        if self._csv:
            done.extend(self._csv_row("\n".join(self._csv), 0))
            self._csv = []
        done.extend(d for d in self._open.values() if d.severity in words.GRAVE)
        self._open.clear()
        return done

    def _entry(self, prefix: str, word: str, text: str, pid: int | None, number: int, line: str) -> list[Draft]:
        key: int | str = pid if pid is not None else "?"
        self._last = key
        field = words.fields().get(word)
        if field is not None and word not in words.severities():
            self._field(key, field, text, line)
            return []
        done = [d for d in [self._open.pop(key, None)] if d is not None and d.severity in words.GRAVE]
        if word == "LOG" and (" ms" not in text or text.startswith("duration: ")):
            return done  # no wait for a lock: most of a long log
        draft = Draft(text, number, from_server_log=True, framework="server-log", raw=[line])
        draft.severity_word, draft.severity = word, words.severities()[word]
        draft.language = words.language_of(word)
        draft.pid, draft.at = pid, _time(prefix)
        _who(draft, prefix)
        _message(draft)
        self._hold(key, draft, done)
        return done

    def _hold(self, key: int | str, draft: Draft, done: list[Draft]) -> None:
        if draft.severity == "LOG":
            self._log_line(draft)
        self._open[key] = draft
        if len(self._open) > _OPEN_AT_MOST:
            _, oldest = self._open.popitem(last=False)
            if oldest.severity in words.GRAVE:
                done.append(oldest)

    def _field(self, key: int | str, field: str, text: str, line: str) -> None:
        draft = self._open.get(key)
        if draft is None:
            return
        if draft.severity == "LOG" and field == "DETAIL" and (holders := _HOLDERS.search(text)) and self.waits:
            self._add_holders(draft.at_line, tuple(int(p) for p in re.findall(r"\d+", holders[1])))
        name = {"DETAIL": "detail", "HINT": "hint", "CONTEXT": "context", "STATEMENT": "statement"}.get(field)
        if name is not None and getattr(draft, name) is None:
            setattr(draft, name, text)
        if sum(map(len, draft.raw)) < 4000:
            draft.raw.append(line)

    def _continue(self, line: str) -> None:
        draft = self._open.get(self._last) if self._last is not None else None
        if draft is None:
            return
        for name in ("statement", "context", "hint", "detail"):
            held = getattr(draft, name)
            if held is not None:
                if len(held) < 50_000:
                    setattr(draft, name, f"{held}\n{line[1:]}")
                break
        else:
            if len(draft.message) < 4000:
                draft.message = f"{draft.message}\n{line[1:]}"
        if sum(map(len, draft.raw)) < 4000:
            draft.raw.append(line)

    def _log_line(self, draft: Draft) -> None:
        wait = read_wait(draft.message, draft.at)
        if wait is not None:
            self.waits.append(wait)
            draft.waits = (wait,)
            self._wait_lines.append(draft.at_line)
            del self.waits[:-_WAITS_AT_MOST], self._wait_lines[:-_WAITS_AT_MOST]

    def _add_holders(self, at_line: int, holders: tuple[int, ...]) -> None:
        if at_line in self._wait_lines:
            place = self._wait_lines.index(at_line)
            self.waits[place] = replace(self.waits[place], holders=holders)

    def _feed_csv(self, line: str, number: int) -> list[Draft]:
        self._csv.append(line)
        text = "\n".join(self._csv)
        if text.count('"') % 2 and len(self._csv) < 2000 and len(text) < 200_000:
            return []
        self._csv = []
        return self._csv_row(text, number)

    def _csv_row(self, text: str, number: int) -> list[Draft]:
        try:
            row = next(csv.reader([text + "\n"], strict=False), [])
        except csv.Error:
            return []
        record = dict(zip(_CSV_FIELDS, row, strict=False))
        return self._record(record, number, text)

    def _feed_json(self, line: str, number: int) -> list[Draft]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return []
        return self._record(record, number, line) if isinstance(record, dict) else []

    def _record(self, record: dict[str, Any], number: int, raw: str) -> list[Draft]:
        def text(key: str) -> str | None:
            value = record.get(key)
            return str(value) if value not in (None, "") else None

        self.seen = True
        word = text("error_severity") or "LOG"
        draft = Draft(text("message") or "", number, from_server_log=True, framework="server-log", raw=[raw[:4000]])
        draft.severity_word, draft.severity = word, words.severities().get(word, "LOG")
        state = text("state_code")
        if state and sqlstates.is_sqlstate(state):
            draft.set_sqlstate(state, "printed")
        draft.detail, draft.hint, draft.context = text("detail"), text("hint"), text("context")
        draft.statement, draft.role, draft.database = text("statement"), text("user"), text("dbname")
        draft.application_name, draft.at = text("application_name"), _time(text("timestamp") or "")
        pid, position = text("pid"), text("cursor_position")
        draft.pid = int(pid) if pid and pid.isdigit() else None
        draft.statement_position = int(position) if position and position.isdigit() else None
        _message(draft)
        if draft.severity == "LOG":
            self._log_line(draft)
            if draft.detail and (holders := _HOLDERS.search(draft.detail)):
                self._add_holders(number, tuple(int(p) for p in re.findall(r"\d+", holders[1])))
        return [draft] if draft.severity in words.GRAVE else []


def read_wait(message: str, at: datetime | None = None) -> LoggedWait | None:
    """``process 12 still waiting for ShareLock on relation 16385 of database 5 after 1000.1 ms``, in any language."""
    if "ms" not in message and "мс" not in message and "ミリ秒" not in message:
        return None
    for acquired, pattern, order in _wait_patterns():
        match = pattern.match(message)
        if match is None:
            continue
        values = dict(zip(order, match.groups(), strict=True))
        try:
            pid, waited = int(values[0]), float(values[3].replace(",", "")) + float(values[4]) / 1000
        except (KeyError, ValueError):
            continue
        return LoggedWait(pid, values[1], values[2], waited, acquired, (), at)
    return None


@cache
def _wait_patterns() -> tuple[tuple[bool, re.Pattern[str], tuple[int, ...]], ...]:
    still = "process %d still waiting for %s on %s after %ld.%03d ms"
    got = "process %d acquired %s on %s after %ld.%03d ms"
    made = [(False, *pattern_of(still)), (True, *pattern_of(got))]
    for language in translations().values():
        made.extend((english == got, *pattern_of(text)) for english, text in language["log"].items())
    return tuple(made)


def _message(draft: Draft) -> None:
    if draft.severity == "LOG":
        return
    text = draft.message
    if (coded := re.match(r"([0-9A-Z]{5}): ", text)) is not None and sqlstates.is_sqlstate(coded[1]):
        draft.set_sqlstate(coded[1], "printed")  # log_error_verbosity = verbose
        text = text[coded.end() :]
    for pattern in _at_character():
        if (at := pattern.search(text)) is not None:
            draft.statement_position = int(at[1])
            text = text[: at.start()]
            break
    draft.message = text.strip()
    if (known := classify(draft.message)) is not None:
        draft.set_sqlstate(known.sqlstate, "message")
        draft.subject, draft.language = known.subject, known.language or draft.language


@cache
def _at_character() -> tuple[re.Pattern[str], ...]:
    said = [" at character %d", *(language["at_character"] for language in translations().values())]
    return tuple(re.compile(pattern_of(text)[0].pattern + r"$") for text in said if text)


def _pid(prefix: str) -> int | None:
    bracketed = _BRACKETED.search(prefix)  # the default log_line_prefix, and most others
    found = int(bracketed[1]) if bracketed is not None else next(_numbers(_TIME.sub(" ", prefix)), None)
    return found if found is not None and found < 2**31 else None


def _numbers(text: str) -> Iterator[int]:
    for match in _PID.finditer(text):
        yield int(next(g for g in match.groups() if g))


def _time(prefix: str) -> datetime | None:
    match = _TIME.search(prefix)
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}.{(match[3] or '0').ljust(6, '0')}")
        zone = match[4]
        if zone and zone[0] in "+-":
            digits = zone[1:].replace(":", "").ljust(4, "0")
            offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
            return moment.replace(tzinfo=timezone(offset if zone[0] == "+" else -offset))
        return moment.replace(tzinfo=UTC) if zone else moment
    except ValueError:
        return None


def _who(draft: Draft, prefix: str) -> None:
    if (who := _WHO.search(prefix)) is not None:
        role = who["user"] or who["user2"]
        draft.role = role if role and role != "unknown" else None
        draft.database = who["db2"] if who["db2"] and who["db2"] != "unknown" else None
    if (database := _DATABASE.search(prefix)) is not None:
        draft.database = database[1] or None
    if (application := _APPLICATION.search(prefix)) is not None:
        draft.application_name = application[1] or None
