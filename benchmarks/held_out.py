"""``python benchmarks/held_out.py``: forecast whole public migration histories that nobody here wrote or tuned rules for.

Downloads four released packages (pip and npm), replays their migrations file by file on fresh servers of every major, and
compares each statement's forecast with what the server did. Their SQL stays in a temporary folder.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from functools import reduce
from operator import add
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from runbook.lab.servers import available_majors
from tests.oracle.history import on_major, show
from tests.oracle.history_bundle import read
from tests.oracle.history_replay import BASES
from tests.oracle.history_tally import tally

PYPI = ("procrastinate==3.10.0", "matrix-synapse==1.163.2")
NPM = ("graphile-worker@0.17.3",)
_FIRST = (
    "CREATE SCHEMA graphile_worker; CREATE TABLE graphile_worker.migrations (id int PRIMARY KEY, ts timestamptz);\n"
)
_SYNAPSE_BASE = 72  # the newest full schema; the deltas after it are its history


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--major", type=int, action="append")
    parser.add_argument("--show", action="store_true", help="every disagreement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        histories = [read(h, "psql") for h in (_procrastinate(folder), _synapse(folder), _graphile(folder))]
        print("| history | PostgreSQL | basis | agreement |\n|---|---|---|---|")
        everything = []
        for major in options.major or sorted(available_majors()):
            for history in histories:
                one = on_major(history, major)
                everything.append(one)
                for basis in BASES:
                    print(f"| {history.name} | {major} | {basis} | {tally(one, basis)} |", flush=True)
                if options.show:
                    show(one, quiet=False)
        for basis in BASES:
            print(f"| all | all | {basis} | {reduce(add, (tally(r, basis) for r in everything))} |")


def _unpacked(folder: Path, package: str, *, npm: bool = False) -> Path:
    name = re.split(r"[=@]", package)[0]
    into = folder / f"{name}-package"
    into.mkdir()
    if npm:
        subprocess.run(["npm", "pack", "--silent", package], cwd=into, check=True, capture_output=True)
        with tarfile.open(next(into.glob("*.tgz"))) as archive:
            archive.extractall(into, filter="data")
    else:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--only-binary",
            ":all:",
            "-d",
            str(into),
        ]
        subprocess.run([*command, package], check=True, capture_output=True)
        with zipfile.ZipFile(next(into.glob("*.whl"))) as archive:
            archive.extractall(into)
    return into


def _procrastinate(folder: Path) -> Path:
    target = folder / "procrastinate"
    shutil.copytree(_unpacked(folder, PYPI[0]) / "procrastinate" / "sql" / "migrations", target)
    return target


def _synapse(folder: Path) -> Path:
    schema = _unpacked(folder, PYPI[1]) / "synapse" / "storage" / "schema"
    target = folder / "synapse"
    target.mkdir()
    parts = ("common", "state", "main")
    versions = sorted({int(p.name) for p in schema.glob("*/delta/*") if p.name.isdigit()})
    sources = [schema / part / "full_schemas" / str(_SYNAPSE_BASE) for part in parts]
    sources += [schema / part / "delta" / str(v) for v in versions if v > _SYNAPSE_BASE for part in parts]
    files = [f for source in sources for f in sorted(source.glob("*.sql*")) if not f.name.endswith(".sqlite")]
    for number, file in enumerate(files, 1):
        shutil.copy(file, target / f"{number:04}_{file.name.removesuffix('.postgres')}")
    return target


def _graphile(folder: Path) -> Path:
    target = folder / "graphile-worker"
    target.mkdir()
    (target / "000000.sql").write_text(_FIRST)
    for file in sorted((_unpacked(folder, NPM[0], npm=True) / "package" / "sql").glob("*.sql")):
        (target / file.name).write_text(
            f"BEGIN;\n{file.read_text().replace(':GRAPHILE_WORKER_SCHEMA', 'graphile_worker')}\nCOMMIT;\n"
        )
    return target


if __name__ == "__main__":
    main()
