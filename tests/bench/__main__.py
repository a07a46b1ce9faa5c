"""Runs every measurement, or those that are named, and prints one table: `python -m tests.bench [sql turns ...]`."""

import asyncio
import os
import sys
from importlib import import_module

from tests.bench.told import Line, table

NAMES = ("sql", "turns", "chat_client", "over_http", "many_threads", "listeners", "cold_start", "page")


async def main(names: list[str]) -> None:
    lines: list[Line] = []
    for name in names or NAMES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        lines += await import_module(f"tests.bench.{name}").measure()
    print(table(lines))
    print(f"{os.cpu_count()} processors; load {', '.join(f'{load:.1f}' for load in os.getloadavg())}")


for name in [name for name in os.environ if name.startswith(("CFO_", "OPENAI_", "ANTHROPIC_"))]:
    del os.environ[name]  # who measures shall not be asked with the settings of who works
asyncio.run(main(sys.argv[1:]))
