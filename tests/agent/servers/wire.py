"""A raw OpenAI-compatible server that sends exactly the bytes of a script, and helpers to write such scripts.

`tests.models.scripted_server` answers as OpenAI does. This server answers as other servers do.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

MISSING: Any = object()
"""The value of a key that is omitted."""


@dataclass(frozen=True)
class Whole:
    """A response that is not a stream; `body` is sent as JSON unless it is bytes."""

    status: int
    body: Any
    media_type: str = "application/json"


Stream: TypeAlias = Sequence[dict[str, Any] | bytes | float]
"""The events of a stream: objects, raw bytes, or pauses in seconds. `[DONE]` follows, unless the last item is b""."""
Turn: TypeAlias = Stream | Whole | Callable[[dict[str, Any]], Stream | Whole]
"""One response. A function gets the body of the request."""


def chunk(delta: Any = None, finish: str | None = None, **changed: Any) -> dict[str, Any]:
    """One event of a stream. `changed` replaces or adds keys, such as `usage`."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    whole = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "x", "choices": [choice]}
    return {key: value for key, value in {**whole, **changed}.items() if value is not MISSING}


def call(name: str | None, arguments: Any, id: Any = "call_1", index: Any = 0) -> dict[str, Any]:
    """A tool call in a delta. A dict as arguments is written as JSON."""
    text = json.dumps(arguments) if isinstance(arguments, dict) else arguments
    function = {"name": name, "arguments": text}
    whole = {"id": id, "index": index, "type": "function", "function": function}
    return {key: value for key, value in whole.items() if value is not MISSING}


def calls(*made: dict[str, Any], finish: str = "tool_calls") -> list[dict[str, Any]]:
    """A complete stream with these calls in one delta."""
    return [chunk({"role": "assistant", "content": None, "tool_calls": list(made)}), chunk({}, finish)]


def one_call(name: str, arguments: Any, id: Any = "call_1", finish: str = "tool_calls") -> list[dict[str, Any]]:
    return calls(call(name, arguments, id), finish=finish)


def completion(message: dict[str, Any], finish: str = "tool_calls") -> Whole:
    """A complete answer, from a server that does not stream."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": None, **message}}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "x", "choices": [choice], "usage": usage}
    return Whole(200, body)


class RawServer:
    """Plays `turns` on a loopback port, in the test's event loop. The last turn repeats."""

    def __init__(self, turns: Sequence[Turn] = ()) -> None:
        self.requests: list[dict[str, Any]] = []
        self.heads: list[str] = []
        """The first line and the headers of all requests."""
        self.base_url = ""
        self._turns: Sequence[Turn] = turns
        self._played = 0

    def play(self, turns: Sequence[Turn]) -> None:
        """Starts another script, and forgets the requests of the previous one."""
        self._turns, self._played, self.requests = turns, 0, []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            head = self.heads[-1].lower()
            length = int(head.partition("content-length:")[2].partition("\r\n")[0] or 0)
            body: dict[str, Any] = json.loads(await reader.readexactly(length) or b"{}")
            self.requests.append(body)
            turn = self._turns[min(self._played, len(self._turns) - 1)]
            self._played += 1
            turn = turn(body) if callable(turn) else turn
            await (_send_whole(turn, writer) if isinstance(turn, Whole) else _send_stream(turn, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client hung up, as it may
        finally:
            writer.close()


def _head(status: int, media_type: str, more: str = "") -> bytes:
    lines = f"HTTP/1.1 {status} Scripted\r\ncontent-type: {media_type}\r\nconnection: close\r\nretry-after-ms: 1\r\n"
    return f"{lines}{more}\r\n".encode()


async def _send_whole(turn: Whole, writer: asyncio.StreamWriter) -> None:
    data = turn.body if isinstance(turn.body, bytes) else json.dumps(turn.body).encode()
    writer.write(_head(turn.status, turn.media_type, f"content-length: {len(data)}\r\n") + data)
    await writer.drain()


async def _send_stream(turn: Stream, writer: asyncio.StreamWriter) -> None:
    writer.write(_head(200, "text/event-stream"))
    for item in turn:
        if isinstance(item, int | float):
            await asyncio.sleep(item)
            continue
        writer.write(item if isinstance(item, bytes) else b"data: " + json.dumps(item).encode() + b"\n\n")
        await writer.drain()
    if not (turn and turn[-1] == b""):
        writer.write(b"data: [DONE]\n\n")
    await writer.drain()
