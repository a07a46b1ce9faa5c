"""Event streams over a real connection: complete, resumed, kept alive, and closed by either side."""

import asyncio
import contextlib
import json
import resource
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cfo_api import sse
from cfo_api.app import create_app

from cfo_kernel import Numbered, Settings
from cfo_kernel.events import RunStarted, Token
from tests.api.conftest import Listen, Make
from tests.models.scripted_server import Stall, Text
from tests.replies import ANSWER, QUERY, Serve

Event = tuple[int, str, dict[str, Any]]


async def events(client: httpx.AsyncClient, address: str, **options: Any) -> AsyncGenerator[Event]:
    """The events of a stream, as they arrive."""
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
    """Starts a run, and returns its URL."""
    response = await client.post("/workspaces/tiny/threads", json={"message": message})
    return response.headers["location"]


async def test_a_stream_is_taken_up_again_without_gap_or_repeat(make: Make, serve: Serve, listen: Listen) -> None:
    url = await listen(make(serve(QUERY, ANSWER)))
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        run = await begun(client)
        seen: list[Event] = []
        while not seen or seen[-1][1] != "done":  # a client that drops out after every second event
            headers = {"Last-Event-ID": str(seen[-1][0])} if seen else {}
            async with contextlib.aclosing(events(client, f"{run}/events", headers=headers)) as stream:
                seen.append(await anext(stream))
                with contextlib.suppress(StopAsyncIteration):
                    seen.append(await anext(stream))
        whole = [event async for event in events(client, f"{run}/events")]
        assert seen == whole
        assert [number for number, _, _ in whole] == list(range(len(whole)))
        assert (whole[0][1], whole[-1][1]) == ("run_started", "done")
        assert all(name == data["type"] for _, name, data in whole)
        assert [e async for e in events(client, f"{run}/events?after=1")] == whole[2:]
        for last in (len(whole) - 1, 9999):  # with 204 a browser asks no further
            nothing = await client.get(f"{run}/events", headers={"Last-Event-ID": str(last)})
            assert (nothing.status_code, nothing.content) == (204, b"")
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


async def test_a_vanished_client_is_cleaned_up_and_its_run_continues(
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


IDLE = "/runs/idle/events"


class Idle:
    """A workbench whose only run never sends an event. It counts its listeners."""

    id = thread_id = "idle"

    def __init__(self) -> None:
        self.listeners = 0

    async def workspaces(self) -> list[Any]:
        return []

    async def run(self, _: str) -> "Idle":
        return self

    async def status(self) -> str:
        return "running"

    async def events(self, _: int | None = None) -> AsyncIterator[Numbered]:
        self.listeners += 1
        try:
            yield Numbered(number=0, event=RunStarted(run_id="idle", thread_id="idle"))
            await asyncio.Event().wait()
        finally:
            self.listeners -= 1

    async def close(self) -> None:
        assert self.listeners == 0


async def test_a_thousand_idle_clients_cost_little_and_leave_nothing(listen: Listen) -> None:
    workbench: Any = Idle()
    with many_files():
        url = await listen(create_app(workbench, Settings(model="offline")))
        host, port = url.removeprefix("http://").split(":")
        files, memory, tasks = open_files(), resident(), len(asyncio.all_tasks())
        clients = []
        for _ in range(1000):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /runs/idle/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            clients.append((reader, writer))
        for reader, _ in clients:
            assert b"run_started" in await asyncio.wait_for(reader.readuntil(b"data:"), 60)
        assert workbench.listeners == 1000
        async with httpx.AsyncClient(base_url=url, timeout=10) as client:
            assert (await client.get("/healthz")).status_code == 200
        assert resident() - memory < 200 << 20
        for _, writer in clients[:500]:
            writer.transport.abort()
        await until(lambda: workbench.listeners == 500)
        for _, writer in clients[500:]:
            writer.transport.abort()
        await until(lambda: workbench.listeners == 0 and open_files() <= files + 5)
        await until(lambda: len(asyncio.all_tasks()) <= tasks + 5)


async def test_streams_end_when_the_server_closes(listen: Listen) -> None:
    workbench: Any = Idle()
    app = create_app(workbench, Settings(model="offline"))
    url = await listen(app)
    async with (
        httpx.AsyncClient(base_url=url, timeout=30) as client,
        client.stream("GET", "/runs/idle/events") as stream,
    ):
        lines = stream.aiter_lines()
        assert await anext(lines) == "id: 0"
        app.state.closing.set()
        assert len([line async for line in lines]) == 3
    await until(lambda: workbench.listeners == 0)


@contextlib.contextmanager
def many_files() -> Iterator[None]:
    """Raises this process's limit of open files, so that it can hold both ends of a thousand connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def until(holds: Any) -> None:
    async with asyncio.timeout(30):
        while not holds():  # the other side of the connection tells nobody  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def test_head_says_what_get_would_and_sends_no_body(make: Make, listen: Listen) -> None:
    async with httpx.AsyncClient(base_url=await listen(make()), timeout=30) as client:
        run = (await client.post("/chat", json={"workspace_id": "tiny", "message": "SQL: SELECT 1 AS one"})).json()
        for address in ("/healthz", "/workspaces/tiny/data/ledger.csv", f"/runs/{run['run_id']}/events", "/nothing"):
            got, head = await client.get(address), await client.head(address)
            assert (head.status_code, head.content) == (got.status_code, b"")
            assert head.headers.get("content-length") == got.headers.get("content-length")
            assert head.headers["content-type"] == got.headers["content-type"]
        assert (await client.head("/chat")).headers["allow"] == "POST"
