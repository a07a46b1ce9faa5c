"""Serves the workbench as a web page: a notebook in Voila with custom settings, template and kernel."""

import hashlib
import hmac
import logging
import os
from pathlib import Path
from typing import Any

from jupyter_server.auth.logout import LogoutHandler
from jupyter_server.base.handlers import APIHandler
from tornado.web import GZipContentEncoding, HTTPError, RequestHandler, authenticated
from traitlets.config import Config
from voila.app import Voila
from voila.request_info_handler import RequestInfoSocketHandler
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.static_file_handler import AllowListFileHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler
from voila.voila_identity_provider import VoilaLoginHandler

from cfo_kernel.hosts import is_loopback
from cfo_widgets.kernel_messages import PROTOCOL, is_message
from cfo_widgets.kernel_pool import KernelPoolMonitor
from cfo_widgets.page_guard import SCRIPTS, Guarded, LoginHandler, content_security_policy, guarded
from cfo_widgets.voila_bundle import VoilaBundleHandler, voila_bundle

_HERE = Path(__file__).parent
SHARE = _HERE / "share" / "jupyter"
NOTEBOOK = _HERE / "workbench.ipynb"
_MAX_MESSAGE = 8 << 20
"""The maximum size of a websocket message in bytes. A chunk of an upload is 1 MB."""
_POOL_SIZE = 1
_REFILL_DELAY = 2
"""The delay in seconds before the pool's next kernel starts, to avoid slowing down the page that took the last one."""
_CULL_AFTER = 120
"""The delay in seconds before a kernel without a page is stopped. Most pages stop their kernels when users leave."""
_UNUSED = (RequestInfoSocketHandler, LogoutHandler, AllowListFileHandler)
"""Voila's handlers that the page does not need. They pass query strings to kernels, and serve files."""
_INVALID = 1007
"""The websocket's code for a message that cannot be read."""
_SIGN_OF_LIFE = "<script>window.voila_heartbeat()</script>\n"
_logger = logging.getLogger(__name__)


class AliveHandler(APIHandler):
    """Reports whether a page's kernel still exists. Pages call this every few seconds."""

    @authenticated
    def get(self, kernel_id: str) -> None:
        self.finish({"kernel": kernel_id in self.kernel_manager})


class ReadyHandler(Guarded, RequestHandler):
    """Reports whether a preheated kernel is waiting for a visitor. Requires no token and reveals nothing else."""

    is_public = True

    def get(self) -> None:
        pools = self.settings["kernel_manager"]._pools.values()
        is_ready = any(
            item.done() and not item.exception() and item.result()["task"].done() for pool in pools for item in pool
        )
        self.set_status(200 if is_ready else 503)


class LeaveHandler(VoilaShutdownKernelHandler):
    """Stops a page's kernel when the user leaves the page."""

    @authenticated
    async def post(self, kernel_id: str) -> None:
        # It is not an error if a page from before a server restart reports a kernel that no longer exists.
        if kernel_id in self.kernel_manager:
            await self.kernel_manager.shutdown_kernel(kernel_id)
        self.set_status(204)

    def check_xsrf_cookie(self) -> None:
        """Skips the check: browsers cannot send the header while leaving a page, and the kernel id is secret."""


class PageHandler(TornadoVoilaHandler):
    """The page itself."""

    @authenticated
    async def get(self, path: str | None = None) -> None:
        if path:
            raise HTTPError(404)
        async for part in self.get_generator():
            # While a kernel starts, Voila sends a heartbeat script, which the page's policy forbids.
            self.write(part.replace(_SIGN_OF_LIFE, "\n"))
            self.flush()


class KernelChannelsHandler(VoilaKernelWebsocketHandler):
    """The websocket between a page and its kernel."""

    def get_websocket_protocol(self) -> Any:
        """Leaves keep-alive pings to jupyter_server.

        Tornado would use the same settings, and warn on each visit that a pong may take 90 s although pings are sent
        every 30 s. With a timeout of 30 s, it would close every socket at the first ping.
        """
        protocol: Any = super().get_websocket_protocol()
        if protocol is not None:
            protocol.params.ping_interval = protocol.params.ping_timeout = None
        return protocol

    async def open(self, kernel_id: str) -> None:
        # Without TCP_NODELAY, a small message waits up to 40 ms until the previous one is acknowledged.
        self.set_nodelay(True)
        await super().open(kernel_id)

    def on_message(self, message: str | bytes) -> None:
        """Passes a message on to the kernel. Anything else closes the connection."""
        try:
            if self.selected_subprotocol != PROTOCOL or not is_message(message):
                raise ValueError
            super().on_message(message)
        except (ValueError, LookupError, TypeError, AssertionError, RecursionError):
            self.close(_INVALID, "This is not a message for a kernel.")


class WorkbenchApp(Voila):
    """Voila with the handlers above, a guard in front of every handler, and a kernel pool monitor."""

    def init_settings(self) -> Any:
        settings = super().init_settings()
        KernelPoolMonitor(self.kernel_manager).start()
        return settings

    def init_handlers(self) -> Any:
        self.app.transforms.append(GZipContentEncoding)  # Voila passes its settings to tornado too late for `gzip`
        handlers: Any = [
            (f"{self.server_url}cfo/ready", ReadyHandler),
            (f"{self.server_url}cfo/alive/([\\w-]+)", AliveHandler),
            (f"{self.server_url}voila/api/shutdown/(.*)", LeaveHandler),
            (f"{self.server_url}api/kernels/(?P<kernel_id>[\\w-]+)/channels", KernelChannelsHandler),
            (f"{self.server_url}cfo/program/(.*)", VoilaBundleHandler),
        ]
        voila: Any = super().init_handlers()
        handlers += [entry for entry in voila if not issubclass(entry[1], _UNUSED)]
        replaced = {TornadoVoilaHandler: PageHandler, VoilaLoginHandler: LoginHandler}
        return [(path, guarded(replaced.get(kind, kind)), *options) for path, kind, *options in handlers]


def settings(ip: str, port: int, token: str) -> Config:
    """Returns all settings that differ from Voila's defaults."""
    voila = {
        "ip": ip,
        "port": port,
        "port_retries": 0,
        "token": token,
        # Derived from the token, so that a page's cookie stays valid when the server restarts.
        "cookie_secret": hmac.digest(token.encode(), b"cookies of the page", hashlib.sha256),
        "open_browser": False,
        "log_level": logging.ERROR,
        "notebook_path": str(NOTEBOOK),
        "config_file_paths": [],
        "tornado_settings": {
            "websocket_max_message_size": _MAX_MESSAGE,
            "log_function": _log_failures,
            "cfo_headers": {
                "Content-Security-Policy": content_security_policy(),
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "same-origin",
            },
            "cfo_is_local": is_loopback(ip),
            "cfo_token": token,
            "xsrf_cookie_kwargs": {"samesite": "Strict"},
        },
    }
    page = {
        "template": "cfo",
        "theme": "light",
        "allow_template_override": "NO",
        "allow_theme_override": "NO",
        "extension_allowlist": [
            "@voila-dashboards/widgets-manager8",
            "@jupyter-widgets/jupyterlab-manager",
            "anywidget",
        ],
        "extension_denylist": [],
        "file_allowlist": [],
        "show_tracebacks": False,
        "preheat_kernel": True,
        "default_pool_size": _POOL_SIZE,
        "resources": {"voila_bundle": voila_bundle().name, "scripts": SCRIPTS},
    }
    kernels = {
        "cull_idle_timeout": _CULL_AFTER,
        "cull_interval": 30,
        "cull_connected": False,
        "fill_delay": _REFILL_DELAY,
    }
    return Config(
        Voila=voila,
        VoilaConfiguration=page,
        MappingKernelManager=kernels,
        KernelManager={"transport": "ipc"},
        Session={"packer": "cfo_widgets.message_packing.pack"},
        # Sent with links to the page from other sites, such as a thread in an email, but not with their requests.
        IdentityProvider={"cookie_options": {"samesite": "Lax"}},
    )


def serve(ip: str, port: int, token: str) -> None:
    """Serves the page until the process is stopped.

    The visitors' kernels get `CFO_URL` and `CFO_API_TOKEN` from the environment of this process.
    """
    paths = [str(SHARE), *filter(None, os.environ.get("JUPYTER_PATH", "").split(os.pathsep))]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(paths)
    WorkbenchApp.launch_instance([], config=settings(ip, port, token))


def _log_failures(handler: RequestHandler) -> None:
    """Logs only failed requests, without the query string, which may contain the token."""
    if handler.get_status() >= 500 and not isinstance(handler, ReadyHandler):
        _logger.error("%s %s: %s", handler.request.method, handler.request.path, handler.get_status())
