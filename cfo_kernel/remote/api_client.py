"""The HTTP client for one event loop: retries requests after a lost connection, and turns problems into errors."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import httpx2
from pydantic import TypeAdapter, ValidationError

from cfo_kernel.api_models import Page
from cfo_kernel.errors import (
    CfoError,
    InvalidInput,
    OtherLoop,
    OtherRoot,
    ServerIncompatible,
    ServerUnavailable,
    TokenRejected,
    TooManyStreams,
    WorkbenchClosed,
    restored,
)
from cfo_kernel.interface import Download
from cfo_kernel.remote.address import Address
from cfo_kernel.remote.cell_interrupts import periodic_wakeup
from cfo_kernel.remote.liveness import ServerSilent, fail_when_silent

V = TypeVar("V")
_READ_TIMEOUT, _CONNECT_TIMEOUT = 60, 10
SLOW_READ_TIMEOUT = 900
"""The timeout in seconds for slow requests, where the server first reads a file or a query waits for a free worker."""
_UPLOAD_PIECE = 1 << 16  # bytes; `fail_when_silent` measures the progress of an upload in pieces of this size
_LONGEST_PAUSE = 5.0
_RETRY_AFTER = "retry_after"
_STANDARD_MEMBERS = ("type", "title", "status", "detail", "code", "instance", "message", "self")
"""Members of a problem that are not details of the error, or would collide with parameters of `restored`."""
_PROCESS_ERRORS = (WorkbenchClosed.code, OtherLoop.code, OtherRoot.code)
"""Errors about the server's own process. To a client, they mean that the server cannot answer now."""


@dataclass(frozen=True)
class Timeouts:
    """Time limits in seconds: `total` without a connection, `silence` in a stream. `pause` is the first retry delay.

    `full` is how long a request is retried if the server is at capacity. It is short, since a user is waiting.
    """

    total: float = 60
    silence: float = 45
    pause: float = 0.1
    full: float = 10


class RetryPolicy:
    """Waits before each retry, doubling the delay each time, until there has been no connection for `total` seconds."""

    def __init__(self, first_pause: float, total: float) -> None:
        self._first_pause = self._pause = first_pause
        self._total = total
        self._disconnected_at: float | None = None

    def on_connected(self) -> None:
        self._disconnected_at = None

    def on_progress(self) -> None:
        self._pause = self._first_pause

    async def wait(self, error: CfoError | None = None) -> None:
        """Sleeps until the next attempt, or for as long as the server asks.

        Raises `error` if that exceeds the total.
        """
        now = asyncio.get_running_loop().time()
        self._disconnected_at = now if self._disconnected_at is None else self._disconnected_at
        pause = max(self._pause, min(error.details.get(_RETRY_AFTER, 0), _LONGEST_PAUSE) if error else 0)
        if error is not None and now + pause - self._disconnected_at > self._total:
            raise error
        await asyncio.sleep(pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)


class ApiClient:
    """The connections to one server, which are closed when their event loop ends, if not earlier."""

    def __init__(self, address: Address, timeouts: Timeouts) -> None:
        self.url = address.url
        self.timeouts = timeouts
        token = address.token
        self._http = httpx2.AsyncClient(
            base_url=address.url,
            headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token else {},
            timeout=httpx2.Timeout(_READ_TIMEOUT, connect=_CONNECT_TIMEOUT, pool=None),
            limits=httpx2.Limits(max_connections=None),  # each followed run holds one connection
            trust_env=not address.is_loopback,  # a proxy cannot reach this machine's loopback
        )
        self._loop = asyncio.get_running_loop()
        self._is_closed = False
        self._has_answered = False
        self._lifetime = self._close_at_end()

    async def open(self) -> None:
        await anext(self._lifetime)

    async def close(self) -> None:
        await self._lifetime.aclose()

    async def _close_at_end(self) -> AsyncGenerator[None]:
        """Cleans up when the event loop ends, because asyncio then closes open async generators, including this one.

        This closes the connections even if the caller never calls `close`, as in `asyncio.run(ask())`.
        """
        try:
            yield
        finally:
            self._is_closed = True
            await self._http.aclose()

    def use(self) -> Self:
        """Returns the client after checking that it can be used here. Raises `OtherLoop` or `WorkbenchClosed`."""
        if asyncio.get_running_loop() is not self._loop:
            message = "This object was opened in another event loop. Open it again from the workbench in this loop."
            raise OtherLoop(message)
        if self._is_closed:
            raise WorkbenchClosed("The workbench was closed. Call connect() again.")
        return self

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
        may_repeat: bool | None = None,
        read_timeout: float = _READ_TIMEOUT,
    ) -> httpx2.Response:
        """Sends a request and returns the response. Raises the error that the server reports, or a `ServerError`.

        After a lost connection, it is unknown whether the server received the request. It is therefore resent only if
        it may be repeated: `GET`, `PATCH`, any request with an idempotency key, or as specified by `may_repeat`. If the
        first attempt is refused or gets no answer, the server is probably down, and the error is raised at once. The
        exception is a request with a key to a server that has answered before: that server is probably restarting.

        A server at capacity (429) has not processed the request, so it is retried for a few seconds.
        """
        self.use()
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        headers |= {} if if_match is None else {"If-Match": f'"{if_match}"'}
        timeout = httpx2.Timeout(read_timeout, connect=_CONNECT_TIMEOUT, pool=None)
        if may_repeat is None:
            may_repeat = method in ("GET", "PATCH") or idempotency_key is not None
        retry, full, is_first = self.retry_policy(), self.full_policy(), True
        while True:
            request = self._build(
                method, path, params=_without_none(params), json=json, headers=headers, timeout=timeout
            )
            try:
                async with self._response(request) as response:
                    await response.aread()
                    return response
            except ServerUnavailable as error:
                is_down = isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | ServerSilent)
                is_restarting = idempotency_key is not None and self._has_answered
                if not may_repeat or (is_first and is_down and not is_restarting):
                    raise
                is_first = False
                await retry.wait(error)
            except TooManyStreams as error:
                await full.wait(error)

    def retry_policy(self) -> RetryPolicy:
        """The policy for waiting until there is a connection."""
        return RetryPolicy(self.timeouts.pause, self.timeouts.total)

    def full_policy(self) -> RetryPolicy:
        """The policy for waiting until a server at capacity accepts the request."""
        return RetryPolicy(self.timeouts.pause, self.timeouts.full)

    def _build(self, method: str, path: str, **options: Any) -> httpx2.Request:
        try:
            return self._http.build_request(method, path, **options)
        except ValueError as error:  # a lone surrogate, or NaN
            raise InvalidInput("The message contains characters that are not valid text. Send it as UTF-8.") from error

    async def fetch(self, kind: TypeAdapter[V], method: str, path: str, **options: Any) -> V:
        """Sends a request and returns the parsed response. See `request`."""
        return self.parse(kind, (await self.request(method, path, **options)).content)

    async def fetch_all(
        self,
        kind: TypeAdapter[V],
        path: str,
        params: Mapping[str, Any] | None = None,
        read_timeout: float = _READ_TIMEOUT,
    ) -> list[V]:
        """Returns all items of a list that the server returns in pages."""
        items: list[V] = []
        cursor: str | None = None
        while True:
            paged = {**(params or {}), "limit": 200, "cursor": cursor}
            page = await self.fetch(_page, "GET", path, params=paged, read_timeout=read_timeout)
            items += [self.parse(kind, item) for item in page.items]
            cursor = page.next_cursor
            if not cursor:
                return items

    def parse(self, kind: TypeAdapter[V], content: Any) -> V:
        """Parses content into a value, ignoring fields from newer servers. Raises `ServerIncompatible`."""
        try:
            if isinstance(content, bytes | str):
                return kind.validate_json(content, extra="ignore")
            return kind.validate_python(content, extra="ignore")
        except ValidationError as error:
            raise self.incompatible("sent a response in an unknown format") from error

    async def upload(self, path: str, name: str, content: Iterator[bytes]) -> bytes:
        """Sends a file in pieces as the form field `files`. Errors from `content` propagate."""
        self.use()
        boundary = f"cfo-{uuid.uuid4().hex}"
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        timeout = httpx2.Timeout(SLOW_READ_TIMEOUT, connect=_CONNECT_TIMEOUT, pool=None)
        pieces_sent = 0

        async def counted(form: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            nonlocal pieces_sent
            async for part in form:
                for start in range(0, len(part), _UPLOAD_PIECE):
                    yield part[start : start + _UPLOAD_PIECE]
                    pieces_sent += 1

        async with aclosing(_form(boundary, name, content)) as form:
            request = self._http.build_request("POST", path, content=counted(form), headers=headers, timeout=timeout)
            async with self._response(request, lambda: pieces_sent) as response:
                return await response.aread()

    async def download(self, path: str, name: str, **params: Any) -> Download:
        """Starts downloading a file. Its content is read from the connection as the chunks are consumed."""
        self.use()
        headers = {"Accept-Encoding": "identity"}  # so that Content-Length is the size of the file
        timeout = httpx2.Timeout(SLOW_READ_TIMEOUT, connect=_CONNECT_TIMEOUT, pool=None)
        request = self._http.build_request("GET", path, params=_without_none(params), headers=headers, timeout=timeout)
        stack = AsyncExitStack()
        response = await stack.enter_async_context(self._response(request))
        size = int(response.headers.get("Content-Length", 0))
        media_type = response.headers.get("Content-Type", "application/octet-stream")
        return Download(name, size, media_type, self._chunks(stack, response))

    @asynccontextmanager
    async def stream(self, path: str, last_event: int) -> AsyncGenerator[httpx2.Response]:
        """Opens an event stream that continues after `last_event`. Silence counts as a lost connection."""
        self.use()
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(last_event)} if last_event >= 0 else {})
        timeout = httpx2.Timeout(_CONNECT_TIMEOUT, read=self.timeouts.silence, pool=None)
        request = self._http.build_request("GET", path, headers=headers, timeout=timeout)
        async with self._response(request) as response:
            media_type = response.headers.get("Content-Type", "").partition(";")[0]
            if response.status_code != 204 and media_type != "text/event-stream":
                raise self.incompatible("did not send an event stream")
            yield response

    @asynccontextmanager
    async def _response(
        self, request: httpx2.Request, sent: Callable[[], int] = lambda: 0
    ) -> AsyncGenerator[httpx2.Response]:
        """Sends a request and returns the open response. Raises the reported error, or `ServerUnavailable`."""
        try:
            with periodic_wakeup():
                response = await fail_when_silent(self._http, self._http.send(request, stream=True), sent=sent)
                self._has_answered = True
                try:
                    if not response.is_success:
                        await response.aread()
                        raise self._error_of(response)
                    yield response
                finally:
                    await response.aclose()
        except httpx2.RequestError as error:
            raise self._unavailable("does not answer. Check CFO_URL, and that `cfo serve` is running there.") from error

    async def _chunks(self, stack: AsyncExitStack, response: httpx2.Response) -> AsyncGenerator[bytes]:
        async with stack:
            content = response.aiter_bytes()
            while chunk := await fail_when_silent(self._http, _next_chunk(content)):
                yield chunk

    def _error_of(self, response: httpx2.Response) -> CfoError:
        """Returns the error for a failed response: the engine's own error if the body is a problem with a code."""
        if response.status_code == 401:
            return TokenRejected(f"The server {self.url} does not accept the token. Check CFO_API_TOKEN.")
        if response.status_code == 429:
            return self._full(response)
        if response.headers.get("Content-Type", "").startswith("application/problem+json"):
            problem = self.parse(_object, response.content)
            code, message = problem.get("code"), problem.get("detail") or problem.get("title")
            if code in _PROCESS_ERRORS:
                return self._unavailable("cannot answer now. Try again in a moment.")
            if isinstance(code, str) and isinstance(message, str):
                details = {name: value for name, value in problem.items() if name not in _STANDARD_MEMBERS}
                return restored(code, message, **details)
        match response.status_code:
            case 502 | 503 | 504 as status:  # from a proxy, when the server behind it is down
                return self._unavailable(f"does not answer ({status}). Try again in a moment.")
            case status if response.is_redirect:
                return self.incompatible(f"redirected the request ({status})")
            case status:
                return self.incompatible(f"responded with status {status}")

    def _full(self, response: httpx2.Response) -> TooManyStreams:
        """The error for a server at capacity, or for a proxy that reports one."""
        message = f"The server {self.url} has reached its limit on open requests. Close some, or wait, then try again."
        if response.headers.get("Content-Type", "").startswith("application/problem+json"):
            problem = self.parse(_object, response.content)
            message = str(problem.get("detail") or message)
        after = response.headers.get("Retry-After", "")
        return TooManyStreams(message, **{_RETRY_AFTER: int(after[:6]) if after.isdecimal() else 0})

    def _unavailable(self, what: str) -> ServerUnavailable:
        return ServerUnavailable(f"The server {self.url} {what}", server=self.url)

    def incompatible(self, what: str) -> ServerIncompatible:
        """Returns the error for a response that no server of this version would send."""
        message = (
            f"{self.url} {what}, unlike a server of this version. Check CFO_URL, or use the same version of cfo-kernel"
            " on both sides."
        )
        return ServerIncompatible(message)


async def _next_chunk(content: AsyncIterator[bytes]) -> bytes:
    """Returns the next chunk, or an empty chunk at the end."""
    return await anext(content, b"")


async def _form(boundary: str, name: str, content: Iterator[bytes]) -> AsyncGenerator[bytes]:
    """Yields a multipart form with one file. File names allowed by `data.file_names.safe_name` need no escaping."""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
    yield f"{head}Content-Type: application/octet-stream\r\n\r\n".encode()
    while chunk := await asyncio.to_thread(next, content, b""):
        yield chunk
    yield f"\r\n--{boundary}--\r\n".encode()


def _without_none(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}


_object: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_page: TypeAdapter[Page[Any]] = TypeAdapter(Page[Any])
