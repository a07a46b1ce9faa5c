"""Streams of events over a real connection: whole, taken up again, kept alive, and let go."""

import asyncio
import gc
import json
import resource
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cfo_api import sse

from cfo_kernel import Numbered
from cfo_kernel.events import Token
from tests.api.conftest import Listen, Make
from tests.models.scripted_server import ScriptedServer, Stall, Text
from tests.replies import ANSWER, QUERY, Serve

Event = tuple[int, str, dict[str, Any]]


async def events(client: httpx.AsyncClient, address: str, **options: Any) -> AsyncIterator[Event]:
    """The events of a stream, as they come."""
    async with client.stream(options.pop("method", "GET"), address, timeout=60, **options) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in response.aiter_lines():
            if line.startswith(":"):
                continue
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                yield int(fields["id"]), fields["event"], json.loads(fields["data"])
                fields = {}


async def begun(client: httpx.AsyncClient, message: str = "Totals") -> str:
    """The address of a new run."""
    response = await client.post("/workspaces/tiny/threads", json={"message": message})
    return response.headers["location"]


async def test_a_stream_is_taken_up_again_without_gap_or_repeat(make: Make, serve: Serve, listen: Listen) -> None:
    url = await listen(make(serve(QUERY, ANSWER)))
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        run = await begun(client)
        seen: list[Event] = []
        while not seen or seen[-1][1] != "done":  # a client that drops out after every second event
            headers = {"Last-Event-ID": str(seen[-1][0])} if seen else {}
            async for count, event in aenumerate(events(client, f"{run}/events", headers=headers)):
                seen.append(event)
                if count:
                    break
        whole = [event async for event in events(client, f"{run}/events")]
        assert seen == whole
        assert [number for number, _, _ in whole] == list(range(len(whole)))
        assert (whole[0][1], whole[-1][1]) == ("run_started", "done")
        assert all(name == data["type"] for _, name, data in whole)
        assert [e async for e in events(client, f"{run}/events?after=1")] == whole[2:]
        assert [e async for e in events(client, f"{run}/events", headers={"Last-Event-ID": "9999"})] == []
        refused = await client.get(f"{run}/events", headers={"Last-Event-ID": "one"})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")


async def test_chat_streams_and_names_its_run(make: Make, serve: Serve, listen: Listen) -> None:
    url = await listen(make(serve(QUERY, ANSWER)))
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        body = {"workspace_id": "tiny", "message": "Totals"}
        async with client.stream("POST", "/chat/stream", json=body) as response:
            run, thread = response.headers["cfo-run-id"], response.headers["cfo-thread-id"]
            assert response.headers["location"] == f"/runs/{run}"
            text = (await response.aread()).decode()
        first = json.loads(text.split("data: ")[1].split("\n")[0])
        assert (first["run_id"], first["thread_id"]) == (run, thread)
        assert '"status":"succeeded"' in text.split("data: ")[-1]


async def test_a_comment_where_nothing_happens() -> None:
    news: asyncio.Queue[Numbered] = asyncio.Queue()
    closed = asyncio.Event()

    async def source() -> AsyncIterator[Numbered]:
        try:
            while True:
                yield await news.get()
        finally:
            closed.set()

    frames = sse.frames(source(), asyncio.Event(), heartbeat=0.01)
    assert [await anext(frames) for _ in range(3)] == [b": heartbeat\n\n"] * 3
    news.put_nowait(Numbered(number=7, event=Token(text="a\nb")))
    frame = b""
    while frame in (b"", b": heartbeat\n\n"):
        frame = await anext(frames)
    assert frame == b'id: 7\nevent: token\ndata: {"type":"token","text":"a\\nb"}\n\n'
    await frames.aclose()
    await asyncio.wait_for(closed.wait(), 5)
    assert sse.HEARTBEAT == 15


async def test_a_client_that_vanishes_frees_all_and_its_run_goes_on(
    make: Make, listen: Listen, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_streams: set[object] = set()
    frames = sse.frames

    async def counted(source: Any, closing: asyncio.Event, heartbeat: float = 15) -> AsyncIterator[bytes]:
        token = object()
        open_streams.add(token)
        try:
            async for frame in (inner := frames(source, closing, heartbeat)):
                yield frame
        finally:
            await inner.aclose()
            open_streams.discard(token)

    monkeypatch.setattr(sse, "frames", counted)
    url = await listen(make(serve(Stall(after_chunks=1, of=Text("Thinking")), QUERY, ANSWER), model_timeout=3))
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        run = await begun(client)
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {run}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await writer.drain()
        await until(lambda: len(open_streams) == 1)
        writer.transport.abort()
        await until(lambda: not open_streams)
        whole = [event async for event in events(client, f"{run}/events")]
        assert whole[-1][1] == "done"


async def test_a_thousand_idle_clients_cost_little_and_leave_nothing(make: Make, listen: Listen) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    with ScriptedServer([Stall(headers=False)]) as model:
        url = await listen(make(model, model_timeout=600))
        host, port = url.removeprefix("http://").split(":")
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            run = await begun(client)
            files, memory = open_files(), resident()
            clients = []
            for _ in range(1000):
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(f"GET {run}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                clients.append((reader, writer))
            for reader, _ in clients:
                assert (await asyncio.wait_for(reader.readline(), 60)).startswith(b"HTTP/1.1 200")
            assert (await client.get("/healthz", timeout=10)).status_code == 200
            assert resident() - memory < 250 << 20
            for _, writer in clients:
                writer.transport.abort()
            await until(lambda: open_files() <= files + 5)
            gc.collect()
            names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]  # type: ignore[union-attr]
            assert sum("wait" in name or "frames" in name for name in names) < 50, names
            await client.post(f"{run}/cancel")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def until(holds: Any) -> None:
    async with asyncio.timeout(30):
        while not holds():  # the other side of the connection tells nobody  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def aenumerate(source: AsyncIterator[Event]) -> AsyncIterator[tuple[int, Event]]:
    count = 0
    async for item in source:
        yield count, item
        count += 1


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
