"""Checks which requests are accepted, depending on host, origin, token and size."""

import asyncio
import os
from typing import Any

import httpx
import pytest
from cfo_api import auth_middleware, connections
from cfo_api.auth_middleware import is_loopback

from tests.api.conftest import Listen, Make, speaking_to, until
from tests.models.scripted_server import Pause
from tests.replies import ANSWER, MESSAGE, Serve

TOKEN = "a-long-secret-0123456789"


def code(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "localhost.evil.example", "10.0.0.1", "", "127.0.0.1.nip.io", "[", "@",
        "evil.example@localhost",
        "localhost/x", "localhost?x", "localhost:evil", "localhost:0", "localhost:99999",
    ],
)  # fmt: skip
async def test_a_foreign_name_that_leads_here_is_refused(client: httpx.AsyncClient, host: str) -> None:
    assert code(await client.get("/workspaces", headers={"Host": host})) == (403, "foreign_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8765", "[::1]:8765"])
async def test_this_machine_has_these_names(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/workspaces", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost:1", "file://", "", "http://", "http://localhost//evil.example"],
)
async def test_a_page_of_another_site_is_refused(client: httpx.AsyncClient, origin: str) -> None:
    for method, address in (("GET", "/workspaces"), ("POST", "/workspaces"), ("OPTIONS", "/workspaces")):
        refused = await client.request(method, address, headers={"Origin": origin})
        assert code(refused) == (403, "foreign_origin")
        assert "access-control-allow-origin" not in refused.headers


async def test_the_own_page_and_allowed_sites_are_accepted(client: httpx.AsyncClient, make: Make) -> None:
    assert (await client.get("/workspaces", headers={"Origin": "http://localhost"})).status_code == 200
    site = "https://dash.example"
    async with speaking_to(make(cors_origins=("https://Dash.example/",), api_token=TOKEN)) as named:
        preflight = {"Origin": site, "Access-Control-Request-Method": "POST"}
        allowed = await named.options("/workspaces", headers=preflight)
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, site)
        refused = await named.get("/workspaces", headers={"Origin": site})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, site)
        other = await named.options("/workspaces", headers={**preflight, "Origin": "https://evil.example"})
        assert (other.status_code, "access-control-allow-origin" in other.headers) == (400, False)


async def test_the_token_is_asked_for_everywhere_but_for_health(make: Make) -> None:
    async with speaking_to(make(api_token=TOKEN)) as client:
        for given in ({}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": "Bearer x"}):
            for address in ("/workspaces", "/openapi.json", "/nothing", f"/workspaces?token={TOKEN}"):
                refused = await client.get(address, headers=given)
                assert code(refused) == (401, "token_rejected")
                assert refused.headers["www-authenticate"] == "Bearer"
        assert (await client.get("/workspaces", headers={"Authorization": f"bearer {TOKEN}"})).status_code == 200
        for address in ("/healthz", "/readyz"):
            assert (await client.get(address)).status_code == 200


async def test_a_server_for_others_has_any_name_but_wants_its_token(make: Make) -> None:
    async with speaking_to(make(api_token=TOKEN, host="0.0.0.0"), base_url="http://cfo.example") as client:
        assert code(await client.get("/workspaces")) == (401, "token_rejected")
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        assert (await client.get("/workspaces")).status_code == 200
        assert code(await client.get("/workspaces", headers={"Origin": "http://evil.example"})) == (
            403,
            "foreign_origin",
        )


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    huge = {"name": "x" * (1 << 20)}
    assert code(await client.post("/workspaces", json=huge)) == (413, "body_too_large")

    async def parts() -> Any:
        for _ in range(40):
            yield b" " * 65536

    unsaid = await client.post("/workspaces", content=parts(), headers={"Content-Type": "application/json"})
    assert code(unsaid) == (413, "body_too_large")
    said = {"Content-Length": str(3 << 30), "Content-Type": "multipart/form-data; boundary=x"}
    assert code(await client.post("/workspaces/tiny/data", content=b"", headers=said)) == (413, "body_too_large")
    lies = await client.post("/workspaces", content=b"", headers={"Content-Length": "9" * 5000})
    assert code(lies) == (413, "body_too_large")


async def test_an_upload_is_never_whole_in_memory(make: Make, listen: Listen) -> None:
    from tests.api.test_streams import resident

    url = await listen(make())
    size, part = 200, b"1,2\n" * (1 << 18)

    async def body() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="big.bin"\r\n\r\n'
        for _ in range(size):
            yield part
        yield b"\r\n--b--\r\n"

    before = resident()
    peak = 0

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, resident())
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        refused = await client.post("/workspaces/tiny/data", content=body(), headers=headers)
    watching.cancel()
    assert code(refused) == (422, "unsupported_file")
    assert peak - before < size << 19, (peak - before) >> 20


async def test_a_slow_upload_delays_no_other_request(make: Make, listen: Listen) -> None:
    url = await listen(make())
    host, port = url.removeprefix("http://").split(":")
    slow = []
    for _ in range(20):
        _, writer = await asyncio.open_connection(host, int(port))
        head = "POST /workspaces/tiny/data HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
        writer.write(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n".encode())
        await writer.drain()
        slow.append(writer)
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        sent = await client.post("/workspaces/tiny/data", files=[("files", ("quick.csv", b"x\n1\n"))])
        assert sent.status_code == 201
    for writer in slow:
        writer.transport.abort()


async def test_a_client_that_does_not_go_on_is_hung_up_on(
    make: Make, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_TIMEOUT", 0.3)
    monkeypatch.setattr(auth_middleware, "BODY_TIMEOUT", 0.3)
    host, port = (await listen(make(), keep_alive=1)).removeprefix("http://").split(":")
    head = "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for sent, answers in (
        ("", []),  # nothing at all
        ("GET /heal", []),  # half of a head, and half of another head after an answer
        (f"{health}GET /heal", [200]),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", [200]),
        (f"POST /workspaces HTTP/1.1\r\n{head}", [408]),
        (f"POST /workspaces/tiny/data HTTP/1.1\r\n{head}", [422]),  # it is not a form, so it is not read
    ):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent.encode())
        async with asyncio.timeout(30):
            got = (await reader.read()).decode()
        assert [int(line.split()[1]) for line in got.splitlines() if line.startswith("HTTP/")] == answers, sent
        writer.close()


async def test_one_that_waits_for_an_answer_is_not(
    make: Make, listen: Listen, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the model is silent, the event loop's clock advances by more than the limits."""
    model = serve(Pause(3, ANSWER), Pause(3, ANSWER))
    url = await listen(make(model, model_timeout=10**6, run_timeout=10**6))
    loop = asyncio.get_running_loop()
    time, ahead = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: time() + ahead)
    async with httpx.AsyncClient(base_url=url, timeout=None) as client:
        for path, waits in (("/chat", {"timeout": 300}), ("/chat/stream", {})):
            model.resumed.clear()
            turns = model.turns_taken
            body = {"workspace_id": "tiny", "message": "Totals", **waits}
            asking = asyncio.create_task(client.post(path, json=body))
            await until(lambda turns=turns: model.turns_taken > turns)
            ahead += connections.HEAD_TIMEOUT + auth_middleware.BODY_TIMEOUT
            await asyncio.sleep(0.01)  # what is due happens now
            assert not asking.done()
            model.resumed.set()
            answer = await asking
            assert (answer.status_code, MESSAGE in answer.text) == (200, True)


@pytest.mark.parametrize(("address", "status"), [("/workspaces", 408), ("/workspaces/tiny/data", 201)])
async def test_only_an_upload_may_take_long_in_all(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, address: str, status: int
) -> None:
    """The event loop's clock advances between the pieces of a body."""
    loop = asyncio.get_running_loop()
    time, ahead = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: time() + ahead)

    async def body() -> Any:
        nonlocal ahead
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="slow.csv"\r\n\r\na,b\n'
        for piece in (b"1,2\n", b"3,4\n", b"\r\n--b--\r\n"):
            ahead += 0.6 * auth_middleware.BODY_TIMEOUT
            await asyncio.sleep(0.001)  # what is due happens now
            yield piece

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert (await client.post(address, content=body(), headers=headers)).status_code == status


async def test_responses_forbid_browsers_to_cache_or_sniff(client: httpx.AsyncClient) -> None:
    for address in ("/workspaces", "/nothing", "/workspaces/tiny/data/ledger.csv", "/healthz"):
        headers = (await client.get(address)).headers
        said = [headers[name] for name in ("x-content-type-options", "cache-control", "cross-origin-resource-policy")]
        assert said == ["nosniff", "no-store", "same-origin"], address


def test_what_counts_as_this_machine() -> None:
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]", "LocalHost"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "192.168.0.1", "example.com", "", "localhost.", "127.1"]))
    assert os.name == "posix"
