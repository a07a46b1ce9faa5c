"""Limits on long requests: event streams, chats that wait for a reply, uploads and downloads.

Each holds a connection, and often memory or disk space, for as long as its client wants. Other requests end on their
own and are not counted, so health checks and cancellations are answered even when the limit is reached.
"""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from cfo_api.auth_middleware import client_of
from cfo_kernel.errors import TooManyStreams


class LongRequests:
    """Counts the long requests in progress: at most `limit` in total, and `client_limit` for each client."""

    def __init__(self, limit: int, client_limit: int) -> None:
        self._limit = limit
        self._client_limit = client_limit
        self._counts: Counter[str] = Counter()

    @property
    def count(self) -> int:
        return self._counts.total()

    @contextmanager
    def place(self, client: str) -> Generator[None]:
        """Counts a request for the duration of the block. Raises `TooManyStreams` if a limit has been reached."""
        if self.count >= self._limit:
            raise TooManyStreams(_text(f"{self._limit:,}, the limit of the server (CFO_STREAM_LIMIT)"))
        if self._counts[client] >= self._client_limit:
            raise TooManyStreams(_text(f"{self._client_limit:,}, the limit for one client (CFO_CLIENT_STREAM_LIMIT)"))
        self._counts[client] += 1
        try:
            yield
        finally:
            self._counts[client] -= 1
            if not self._counts[client]:
                del self._counts[client]


class LongRoute(APIRoute):
    """A route for long requests. A request counts from before its body is read until its response has been sent."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        requests: LongRequests = scope["app"].state.long_requests
        with requests.place(client_of(scope)):
            await super().handle(scope, receive, send)


def _text(limit: str) -> str:
    return (
        f"Too many streams, waiting chats, uploads and downloads are open: {limit}. "
        "Close some, or wait until one ends, then try again."
    )
