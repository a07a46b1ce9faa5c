"""Starts many threads at once over HTTP, and measures whether all succeed and how much memory they use once idle."""

import asyncio
import time

from tests.bench.company import NAME
from tests.bench.model_server import QUESTION
from tests.bench.report import Figure
from tests.bench.serving import Server, serving

THREADS = 200


async def measure() -> list[Figure]:
    async with serving() as server:
        await _run_all(server, THREADS // 2)  # loads the agent and fills the caches
        before = server.resident()
        started = time.perf_counter()
        statuses = await _run_all(server, THREADS)
        seconds = time.perf_counter() - started
        memory = (server.resident() - before) / THREADS * 100
        failed = THREADS - statuses.count("succeeded")
        result = f"{failed} failed, in {seconds:.1f} s ({THREADS / seconds:.0f} turns/s)"
        return [
            Figure(f"{THREADS} threads at once over HTTP", result, "none failed", failed == 0),
            Figure("memory for 100 idle threads", f"{memory:.1f} MB  (the server {server.resident():.0f} MB)"),
        ]


async def _run_all(server: Server, count: int) -> list[str]:
    return await asyncio.gather(*(_run(server) for _ in range(count)))


async def _run(server: Server) -> str:
    answer = await server.client.post(f"/workspaces/{NAME}/threads", json={"message": QUESTION})
    assert answer.status_code == 202, answer.text
    return await server.status_of(answer.json()["run"]["run_id"])
