"""Event streams over a real connection are complete, resumable and kept alive, and either side can close them."""

import asyncio
import contextlib
import itertools
import json
import resource
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cfo_api import connections, event_feeds
from cfo_api.app import create_app
from cfo_api.event_feeds import EventFeeds
from fastapi import FastAPI

from cfo_kernel import Numbered, Settings
from cfo_kernel.errors import StorageFailed
from cfo_kernel.events import Done, RunStarted, Token
from tests.api.conftest import Listen, Make, until
from tests.models.scripted_server import Pause, Text
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
        for last in (len(whole) - 1, 9999):  # after a 204, a browser stops reconnecting
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


class Spoken:
    """A run whose events come from the test. Counts how often they are read."""

    id = thread_id = "spoken"

    def __init__(self) -> None:
        self.told: list[Numbered] = []
        self.changed = asyncio.Condition()
        self.readers = self.reads = 0

    async def put(self, *texts: str) -> None:
        async with self.changed:
            self.told += [Numbered(number=len(self.told) + i, event=Token(text=t)) for i, t in enumerate(texts)]
            self.changed.notify_all()

    async def end(self) -> None:
        async with self.changed:
            self.told.append(Numbered(number=len(self.told), event=Done(run_id="spoken", status="succeeded")))
            self.changed.notify_all()

    async def events(self, after: int | None = None) -> AsyncIterator[Numbered]:
        at, self.readers, self.reads = (-1 if after is None else after) + 1, self.readers + 1, self.reads + 1
        try:
            while True:
                async with self.changed:
                    await self.changed.wait_for(lambda at=at: len(self.told) > at)
                yield (numbered := self.told[at])
                at += 1
                if numbered.event.type == "done":
                    return
        finally:
            self.readers -= 1


async def test_a_comment_where_nothing_happens() -> None:
    run: Any = Spoken()
    frames = EventFeeds(asyncio.Event()).frames(run, None, heartbeat=0.01)
    assert [await anext(frames) for _ in range(3)] == [b": heartbeat\n\n"] * 3
    await run.put("a\nb")
    frame = b": heartbeat\n\n"
    while frame == b": heartbeat\n\n":
        frame = await anext(frames)
    assert frame == b'id: 0\nevent: token\ndata: {"type":"token","text":"a\\nb"}\n\n'
    await frames.aclose()
    await until(lambda: run.readers == 0)
    assert event_feeds.HEARTBEAT == 15


async def test_all_listeners_of_a_run_share_one_reader_and_one_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    run: Any = Spoken()
    encoded: list[int] = []
    encode = event_feeds.frame
    monkeypatch.setattr(event_feeds, "frame", lambda numbered: encoded.append(numbered.number) or encode(numbered))
    feeds, closing = EventFeeds(event := asyncio.Event()), event

    async def read(after: int | None) -> bytes:
        return b"".join([piece async for piece in feeds.frames(run, after)])

    await run.put(*map(str, range(10)))
    listening = [asyncio.create_task(read(after)) for after in [None, 4, 9, 50, *[None] * 200]]
    await until(lambda: run.reads and len(encoded) == 10)
    await run.put(*map(str, range(10, 20)))
    await asyncio.sleep(0)
    await run.end()
    whole, after_four, after_nine, after_fifty, *others = await asyncio.gather(*listening)
    assert encoded == list(range(21))
    assert run.reads == 1
    assert whole.count(b"id: ") == 21
    assert (after_four, after_nine) == (whole[whole.index(b"id: 5") :], whole[whole.index(b"id: 10\n") :])
    assert after_fifty == b""
    assert set(others) == {whole}
    assert not feeds._feeds
    assert not closing.is_set()


async def test_a_listener_that_falls_behind_reads_the_journal_and_misses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_feeds, "_KEPT", 300)
    monkeypatch.setattr(event_feeds, "_PIECE", 64)
    run: Any = Spoken()
    feeds = EventFeeds(asyncio.Event())
    slow, fast = feeds.frames(run, None), feeds.frames(run, None)
    await run.put("first")
    received = [await anext(slow)]
    reading = asyncio.create_task(_joined(fast))
    await run.put(*map(str, range(100)))
    [feed] = feeds._feeds.values()
    await until(lambda: feed._first > 50)
    assert feed._size <= 300
    await run.end()
    received += [piece async for piece in slow]
    assert all(len(piece) <= 64 for piece in received)
    assert b"".join(received) == await reading
    assert await reading == b"".join(map(event_feeds.frame, run.told))
    await until(lambda: run.readers == 0)


async def test_a_failed_feed_is_left_to_its_listeners() -> None:
    run: Any = Spoken()
    events = run.events

    async def fails(after: int | None = None) -> AsyncIterator[Numbered]:
        run.events = events
        async for numbered in events(after):
            yield numbered
            raise StorageFailed("The disk is full. Free some space.")

    run.events = fails
    feeds = EventFeeds(asyncio.Event())
    await run.put("first")
    early = feeds.frames(run, None)
    assert await anext(early)
    [feed] = feeds._feeds.values()
    await until(lambda: feed.has_failed)
    await run.end()
    assert await _joined(feeds.frames(run, None)) == b"".join(map(event_feeds.frame, run.told))
    assert await _joined(early) == b""
    assert not feeds._feeds


async def _joined(frames: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in frames])


async def test_a_client_that_does_not_read_costs_little_and_is_let_go(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "WRITE_TIMEOUT", 1)
    workbench: Any = Idle("x" * (32 << 20))  # more than the system keeps for a connection
    app = create_app(workbench, Settings(model="offline"))
    url = await listen(app)
    host, port = url.removeprefix("http://").split(":")
    memory = resident()
    clients = []
    for _ in range(20):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /runs/idle/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        clients.append(writer)
    await until(lambda: open_streams(app) == 20)
    await until(lambda: open_streams(app) == 0)
    assert resident() - memory < 200 << 20  # the event itself, both as the run holds it and as it is sent
    for writer in clients:
        writer.transport.abort()


async def test_a_vanished_client_is_cleaned_up_and_its_run_continues(make: Make, listen: Listen, serve: Serve) -> None:
    model = serve(Pause(after_chunks=1, of=Text("Thinking")), QUERY, ANSWER)
    url = await listen(app := make(model))
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        run = await begun(client)
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {run}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await writer.drain()
        await until(lambda: open_streams(app) == 1 and app.state.feeds._feeds)
        writer.transport.abort()
        await until(lambda: open_streams(app) == 0 and not app.state.feeds._feeds)
        model.resumed.set()
        whole = [event async for event in events(client, f"{run}/events")]
        assert whole[-1][1] == "done"


IDLE = "/runs/idle/events"


class Idle:
    """A workbench whose only run sends a single event. It counts the readers of the run's events."""

    id = thread_id = "idle"

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.readers = 0

    async def workspaces(self) -> list[Any]:
        return []

    async def run(self, _: str) -> "Idle":
        return self

    async def status(self) -> str:
        return "running"

    async def events(self, _: int | None = None) -> AsyncIterator[Numbered]:
        self.readers += 1
        try:
            yield Numbered(number=0, event=RunStarted(run_id="idle", thread_id="idle"))
            if self.text:
                yield Numbered(number=1, event=Token(text=self.text))
            await asyncio.Event().wait()
        finally:
            self.readers -= 1

    async def close(self) -> None:
        assert self.readers == 0


async def test_a_thousand_idle_clients_cost_little_and_leave_nothing(listen: Listen) -> None:
    workbench: Any = Idle()
    with many_files():
        app = create_app(workbench, Settings(model="offline", client_stream_limit=1000))
        url = await listen(app)
        host, port = url.removeprefix("http://").split(":")
        files, memory, tasks = open_files(), resident(), len(asyncio.all_tasks())
        clients = []
        for _ in range(1000):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /runs/idle/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            clients.append((reader, writer))
        for reader, _ in clients:
            assert b"run_started" in await asyncio.wait_for(reader.readuntil(b"data:"), 60)
        assert (open_streams(app), workbench.readers) == (1000, 1)
        async with httpx.AsyncClient(base_url=url, timeout=10) as client:
            assert (await client.get("/healthz")).status_code == 200
        assert resident() - memory < 200 << 20
        for _, writer in clients[:500]:
            writer.transport.abort()
        await until(lambda: open_streams(app) == 500)
        for _, writer in clients[500:]:
            writer.transport.abort()
        await until(lambda: workbench.readers == open_streams(app) == 0 and open_files() <= files + 5)
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
    await until(lambda: workbench.readers == 0)


@contextlib.contextmanager
def many_files() -> Iterator[None]:
    """Raises this process's limit on open files, so that it can have both ends of a thousand connections open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_streams(app: FastAPI) -> int:
    return app.state.long_requests._counts.total()


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


async def test_many_listeners_are_served_in_groups_and_others_in_between() -> None:
    run: Any = Spoken()
    feeds, served = EventFeeds(asyncio.Event()), 0

    async def listen_to() -> None:
        nonlocal served
        async for _ in feeds.frames(run, None):
            served += 1

    listening = [asyncio.create_task(listen_to()) for _ in range(500)]
    await until(lambda: run.reads and len(next(iter(feeds._feeds.values()))._listeners) == 500)
    await run.put("a")
    steps = [0]
    while steps[-1] < 500:  # each turn of the event loop is a chance for other requests
        await asyncio.sleep(0)
        steps.append(served)
    assert max(after - before for before, after in itertools.pairwise(steps)) <= 2 * event_feeds._GROUP
    await run.end()
    await asyncio.gather(*listening)
