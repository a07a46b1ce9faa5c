"""`python -m cfo_api`: serves the workbench over HTTP until it is told to stop.

A stop (SIGTERM, Ctrl-C) ends open streams at once; runs that have not ended are left for the next process.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Generator

import uvicorn

from cfo_api.app import create_app
from cfo_api.auth_middleware import is_loopback
from cfo_api.connections import Connection
from cfo_kernel import CfoError, Settings, connect
from cfo_kernel.errors import InvalidSettings
from cfo_kernel.settings import load

_GRACE = 5  # seconds for answers that are on their way
_KEEP_ALIVE = 75  # seconds, as servers do: with less a client finds a connection closed that it was about to use


class _Server(uvicorn.Server):
    """Tells its address when it is ready, and ends without a signal of its own: being stopped is no failure."""

    def __init__(self, config: uvicorn.Config, url: str, closing: asyncio.Event) -> None:
        super().__init__(config)
        self._url = url
        self._closing = closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(f"cfo_kernel is at {self._url}\n")
            sys.stdout.flush()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.should_exit = True
        self._closing.set()


def main() -> int:
    """The exit code: 0 after a stop, 1 where it cannot serve, 2 for a wrong command line."""
    parser = argparse.ArgumentParser(prog="cfo serve", description="Serve the workbench over HTTP.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: this machine only)")
    parser.add_argument("--port", type=int, default=8765, help="the port; 0 takes a free one (default: 8765)")
    options = parser.parse_args()
    try:
        settings = load()
        if not is_loopback(options.host) and settings.api_token is None:
            message = f"{options.host} can be reached by others. Set CFO_API_TOKEN to a long secret, then start again."
            raise InvalidSettings(message)
        listening = _listen(options.host, options.port)
        with listening:
            return asyncio.run(_serve(listening, options.host, settings))
    except CfoError as error:
        sys.stderr.write(f"{error.message} ({error.code})\n")
        return 1


async def _serve(listening: socket.socket, host: str, settings: Settings) -> int:
    here = settings.model_copy(update={"url": None})  # a server that asks another one, or itself, serves nobody
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # who sends a broken form is told so
    async with connect(settings=here) as workbench:
        app = create_app(workbench, settings, host=host)
        config = uvicorn.Config(
            app,
            http=Connection,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
            timeout_keep_alive=_KEEP_ALIVE,
        )
        shown = f"[{host}]" if ":" in host else host
        server = _Server(config, f"http://{shown}:{listening.getsockname()[1]}", app.state.closing)
        await server.serve([listening])
        return 0 if server.started else 1


def _listen(host: str, port: int) -> socket.socket:
    """Raises `InvalidSettings` where the address cannot be taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
        # Its connections take it over. asyncio sets it for sockets of its own making only; without it the second piece
        # of an answer, its body, waits up to 40 ms until the client has acknowledged the first.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, OverflowError) as error:
        message = f"Cannot listen at {host}, port {port} ({error}). Take another with --host or --port."
        raise InvalidSettings(message) from error


if __name__ == "__main__":
    sys.exit(main())
