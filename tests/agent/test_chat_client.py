"""Compares the chat client with OpenAI's own: the same requests, the same chunks, the same errors."""

import ast
import importlib
import json
import pkgutil
import re
from collections.abc import AsyncIterator
from inspect import isfunction
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import APIConnectionError, APIError, AsyncOpenAI, omit
from openai.types.chat import ChatCompletionChunk

import cfo_kernel
import cfo_kernel.agent
from cfo_kernel.agent.chat_client import ChatClient
from cfo_kernel.errors import TokenLimitReached

CLIENTS = [AsyncOpenAI, ChatClient]
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Büro?"}]}
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


def chunk(delta: Any, **changed: Any) -> dict[str, Any]:
    whole = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**whole, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **changed}


class Server:
    """Answers every request with the same body, and records the requests."""

    def __init__(self, body: bytes = b"data: [DONE]\n\n", media_type: str = "text/event-stream") -> None:
        self.requests: list[httpx2.Request] = []
        self._body, self._headers = body, {"content-type": media_type}

    def client(self, kind: type[AsyncOpenAI]) -> AsyncOpenAI:
        transport = httpx2.MockTransport(self._answer)
        http_client = httpx2.AsyncClient(transport=transport)
        return kind(api_key="key", base_url="http://model/v1", max_retries=0, http_client=http_client)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(200, headers=self._headers, content=self._body)


def events(*data: Any) -> bytes:
    return "".join(f"data: {json.dumps(each)}\n\n" for each in data).encode() + b"data: [DONE]\n\n"


async def chunks(body: bytes, kind: type[AsyncOpenAI]) -> list[ChatCompletionChunk]:
    async with Server(body).client(kind) as client:
        return [chunk async for chunk in await client.chat.completions.create(**ASK, stream=True)]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"tools": [TOOL], "tool_choice": "auto", "parallel_tool_calls": omit, "temperature": 0.5},
        {"stream_options": {"include_usage": True}, "extra_headers": {"x-more": "1"}},
        {"extra_body": {"top_k": 3, "model": "another"}, "timeout": 7.5, "stop": None},
    ],
)
async def test_a_request_is_the_one_that_openai_sends(parameters: dict[str, Any]) -> None:
    server = Server()
    for kind in CLIENTS:
        async with server.client(kind) as client:
            await (await client.chat.completions.create(**ASK, **parameters, stream=True)).close()
    theirs, ours = server.requests
    assert json.loads(ours.content) == json.loads(theirs.content)
    assert (ours.method, ours.url) == (theirs.method, theirs.url)
    assert ours.extensions["timeout"] == theirs.extensions["timeout"]
    # Different white space; a new key for each request; the client's class, which pydantic-ai replaces with its own
    # name.
    differing = {"content-length", "idempotency-key", "user-agent"}
    assert {n: v for n, v in ours.headers.items() if n not in differing} == {
        n: v for n, v in theirs.headers.items() if n not in differing
    }


async def test_an_answer_that_is_not_streamed_is_read_too() -> None:
    message = {"role": "assistant", "content": "Hello."}
    answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"message": message}]}
    for kind in CLIENTS:
        async with Server(json.dumps(answer).encode(), "application/json").client(kind) as client:
            completion = await client.chat.completions.create(**ASK)
        assert completion.choices[0].message.content == "Hello."


USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
CHUNKS: dict[str, dict[str, Any]] = {
    "text": chunk({"role": "assistant", "content": "Büro"}),
    "a call": chunk({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f"}}]}),
    "arguments": chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}),
    "reasoning": chunk({"content": None, "reasoning_content": "hm"}),
    "padding": chunk({"content": "a"}, obfuscation="xyz"),
    "no choices": chunk({}, choices=None),
    "no delta": chunk(None),
    "no id": {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]},
    "no index": chunk({}, choices=[{"delta": {"content": "a"}}]),
    "an unknown end": chunk({}, choices=[{"index": 0, "delta": {}, "finish_reason": "eos"}]),
}
END = chunk({}, choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
USAGES: dict[str, list[Any]] = {
    "at the end": [chunk({}, choices=[], usage=USAGE)],
    "with more": [chunk({}, choices=[], usage={**USAGE, "cost": 0.1, "prompt_tokens_details": None})],
    "running totals": [chunk({"content": "a"}, usage={**USAGE, "completion_tokens": n}) for n in range(3)],
    "texts": [chunk({}, usage={"prompt_tokens": "1", "completion_tokens": 2.0, "total_tokens": "3"})],
    "without the total": [chunk({}, usage={"prompt_tokens": 1, "completion_tokens": 2})],
    "null, later": [chunk({}, usage=USAGE), chunk({}, usage=None), chunk({}, usage=dict.fromkeys(USAGE))],
    "words, later": [chunk({}, usage=USAGE), chunk({}, usage="none"), chunk({}, usage={"prompt_tokens": "none"})],
}


@pytest.mark.parametrize("name", CHUNKS)
async def test_a_chunk_is_the_one_that_openai_makes(name: str) -> None:
    theirs, ours = [await chunks(events(CHUNKS[name], END), kind) for kind in CLIENTS]
    assert {type(each) for each in ours} == {ChatCompletionChunk}
    assert [each.model_dump(warnings=False) for each in ours] == [each.model_dump(warnings=False) for each in theirs]


@pytest.mark.parametrize("name", USAGES)
async def test_the_usage_is_reported_once_at_the_end(name: str) -> None:
    """pydantic-ai adds up the usage in all chunks, but each chunk reports the usage of the whole answer so far."""
    *before, last = await chunks(events(*USAGES[name], END), ChatClient)
    assert [each.usage for each in before] == [None] * len(before)
    assert last.usage
    assert last.usage.model_dump(include={*USAGE}) == USAGE


@pytest.mark.parametrize("kind", CLIENTS)
async def test_an_error_in_the_stream_is_raised(kind: type[AsyncOpenAI]) -> None:
    with pytest.raises(APIError, match="overloaded"):
        await chunks(events(chunk({"content": "a"}), {"error": {"message": "overloaded"}}), kind)


@pytest.mark.parametrize("kind", CLIENTS)
async def test_an_event_that_is_not_json_is_raised(kind: type[AsyncOpenAI]) -> None:
    with pytest.raises(json.JSONDecodeError):
        await chunks(b'data: {"id" 1}\n\n', kind)


@pytest.mark.parametrize("data", [[1], "text", 3])
async def test_an_event_that_is_no_chunk_is_an_error_of_the_server(data: Any) -> None:
    with pytest.raises(APIError, match="not a valid chunk"):
        await chunks(events(data), ChatClient)


@pytest.mark.parametrize("kind", CLIENTS)
async def test_a_connection_that_breaks_off_is_raised(kind: type[AsyncOpenAI]) -> None:
    class Broken(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield events(chunk({"content": "a"})).removesuffix(b"data: [DONE]\n\n")
            raise httpx2.ReadError("reset")

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Broken())

    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    async with kind(api_key="key", base_url="http://model/v1", http_client=http_client) as client:
        stream = aiter(await client.chat.completions.create(**ASK, stream=True))
        assert (await anext(stream)).choices[0].delta.content == "a"
        with pytest.raises(APIConnectionError):
            await anext(stream)


async def test_an_event_without_end_is_a_limit() -> None:
    class Endless(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"data: "
            while True:
                yield b"na " * 100_000

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Endless())

    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    async with ChatClient(api_key="key", base_url="http://model/v1", http_client=http_client) as client:
        with pytest.raises(TokenLimitReached):
            await client.chat.completions.create(**ASK, stream=True)


@pytest.mark.parametrize("media_type", ["text/plain; charset=utf-16", "application/octet-stream", ""])
async def test_a_stream_under_another_media_type_is_read(media_type: str) -> None:
    async with Server(events(CHUNKS["text"], END), media_type).client(ChatClient) as client:
        first, *_ = [chunk async for chunk in await client.chat.completions.create(**ASK, stream=True)]
    assert first.choices[0].delta.content == "Büro"


async def test_events_without_data_are_passed_over() -> None:
    body = b"event: ping\n\nid: 1\n\nretry: 3\n\n" + events(CHUNKS["text"], END)
    assert len(await chunks(body, ChatClient)) == 2


def test_no_private_method_of_a_dependency_is_replaced() -> None:
    """A new version may call a private method differently, or not at all."""
    found: list[str] = []
    for info in pkgutil.iter_modules(cfo_kernel.agent.__path__, "cfo_kernel.agent."):
        for cls in vars(importlib.import_module(info.name)).values():
            if not isinstance(cls, type) or cls.__module__ != info.name:
                continue
            private = {
                name for name, each in vars(cls).items() if isfunction(each) and re.fullmatch("_[a-z].*[a-z]", name)
            }
            theirs = {n for base in cls.__mro__ if not base.__module__.startswith("cfo_kernel.") for n in vars(base)}
            found += [f"{cls.__qualname__}.{name}" for name in private & theirs]
    assert found == []


def test_no_private_module_of_a_dependency_is_imported() -> None:
    """A private module may change in any version, and the requirements allow a range of versions."""
    found: list[str] = []
    for path in Path(cfo_kernel.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.ImportFrom(module=str(module), level=0):
                    names = [f"{module}.{alias.name}" for alias in node.names]
                case ast.Import():
                    names = [alias.name for alias in node.names]
                case _:
                    continue
            found += [f"{path.name}: {n}" for n in names if "._" in n and not n.startswith("cfo_kernel.")]
    assert found == []
