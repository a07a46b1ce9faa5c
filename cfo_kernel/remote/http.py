"""A server as one event loop talks to it: requests that outlast a lost connection, and problems as errors of ours."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import httpx2
from pydantic import TypeAdapter, ValidationError

from cfo_kernel.errors import (
    CfoError,
    InvalidInput,
    OtherLoop,
    OtherRoot,
    ServerIncompatible,
    ServerUnavailable,
    TokenRejected,
    WorkbenchClosed,
    restored,
)
from cfo_kernel.interface import Download
from cfo_kernel.remote.address import Address
from cfo_kernel.remote.liveness import ServerSilent, watched
from cfo_kernel.remote.wakeup import periodic_wakeup
from cfo_kernel.values import Value

V = TypeVar("V")
_READ, _CONNECT = 60, 10
_PIECE = 1 << 16  # bytes: as much of a long body is seen to move
LONG = 900
"""Seconds to wait for what may take its time: a file that is read, a query that waits for its turn."""
_LARGEST_PAUSE = 5.0
_MEMBERS = ("type", "title", "status", "detail", "code", "instance", "message", "self")
_PROCESS = (WorkbenchClosed.code, OtherLoop.code, OtherRoot.code)


@dataclass(frozen=True)
class Timeouts:
    """Seconds: how long to do without a connection, how long a stream may be silent, the pause before the next try."""

    total: float = 60
    silence: float = 45
    pause: float = 0.1


class RetryPolicy:
    """Counts how long the connection is missing, and waits before each new try, a little longer each time."""

    def __init__(self, patience: Timeouts) -> None:
        self._patience = patience
        self._pause = patience.pause
        self._since: float | None = None

    def connected(self) -> None:
        self._since = None

    def went_on(self) -> None:
        self._pause = self._patience.pause

    async def wait(self, error: CfoError | None = None) -> None:
        """Raises `error` where the time is up."""
        now = asyncio.get_running_loop().time()
        self._since = now if self._since is None else self._since
        if error is not None and now + self._pause - self._since > self._patience.total:
            raise error
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, _LARGEST_PAUSE)


class Server:
    """Holds the connections; it is closed with its event loop, if not before."""

    def __init__(self, address: Address, patience: Timeouts) -> None:
        self.url = address.url
        self.patience = patience
        token = address.token
        self._client = httpx2.AsyncClient(
            base_url=address.url,
            headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token else {},
            timeout=httpx2.Timeout(_READ, connect=_CONNECT, pool=None),
            limits=httpx2.Limits(max_connections=None),
            trust_env=not address.is_loopback,
        )
        self._loop = asyncio.get_running_loop()
        self._is_closed = False
        self._has_answered = False
        self._life = self._until_the_end()

    async def open(self) -> None:
        await anext(self._life)

    async def close(self) -> None:
        await self._life.aclose()

    async def _until_the_end(self) -> AsyncGenerator[None]:
        """Lasts until it is closed; asyncio closes what is left of its kind when a loop ends."""
        try:
            yield
        finally:
            self._is_closed = True
            await self._client.aclose()

    def use(self) -> Self:
        """The server itself, for who may use it now. Raises `OtherLoop` or `WorkbenchClosed`."""
        if asyncio.get_running_loop() is not self._loop:
            message = "This was opened in another event loop. In this one, open it again from the workbench."
            raise OtherLoop(message)
        if self._is_closed:
            raise WorkbenchClosed("The workbench was closed. Call connect() again.")
        return self

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        key: str | None = None,
        repeat: bool | None = None,
        wait: float = _READ,
    ) -> httpx2.Response:
        """The answer to a request. Raises the error that the server tells, or a `ServerError`.

        Where the connection drops, nobody knows whether the request arrived: one that may be repeated (`GET`, `PATCH`,
        one with an idempotency `key`, or as `repeat` says) is sent again. One that was refused from the start, or that
        met with silence, is not, unless it has a key and the server was there before: then it is being restarted.
        """
        self.use()
        headers = {} if key is None else {"Idempotency-Key": key}
        timeout = httpx2.Timeout(wait, connect=_CONNECT, pool=None)
        may_repeat = method in ("GET", "PATCH") or key is not None if repeat is None else repeat
        tries, is_first = RetryPolicy(self.patience), True
        while True:
            request = self._request(method, path, params=_given(params), json=json, headers=headers, timeout=timeout)
            try:
                async with self._answer(request) as response:
                    await response.aread()
                    return response
            except ServerUnavailable as error:
                refused = isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | ServerSilent)
                if not may_repeat or (is_first and refused and not (key and self._has_answered)):
                    raise
                is_first = False
                await tries.wait(error)

    def _request(self, method: str, path: str, **options: Any) -> httpx2.Request:
        try:
            return self._client.build_request(method, path, **options)
        except ValueError as error:  # half a character, or a number that is none
            raise InvalidInput("The message contains characters that are not valid text. Send it as UTF-8.") from error

    async def value(self, kind: TypeAdapter[V], method: str, path: str, **options: Any) -> V:
        """The answer as a value; see `send`."""
        return self.read(kind, (await self.send(method, path, **options)).content)

    async def listed(
        self, kind: TypeAdapter[V], path: str, params: Mapping[str, Any] | None = None, wait: float = _READ
    ) -> list[V]:
        """All items of a list that comes page by page."""
        found: list[V] = []
        cursor: str | None = None
        while True:
            part = {**(params or {}), "limit": 200, "cursor": cursor}
            page = await self.value(_page, "GET", path, params=part, wait=wait)
            found += [self.read(kind, item) for item in page.items]
            cursor = page.next_cursor
            if not cursor:
                return found

    def read(self, kind: TypeAdapter[V], content: Any) -> V:
        """What the server sent as a value; a field that only a newer version knows is passed over.

        Raises `ServerIncompatible`.
        """
        try:
            if isinstance(content, bytes | str):
                return kind.validate_json(content, extra="ignore")
            return kind.validate_python(content, extra="ignore")
        except ValidationError as error:
            raise self.incompatible("answers in another format") from error

    async def upload(self, path: str, name: str, content: Iterator[bytes]) -> bytes:
        """Sends a file as the form field `files`, piece by piece; what `content` raises is raised."""
        self.use()
        boundary = f"cfo-{uuid.uuid4().hex}"
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        timeout = httpx2.Timeout(LONG, connect=_CONNECT, pool=None)
        sent = 0

        async def counted(form: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            nonlocal sent
            async for part in form:
                for start in range(0, len(part), _PIECE):
                    yield part[start : start + _PIECE]
                    sent += 1

        async with aclosing(_form(boundary, name, content)) as form:
            request = self._client.build_request("POST", path, content=counted(form), headers=headers, timeout=timeout)
            async with self._answer(request, lambda: sent) as response:
                return await response.aread()

    async def download(self, path: str, name: str, **params: Any) -> Download:
        """A file, whose content comes while its chunks are read; its connection lasts until their end."""
        self.use()
        headers = {"Accept-Encoding": "identity"}
        timeout = httpx2.Timeout(LONG, connect=_CONNECT, pool=None)  # a table may have to be made first
        request = self._client.build_request("GET", path, params=_given(params), headers=headers, timeout=timeout)
        stack = AsyncExitStack()
        response = await stack.enter_async_context(self._answer(request))
        size = int(response.headers.get("Content-Length", 0))
        media_type = response.headers.get("Content-Type", "application/octet-stream")
        return Download(name, size, media_type, self._chunks(stack, response))

    @asynccontextmanager
    async def stream(self, path: str, last: int) -> AsyncGenerator[httpx2.Response]:
        """An open event stream that goes on after the event of number `last`. Silence counts as a lost connection."""
        self.use()
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(last)} if last >= 0 else {})
        timeout = httpx2.Timeout(_CONNECT, read=self.patience.silence, pool=None)
        request = self._client.build_request("GET", path, headers=headers, timeout=timeout)
        async with self._answer(request) as response:
            kind = response.headers.get("Content-Type", "").partition(";")[0]
            if response.status_code != 204 and kind != "text/event-stream":
                raise self.incompatible("sends no events")
            yield response

    @asynccontextmanager
    async def _answer(
        self, request: httpx2.Request, moved: Callable[[], int] = lambda: 0
    ) -> AsyncGenerator[httpx2.Response]:
        try:
            with periodic_wakeup():
                response = await watched(self._client, self._client.send(request, stream=True), moved=moved)
                self._has_answered = True
                try:
                    if not response.is_success:
                        await response.aread()
                        raise self._problem(response)
                    yield response
                finally:
                    await response.aclose()
        except httpx2.RequestError as error:
            raise self._away("does not answer. Check CFO_URL, and that `cfo serve` runs there.") from error

    async def _chunks(self, stack: AsyncExitStack, response: httpx2.Response) -> AsyncGenerator[bytes]:
        async with stack:
            content = response.aiter_bytes()
            while chunk := await watched(self._client, _next(content)):
                yield chunk

    def _problem(self, response: httpx2.Response) -> CfoError:
        """The error that the server tells, as itself; what only concerns its process is that it is not there."""
        if response.status_code == 401:
            return TokenRejected(f"The server {self.url} does not take the token. Check CFO_API_TOKEN.")
        if response.headers.get("Content-Type", "").startswith("application/problem+json"):
            told = self.read(_object, response.content)
            code, message = told.get("code"), told.get("detail") or told.get("title")
            if code in _PROCESS:
                return self._away("cannot answer now. Try again in a moment.")
            if isinstance(code, str) and isinstance(message, str):
                return restored(code, message, **{k: v for k, v in told.items() if k not in _MEMBERS})
        match response.status_code:
            case 502 | 503 | 504 as status:  # a proxy says so for a server that is away
                return self._away(f"does not answer ({status}). Try again in a moment.")
            case status if response.is_redirect:
                return self.incompatible(f"redirects ({status})")
            case status:
                return self.incompatible(f"answers with status {status}")

    def _away(self, what: str) -> ServerUnavailable:
        return ServerUnavailable(f"The server {self.url} {what}", server=self.url)

    def incompatible(self, what: str) -> ServerIncompatible:
        """The error for an answer that no server of this version gives."""
        message = (
            f"{self.url} {what}, unlike a server of this version. Check CFO_URL, or update cfo-kernel here or there."
        )
        return ServerIncompatible(message)


async def _next(content: AsyncIterator[bytes]) -> bytes:
    """The next chunk; an empty one after the last."""
    return await anext(content, b"")


async def _form(boundary: str, name: str, content: Iterator[bytes]) -> AsyncGenerator[bytes]:
    """A form with one file. A name that may be stored needs no escape (see `data.file_names.safe_name`)."""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
    yield f"{head}Content-Type: application/octet-stream\r\n\r\n".encode()
    while chunk := await asyncio.to_thread(next, content, b""):
        yield chunk
    yield f"\r\n--{boundary}--\r\n".encode()


def _given(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}


class Page(Value):
    """Some items of a list; `next_cursor` asks for those that follow."""

    items: list[Any]
    next_cursor: str | None = None


_object: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_page: TypeAdapter[Page] = TypeAdapter(Page)
