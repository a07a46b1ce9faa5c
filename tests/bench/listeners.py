"""The cost of a thousand clients that wait for the events of runs whose model never answers."""

import asyncio
import contextlib
import resource

from tests.bench.company import NAME
from tests.bench.model_server import FIRST_WORD, SILENCE
from tests.bench.report import Figure
from tests.bench.serving import Server, serving

CLIENTS = 1000
RUNS = 10
SECONDS = 10.0


async def measure() -> list[Figure]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))  # the server inherits it
    async with serving() as server, contextlib.AsyncExitStack() as stack:
        body = {"workspace_id": NAME, "message": FIRST_WORD}
        (await server.client.post("/chat", json=body)).raise_for_status()  # loads the agent
        runs = [await _start_silent_run(server) for _ in range(RUNS)]
        alone, memory = await _cpu_share(server), server.resident()
        for number in range(CLIENTS):
            await _listen(server, runs[number % RUNS], stack)
        busy = await _cpu_share(server)
        more = server.resident() - memory
        for run in runs:
            await server.client.post(f"/runs/{run}/cancel")
    result = f"{busy:.1%} of a processor ({alone:.1%} without them), {more / CLIENTS * 100:.1f} MB for 100"
    return [Figure(f"{CLIENTS:,} idle listeners (SSE)", result)]


async def _start_silent_run(server: Server) -> str:
    answer = await server.client.post(f"/workspaces/{NAME}/threads", json={"message": SILENCE})
    return answer.json()["run"]["run_id"]


async def _cpu_share(server: Server) -> float:
    """The share of one processor that the server uses, measured over several seconds."""
    await asyncio.sleep(1)
    before = server.cpu_seconds()
    await asyncio.sleep(SECONDS)
    return (server.cpu_seconds() - before) / SECONDS


async def _listen(server: Server, run_id: str, stack: contextlib.AsyncExitStack) -> None:
    """Connects a client, and waits until it has received the start of the run."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    stack.callback(writer.close)
    writer.write(f"GET /runs/{run_id}/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await reader.readuntil(b"event: run_started")
