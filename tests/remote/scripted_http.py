"""A server that sends scripted bytes: each request takes the next turn of the script, and its connection is then
closed.

This lets a test send any bytes that a server, a proxy or a broken connection might send.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

HOLD = None
"""In a turn: send nothing more until the client closes the connection."""
STOP = b"stop"
"""A turn: accept no more connections, and send nothing on this one."""


@dataclass
class Asked:
    """A request, and whether its client closed the connection before the answer was complete."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedHttp:
    """`async with ScriptedHttp(turn, turn) as server`: a turn is bytes, or several of them with `HOLD` at the end."""

    def __init__(self, *turns: bytes | Sequence[bytes | None]) -> None:
        self.turns = list(turns)
        self.run_status = "running"
        """The response to requests for a run's status, which take no turn."""
        self.asked: list[Asked] = []
        self.arrived = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    async def __aenter__(self) -> "ScriptedHttp":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await _request(reader)
            if asked.path.endswith("/status"):
                writer.write(answer({"run_id": "r1", "thread_id": "t1", "status": self.run_status}))
                return
            self.asked.append(asked)
            self.arrived.set()
            turn = self.turns.pop(0) if self.turns else b""
            if turn is STOP:
                await self.stop()
                return
            for part in [turn] if isinstance(turn, bytes) else turn:
                if part is HOLD:
                    await reader.read()
                    asked.gone.set()
                    return
                writer.write(part)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    method, path, _ = first.split(" ")
    return Asked(method, path, headers, body)


def answer(value: Any, status: int = 200, kind: str = "application/json", **headers: str) -> bytes:
    """A complete response."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    more = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
    head = f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n{more}"
    return f"{head}Connection: close\r\n\r\n".encode() + content


def problem(status: int, code: str, detail: str, **more: Any) -> bytes:
    """An error in the API's format."""
    body = {"type": "about:blank", "title": "x", "status": status, "code": code, "detail": detail, **more}
    return answer(body, status, "application/problem+json")


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
"""The head of an event stream that ends with its connection."""


def frames(*numbers: int) -> bytes:
    """Token events with these numbers."""
    return b"".join(frame(n, {"type": "token", "text": f"word {n}"}) for n in numbers)


def frame(number: int, event: Mapping[str, Any]) -> bytes:
    return f"id: {number}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def done(number: int) -> bytes:
    return frame(number, {"type": "done", "run_id": "r1", "status": "succeeded"})
