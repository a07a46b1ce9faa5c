"""Guards every address of the page: decides which requests are answered, and what browsers may load.

Voila and Jupyter bring many handlers, each with its own access rules. Every one of them is therefore derived from
`Guarded`, which checks a request before the handler does.
"""

import base64
import hashlib
import hmac
import html
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.login import LoginFormHandler
from tornado.escape import url_escape
from tornado.web import HTTPError, RequestHandler, StaticFileHandler

from cfo_kernel.hosts import host_name, is_loopback, is_own_origin

_TEMPLATE = Path(__file__).parent / "share" / "jupyter" / "voila" / "templates" / "cfo"
SCRIPTS = {name: (_TEMPLATE / f"{name}.js").read_text() for name in ("start", "reconnect")}
"""The page's inline scripts. The policy allows them by their hashes."""
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 34em; margin: 18vh auto 0; padding: 0 1.5em }
:root { color-scheme: light dark }
input, button { font: inherit; padding: .35em .6em } input { width: 18em; max-width: 100% }
"""
_logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    _Handler = RequestHandler
else:
    _Handler = object


def content_security_policy() -> str:
    """The policy that tells a browser what it may load and run on the page.

    Scripts come from this server, from the few inline scripts of the page, or from a `blob:` address: anywidget imports
    a widget's code from one, and only a script can create one. No text is evaluated as code; charts use Vega's
    interpreter instead. Inline styles are allowed, since JupyterLab, Lumino, anywidget and Vega all set styles from
    scripts, both as elements without a nonce and as attributes. These cannot load anything from elsewhere: images and
    fonts must be `data:`, `blob:` or from this server. Nothing may be sent to another server, and the page may not be
    framed.
    """
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in SCRIPTS.values())
    directives = {
        "default-src": "'none'",
        "script-src": f"'self' blob: {hashes}",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "frame-src": "'none'",
        "frame-ancestors": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


class Guarded(_Handler):
    """Refuses requests for another host, from another site's pages, or without the token.

    The checks come before the handler does anything with a request, so a stranger never sees a handler's error.
    """

    is_public = False
    """Whether the handler needs no token."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        for name, value in self.settings["cfo_headers"].items():
            self.set_header(name, value)

    async def prepare(self, **options: Any) -> None:
        host = self.request.headers.get("Host", "")
        if self.settings["cfo_is_local"] and not is_loopback(host_name(host.lower())):
            raise _refused("This page can only be reached as localhost. Use that name in the address.")
        origin = self.request.headers.get("Origin")
        if origin is not None and not is_own_origin(origin, host):
            raise _refused("Pages from other sites may not access this page.")
        if not self.is_public and not self._is_known():
            if self.request.method in ("GET", "HEAD") and self._is_page():
                self.redirect(f"{self.settings['base_url']}login?next={url_escape(self.request.uri or '/')}")
                return
            raise _refused("The token is missing. Open the address that was printed when the page was started.")
        prepared: Any = super().prepare(**options)
        if prepared is not None:
            await prepared

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Sends a short page instead of Jupyter's, whose templates need files that are not served here."""
        error = kwargs.get("exc_info", (None, None))[1]
        message = str(error.args[0]) if isinstance(error, HTTPError) and error.args else ""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(small_page(f"{status_code} {self._reason}", f"<p>{html.escape(message)}</p>"))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Logs failures without the query string, which may contain the token."""
        if not isinstance(value, HTTPError):
            _logger.error("%s %s failed", self.request.method, self.request.path, exc_info=(typ, value, tb))

    def _is_page(self) -> bool:
        """Whether a user would see the response, so that a form for the token is useful."""
        return "Upgrade" not in self.request.headers and "text/html" in self.request.headers.get("Accept", "")

    def _is_known(self) -> bool:
        """Whether the request has the token, or the cookie that an earlier request with the token received."""
        sent = [*self.request.query_arguments.get("token", []), *_bearer(self.request.headers.get("Authorization", ""))]
        if any(is_token(token, self.settings["cfo_token"]) for token in sent):
            return True
        identity = self.settings["identity_provider"]
        return self.get_secure_cookie(identity.get_cookie_name(self)) is not None


class LoginHandler(Guarded, LoginFormHandler):
    """A form for the token, for a browser that has no cookie yet."""

    is_public = True

    def _render(self, message: Any = None) -> None:
        target = html.escape(url_escape(self.get_argument("next", self.base_url)))
        form = f"""
<p>Open the address that was printed when the page was started, or enter its token.</p>
<form method="post" action="{html.escape(self.base_url)}login?next={target}">{self.xsrf_form_html()}
<input type="password" name="password" aria-label="Token" autofocus> <button>Open</button></form>
{"<p role='alert'>The token is not correct.</p>" if message else ""}"""
        self.finish(small_page("CFO workbench", form))

    @allow_unauthenticated
    def post(self) -> None:
        if not is_token(self.get_argument("password", "").encode(), self.settings["cfo_token"]):
            self.set_status(401)
            self._render(message={"error": "Invalid credentials"})
            return
        identity = self.identity_provider
        identity.set_login_cookie(self, identity.generate_anonymous_user(self))
        self._redirect_safe(self.get_argument("next", self.base_url))

    def _redirect_safe(self, url: str, default: str | None = None) -> None:
        try:
            super()._redirect_safe(url if url.isprintable() else self.base_url, default)
        except ValueError:  # not an address
            self.redirect(self.base_url)


class GuardedFiles(Guarded):
    """The guard for handlers of static files. An invalid path returns 404 instead of failing in their parser."""

    async def get(self, path: str, include_body: bool = True) -> None:
        try:
            answered: Any = super().get(path, include_body)
            await answered
        except (ValueError, AssertionError, OSError) as error:
            raise HTTPError(404) from error


def guarded(handler: type[RequestHandler]) -> Any:
    """The handler behind the guard."""
    if issubclass(handler, Guarded):
        return handler
    guard = GuardedFiles if issubclass(handler, StaticFileHandler) else Guarded
    return type(handler.__name__, (guard, handler), {})


def small_page(title: str, content: str) -> str:
    """A short page without scripts."""
    icon = '<link rel="icon" href="data:,">'  # otherwise a browser requests one
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title>{icon}<style>{_STYLE}</style>'
    return (
        f'<!DOCTYPE html><html lang="en"><head>{head}</head><body><h1>{html.escape(title)}</h1>{content}</body></html>'
    )


def _refused(message: str) -> HTTPError:
    """The error with a message for the reader.

    It has no `log_message`, which Tornado would log with the query string.
    """
    error = HTTPError(403)
    error.args = (message,)
    return error


def is_token(sent: bytes, token: str) -> bool:
    """Whether this is the token. The comparison takes the same time for every wrong token."""
    return hmac.compare_digest(sent.strip(), token.encode())


def _bearer(authorization: str) -> list[bytes]:
    scheme, _, token = authorization.partition(" ")
    return [token.encode("utf-8", "surrogateescape")] if scheme.lower() in ("token", "bearer") else []
