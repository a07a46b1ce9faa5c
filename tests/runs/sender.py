"""A separate program for tests with several processes: sends messages to a thread and prints the run ids.

    python -m tests.runs.sender ROOT URL THREAD TEXT...

It prints the run ids in one line as soon as all messages are accepted, then waits until the runs end and prints their
statuses.
"""

import asyncio
import sys
from pathlib import Path

from cfo_kernel import Settings, connect


async def main(root: str, url: str, thread_id: str, *texts: str) -> None:
    settings = Settings(root=Path(root), model="openai:scripted", base_url=url, model_timeout=60)
    async with connect(settings=settings) as wb:
        thread = await (await wb.workspace("tiny")).thread(thread_id)
        runs = [await thread.send(text) for text in texts]
        print(*(run.id for run in runs), flush=True)
        print(*[(await run.finished()).status for run in runs], flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
