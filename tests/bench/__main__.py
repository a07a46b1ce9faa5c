"""Runs every measurement and prints one line for each: `python -m tests.bench`."""

import asyncio

from tests.bench import sql


async def main() -> None:
    for line in await sql.measure():
        print(line)


asyncio.run(main())
