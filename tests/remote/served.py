"""Runs the real application on a real server, in a separate thread, so that it can be stopped and restarted."""

import asyncio
import socket
import threading
from types import TracebackType

import uvicorn
from cfo_api.app import create_app

from cfo_kernel import Settings, connect


class Served:
    """`with Served(settings) as server`: its URL stays the same across `stop()` and `start()`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._port = 0
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self.starts = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts the server, and returns once it answers."""
        listening = socket.create_server(("127.0.0.1", self._port))
        self._port = listening.getsockname()[1]
        self._started.clear()
        self.starts += 1
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(listening)), daemon=True)
        self._thread.start()
        assert self._started.wait(30)

    def stop(self, *, hard: bool = False) -> None:
        """Ends open streams (or, if `hard`, cuts them), and closes the root. Runs in progress are left open."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop, hard)
            self._thread.join(30)
            self._thread = None

    def _stop(self, hard: bool) -> None:
        for connection in [*self._server.server_state.connections] if hard else []:
            connection.transport.abort()
        self._closing.set()
        self._server.should_exit = True

    async def _serve(self, listening: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        with listening:
            async with connect(settings=self._settings) as workbench:
                app = create_app(workbench, self._settings)
                config = uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=1)
                self._server, self._closing = uvicorn.Server(config), app.state.closing
                waiting = asyncio.create_task(self._wait_until_started())
                await self._server.serve([listening])
                waiting.cancel()

    async def _wait_until_started(self) -> None:
        while not self._server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        self._started.set()

    def __enter__(self) -> "Served":
        self.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()
