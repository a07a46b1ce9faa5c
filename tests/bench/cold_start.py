"""From the start of a process to the end of its answer: `cfo ask`, and the bare `openai` loop."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from tests.bench.company import NAME, environment, ingest, new_root
from tests.bench.model_server import QUESTION, served
from tests.bench.told import Line

ROUNDS = 5
GOAL = 1.2  # seconds
OFFLINE = "total amount by department"


async def measure() -> list[Line]:
    return await asyncio.to_thread(_measured)


def _measured() -> list[Line]:
    with new_root() as root, served() as base_url:
        asyncio.run(ingest(root, base_url))
        cfo = [str(Path(sys.executable).with_name("cfo")), "ask", "-w", NAME]
        asking = {**os.environ, **environment(root, base_url)}
        asking.pop("PYTHONDONTWRITEBYTECODE", None)  # the first round, which does not count, keeps what it compiles
        ways = {
            "model": ([*cfo, QUESTION], asking),
            "offline": ([*cfo, OFFLINE], {**asking, "CFO_MODEL": "offline"}),
            "bare": ([sys.executable, "-m", "tests.bench.bare_loop", base_url, str(root / "ledger.parquet")], asking),
        }
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS + 1):
            for way, (command, known) in ways.items():
                begun = time.perf_counter()
                subprocess.run(command, env=known, check=True, capture_output=True)
                taken[way].append(time.perf_counter() - begun)
    model, offline, bare = (median(taken[way][1:]) for way in ways)
    seen = f"{model:.2f} s  ({model / bare:.2f}x the bare loop's {bare:.2f} s; offline {offline:.2f} s)"
    return [Line("cold start of `cfo ask` to its answer", seen, f"< {GOAL} s", model < GOAL)]
