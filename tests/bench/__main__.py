"""Runs all benchmarks, or the named ones, and prints one table: `python -m tests.bench [sql turns ...]`."""

import asyncio
import os
import sys
from importlib import import_module

from tests.bench.report import Figure, table

NAMES = (
    "characters",
    "sql",
    "ingest",
    "turns",
    "chat_client",
    "over_http",
    "many_threads",
    "listeners",
    "loop_gaps",
    "cold_start",
    "page",
)


async def main(names: list[str]) -> None:
    figures: list[Figure] = []
    for name in names or NAMES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        figures += await import_module(f"tests.bench.{name}").measure()
    print(table(figures))
    print(f"{os.cpu_count()} processors; load {', '.join(f'{load:.1f}' for load in os.getloadavg())}")


for name in [name for name in os.environ if name.startswith(("CFO_", "OPENAI_", "ANTHROPIC_"))]:
    del os.environ[name]  # the settings of the person who runs this must not change what is measured
asyncio.run(main(sys.argv[1:]))
