"""Configures uvicorn with limits on how long a client may take to send a request's head and to read a response.

Every open connection uses a file descriptor, and a process has only a limited number of them. uvicorn itself waits
indefinitely.
"""

import asyncio
import resource
import sys
from collections.abc import Awaitable, Callable
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

HEAD_TIMEOUT = 30.0
"""How many seconds the head of a request may take, from its first byte or from the opening of the connection."""
WRITE_TIMEOUT = 120.0
"""How many seconds a client may leave a response unread. It can resume a stream later."""
_OTHER_FILES = 500
"""How many files the process may open in addition to the connections of long requests. Includes short requests."""
_OWN_FILES = 200
"""How many files the process may open in addition to all connections."""
_STATE_KEY = "cfo_connection"


def room_for_streams(wanted: int) -> int:
    """Raises the process's limit on open files to allow this many streams.

    Returns the number of streams that it allows.

    Without this, a process reaches the limit of 1,024 files on most systems long before the limit on streams, and then
    accepts no connections at all.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(1, allowed - _OTHER_FILES)


def server_config(app: ASGIApp, **options: Any) -> uvicorn.Config:
    """Returns a configuration that serves the app over HTTP/1.1 on connections with time limits.

    If the process is about to run out of open files, connections without a request are closed, oldest first. A client's
    address is that of its connection; the header `X-Forwarded-For` is ignored.
    """
    config = uvicorn.Config(_tracked(app), http="h11", ws="none", proxy_headers=False, **options)
    config.load()
    protocol_class = cast("Callable[..., asyncio.Protocol]", config.http_protocol_class)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    connections = _Connections(sys.maxsize if files == resource.RLIM_INFINITY else max(10, files - _OWN_FILES))

    class TimedConnection(_TimedConnection):
        def __init__(self, *, app_state: dict[str, Any], **arguments: Any) -> None:
            super().__init__(connections, lambda state: protocol_class(app_state={**app_state, **state}, **arguments))

    config.http_protocol_class = TimedConnection
    return config


class _Connections:
    """A server's open connections. Those without a request are listed oldest first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: set[_TimedConnection] = set()
        self._idle: dict[_TimedConnection, None] = {}

    def add(self, connection: "_TimedConnection") -> None:
        self._open.add(connection)
        if len(self._open) > self._limit and self._idle:
            next(iter(self._idle)).close()
        self._idle[connection] = None

    def remove(self, connection: "_TimedConnection") -> None:
        self._open.discard(connection)
        self._idle.pop(connection, None)

    def note(self, connection: "_TimedConnection", *, is_idle: bool) -> None:
        self._idle.pop(connection, None)
        if is_idle and connection in self._open:
            self._idle[connection] = None


class _TimedConnection(asyncio.Protocol):
    """Passes a connection to uvicorn's protocol, and closes it if its client is too slow in sending or reading.

    The limits apply to sending a head and to reading a response. The class wraps that protocol instead of extending it,
    so as not to depend on its internals. The app finds this object in the state of each request, and reports when a
    request starts, which is when its head is complete.
    """

    def __init__(self, connections: _Connections, make_protocol: Callable[[dict[str, Any]], asyncio.Protocol]) -> None:
        self._connections = connections
        self._protocol = make_protocol({_STATE_KEY: self})
        self._transport: asyncio.Transport | None = None
        self._requests = 0
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self._transport = transport
        self._connections.add(self)
        self._start_timer()
        self._protocol.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._protocol.data_received(data)
        # Starts the timer even if this completes a head: the request starts in another task, which stops the timer.
        if not self._requests:
            self._start_timer()

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        if self._write_timer is None and self._transport is not None:
            # `abort`, since `close` would wait until the client has read everything.
            self._write_timer = asyncio.get_running_loop().call_later(WRITE_TIMEOUT, self._transport.abort)
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._stop_write_timer()
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.remove(self)
        self._stop_timer()
        self._stop_write_timer()
        self._protocol.connection_lost(exc)

    def close(self) -> None:
        self._connections.remove(self)
        if self._transport is not None:
            self._transport.close()

    def request_started(self) -> None:
        self._requests += 1
        self._connections.note(self, is_idle=False)
        self._stop_timer()

    def request_ended(self) -> None:
        self._requests -= 1
        self._connections.note(self, is_idle=not self._requests)

    def _start_timer(self) -> None:
        if self._timer is None and self._transport is not None:
            self._timer = asyncio.get_running_loop().call_later(HEAD_TIMEOUT, self._transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


def _tracked(app: ASGIApp) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Wraps the app, to report the start and the end of each request to its connection."""

    async def tracked(scope: Scope, receive: Receive, send: Send) -> None:
        connection = scope.get("state", {}).get(_STATE_KEY)
        if not isinstance(connection, _TimedConnection):
            await app(scope, receive, send)
            return
        connection.request_started()
        try:
            await app(scope, receive, send)
        finally:
            connection.request_ended()

    return tracked
