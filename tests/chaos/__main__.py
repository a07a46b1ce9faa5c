"""The whole of it: `python -m tests.chaos [--kills 100] [--people 6] [--seed N] [--postgres]`.

Prints a line for each round of 25 kills, and one with the sums. A seed that failed is given again with `--seed`.
"""

import argparse
import asyncio
import contextlib
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.body import Report
from tests.chaos.rounds import one_round
from tests.postgres import Server, find_programs

_ROUND = 25


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--postgres", action="store_true", help="over PostgreSQL, with two workers beside the server")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_postgres()) if options.postgres else None
        if options.postgres and server is None:
            print("chaos on PostgreSQL: left out. There is no server here: install the Debian package postgresql.")
            return int(os.environ.get("CFO_TEST_POSTGRES") == "required")
        reports = _rounds(seed, options.kills, options.people, server)
    sums = {name: sum(getattr(r, name) for r in reports) for name in ("kills", "runs", "attempts", "requests")}
    where = "PostgreSQL with 2 workers" if options.postgres else "SQLite"
    told = ", ".join(f"{number} {name}" for name, number in sums.items())
    print(f"chaos on {where}: {told}, nothing lost and nothing doubled, {sum(r.seconds for r in reports):.0f} s")
    return 0


@contextlib.contextmanager
def _postgres() -> Iterator[Server | None]:
    programs = find_programs()
    if programs is None:
        yield None
        return
    server = Server(programs)
    try:
        yield server
    finally:
        server.remove()


def _rounds(seed: int, kills: int, people: int, server: Server | None) -> list[Report]:
    reports: list[Report] = []
    left = kills
    while left > 0:
        with tempfile.TemporaryDirectory(prefix="cfo-chaos-") as folder:
            print(f"seed {seed}: begins", flush=True)
            database = server.database() if server else None
            work = one_round(Path(folder), seed, min(left, _ROUND), people, postgres=database)
            reports.append(asyncio.run(work))
        print(reports[-1], flush=True)
        left -= _ROUND
        seed += 1
    return reports


if __name__ == "__main__":
    sys.exit(main())
