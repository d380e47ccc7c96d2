"""``python benchmarks/kills.py``: kill -9 real sessions a hundred times and count what was shown and is not recorded."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from runbook.lab.servers import start_server
from tests.session.killing import kill_one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder, start_server(18) as server:
        killed = [kill_one(server.dsn(), Path(folder), chance) for _ in range(options.times)]
    print(f"sessions killed                    {len(killed)}")
    print(f"events shown                       {sum(k.shown for k in killed):,}")
    print(f"shown and not in the journal       {sum(k.lost for k in killed)}")
    print(f"journals with a torn last line     {sum(k.torn for k in killed)}")
    print(f"journals with anything else wrong  {sum(bool(k.problems) and not k.torn for k in killed)}")
    for problem in sorted({p.partition(": ")[2] for k in killed if not k.torn for p in k.problems}):
        print(f"  {problem}")


if __name__ == "__main__":
    main()
