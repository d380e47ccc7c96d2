"""Probes: one read-only question each, an SQL file with a declared row type; run together in one round trip.

``probes/NAME.sql`` serves every version, ``probes/NAME.pg14.sql`` 14 and newer: the file for a server is the one with
the highest version that is not newer than the server. A first comment line ``-- params: role, limit`` names the values
bound to $1, $2 ...
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq import DiagnosticField
from psycopg.types.string import TextBinaryLoader

from runbook.postgres import rows
from runbook.postgres.bulk import many_objects
from runbook.postgres.connection import Connection
from runbook.postgres.pipeline import ConnectionLost, DeadlinePassed, Outcome, Query, Segment
from runbook.postgres.reading import Reading, ReadingStatus
from runbook.postgres.refusals import ConnectionRefused
from runbook.sql import quote_ident
from runbook.text import clean, clean_line

if typing.TYPE_CHECKING:
    from psycopg.abc import AdaptContext
    from psycopg.pq.abc import PGresult

FOLDER = Path(__file__).parent / "probes"
SILENCE_S = 2.0  # how much longer than its deadline a probe may be silent before the connection is given up


@dataclass(frozen=True, slots=True)
class Probe:
    """One question. ``wants`` is the predefined role that would show what is hidden or denied; ``hides`` tells from the
    rows that something was hidden. More than ``limit`` rows are not read, and the reading says so."""

    name: str
    row_type: type[Any]
    deadline_s: float = 2.0
    limit: int | None = None
    wants: str | None = None
    hides: Callable[[Sequence[Any]], bool] | None = None


# In the order in which they are asked: what an incident needs first, what may be slow last.
PROBES: Mapping[str, Probe] = {
    probe.name: probe
    for probe in (
        Probe("identity", rows.IdentityRow),
        Probe("activity", rows.SessionRow, limit=2000, wants="pg_read_all_stats",
              hides=lambda found: any(r.query_hidden for r in found)),
        Probe("locks", rows.LockRow, limit=5000),
        Probe("blocking", rows.BlockingRow, limit=500),
        Probe("prepared_transactions", rows.PreparedTransactionRow, limit=200),
        Probe("advisory_locks", rows.AdvisoryLockRow, limit=500, wants="pg_read_all_stats",
              hides=lambda found: any(r.query is None for r in found)),
        Probe("progress", rows.ProgressRow, limit=200, wants="pg_read_all_stats",
              hides=lambda found: any(r.relation_oid is None and r.phase == "" for r in found)),
        Probe("connection_limits", rows.ConnectionLimitsRow, wants="pg_read_all_stats"),
        Probe("connections", rows.ConnectionsRow, limit=200, wants="pg_read_all_stats",
              hides=lambda found: any(r.state is None for r in found)),
        Probe("tuple_counters", rows.TupleCounterRow, limit=20_000),
        Probe("settings", rows.SettingRow),
        Probe("role_settings", rows.RoleSettingRow),
        Probe("extensions", rows.ExtensionRow),
        Probe("role", rows.RoleRow),
        Probe("roles", rows.AnyRoleRow, limit=2000),
        Probe("schemas", rows.SchemaRow, limit=5000),
        Probe("default_privileges", rows.DefaultPrivilegeRow, limit=1000),
        Probe("grants", rows.GrantRow, limit=40_000),
        Probe("relations", rows.RelationRow, deadline_s=4.0, limit=20_000),
        Probe("inheritance", rows.InheritanceRow, limit=20_000),
        Probe("columns", rows.ColumnRow, deadline_s=4.0, limit=300_000),
        Probe("constraints", rows.ConstraintRow, deadline_s=4.0, limit=100_000),
        Probe("indexes", rows.IndexRow, deadline_s=4.0, limit=60_000),
        Probe("triggers", rows.TriggerRow, limit=20_000),
        Probe("dependants", rows.DependantRow, deadline_s=4.0, limit=50_000),
        Probe("policies", rows.PolicyRow, limit=5000),
        Probe("functions", rows.FunctionRow, deadline_s=4.0, limit=20_000),
        Probe("function_uses", rows.FunctionUseRow, limit=20_000),
        Probe("types", rows.TypeRow, limit=5000),
        Probe("sequences", rows.SequenceRow, limit=20_000),
        Probe("history_tables", rows.HistoryTableRow, limit=100),
        Probe("horizon", rows.HorizonRow, limit=50, wants="pg_read_all_stats"),
        Probe("wraparound", rows.WraparoundRow, limit=200),
        Probe("processes", rows.ProcessesRow, wants="pg_read_all_stats",
              hides=lambda found: any(r.checkpointer_age_s is None for r in found)),
        Probe("replication", rows.ReplicationRow, limit=100, wants="pg_read_all_stats",
              hides=lambda found: any(r.state is None for r in found)),
        Probe("slots", rows.SlotRow, limit=200),
        Probe("publications", rows.PublicationRow, limit=20_000),
        Probe("subscriptions", rows.SubscriptionRow, limit=200, wants="pg_read_all_stats"),
        Probe("standby", rows.StandbyRow, wants="pg_read_all_stats",
              hides=lambda found: any(r.receiver_status is None for r in found)),
        Probe("encoding", rows.EncodingRow, limit=500),
        Probe("event_triggers", rows.EventTriggerRow),
        Probe("named_objects", rows.NamedObjectRow, limit=2000),
        Probe("provider", rows.HintRow, limit=100),
        Probe("databases", rows.DatabaseRow, limit=200),
        Probe("available_extensions", rows.AvailableExtensionRow),
        Probe("column_statistics", rows.ColumnStatisticsRow, limit=2000),
        Probe("archiver", rows.ArchiverRow),
        Probe("wal", rows.WalRow, wants="pg_monitor"),
        Probe("space", rows.SpaceRow, wants="pg_read_all_stats",
              hides=lambda found: any(r.bytes is None and r.name not in ("pg_default", "pg_global") for r in found)),
    )
}  # fmt: skip

# SQLSTATE -> what became of the probe. Source: PostgreSQL documentation, appendix A.
_STATUS: Mapping[str, ReadingStatus] = {
    "42501": "denied",
    "57014": "timed_out",  # statement_timeout, or somebody cancelled us
    "55P03": "timed_out",  # lock_timeout
    "57P01": "unreachable",
    "57P02": "unreachable",
    "57P03": "unreachable",
}
_UNCONVERTIBLE = frozenset({"22021", "22P05"})  # character_not_in_repertoire, untranslatable_character
_ONCE_MORE = _UNCONVERTIBLE | {"55P03"}


@dataclass(frozen=True, slots=True)
class ProbeFile:
    sql: bytes
    params: tuple[str, ...]


@cache
def files() -> Mapping[str, tuple[tuple[int, Path], ...]]:
    """Probe name -> (lowest major served, file), newest first; found from the file names."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in FOLDER.glob("*.sql"):
        if match := re.fullmatch(r"(\w+?)(?:\.pg(\d+))?\.sql", path.name):
            found.setdefault(match.group(1), []).append((int(match.group(2) or 0), path))
    return {name: tuple(sorted(versions, reverse=True)) for name, versions in found.items()}


@cache
def file_for(name: str, major: int) -> ProbeFile | None:
    """What to ask a server of ``major``; None when every file of the probe is for newer ones."""
    path = next((path for lowest, path in files()[name] if lowest <= major), None)
    return read_probe(path) if path else None


def read_probe(path: Path) -> ProbeFile:
    text = path.read_text(encoding="utf-8")
    header = re.match(r"--\s*params:(.*)", text)
    names = tuple(n.strip() for n in header.group(1).split(",")) if header else ()
    return ProbeFile(re.sub(r"^\s*--.*$\n?", "", text, flags=re.M).encode(), names)


async def run_probes(
    connection: Connection,
    names: Iterable[str],
    *,
    params: Mapping[str, object] | None = None,
    on_reading: Callable[[Reading[Any]], None] | None = None,
) -> dict[str, Reading[Any]]:
    """Ask all ``names`` in one round trip; one reading for each, whatever happens. ``on_reading`` as each arrives.

    ``params``: ``role`` (the migration's role; None is ours), ``functions`` (pg_catalog functions to include).
    Reconnects first when the connection was lost. A probe that hit ``lock_timeout`` is asked once more: what was
    locked is now visible to the probe, which then leaves it out. So is one that met a text (another session's query)
    that the server cannot convert, without conversion. Raises nothing but cancellation and ``KeyError`` for an unknown
    name.
    """
    wanted = [PROBES[name] for name in names]
    readings: dict[str, Reading[Any]] = {}

    def keep(reading: Reading[Any]) -> None:
        readings[reading.probe] = reading
        if on_reading is not None and (final or reading.sqlstate not in _ONCE_MORE):
            on_reading(reading)

    final = False
    await _ask(connection, wanted, params or {}, keep)
    again = [probe for probe in wanted if readings[probe.name].sqlstate in _ONCE_MORE]
    if again:
        final = True
        unconverted = frozenset(p.name for p in again if readings[p.name].sqlstate in _UNCONVERTIBLE)
        await _ask(connection, again, params or {}, keep, unconverted)
    return {probe.name: readings[probe.name] for probe in wanted}


async def _ask(
    connection: Connection,
    wanted: Sequence[Probe],
    params: Mapping[str, object],
    keep: Callable[[Reading[Any]], None],
    unconverted: frozenset[str] = frozenset(),
) -> None:
    side = connection.side
    major = connection.server_version_num // 10000
    asked: list[Probe] = []
    segments: list[Segment] = []
    for probe in wanted:
        file = file_for(probe.name, major)
        if file is None:
            lowest = files()[probe.name][-1][0]
            reason = f"needs PostgreSQL {lowest} or newer; this server is {major}"
            keep(Reading(probe.name, side, "unsupported", at=_now(), reason=reason))
            continue
        values = {**params, "limit": None if probe.limit is None else probe.limit + 1}
        query = Query(file.sql, tuple(encode(values.get(name)) for name in file.params))
        asked.append(probe)
        local = connection.guard.local(probe.deadline_s, unconverted=probe.name in unconverted)
        segments.append(Segment((local, query), probe.deadline_s + SILENCE_S))
    answered = 0

    def deliver(index: int, outcome: Outcome) -> None:
        nonlocal answered
        answered = index + 1
        keep(_reading(connection, asked[index], outcome))

    started = perf_counter()
    status: ReadingStatus = "unreachable"
    try:
        await connection.run(segments, deliver)
        return
    except ConnectionRefused as error:
        reason = error.refusal.message
    except ConnectionLost as error:
        reason = f"the connection was lost: {error}"
    except DeadlinePassed:
        status = "timed_out"
        reason = f"the server was silent about {asked[answered].name if answered < len(asked) else 'the guard'}"
    for probe in asked[answered:]:
        keep(Reading(probe.name, side, status, duration_s=perf_counter() - started, at=_now(), reason=reason))


def _reading(connection: Connection, probe: Probe, outcome: Outcome) -> Reading[Any]:
    common: dict[str, Any] = {"duration_s": outcome.seconds, "at": _now()}
    if outcome.result is None:
        status, why, sqlstate = failure(outcome.error, deadline_s=probe.deadline_s)
        if status == "denied":
            why = f"{why}; {_grant(connection, probe)}"
        return Reading(probe.name, connection.side, status, reason=why, sqlstate=sqlstate, **common)
    try:
        found, truncated = make_rows(outcome.result, probe.row_type, probe.limit)
    except (psycopg.Error, ValueError, TypeError, OverflowError) as error:
        unread = f"the answer could not be read: {clean_line(str(error))}"
        return Reading(probe.name, connection.side, "unsupported", reason=unread, **common)
    reason: str | None = None
    if probe.hides is not None and probe.hides(found):
        reason = f"some values are hidden from this role; {_grant(connection, probe)}"
    return Reading(probe.name, connection.side, "ok", found, reason=reason, truncated=truncated, **common)


def failure(error: PGresult | None, *, deadline_s: float) -> tuple[ReadingStatus, str, str | None]:
    """Status, reason and SQLSTATE that an error result of a probe means."""
    if error is None:
        return "unsupported", "the server answered without rows", None
    sqlstate = (error.error_field(DiagnosticField.SQLSTATE) or b"").decode("ascii", "replace") or None
    primary = error.error_field(DiagnosticField.MESSAGE_PRIMARY) or b""
    message = clean_line(primary.decode("utf-8", "replace"))
    status = _STATUS.get(sqlstate or "", "unsupported")
    if sqlstate == "57014":
        message = f"not answered within {deadline_s:g} s ({message})"
    elif sqlstate == "55P03":
        message = f"something it reads is locked ({message})"
    elif status == "unsupported":
        message = f"this server cannot answer it ({message})"
    return status, message, sqlstate


def _grant(connection: Connection, probe: Probe) -> str:
    role = connection.target.role
    return f"GRANT {probe.wants or 'pg_monitor'} TO {quote_ident(role) if role else 'our role'}; would show them"


def encode(value: object) -> bytes | None:
    """A parameter in PostgreSQL's text format."""
    if value is None:
        return None
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, (list, tuple, set, frozenset)):
        return b"{" + b",".join(_element(v) for v in value) + b"}"
    return str(value).encode("utf-8", "surrogatepass")


def _element(value: object) -> bytes:
    plain = encode(value)
    if plain is None:
        return b"NULL"
    return b'"' + plain.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


# -- rows ------------------------------------------------------------------------------------------------------------


class _LenientText(TextBinaryLoader):
    """Another session's query text may be in any encoding: what cannot be decoded is shown as U+FFFD."""

    def load(self, data: Any) -> str:
        return bytes(data).decode("utf-8", "replace")


class _Lenient:
    """The adaptation context that the second attempt uses; slower, so only when the first one failed."""

    connection = None

    def __init__(self) -> None:
        self.adapters = AdaptersMap(psycopg.adapters)
        for name in ("text", "name", "varchar", "bpchar"):
            self.adapters.register_loader(name, _LenientText)


def make_rows(result: PGresult, row_type: type[Any], limit: int | None) -> tuple[tuple[Any, ...], bool]:
    """``result`` (in binary format) as rows of ``row_type``, texts cleaned; and whether there were more."""
    count = result.ntuples
    truncated = limit is not None and count > limit
    if limit is not None:
        count = min(count, limit)
    if count == 0:
        return (), False
    with many_objects(count):
        try:
            loaded = _load(result, count, None)
        except UnicodeDecodeError:
            loaded = _load(result, count, _Lenient())
        columns: list[Iterable[Any]] = list(zip(*loaded, strict=True))
        for place, kind in _conversions(typing.cast(typing.Hashable, row_type)):
            columns[place] = _CONVERT[kind](columns[place])
        return tuple(map(row_type, *columns)), truncated


def _load(result: PGresult, count: int, context: AdaptContext | None) -> list[tuple[Any, ...]]:
    transformer = Transformer(context)
    transformer.set_pgresult(result)
    return transformer.load_rows(0, count, tuple)


@cache
def _conversions(row_type: Any) -> tuple[tuple[int, str], ...]:
    """Which columns need a hand: texts are cleaned, arrays become tuples."""
    hints = typing.get_type_hints(row_type)
    found = []
    for place, field in enumerate(fields(row_type)):
        members = _members(hints[field.name])
        if str in members:
            found.append((place, "text"))
        elif any(typing.get_origin(m) is tuple for m in members):
            inner = {i for m in members for i in typing.get_args(m)}
            found.append((place, "texts" if any(str in _members(i) for i in inner) else "array"))
    return tuple(found)


def _members(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _clean_column(column: Iterable[str | None]) -> Iterable[str | None]:
    joined = "".join([value for value in column if value])
    if joined.isascii() and joined.isprintable():  # one look at the whole column: nearly always nothing to do
        return column
    return [clean(value) if value else value for value in column]


def _clean_arrays(column: Iterable[list[str | None] | None]) -> list[tuple[str | None, ...]]:
    joined = "".join([v for value in column if value for v in value if v])
    if joined.isascii() and joined.isprintable():
        return _arrays(column)
    return [tuple([clean(v) if v else v for v in value]) if value else () for value in column]


def _arrays(column: Iterable[list[Any] | None]) -> list[tuple[Any, ...]]:
    return [tuple(value) if value else () for value in column]


_CONVERT: Mapping[str, Callable[[Iterable[Any]], Iterable[Any]]] = {
    "text": _clean_column,
    "texts": _clean_arrays,
    "array": _arrays,
}


def _now() -> datetime:
    return datetime.now(UTC)
