"""Limits on long requests, in total and for each client. Short requests are always answered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from cfo_api import connections
from cfo_api.app import create_app
from cfo_api.auth_middleware import MAX_UPLOAD
from cfo_api.long_requests import LongRequests, LongRoute
from starlette.responses import Response

from cfo_kernel import Settings
from cfo_kernel.errors import TooManyStreams
from tests.api.conftest import Listen, Make, speaking_to, until
from tests.api.test_streams import IDLE, Idle, open_streams


def test_a_client_without_a_request_is_forgotten() -> None:
    requests = LongRequests(limit=3, client_limit=2)
    with requests.place("a"), requests.place("b"), requests.place("a"):
        pass
    assert not requests._counts


def test_places_in_all_and_for_each_client() -> None:
    requests = LongRequests(limit=3, client_limit=2)
    with contextlib.ExitStack() as held:
        for _ in range(2):
            held.enter_context(requests.place("a"))
        with pytest.raises(TooManyStreams, match=r"2, the limit for one client \(CFO_CLIENT_STREAM_LIMIT\)"):
            held.enter_context(requests.place("a"))
        held.enter_context(requests.place("b"))
        with pytest.raises(TooManyStreams, match=r"3, the limit of the server \(CFO_STREAM_LIMIT\)"):
            held.enter_context(requests.place("c"))
    with contextlib.ExitStack() as held:
        for client in "aab":
            held.enter_context(requests.place(client))


def test_every_route_that_streams_waits_or_takes_a_file_is_limited(make: Make) -> None:
    long, short = [], []
    for route in make().state.routes:
        streams = route.response_class is Response and route.status_code != 204
        takes_file = any("UploadFile" in str(field) for field in route.endpoint.__annotations__.values())
        waits = "closing" in route.endpoint.__annotations__
        (long if streams or takes_file or waits else short).append(route)
    assert len(long) >= 7
    assert all(isinstance(route, LongRoute) for route in long)
    assert not any(isinstance(route, LongRoute) for route in short)


@contextlib.asynccontextmanager
async def _streams(client: httpx.AsyncClient, count: int, **headers: str) -> AsyncIterator[None]:
    """Opens this many streams."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(count):
            response = await stack.enter_async_context(client.stream("GET", IDLE, headers=headers))
            assert response.status_code == 200
        yield


@pytest.mark.parametrize("token", [None, "secret"])
async def test_one_stream_too_many_is_refused_and_short_requests_are_answered(
    listen: Listen, token: str | None
) -> None:
    workbench: Any = Idle()
    options: dict[str, Any] = {"api_token": token, "client_stream_limit": 3}
    url = await listen(app := create_app(workbench, Settings(model="offline", **options)))
    own = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(base_url=url, headers=own, timeout=30) as client:
        async with _streams(client, 3):
            for path in (IDLE, "/workspaces/x/data/y", "/workspaces/x/tables/y", "/threads/x/results/y"):
                # Neither another address of this machine nor what a client says of itself makes it another client.
                for headers in ({}, {"X-Forwarded-For": "10.1.1.1"}):
                    refused = await client.get(path, headers=headers)
                    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
                    assert refused.headers["retry-after"] == "2"
            if not token:
                made_up = await client.get(IDLE, headers={"Authorization": "Bearer other"})
                assert made_up.status_code == 429
            for path in ("/chat", "/chat/stream", "/workspaces/x/data"):
                assert (await client.post(path, json={})).status_code == 429
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/runs/idle/status")).status_code == 200
        await until(lambda: open_streams(app) == 0)
        async with _streams(client, 3):
            pass


async def test_an_upload_takes_a_place_while_its_body_arrives(make: Make, listen: Listen) -> None:
    url = await listen(app := make(client_stream_limit=1))
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /workspaces/tiny/data HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MAX_UPLOAD}\r\n"
    writer.write(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n".encode())
    await until(lambda: open_streams(app) == 1)
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        assert (await client.get("/workspaces/tiny/data/ledger.csv")).status_code == 429
        writer.transport.abort()
        await until(lambda: open_streams(app) == 0)
        assert (await client.get("/workspaces/tiny/data/ledger.csv")).status_code == 200


async def test_idle_connections_make_room_for_new_ones(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_OWN_FILES", 1 << 40)  # leaves ten connections
    workbench: Any = Idle()
    url = await listen(app := create_app(workbench, Settings(model="offline")))
    host, port = url.removeprefix("http://").split(":")
    async with httpx.AsyncClient(base_url=url, timeout=30) as client, _streams(client, 2):
        readers, writers = [], []  # a writer that is not kept closes its connection
        for n in range(20):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" if n % 2 else b"")
            readers.append(reader)
            writers.append(writer)
        for reader in readers[:12]:  # the server has closed them
            assert await asyncio.wait_for(reader.read(), 30) == b""
        assert open_streams(app) == 2
        async with httpx.AsyncClient(base_url=url, timeout=30) as other:
            assert (await other.get("/healthz")).status_code == 200
        assert not any(reader.at_eof() for reader in readers[14:])
        for writer in writers:
            writer.transport.abort()


async def test_a_message_that_is_refused_a_stream_is_not_sent(make: Make) -> None:
    app = make(client_stream_limit=1)
    async with speaking_to(app) as client:
        with app.state.long_requests.place("this machine"):
            for path in ("/chat", "/chat/stream"):
                body = {"workspace_id": "tiny", "message": "Totals"}
                assert (await client.post(path, json=body)).status_code == 429
        assert (await client.get("/workspaces/tiny/threads")).json()["items"] == []
