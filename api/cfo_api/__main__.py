"""`python -m cfo_api`: serves the workbench over HTTP until it is stopped by SIGTERM or Ctrl-C.

When the server stops, open streams end at once, and runs in progress are left to the next process.
"""

import argparse
import asyncio
import logging
import socket
import sys
from types import FrameType

import uvicorn

from cfo_api.app import create_app
from cfo_api.collection_pauses import CollectionPauses
from cfo_api.connections import room_for_streams, server_config
from cfo_kernel import CfoError, Settings, connect
from cfo_kernel.errors import InvalidSettings
from cfo_kernel.hosts import is_loopback
from cfo_kernel.service_log import log_to_stderr
from cfo_kernel.settings import load

_STOP_TIMEOUT = 5  # seconds to finish responses in progress
_ACKNOWLEDGED_WITHIN = 120_000  # milliseconds within which a client's system must acknowledge sent data
_KEEP_ALIVE = 75  # seconds, as in other servers; less would make clients reuse closing connections more often


class _Server(uvicorn.Server):
    """A server that, on a signal, ends open streams and then exits normally.

    uvicorn would raise the signal again after its shutdown, which would make a requested stop look like a failure.
    """

    def __init__(self, config: uvicorn.Config, closing: asyncio.Event) -> None:
        super().__init__(config)
        self._loop = asyncio.get_running_loop()
        self._closing = closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._closing.set)


class _UpgradeFilter(logging.Filter):
    """Drops uvicorn's warning about requests to upgrade the connection, which Java's client sends for HTTP/2."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        return "upgrade request" not in message and "WebSocket library" not in message


def main() -> int:
    """Returns the exit code: 0 after a normal stop, 1 if it cannot serve, 2 for an invalid command line."""
    parser = argparse.ArgumentParser(prog="cfo serve", description="Serve the workbench over HTTP.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=8765, help="the port, or 0 for any free port (default: 8765)")
    options = parser.parse_args()
    try:
        settings = load()
        if not is_loopback(options.host) and settings.api_token is None:
            message = f"Other machines can reach {options.host}. Set CFO_API_TOKEN to a long secret and restart."
            raise InvalidSettings(message)
        listening = _listen(options.host, options.port)
        with listening:
            return asyncio.run(_serve(listening, options.host, settings))
    except CfoError as error:
        sys.stderr.write(f"{error.message} ({error.code})\n")
        return 1


async def _serve(listening: socket.socket, host: str, settings: Settings) -> int:
    embedded = settings.model_copy(update={"url": None})  # CFO_URL may point to this server itself
    logging.getLogger("python_multipart").setLevel(
        logging.ERROR
    )  # the client already gets an error for a malformed form
    logging.getLogger("uvicorn.error").addFilter(_UpgradeFilter())
    log_to_stderr(embedded)
    async with connect(settings=embedded) as workbench:
        await workbench.check()  # reports a root that cannot be used now, even if it is empty
        streams = room_for_streams(settings.stream_limit)
        app = create_app(workbench, settings.model_copy(update={"stream_limit": streams}), host=host)
        config = server_config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_STOP_TIMEOUT,
            timeout_keep_alive=_KEEP_ALIVE,
        )
        server = _Server(config, app.state.closing)
        shown_host = f"[{host}]" if ":" in host else host
        announcing = asyncio.create_task(_announce(server, f"http://{shown_host}:{listening.getsockname()[1]}"))
        pauses = CollectionPauses(lambda: app.state.long_requests.count == 0)
        try:
            with pauses.kept_short():
                await server.serve([listening])
        finally:
            announcing.cancel()
        return 0 if server.started else 1


async def _announce(server: uvicorn.Server, url: str) -> None:
    """Prints the address once the server is ready. uvicorn has a flag for this state, but no event."""
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    sys.stdout.write(f"cfo_kernel is at {url}\n")
    sys.stdout.flush()


def _listen(host: str, port: int) -> socket.socket:
    """Returns a socket that listens on the address. Raises `InvalidSettings` if the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
        # Accepted connections inherit this option, which asyncio sets only on sockets that it creates itself. Without
        # it, the body of a response waits up to 40 ms for the client to acknowledge the head.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sys.platform == "linux":  # a client that disappears silently is noticed after two minutes instead of fifteen
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _ACKNOWLEDGED_WITHIN)
        return listening
    except (OSError, OverflowError) as error:
        message = f"Cannot listen on {host}, port {port} ({error}). Choose another with --host or --port."
        raise InvalidSettings(message) from error


if __name__ == "__main__":
    sys.exit(main())
