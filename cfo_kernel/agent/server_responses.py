"""Limits what a model's server can make this process read, and keeps its client at the server's own address."""

import json
import zlib
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, cast

import httpx2

from cfo_kernel.agent.event_limits import Pace
from cfo_kernel.agent.failure_causes import COMPRESSED, REDIRECT
from cfo_kernel.errors import TokenLimitReached

LONGEST_RESPONSE = 64_000_000
"""How many bytes of an answer are read, after decompression. A stream of tiny events may need that many."""
_MISDIRECTED = 421
_LONGEST_ERROR = 1_000_000
_PIECE = 16_384
_PLAIN, _DEFLATED = ("", "identity"), ("gzip", "x-gzip", "deflate")
_ANY_HEADER = 32  # added to the window size to accept both gzip and zlib headers


def client_options(*hooks: Callable[[httpx2.Response], Awaitable[None]]) -> Mapping[str, Any]:
    """Arguments for an `AsyncClient`, whose requests then stay at their address and whose responses are limited.

    The hooks are called with each limited response. A redirect is not followed, because the conversation would go to an
    address that the user did not choose. Cookies are not kept: they would link the conversations of all workspaces, and
    a cookie with an odd character would make every later request fail.
    """
    return {
        "follow_redirects": False,
        "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=())),
        "headers": {"Accept-Encoding": "identity"},
        "event_hooks": {"response": [_limit, *hooks]},
    }


async def _limit(response: httpx2.Response) -> None:
    """Replaces the response's stream before anything has been read from it."""
    stream = cast("httpx2.AsyncByteStream", response.stream)
    if 300 <= response.status_code < 400:
        _replace(response, REDIRECT, f"{_target(response)} ({response.status_code})")
        return
    # Decompressed here, because the client would decompress each part of the body at once, however long it becomes.
    encoding = response.headers.pop("content-encoding", "").strip().lower()
    if encoding not in _PLAIN + _DEFLATED:
        _replace(response, COMPRESSED, encoding)
        return
    response.stream = _Limited(stream, is_error=response.status_code >= 400, is_deflated=encoding in _DEFLATED)


def _replace(response: httpx2.Response, code: str, message: str) -> None:
    """Replaces the response with an error."""
    stream = cast("httpx2.AsyncByteStream", response.stream)
    response.stream = _Text(stream, json.dumps({"error": {"code": code, "message": message}}).encode())
    response.status_code = _MISDIRECTED  # pydantic-ai expects that an error has a status of at least 400
    response.headers = httpx2.Headers({"content-type": "application/json", "x-should-retry": "false"})


async def peek(response: httpx2.Response) -> bytes:
    """The first bytes of the body, without leading white space. The response still yields them when it is read."""
    stream = cast("httpx2.AsyncByteStream", response.stream)
    parts = aiter(stream)
    first = b""
    async for part in parts:
        if first := part.lstrip():
            break
    response.stream = _Peeked(stream, first, parts)
    return first


class _Peeked(httpx2.AsyncByteStream):
    """A body whose first part has already been read."""

    def __init__(self, body: httpx2.AsyncByteStream, first: bytes, rest: AsyncIterator[bytes]) -> None:
        self._body = body
        self._first = first
        self._rest = rest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._first
        async for part in self._rest:
            yield part

    async def aclose(self) -> None:
        await self._body.aclose()


def _target(response: httpx2.Response) -> str:
    """The address in a redirect, without a query or a password, which may be secret."""
    try:
        url = response.url.join(response.headers.get("location", "")[:2000])
        return str(url.copy_with(username=None, password=None, query=None, fragment=None))
    except (httpx2.InvalidURL, ValueError):
        return "another address"


class _Text(httpx2.AsyncByteStream):
    """A string that replaces a response's body. The body is not read."""

    def __init__(self, body: httpx2.AsyncByteStream, text: bytes) -> None:
        self._body = body
        self._text = text

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._text

    async def aclose(self) -> None:
        await self._body.aclose()


class _Limited(httpx2.AsyncByteStream):
    """A body of limited length that is read in small pieces, so that other tasks can run in between.

    A longer error ends at the limit, because its beginning says what is wrong. A longer answer raises
    `TokenLimitReached`.
    """

    def __init__(self, body: httpx2.AsyncByteStream, *, is_error: bool, is_deflated: bool) -> None:
        self._body = body
        self._is_error = is_error
        self._is_deflated = is_deflated

    async def __aiter__(self) -> AsyncIterator[bytes]:
        sent, length, longest = 0, 0, _LONGEST_ERROR if self._is_error else LONGEST_RESPONSE
        decoder = zlib.decompressobj(zlib.MAX_WBITS | _ANY_HEADER) if self._is_deflated else None
        pace = Pace()
        async for data in self._body:
            sent += len(data)
            for piece in _decompressed(data, decoder) if decoder else _cut(data):
                length += len(piece)
                if max(sent, length) > longest:
                    if self._is_error:
                        return
                    message = (
                        f"The model's server had not ended its answer after {longest // 1_000_000} MB. Ask a narrower "
                        "question, or check the server."
                    )
                    raise TokenLimitReached(message)
                yield piece.removeprefix(BOM_UTF8) if length == len(piece) else piece  # neither JSON nor SSE has one
                await pace.turn()
            if decoder and decoder.eof:
                return

    async def aclose(self) -> None:
        await self._body.aclose()


def _cut(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]


def _decompressed(data: bytes, decoder: Any) -> Iterator[bytes]:
    while data and not decoder.eof:
        try:
            piece: bytes = decoder.decompress(data, _PIECE)
        except zlib.error as error:
            raise httpx2.DecodingError(str(error)) from error
        yield piece
        data = decoder.unconsumed_tail
