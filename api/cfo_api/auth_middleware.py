"""Authenticates requests and limits the size of their bodies.

It is plain ASGI, so that streams pass through unbuffered. The bearer token keeps out programs on the network. Checking
`Host` and `Origin` keeps out web pages that are open on this machine: those on a foreign name that resolves to
127.0.0.1 (DNS rebinding), and scripts from other sites.
"""

import asyncio
import hmac
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cfo_api.problems import problem
from cfo_kernel.hosts import host_name, is_loopback, is_own_origin
from cfo_kernel.interface import MAX_BYTES

MAX_BODY = 1 << 20
"""The maximum size of a body in bytes, except for uploads."""
MAX_UPLOAD = MAX_BYTES + (1 << 20)
"""The maximum size of an upload in bytes: the largest file and the form around it."""
BODY_TIMEOUT = 60.0
"""How many seconds a body may take to arrive. An upload may take longer, but must not pause for longer than this."""
_PATHS_WITHOUT_TOKEN = ("/healthz", "/readyz")
_CLIENT_KEY = "cfo_client"
_SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Headers for every response. They tell browsers not to cache it, share it with other sites, or guess its type."""


def client_of(scope: Scope) -> str:
    """Returns the client of a request, as the middleware identified it."""
    return scope[_CLIENT_KEY]


class AuthMiddleware:
    """Accepts a request, or rejects it with a problem response.

    With `is_local`, the server listens only on this machine, and the `Host` header must name this machine. Otherwise,
    the server may have any name, and only the token protects it.
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
        scope = {**scope, _CLIENT_KEY: self._client(scope)}
        headers = Headers(scope=scope)
        is_upload = scope["method"] == "POST" and scope["path"].endswith("/data")
        limit = MAX_UPLOAD if is_upload else MAX_BODY
        app = self._rejection(scope, headers) or _too_large(headers, limit) or self._app
        has_body = scope["method"] in ("POST", "PATCH")  # routes for other methods read no body
        if scope["method"] == "HEAD":  # the server omits the body of the response
            scope = {**scope, "method": "GET"}
        await app(scope, _limited(receive, limit) if has_body else receive, _with_security_headers(send))

    def _client(self, scope: Scope) -> str:
        """The client of an accepted request: its token if the server requires one, and otherwise its address.

        This machine counts as one client, although it has many addresses. A token that the server does not require is
        ignored, because a client could send a different one each time.
        """
        if self._token is not None:
            return "token"
        address = (scope.get("client") or ("",))[0]
        return "this machine" if is_loopback(address) else address

    def _rejection(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "").lower()
        if self._is_local and not is_loopback(host_name(host)):
            message = "This server can only be reached as localhost. Use that name in the address."
            return problem(403, "foreign_host", message)
        origin = headers.get("origin")
        if origin is not None and not self._is_allowed_origin(origin.lower(), host):
            message = "Pages from other sites may not access this server. To allow a site, add it to CFO_CORS_ORIGINS."
            return problem(403, "foreign_origin", message)
        if scope["path"] not in _PATHS_WITHOUT_TOKEN and not self._is_authorized(headers):
            message = "This server requires its token. Send it in the header: Authorization: Bearer <CFO_API_TOKEN>."
            return problem(401, "token_rejected", message, {"WWW-Authenticate": "Bearer"})
        return None

    def _is_allowed_origin(self, origin: str, host: str) -> bool:
        return origin in self._origins or is_own_origin(origin, host)

    def _is_authorized(self, headers: Headers) -> bool:
        if self._token is None:
            return True
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return hmac.compare_digest(token.strip().encode("latin-1"), self._token) and scheme.lower() == "bearer"


def _too_large(headers: Headers, limit: int) -> Response | None:
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > limit:
        return problem(413, "body_too_large", _limit_text(limit), {"Connection": "close"})
    return None


def _limited(receive: Receive, limit: int) -> Receive:
    """Returns a `receive` that raises an error if the body is too large or too slow.

    Checking the Content-Length header is not enough, because a chunked body has none.
    """
    clock = asyncio.get_running_loop().time
    received, deadline, has_more = 0, clock() + BODY_TIMEOUT, True

    async def limited() -> Message:
        nonlocal received, deadline, has_more
        if not has_more:  # the next message is the disconnect, which may come at any time
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            text = "The body did not arrive in time. Check the connection and send the request again."
            raise HTTPException(408, text, {"Connection": "close"}) from None
        has_more = message.get("more_body", False)
        deadline = clock() + BODY_TIMEOUT if limit == MAX_UPLOAD else deadline
        received += len(message.get("body", b""))
        if received > limit:
            raise HTTPException(413, _limit_text(limit), {"Connection": "close"})
        return message

    return limited


def _with_security_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers


def _limit_text(limit: int) -> str:
    size = f"{MAX_BYTES >> 30} GB" if limit == MAX_UPLOAD else f"{MAX_BODY >> 20} MB"
    return f"The body is too large: the limit is {size}. Send less, or upload it as a file."
