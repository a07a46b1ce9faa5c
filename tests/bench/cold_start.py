"""Time from the start of a process to the end of its answer, for `cfo ask` and for the bare `openai` loop."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from tests.bench.company import NAME, environment, ingest, new_root
from tests.bench.model_server import QUESTION, served
from tests.bench.report import Figure

ROUNDS = 5
GOAL = 1.2  # seconds
OFFLINE = "total amount by department"


async def measure() -> list[Figure]:
    return await asyncio.to_thread(_measure)


def _measure() -> list[Figure]:
    with new_root() as root, served() as base_url:
        asyncio.run(ingest(root, base_url))
        cfo = [str(Path(sys.executable).with_name("cfo")), "ask", "-w", NAME]
        env = {**os.environ, **environment(root, base_url)}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # the first round, which does not count, writes the bytecode
        commands = {
            "model": ([*cfo, QUESTION], env),
            "offline": ([*cfo, OFFLINE], {**env, "CFO_MODEL": "offline"}),
            "bare": ([sys.executable, "-m", "tests.bench.bare_loop", base_url, str(root / "ledger.parquet")], env),
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS + 1):
            for name, (command, env) in commands.items():
                started = time.perf_counter()
                subprocess.run(command, env=env, check=True, capture_output=True)
                seconds[name].append(time.perf_counter() - started)
    model, offline, bare = (median(seconds[name][1:]) for name in commands)
    result = f"{model:.2f} s  ({model / bare:.2f}x the bare loop's {bare:.2f} s; offline {offline:.2f} s)"
    return [Figure("cold start of `cfo ask` to its answer", result, f"< {GOAL} s", model < GOAL)]
