"""Whatever a model's server sends takes little memory and time to read, and the conversation stays at its address."""

import asyncio
import gzip
import json
import ssl
import zlib
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from openai import APIConnectionError
from pydantic_ai.exceptions import ModelAPIError

from cfo_kernel.agent import server_responses
from cfo_kernel.agent.chat_chunks import ChunkRepair
from cfo_kernel.agent.event_limits import event_value
from cfo_kernel.agent.model_errors import _connection_problem
from tests.conftest import KEY, Opened
from tests.runs.test_trouble import ticking

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
ERROR = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
GZIP = b"Content-Encoding: gzip\r\n"
MANY = 400_000_000


def endless(head: bytes, first: bytes, more: bytes, *, compressed: bool = False) -> Callable[[], Any]:
    def parts() -> Any:
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        pack = packer.compress if compressed else bytes
        yield head + (GZIP if compressed else b"") + b"\r\n" + pack(first)
        for _ in range(MANY // len(more)):
            yield pack(more)

    return parts


def nothing_compressed() -> Any:
    """An endless compressed body that decompresses to nothing."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    yield SSE + GZIP + b"\r\n" + packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(MANY // 1_000_000):
        yield b"\x00\x00\x00\xff\xff" * 200_000


X = b"x" * 1_000_000
BODIES = {
    "an endless error": (endless(ERROR, b'{"error":"', X), "refused the request (400)"),
    "a compressed error": (endless(ERROR, b'{"error":"', X, compressed=True), "refused the request (400)"),
    "an endless line": (endless(SSE, b"data: ", X), "had not ended after"),
    "a compressed line": (endless(SSE, b"data: ", X, compressed=True), "had not ended after"),
    "endless comments": (endless(SSE, b"", b": keep alive " * 10_000 + b"\n"), "had not ended its answer after"),
    "endless empty lines": (endless(SSE, b"", b"\n" * 100_000, compressed=True), "had not ended its answer after"),
    "compressed nothing": (nothing_compressed, "had not ended its answer after"),
    "an endless page": (endless(SSE.replace(b"event-stream", b"html"), b"<html>", X), "chat completions"),
}


@asynccontextmanager
async def sending(parts: Callable[[], Any]) -> AsyncIterator[tuple[str, list[int]]]:
    """A server that responds to each request with these parts. The list gets the number of bytes sent each time."""
    sent: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.append(0)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.partition("content-length:")[2].partition("\r\n")[0] or 0))
            for part in parts():
                writer.write(part)
                sent[-1] += len(part)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", sent
    finally:
        server.close()


async def end_of(opened: Opened, base_url: str) -> Any:
    thread = await (await opened(base_url, model_retries=0)).thread()
    async with asyncio.timeout(30):
        return await (await thread.send("What is the total?")).finished()


@pytest.mark.parametrize("name", BODIES)
async def test_an_endless_body_ends_the_run(opened: Opened, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(server_responses, "LONGEST_RESPONSE", 5_000_000)
    parts, says = BODIES[name]
    async with sending(parts) as (base_url, sent):
        end = await end_of(opened, base_url)
    assert end.status == "failed"
    assert says in end.error.message
    assert max(sent) < 50_000_000  # far less than the server would send; sockets buffer some


REDIRECTS = [
    (307, "http://127.0.0.1:9/v1/steal?key=secret"),
    (308, "//secret@127.0.0.1:9/v1"),
    (302, "file:///etc/passwd"),
    (301, "/v2/x"),
    (303, "http://["),
]


@pytest.mark.parametrize(("status", "target"), REDIRECTS)
async def test_a_redirect_is_reported_and_not_followed(opened: Opened, status: int, target: str) -> None:
    head = f"HTTP/1.1 {status} Moved\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with sending(lambda: [head.encode()]) as (base_url, sent):
        end = await end_of(opened, base_url)
    assert end.error.code == "model_unavailable"
    assert "redirects to" in end.error.message
    assert "set CFO_BASE_URL" in end.error.message
    assert "secret" not in end.error.message
    assert len(sent) == 1


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
async def test_a_compressed_answer_is_read(opened: Opened, compress: Callable[[bytes], bytes]) -> None:
    delta = {
        "tool_calls": [
            {"index": 0, "id": "c", "function": {"name": "user_interaction", "arguments": '{"message":"Hi."}'}}
        ]
    }
    event = {
        "id": "x",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": "tool_calls"}],
    }
    body = BOM_UTF8 + b"data: " + json.dumps(event).encode() + b"\n\ndata: [DONE]\n\n"
    encoding = GZIP if compress is gzip.compress else b"Content-Encoding: deflate\r\n"
    async with sending(lambda: [SSE + encoding + b"\r\n" + compress(body)]) as (base_url, _):
        end = await end_of(opened, base_url)
    assert (end.status, end.reply.message) == ("succeeded", "Hi.")


@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip, gzip", "x-nonsense"])
@pytest.mark.parametrize("head", [SSE, ERROR], ids=["answer", "error"])
async def test_an_answer_that_is_compressed_otherwise_is_an_error(opened: Opened, head: bytes, encoding: str) -> None:
    async with sending(lambda: [head + f"Content-Encoding: {encoding}\r\n\r\n".encode() + b"\x28\xb5"]) as (url, sent):
        end = await end_of(opened, url)
    assert end.error.code == "model_unavailable"
    assert f"compressed as {encoding}" in end.error.message
    assert len(sent) == 1


async def test_a_server_without_tls_is_named(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ERROR + b"\r\n")
        writer.close()

    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        end = await end_of(opened, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    assert "No secure connection" in end.error.message
    assert "http:// for those without" in end.error.message


@pytest.mark.parametrize(
    ("cause", "says"),
    [
        (ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), "SSL_CERT_FILE"),
        (httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"), "SSL_CERT_FILE"),
        (httpx2.ProxyError("407 Proxy Authentication Required"), "HTTPS_PROXY"),
        (httpx2.ConnectError("All connection attempts failed"), "Check CFO_BASE_URL and the network"),
    ],
)
def test_the_cause_of_a_failed_connection_is_named(cause: Exception, says: str) -> None:
    error = ModelAPIError("m", "Connection error.")
    error.__cause__ = APIConnectionError(request=httpx2.Request("POST", "http://model"))
    error.__cause__.__cause__ = cause
    assert says in _connection_problem(error)


def event(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return (
        b"data: " + json.dumps({"id": "x", "created": 1, "model": "m", "choices": [choice], **more}).encode() + b"\n\n"
    )


def tool_calls(count: int, **more: Any) -> dict[str, Any]:
    function = {"name": "execute_sql", "arguments": "{}"}
    return {"tool_calls": [{"index": n, "id": f"c{n}", "function": function, **more} for n in range(count)]}


def arguments(text: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "execute_sql", "arguments": text}}]}


HEAVY: dict[str, list[bytes]] = {
    "calls in one event": [event(tool_calls(20_000), "tool_calls")],
    "calls with one id": [event(tool_calls(3000, id="c", index=None), "tool_calls")],
    "calls in many events": [event(tool_calls(1, index=n, id=f"c{n}")) for n in range(3000)],
    "choices": [b'data: {"choices":[' + b",".join([b'{"index":1,"delta":{"content":"x"}}'] * 100_000) + b"]}\n\n"],
    "values": [event({"content": "x", "junk": [[]] * 200_000})],
    "backslashes": [event(arguments('{"sql":"' + "\\" * 400_000), "tool_calls")],
    "quotes": [event(arguments("{'sql':'" + "\\'" * 40_000 + "'"), "tool_calls")],
    "values in arguments": [event(arguments("{}" * 200_000), "tool_calls")],
    "tags": [event({"content": "<think>" * 50_000}, "stop")],
    "unfinished objects": [event({"content": '{"name":' * 50_000}, "stop")],
    "tiny events": [event({}) * 5000, event({"content": "x"}) * 1000],
    "names": [event({"tool_calls": [{"function": {"name": "a" * 900_000}}]}, "tool_calls")],
}


@pytest.mark.parametrize("name", HEAVY)
async def test_a_heavy_answer_does_not_hold_the_loop(opened: Opened, name: str) -> None:
    body = b"".join([SSE, GZIP, b"\r\n", gzip.compress(b"".join(HEAVY[name]) + b"data: [DONE]\n\n", 1)])
    async with sending(lambda: [body]) as (base_url, _):
        thread = await (await opened(base_url, model_retries=0, request_limit=2)).thread()
        async with ticking(100), asyncio.timeout(30):
            end = await (await thread.send("What is the total?")).finished()
    assert end.status == "failed"
    assert end.error
    assert end.error.code != "internal_error"


@pytest.mark.parametrize(
    "text",
    ["[" + "[]," * 300_000 + "1]", "[" + '{"a":1},' * 100_000 + "1]", "[" * 30_000, '"' + "x" * 1_000_000 + '"'],
    ids=["lists", "objects", "brackets", "string"],
)
def test_a_large_event_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(json, "loads", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(ValueError, match=r"The event (is too long|has too many values)"):
        event_value(text)


@pytest.mark.parametrize("text", [",[{" * 100_000, '\\"[,' * 100_000, "\\"], ids=["marks", "escapes", "backslash"])
def test_punctuation_in_a_text_does_not_count(text: str) -> None:
    assert event_value(json.dumps({"content": text})) == {"content": text}


async def test_only_the_first_choice_is_used() -> None:
    chunk = {"choices": [{"index": n, "delta": {"content": str(n)}} for n in range(3)]}
    assert ChunkRepair(frozenset()).chunk(chunk)["choices"] == chunk["choices"][:1]


async def test_the_client_of_anthropic_follows_no_redirect(opened: Opened) -> None:
    head = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:9/v1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with sending(lambda: [head]) as (base_url, sent):
        workspace = await opened(base_url, model="anthropic:m", anthropic_api_key=KEY, model_retries=0)
        async with asyncio.timeout(30):
            end = await (await (await workspace.thread()).send("What is the total?")).finished()
    assert end.error
    assert "redirects to http://127.0.0.1:9/v1 (307)" in end.error.message
    assert len(sent) == 1


@pytest.mark.parametrize("model", ["openai:m", "anthropic:m"])
async def test_no_cookie_is_kept(opened: Opened, model: str) -> None:
    """A cookie with a character that headers may not contain would make every later request fail."""
    head = SSE.replace(b"200 OK", b"404 Not Found") + b"Set-Cookie: \xff=1; Path=/\r\n\r\n"
    async with sending(lambda: [head]) as (base_url, sent):
        workspace = await opened(base_url, model=model, anthropic_api_key=KEY, model_retries=0)
        async with asyncio.timeout(30):
            for _ in range(2):
                await (await (await workspace.thread()).send("What is the total?")).finished()
    assert len(sent) == 2
