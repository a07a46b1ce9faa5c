"""The application with the tiny company, and with the offline analyst or a scripted model server.

Tests of streams use a real server on loopback; the others call the application directly.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from cfo_api.app import create_app
from cfo_api.connections import server_config
from fastapi import FastAPI

from cfo_kernel import connect
from tests.conftest import settings
from tests.models.scripted_server import ScriptedServer

Make = Callable[..., FastAPI]
Listen = Callable[..., Awaitable[str]]


@pytest.fixture
async def make(root: Path) -> AsyncIterator[Make]:
    """Creates applications that use the given model server, or the offline analyst."""
    async with AsyncExitStack() as stack:

        def made(server: ScriptedServer | None = None, *, host: str = "127.0.0.1", **options: Any) -> FastAPI:
            if server is None:
                options.setdefault("model", "offline")
            given = settings(root, server or "http://127.0.0.1:9/v1", **options)
            workbench = connect(settings=given)
            stack.push_async_callback(workbench.close)
            return create_app(workbench, given, host=host)

        yield made


@pytest.fixture
async def client(make: Make) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that uses the offline analyst."""
    async with speaking_to(make()) as client:
        yield client


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # no event says when the other side has closed  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def speaking_to(app: FastAPI, **options: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, **{"base_url": "http://localhost", "timeout": 60, **options})


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """Serves an application on a free port of this machine, in the current event loop, and returns its URL."""
    async with AsyncExitStack() as stack:

        async def started(app: FastAPI, *, keep_alive: int = 75) -> str:
            config = server_config(
                app,
                port=0,
                log_level="error",
                access_log=False,
                timeout_graceful_shutdown=5,
                timeout_keep_alive=keep_alive,
                backlog=2048,
            )
            server = uvicorn.Server(config)
            server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
            serving = asyncio.create_task(server.serve())

            async def stop() -> None:
                app.state.closing.set()
                server.should_exit = True
                await serving

            stack.push_async_callback(stop)
            while not server.started:
                assert not serving.done()
                await asyncio.sleep(0.01)
            return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

        yield started
