"""Many threads at once over HTTP: all end well; and what a server keeps of them when they are idle."""

import asyncio
import time

from tests.bench.company import NAME
from tests.bench.model_server import QUESTION
from tests.bench.serving import Server, serving
from tests.bench.told import Line

THREADS = 200


async def measure() -> list[Line]:
    async with serving() as server:
        await _all(server, THREADS // 2)  # loads the agent, and fills what is kept for good
        before = server.resident()
        begun = time.perf_counter()
        statuses = await _all(server, THREADS)
        taken = time.perf_counter() - begun
        memory = (server.resident() - before) / THREADS * 100
        failed = THREADS - statuses.count("succeeded")
        seen = f"{failed} failed, in {taken:.1f} s ({THREADS / taken:.0f} turns/s)"
        return [
            Line(f"{THREADS} threads at once over HTTP", seen, "none failed", failed == 0),
            Line("memory for 100 idle threads", f"{memory:.1f} MB  (the server {server.resident():.0f} MB)"),
        ]


async def _all(server: Server, count: int) -> list[str]:
    return await asyncio.gather(*(_one(server) for _ in range(count)))


async def _one(server: Server) -> str:
    answer = await server.client.post(f"/workspaces/{NAME}/threads", json={"message": QUESTION})
    assert answer.status_code == 202, answer.text
    return await server.status_of(answer.json()["run"]["run_id"])
