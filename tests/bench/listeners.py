"""The cost of many clients that wait for events: a thousand on silent runs, and 1,500 on one whose model is writing."""

import asyncio
import contextlib
import resource
import time
import urllib.request

from tests.bench.company import NAME
from tests.bench.model_server import FIRST_WORD, SILENCE, SLOWLY
from tests.bench.report import Figure
from tests.bench.serving import Server, serving

CLIENTS = 1000
RUNS = 10
SECONDS = 10.0
LISTENERS = 1500
LIMITS = {"CFO_STREAM_LIMIT": "2000", "CFO_CLIENT_STREAM_LIMIT": "2000"}


async def measure() -> list[Figure]:
    raise_limit()
    return [await _idle(), *await _one_run()]


def raise_limit() -> None:
    """Allows this process and the server enough open connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))


async def _idle() -> Figure:
    async with serving(LIMITS) as server, contextlib.AsyncExitStack() as stack:
        body = {"workspace_id": NAME, "message": FIRST_WORD}
        (await server.client.post("/chat", json=body)).raise_for_status()  # loads the agent
        runs = [await start_run(server, SILENCE) for _ in range(RUNS)]
        alone, memory = await _cpu_share(server), server.resident()
        for number in range(CLIENTS):
            await listen(server, runs[number % RUNS], stack)
        busy = await _cpu_share(server)
        more = server.resident() - memory
        for run in runs:
            await server.client.post(f"/runs/{run}/cancel")
    result = f"{busy:.1%} of a processor ({alone:.1%} without them), {more / CLIENTS * 100:.1f} MB for 100"
    return Figure(f"{CLIENTS:,} idle listeners (SSE)", result)


async def _one_run() -> list[Figure]:
    """Measures other requests while all clients listen to one run, whose model writes fifty words a second."""
    async with serving(LIMITS) as server, contextlib.AsyncExitStack() as stack:
        body = {"workspace_id": NAME, "message": FIRST_WORD}
        (await server.client.post("/chat", json=body)).raise_for_status()  # loads the agent
        run = await start_run(server, SLOWLY)
        readers = [await listen(server, run, stack) for _ in range(LISTENERS)]
        memory = server.resident()
        ends = [asyncio.create_task(read_to_end(reader)) for reader in readers]
        before = server.cpu_seconds()
        health, cancelled = await asyncio.to_thread(_times, server.url, run)
        share = (server.cpu_seconds() - before) / SECONDS
        sent = await asyncio.gather(*ends)
        whole = len(set(sent)) == 1
        more = server.resident() - memory
    name = f"{LISTENERS:,} listeners to one run"
    result = f"{max(health) * 1000:.0f} ms (median {sorted(health)[len(health) // 2] * 1000:.0f} ms)"
    load = f"{share:.0%} of a processor, {more:.0f} MB more; all got the same: {whole}"
    return [
        Figure(f"{name}: slowest /healthz", result, "below 1 s", max(health) < 1),
        Figure(f"{name}: cancel", f"{cancelled * 1000:.0f} ms", "below 1 s", cancelled < 1),
        Figure(f"{name}: the server", load),
    ]


async def read_to_end(reader: asyncio.StreamReader) -> int:
    """Reads a stream to its end, and returns the number of its last event."""
    last = 0
    async for line in reader:
        if line.startswith(b"id: "):
            last = int(line[4:])
        if line.startswith(b"event: done"):
            return last
    return -1


def _times(url: str, run: str) -> tuple[list[float], float]:
    """Measures health checks and a cancel, in seconds. Runs in a thread, because the listeners keep the loop busy."""
    health: list[float] = []
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        health.append(_seconds(url + "/healthz"))
        time.sleep(0.05)
    return health, _seconds(f"{url}/runs/{run}/cancel", "POST")


def _seconds(url: str, method: str = "GET") -> float:
    started = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60) as answer:
        answer.read()
    return time.perf_counter() - started


async def start_run(server: Server, message: str) -> str:
    """Starts a thread with this message, and returns the id of its run."""
    answer = await server.client.post(f"/workspaces/{NAME}/threads", json={"message": message})
    return answer.json()["run"]["run_id"]


async def _cpu_share(server: Server) -> float:
    """The share of one processor that the server uses, measured over several seconds."""
    await asyncio.sleep(1)
    before = server.cpu_seconds()
    await asyncio.sleep(SECONDS)
    return (server.cpu_seconds() - before) / SECONDS


async def listen(server: Server, run_id: str, stack: contextlib.AsyncExitStack) -> asyncio.StreamReader:
    """Connects a client, and waits until it has received the start of the run."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    stack.callback(writer.close)
    writer.write(f"GET /runs/{run_id}/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await reader.readuntil(b"event: run_started")
    return reader
