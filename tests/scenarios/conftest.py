"""The front ends. Each scenario runs on every front end, and does not depend on which one it is."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cfo_kernel import Settings, Thread, Workbench, Workspace, connect
from cfo_kernel.remote import RemoteWorkbench
from tests.conftest import settings
from tests.models.scripted_server import ScriptedServer, Turn
from tests.remote.conftest import TOKEN
from tests.remote.served import Served
from tests.remote.test_workbench import TIMEOUTS
from tests.replies import Serve

pytest.register_assert_rewrite("tests.scenarios.golden_files")
from tests.scenarios.golden_files import Golden  # noqa: E402

EMBEDDED, HTTP, POSTGRES = "embedded", "http", "http_postgres"
WAYS = (EMBEDDED, HTTP, POSTGRES)
one_database = pytest.mark.parametrize("way", [EMBEDDED, HTTP], indirect=True)
"""For scenarios that do the same whichever database stores runs."""


@dataclass(frozen=True)
class Front:
    """The company `tiny` in a front end, and the model that it uses."""

    model: ScriptedServer
    wb: Workbench
    another: Callable[[], Awaitable[Workbench]]
    """Opens another connection, as from another tab or machine."""

    async def workspace(self) -> Workspace:
        return await self.wb.workspace("tiny")

    async def thread(self) -> Thread:
        """A new thread."""
        return await (await self.workspace()).thread()

    async def elsewhere(self, thread: Thread) -> Thread:
        """The same thread over another connection."""
        return await (await (await self.another()).workspace("tiny")).thread(thread.id)


Opened = Callable[..., Awaitable[Front]]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def options(request: pytest.FixtureRequest, way: str) -> dict[str, Any]:
    """The settings that this front end needs."""
    return {"database_url": SecretStr(request.getfixturevalue("postgres"))} if way == POSTGRES else {}


@pytest.fixture
async def front(way: str, options: dict[str, Any], root: Path, serve: Serve) -> AsyncIterator[Opened]:
    """`await front(turn, ...)` opens a front end with a model that plays these turns. Settings are keywords."""
    async with AsyncExitStack() as stack:

        async def open_(*script: Turn, chunk_delay: float = 0, **more: Any) -> Front:
            model = serve(*script, chunk_delay=chunk_delay)
            chosen = settings(root, model, **options, **more)
            another = partial(_connected, stack, chosen if way == EMBEDDED else _served(stack, chosen))
            return Front(model, await another(), another)

        yield open_


def _served(stack: AsyncExitStack, chosen: Settings) -> str:
    """The URL of a new server."""
    return stack.enter_context(Served(chosen.model_copy(update={"api_token": SecretStr(TOKEN)}))).url


async def _connected(stack: AsyncExitStack, to: Settings | str) -> Workbench:
    if isinstance(to, str):
        return await stack.enter_async_context(RemoteWorkbench(to, SecretStr(TOKEN), TIMEOUTS))
    return await stack.enter_async_context(connect(settings=to))


@pytest.fixture
def golden(request: pytest.FixtureRequest, way: str) -> Golden:
    """Compares a scenario's record with its golden file, which is the same for all front ends."""
    return Golden(request.node.originalname.removeprefix("test_"), is_first=way == WAYS[0])
