"""The door: who may speak to the server, from where, and how much they may send.

Plain ASGI, so that streams pass as they come. A page in a browser is kept off by `Host` (a foreign name that leads to
this machine) and `Origin` (a script of another site); a program on the network by the bearer token.
"""

import asyncio
import hmac
import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cfo_api.problems import problem

MAX_BODY = 1 << 20
"""Bytes of a body that is no upload."""
MAX_UPLOAD = (2 << 30) + (1 << 20)
"""Bytes of an upload: a file of 2 GB, which is the largest that is taken, and what stands around it."""
PATIENCE = 60.0
"""Seconds in which a body must have come; an upload may take longer, and be silent that long."""
_OPEN = ("/healthz", "/readyz")
_ALWAYS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer says to a browser: keep none of it, lend it to no other site, and take it for nothing else."""


def is_loopback(host: str) -> bool:
    """Whether the name or address can only be this machine."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class AuthMiddleware:
    """Lets a request through, or answers it with a problem.

    With `is_local`, the server can only be reached as this machine, and so it must be named. Elsewhere it may have any
    name, and the token is what keeps others out.
    """

    def __init__(self, app: ASGIApp, token: str | None, origins: Sequence[str], *, is_local: bool) -> None:
        self._app = app
        self._token = None if token is None else token.encode()
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._is_local = is_local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_upload = scope["method"] == "POST" and scope["path"].endswith("/data")
        limit = MAX_UPLOAD if is_upload else MAX_BODY
        answer = self._refused(scope, headers) or _too_large(headers, limit) or self._app
        has_body = scope["method"] in ("POST", "PATCH")  # no other body is read
        if scope["method"] == "HEAD":  # the server leaves the body of the answer out
            scope = {**scope, "method": "GET"}
        await answer(scope, _limited(receive, limit) if has_body else receive, _marked(send))

    def _refused(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "").lower()
        if self._is_local and not is_loopback(_name_of(host)):
            message = "This server is reached as localhost only. Open it by that name."
            return problem(403, "foreign_host", message)
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin.lower(), host):
            message = "Pages of another site may not use this server. Name that site in CFO_CORS_ORIGINS to allow it."
            return problem(403, "foreign_origin", message)
        if self._token is not None and scope["path"] not in _OPEN and not self._is_known(headers, self._token):
            message = "This server wants its token. Send it as: Authorization: Bearer <CFO_API_TOKEN>."
            return problem(401, "token_rejected", message, {"WWW-Authenticate": "Bearer"})
        return None

    def _is_own(self, origin: str, host: str) -> bool:
        return origin in self._origins or origin in (f"http://{host}", f"https://{host}")

    @staticmethod
    def _is_known(headers: Headers, token: bytes) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return hmac.compare_digest(given.strip().encode("latin-1"), token) and scheme.lower() == "bearer"


def _name_of(host: str) -> str:
    """The name without the port; empty for what is no host, but more, or less."""
    try:
        parts = urlsplit(f"//{host}")
        is_host = parts.netloc == host and "@" not in host and parts.port != 0
    except ValueError:
        return ""
    return (is_host and parts.hostname) or ""


def _too_large(headers: Headers, limit: int) -> Response | None:
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > limit:
        return problem(413, "body_too_large", _limit_text(limit), {"Connection": "close"})
    return None


def _limited(receive: Receive, limit: int) -> Receive:
    """The same stream, refused where it grows beyond the limit, for a body need not say how long it is, or stands."""
    clock = asyncio.get_running_loop().time
    taken, ends, has_more = 0, clock() + PATIENCE, True

    async def limited() -> Message:
        nonlocal taken, ends, has_more
        if not has_more:  # whoever waits now waits for the client to leave
            return await receive()
        try:
            async with asyncio.timeout_at(ends):
                message = await receive()
        except TimeoutError:
            text = "The body does not come. Check the connection and send it again."
            raise HTTPException(408, text, {"Connection": "close"}) from None
        has_more = message.get("more_body", False)
        ends = clock() + PATIENCE if limit == MAX_UPLOAD else ends
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413, _limit_text(limit), {"Connection": "close"})
        return message

    return limited


def _marked(send: Send) -> Send:
    """The same, where an answer begins with what is said of all."""

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _ALWAYS.items():
                headers.setdefault(name, value)
        await send(message)

    return marked


def _limit_text(limit: int) -> str:
    size = "2 GB" if limit == MAX_UPLOAD else "1 MB"
    return f"The body is too large: at most {size} are taken here. Send less, or upload it as a file."
