"""The page of the workbench: one notebook in Voila, with settings, a template and a kernel of our own."""

import hashlib
import hmac
import logging
import os
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado.web import GZipContentEncoding, RequestHandler, authenticated
from traitlets.config import Config
from voila.app import Voila
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from cfo_widgets.program import ProgramFile, program
from cfo_widgets.waiting import Waiting

_HERE = Path(__file__).parent
SHARE = _HERE / "share" / "jupyter"
NOTEBOOK = _HERE / "workbench.ipynb"
_UPLOAD = 8 << 20
"""Bytes of one message of a page: a chunk of an upload is 1 MB."""
_POOL = 1
_REFILL_AFTER = 2
"""Seconds after which the next visitor's kernel is started: by then the page that took the last one has been opened."""
_FORGET_AFTER = 120
"""Seconds after which the kernel of a page that is gone ends, where the page could not say so itself."""
_logger = logging.getLogger(__name__)


class Alive(APIHandler):
    """What a page asks every few seconds: whether its server and its kernel are still there."""

    @authenticated
    def get(self, kernel_id: str) -> None:
        self.finish({"kernel": kernel_id in self.kernel_manager})


class Ready(RequestHandler):
    """Whether the next visitor finds a kernel that has run the notebook; open to all, for it tells nothing else."""

    def get(self) -> None:
        pools = self.settings["kernel_manager"]._pools.values()
        heated = any(
            item.done() and not item.exception() and item.result()["task"].done() for pool in pools for item in pool
        )
        self.set_status(200 if heated else 503)


class Leave(VoilaShutdownKernelHandler):
    """A page that is left says so, and its kernel ends."""

    @authenticated
    async def post(self, kernel_id: str) -> None:
        """One that is gone already is no error: a page whose server was started again knows the old one."""
        if kernel_id in self.kernel_manager:
            await self.kernel_manager.shutdown_kernel(kernel_id)
        self.set_status(204)

    def check_xsrf_cookie(self) -> None:
        """A browser that leaves a page cannot send the header with this call; the kernel's id is the secret."""


class Channels(VoilaKernelWebsocketHandler):
    """The socket between a page and its kernel."""

    def get_websocket_protocol(self) -> Any:
        """Leaves the pings to jupyter_server: Tornado would take the same numbers for its own, and warn at each visit.

        A pong may be 90 s late. With no more than the 30 s between two pings each socket would be closed at the first.
        """
        made: Any = super().get_websocket_protocol()
        if made is not None:
            made.params.ping_interval = made.params.ping_timeout = None
        return made

    async def open(self, kernel_id: str) -> None:
        """Messages go at once: TCP would keep a small one for 40 ms wherever the one before it is not confirmed yet."""
        self.set_nodelay(True)
        await super().open(kernel_id)


class Page(Voila):
    """Voila with the handlers above before its own, and an eye on the kernels that wait."""

    def init_settings(self) -> Any:
        made = super().init_settings()
        Waiting(self.kernel_manager).start()
        return made

    def init_handlers(self) -> Any:
        self.app.transforms.append(GZipContentEncoding)  # Voila gives its settings to tornado too late for this one
        own: Any = [
            (f"{self.server_url}cfo/ready", Ready),
            (f"{self.server_url}cfo/alive/([\\w-]+)", Alive),
            (f"{self.server_url}voila/api/shutdown/(.*)", Leave),
            (f"{self.server_url}api/kernels/(?P<kernel_id>[\\w-]+)/channels", Channels),
            (f"{self.server_url}cfo/program/(.*)", ProgramFile),
        ]
        return own + super().init_handlers()


def settings(ip: str, port: int, token: str) -> Config:
    """Everything that is not as Voila has it."""
    voila = {
        "ip": ip,
        "port": port,
        "port_retries": 0,
        "token": token,
        # A page whose server was started again is still let in by its cookie.
        "cookie_secret": hmac.digest(token.encode(), b"cookies of the page", hashlib.sha256),
        "open_browser": False,
        "log_level": logging.ERROR,
        "notebook_path": str(NOTEBOOK),
        "config_file_paths": [],
        "tornado_settings": {
            "websocket_max_message_size": _UPLOAD,
            "log_function": _quiet,
            "headers": {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"},
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
        "default_pool_size": _POOL,
        "resources": {"program": program().name},
    }
    kernels = {
        "cull_idle_timeout": _FORGET_AFTER,
        "cull_interval": 30,
        "cull_connected": False,
        "fill_delay": _REFILL_AFTER,
    }
    return Config(
        Voila=voila, VoilaConfiguration=page, MappingKernelManager=kernels, KernelManager={"transport": "ipc"}
    )


def serve(ip: str, port: int, token: str) -> None:
    """Serves the page until it is told to stop.

    The kernels of visitors have `CFO_URL` and `CFO_API_TOKEN` from the environment of this process.
    """
    paths = [str(SHARE), *filter(None, os.environ.get("JUPYTER_PATH", "").split(os.pathsep))]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(paths)
    Page.launch_instance([], config=settings(ip, port, token))


def _quiet(handler: RequestHandler) -> None:
    """Tells of failures only, and never the query, which may hold the token."""
    if handler.get_status() >= 500 and not isinstance(handler, Ready):
        _logger.error("%s %s: %s", handler.request.method, handler.request.path, handler.get_status())
