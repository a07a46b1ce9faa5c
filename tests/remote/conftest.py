"""Fixtures for the remote workbench: a scripted server, and a workbench with short timeouts that uses it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pydantic import SecretStr

from cfo_kernel.remote import RemoteWorkbench
from cfo_kernel.remote.api_client import Timeouts
from tests.remote.scripted_http import ScriptedHttp

TOKEN = "a-token-that-nobody-may-see"
QUICK = Timeouts(total=2, silence=0.2, pause=0.01)
Scripted = Callable[..., Awaitable[tuple[ScriptedHttp, RemoteWorkbench]]]


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    """Starts a server with the given turns, and returns it with a workbench that uses it."""
    async with AsyncExitStack() as stack:

        async def start(*turns: Any, timeouts: Timeouts = QUICK) -> tuple[ScriptedHttp, RemoteWorkbench]:
            server = await stack.enter_async_context(ScriptedHttp(*turns))
            workbench = RemoteWorkbench(server.url, SecretStr(TOKEN), timeouts)
            await stack.enter_async_context(workbench)
            return server, workbench

        yield start
