"""A session that is killed loses nothing that was shown. ``benchmarks/kills.py`` does it a hundred times."""

from __future__ import annotations

import random
from pathlib import Path

from tests.session.killing import kill_one
from tests.support import Database


def test_a_session_killed_at_any_moment_loses_no_event_that_was_shown(database: Database, tmp_path: Path) -> None:
    chance = random.Random(20261121)
    for _ in range(6):
        killed = kill_one(database.dsn(), tmp_path, chance)
        assert killed.shown > 0
        assert killed.lost == 0
        assert not killed.problems or killed.torn
