"""Runs chaos rounds at length: `python -m tests.chaos [--kills 100] [--users 6] [--seed N | commit] [--postgres]`.

Prints one line for each round of 25 kills, and one with the totals. A failure prints the seed of its round, which
`--seed` repeats: users and kills make the same choices, although the timing differs from run to run. Errors are
shortened, so that they remain visible in a log that is cut off at the start.
"""

import argparse
import asyncio
import contextlib
import os
import random
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.chaos import Report
from tests.chaos.rounds import one_round
from tests.postgres import Server, find_programs
from tests.seeds import MOST, commit_seed

_ROUND = 25


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--users", type=int, default=6)
    parser.add_argument("--seed", type=_seed, default=None, help="a number, or `commit` for one made from the commit")
    parser.add_argument("--postgres", action="store_true", help="with PostgreSQL, and two workers beside the server")
    options = parser.parse_args()
    seed = random.randrange(MOST) if options.seed is None else options.seed
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_postgres()) if options.postgres else None
        if options.postgres and server is None:
            print("chaos with PostgreSQL: skipped, no server is installed. Install the Debian package postgresql.")
            return int(os.environ.get("CFO_TEST_POSTGRES") == "required")
        try:
            reports = _rounds(seed, options.kills, options.users, server)
        except Exception as error:  # noqa: BLE001 - every error is printed in the same short form
            print(_described(error), flush=True)
            return 1
    sums = {name: sum(getattr(r, name) for r in reports) for name in ("kills", "runs", "attempts", "requests")}
    where = "PostgreSQL with 2 workers" if options.postgres else "SQLite"
    totals = ", ".join(f"{number} {name}" for name, number in sums.items())
    print(f"chaos with {where}: {totals}, nothing lost and nothing doubled, {sum(r.seconds for r in reports):.0f} s")
    return 0


def _seed(text: str) -> int:
    """Parses a number or `commit`."""
    return commit_seed() if text == "commit" else int(text)


def _described(error: Exception) -> str:
    """Describes an error and where it was raised, in a few lines."""
    notes: list[str] = getattr(error, "__notes__", [])
    lines = [f"chaos: {type(error).__name__}: {str(error)[:2000]}", *notes]
    if isinstance(error, ExceptionGroup):
        lines += [f"  {type(one).__name__}: {str(one)[:500]}" for one in error.exceptions]
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return "\n".join([*lines, *(f"  at {Path(f.filename).name}:{f.lineno} {f.name}" for f in frames)])


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


def _rounds(seed: int, kills: int, users: int, server: Server | None) -> list[Report]:
    reports: list[Report] = []
    left = kills
    while left > 0:
        with tempfile.TemporaryDirectory(prefix="cfo-chaos-") as folder:
            print(f"seed {seed}: started", flush=True)
            database = server.database() if server else None
            work = one_round(Path(folder), seed, min(left, _ROUND), users, postgres=database)
            reports.append(asyncio.run(work))
        print(reports[-1], flush=True)
        left -= _ROUND
        seed += 1
    return reports


if __name__ == "__main__":
    sys.exit(main())
