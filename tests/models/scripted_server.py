"""A scripted OpenAI-compatible chat-completions server for tests: real HTTP and SSE, but no model.

    with ScriptedServer([ToolCall("look_up", {"city": "Rome"}), Text("18 degrees")]) as server:
        client = AsyncOpenAI(base_url=server.base_url, api_key="any")

Each request takes the next turn of the script, except that the key "wrong" gets 401 and an unknown model 404.
"""

import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, NoReturn, Self, TypeAlias

import anyio
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

PIECE = 10
"""The number of characters in each streamed delta."""


@dataclass(frozen=True)
class Text:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class ToolCall:
    """A call to the tool `name`. Arguments given as a string are sent unchanged."""

    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict[str, Any])


def MalformedArguments(name: str, raw_text: str) -> ToolCall:
    """A tool call whose arguments are not JSON."""
    return ToolCall(name, raw_text)


Answer: TypeAlias = Text | ToolCall | Sequence[Text | ToolCall]


@dataclass(frozen=True)
class Status:
    """An HTTP status, with an OpenAI error body unless `body` is given."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: dict[str, Any] | None = None


@dataclass(frozen=True)
class CutStream:
    """The response `of`, cut off after some chunks: the connection drops or, if `clean`, the body ends normally."""

    after_chunks: int
    of: Answer
    clean: bool = False


@dataclass(frozen=True)
class Stall:
    """Headers (unless `headers` is false) and some chunks of `of`, then silence until either side closes the
    connection.
    """

    after_chunks: int = 0
    of: Answer = ()
    headers: bool = True


@dataclass(frozen=True)
class Pause:
    """Headers and some chunks of `of`, and the rest of it once the server's `resumed` is set."""

    after_chunks: int
    of: Answer


@dataclass(frozen=True)
class Drop:
    """A connection that is reset before any header."""


Turn: TypeAlias = Answer | Status | CutStream | Stall | Pause | Drop


@dataclass(frozen=True)
class Recorded:
    """A request as it was received, with header names in lower case."""

    body: dict[str, Any]
    headers: dict[str, str]


class ScriptedServer:
    """Serves `script` on a free loopback port from a background thread for the duration of a `with` block.

    `repeat_last` repeats the last turn forever. `models` are the known models, if given. `chunk_delay` is
    in seconds. `usage` replaces the usage of each answer, which otherwise is 10 tokens in and 5 out for each part; an
    empty one is not sent. `asked` is set by the first request, and `stalled` by each silence of a `Stall`. A `Pause`
    lasts until `resumed` is set.
    """

    def __init__(
        self,
        script: Sequence[Turn],
        *,
        repeat_last: bool = False,
        models: Sequence[str] = (),
        chunk_delay: float = 0.0,
        usage: dict[str, Any] | None = None,
    ) -> None:
        self._usage = usage
        self.requests: list[Recorded] = []
        self.asked = threading.Event()
        self.stalled = threading.Event()
        self.resumed = threading.Event()
        self.turns_taken = 0
        self._script, self._repeat_last, self._models, self._delay = script, repeat_last, models, chunk_delay
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        chat = Route("/v1/chat/completions", self._chat, methods=["POST"])
        quiet: dict[str, Any] = {"log_config": None, "log_level": 60, "lifespan": "off", "ws": "none"}
        app = Starlette(routes=[chat, Route("/v1/models", self._list_models)])
        self._server = uvicorn.Server(uvicorn.Config(app, timeout_graceful_shutdown=0, **quiet))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with self._socket:
            self._server.run([self._socket])

    def __enter__(self) -> Self:
        self._thread.start()
        while self._thread.is_alive() and not self._server.started:
            time.sleep(0.001)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True  # the server checks this ten times a second

    async def _list_models(self, _: Request) -> Response:
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "script"} for name in self._models]
        return JSONResponse({"object": "list", "data": data})

    async def _chat(self, request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        self.requests.append(Recorded(body, dict(request.headers)))
        self.asked.set()
        if request.headers.get("authorization") == "Bearer wrong":
            return _error(401, "Incorrect API key provided", "invalid_api_key")
        if self._models and body["model"] not in self._models:
            return _error(404, f"The model `{body['model']}` does not exist", "model_not_found")
        number, self.turns_taken = self.turns_taken, self.turns_taken + 1
        if number >= len(self._script) and not (self._script and self._repeat_last):
            return _error(400, f"the script has no turn {number + 1}", "script_exhausted")
        turn = self._script[min(number, len(self._script) - 1)]
        if isinstance(turn, Status):
            reply = JSONResponse(turn.body, turn.code) if turn.body else _error(turn.code, "scripted status")
            reply.headers.update(turn.headers)
            return reply
        if isinstance(turn, Drop):
            request.receive.__self__.transport.abort()  # pyright: ignore  # an attribute of uvicorn's protocol
            return Response()
        if isinstance(turn, Stall) and not turn.headers:
            await self._stall()
        cut = turn if isinstance(turn, CutStream | Stall | Pause) else None
        answer = turn.of if isinstance(turn, CutStream | Stall | Pause) else turn
        parts = [answer] if isinstance(answer, Text | ToolCall) else list(answer)
        if body.get("stream"):
            return StreamingResponse(
                self._send(_events(body, parts, number, self._usage), cut), media_type="text/event-stream"
            )
        return StreamingResponse(
            self._send(_split(_completion(body, parts, number, self._usage)), cut), media_type="application/json"
        )

    async def _send(self, pieces: list[str], cut: CutStream | Stall | Pause | None) -> AsyncIterator[str]:
        count = cut.after_chunks if cut else len(pieces)
        for piece in pieces[:count]:
            yield piece
            await anyio.sleep(self._delay)
        if isinstance(cut, Stall):
            await self._stall()
        elif isinstance(cut, Pause):
            while not self.resumed.is_set():  # noqa: ASYNC110 - a test sets it in another thread
                await anyio.sleep(0.005)
            for piece in pieces[count:]:
                yield piece
        elif cut and not cut.clean:
            raise ConnectionAbortedError  # makes uvicorn close the socket without ending the chunked body

    async def _stall(self) -> NoReturn:
        self.stalled.set()
        await anyio.sleep_forever()
        raise AssertionError


def _error(status: int, message: str, code: str | None = None) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": "scripted", "code": code}}, status)


def _split(text: str) -> list[str]:
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)]


def _calls(parts: Sequence[Text | ToolCall], number: int) -> list[dict[str, Any]]:
    """The tool calls in the API's format, with ids that are unique within the script."""
    calls: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, ToolCall):
            text = part.arguments if isinstance(part.arguments, str) else json.dumps(part.arguments)
            function = {"name": part.name, "arguments": text}
            calls.append({"id": f"call_{number}_{len(calls)}", "type": "function", "function": function})
    return calls


def _counted(parts: Sequence[Text | ToolCall], usage: dict[str, Any] | None) -> dict[str, Any]:
    out = 5 * len(parts)
    return {"prompt_tokens": 10, "completion_tokens": out, "total_tokens": 10 + out} if usage is None else usage


def _object(
    body: dict[str, Any], kind: str, number: int, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None
) -> str:
    """A response object, with its usage if there is any."""
    made = {"id": f"chatcmpl-{number}", "object": kind, "created": int(time.time()), "model": body["model"]}
    if usage:
        made["usage"] = usage
    return json.dumps({**made, "choices": choices})


def _completion(
    body: dict[str, Any], parts: Sequence[Text | ToolCall], number: int, usage: dict[str, Any] | None
) -> str:
    calls = _calls(parts, number)
    text = "".join(part.text for part in parts if isinstance(part, Text))
    message = {"role": "assistant", "content": text or None, **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    return _object(body, "chat.completion", number, [choice], _counted(parts, usage))


def _events(
    body: dict[str, Any], parts: Sequence[Text | ToolCall], number: int, usage: dict[str, Any] | None
) -> list[str]:
    """SSE events: the role, pieces of the text, each call with pieces of its arguments, finish, usage, [DONE]."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for part in parts if isinstance(part, Text) for piece in _split(part.text)]
    calls = _calls(parts, number)
    for index, call in enumerate(calls):
        arguments = call["function"]["arguments"]
        opening = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
        pieces = [{"index": index, "function": {"arguments": piece}} for piece in _split(arguments)]
        deltas += [{"tool_calls": [delta]} for delta in [opening, *pieces]]
    finish = [None] * len(deltas) + ["tool_calls" if calls else "stop"]
    kind = "chat.completion.chunk"
    events = [
        _object(body, kind, number, [{"index": 0, "delta": delta, "finish_reason": reason}])
        for delta, reason in zip([*deltas, {}], finish, strict=True)
    ]
    options: dict[str, Any] = body.get("stream_options") or {}
    if options.get("include_usage") and usage != {}:
        events.append(_object(body, kind, number, [], _counted(parts, usage)))
    return [f"data: {event}\n\n" for event in [*events, "[DONE]"]]


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Starts servers that end with the test: `serve(turn, ..., repeat_last=True)`."""
    with ExitStack() as stack:
        yield lambda *script, **options: stack.enter_context(ScriptedServer(script, **options))
