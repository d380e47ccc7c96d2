"""What a user installs: the wheel is complete, and commands that need no screen and no server load neither."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def python(*arguments: str, cwd: Path | None = None, path: Path | None = None) -> str:
    """Run this Python; ``path`` goes before everything else in its import path."""
    env = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    answer = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=110
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `pip install .` makes it."""
    out = tmp_path_factory.mktemp("wheel")
    # The backend is called directly: no network, no second environment.
    program = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    name = python("-c", program, str(out), cwd=ROOT).split()[-1]
    return out / name


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with nothing of the checkout: the wheel, and the libraries it needs."""
    home = tmp_path_factory.mktemp("installed")
    python("-m", "venv", "--without-pip", str(home))
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    libraries = sysconfig.get_path("purelib")
    # addsitedir would follow the editable install's .pth back into the checkout; a plain path does not.
    (packages / "libraries.pth").write_text(libraries + "\n")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    return home / "bin/python"


def test_the_wheel_finds_its_playbooks_and_the_demo_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    program = (
        "import runbook, runbook.playbook as p, runbook.lab as lab, sys;"
        "from pathlib import Path;"
        f"assert not Path(runbook.__file__).is_relative_to({str(ROOT)!r}), runbook.__file__;"
        "names = sorted(f.stem for f in p.shipped_folder().glob('[!_]*.md'));"
        "assert (Path(lab.__file__).parent / 'shop.sql').exists();"
        "print(len(lab.list_scenarios()), *names)"
    )
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    answer = subprocess.run(
        [installed, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    count, *names = answer.stdout.split()
    assert int(count) >= 6
    assert names == sorted(path.stem for path in (ROOT / "playbooks").glob("[!_]*.md"))


def test_the_wheel_has_every_data_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    tracked = subprocess.run(["git", "ls-files", "runbook"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout: nothing to compare with")
    assert set(tracked.stdout.split()) <= packed


@pytest.mark.parametrize("module", ["runbook.migration", "runbook.diagnosis", "runbook.failure", "runbook.lab"])
def test_a_pure_room_loads_no_driver_and_no_screen(module: str) -> None:
    loaded = python("-c", f"import sys, {module}; print(*sys.modules)", cwd=ROOT).split()
    assert not {"psycopg", "textual"} & set(loaded)


def test_help_needs_no_driver_and_no_screen() -> None:
    assert "triage" in python("-m", "runbook", "--help", cwd=ROOT)
    program = (
        "import sys, contextlib; sys.argv = ['runbook', '--help']\n"
        "from runbook.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "assert not {'psycopg', 'textual', 'jinja2'} & set(sys.modules)"
    )
    python("-c", program, cwd=ROOT)
