"""For what the error found no space: the path that it names tells the volume, in every language.

Source: storage/file/fd.c and buffile.c (pgsql_tmp), access/transam/xlog.c (pg_wal), storage/smgr/md.c with
common/relpath.c (base, global, pg_tblspc), storage/ipc/dsm_impl.c (/PostgreSQL.N, and its name in other builds).
"""

from __future__ import annotations

import re

from runbook.failure.report import ErrorReport
from runbook.triage.case import Case, Facts

_PATH = re.compile(
    r"(?:^|[\s\"'«»„“”/])(?P<path>(?:base|global|pg_tblspc|pg_wal|pg_xlog|pg_xact|pg_multixact|pg_commit_ts|pg_subtrans"
    r"|pg_replslot|pg_logical|pg_stat|pg_stat_tmp|pg_notify|pg_serial|pg_snapshots|pg_dynshmem)/[^\s\"'«»“”]+)"
)
_SHARED_MEMORY = re.compile(r"/PostgreSQL\.\d+|shared memory", re.I)
_TEMPORARY = re.compile(r"pgsql_tmp|temporary file", re.I)
_WAL = re.compile(r"\blog file \"?[0-9A-F]{24}")  # XLogWrite: the segment without its folder
_SEGMENT_SIZE = re.compile(r"(?:/PostgreSQL\.|/?mmap\.)\d+\D+(\d+)")
_TABLESPACE = re.compile(r"pg_tblspc/(\d+)/")
_NO_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.I)


def state(facts: Facts, case: Case) -> None:
    """State ``disk.error_*`` and ``disk.segment_*``."""
    _state_segment(facts, case)
    error = case.error
    if error is None or not (error.sqlstate == "53100" or _NO_SPACE.search(error.message)):
        facts.know("disk.error_place", "none", "no error is about space")
        facts.unknown_all(["disk.error_path", "disk.error_tablespace"], "no error is about space")
        return
    found = _PATH.search(error.message) or _PATH.search(error.detail or "")
    path = found["path"].rstrip(":.") if found is not None else ""
    place = _place(error, path)
    facts.know("disk.error_place", place, f"the error names {path or 'no file of the data directory'}")
    facts.know("disk.error_path", path, "named by the error")
    tablespace = _TABLESPACE.match(path)
    facts.know("disk.error_tablespace", int(tablespace[1]) if tablespace else 0, "the folder of that file")


def _state_segment(facts: Facts, case: Case) -> None:
    asked = _SEGMENT_SIZE.search(case.error.message) if case.error is not None else None
    if asked is None:
        facts.unknown("disk.segment_bytes", "the error names no segment of shared memory")
    else:
        facts.know("disk.segment_bytes", int(asked[1]), "the error says how large it was to be")
    rows = case.production.rows("settings") if case.production is not None else ()
    kind = next((s.value for s in rows if s.name == "dynamic_shared_memory_type"), None)
    if kind is None:
        facts.unknown("disk.segment_kind", "production's settings are not known")
    else:
        facts.know("disk.segment_kind", kind, f"dynamic_shared_memory_type = {kind}", readings="production/settings")


def _place(error: ErrorReport, path: str) -> str:
    if path.startswith(("pg_wal/", "pg_xlog/")) or _WAL.search(error.message):
        return "wal"
    if _TEMPORARY.search(error.message):
        return "temporary"
    if path.startswith(("base/", "global/", "pg_tblspc/")):
        return "data"
    if _SHARED_MEMORY.search(error.message) or path.startswith("pg_dynshmem/"):
        return "shared memory"
    return "other"
