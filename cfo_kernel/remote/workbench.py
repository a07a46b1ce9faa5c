"""The remote workbench, which `connect(url)` returns."""

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from cfo_kernel import display, listings, not_found
from cfo_kernel.api_models import WorkspaceInfo
from cfo_kernel.async_resource import AsyncResource
from cfo_kernel.errors import OtherLoop, WorkspaceNotFound
from cfo_kernel.remote.address import Address, segment
from cfo_kernel.remote.api_client import ApiClient, Timeouts
from cfo_kernel.remote.run import RemoteRun, loader
from cfo_kernel.remote.stream import run_info
from cfo_kernel.remote.thread import RemoteThread, thread_info
from cfo_kernel.remote.workspace import RemoteWorkspace, workspace_info


class RemoteWorkbench(AsyncResource):
    """The workbench on a server. The first call connects, and binds the workbench to that call's event loop.

    `await connect()` and `async with connect() as wb` also work.
    """

    def __init__(self, url: str, token: SecretStr | None = None, timeouts: Timeouts | None = None) -> None:
        self._address = Address.of(url, token)
        self._timeouts = timeouts or Timeouts()
        self._client: ApiClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def address(self) -> str:
        """The URL of the server."""
        return self._address.url

    async def workspaces(self) -> Sequence[RemoteWorkspace]:
        """Returns all workspaces, sorted by name."""
        client = await self._opened()
        return listings.workspaces(RemoteWorkspace(client, info) for info in await self._infos())

    async def create_workspace(self, name: str) -> RemoteWorkspace:
        """Creates an empty workspace and returns it. Raises `InvalidName`, `WorkspaceExists` or `StorageFailed`."""
        client = await self._opened()
        return RemoteWorkspace(client, await client.fetch(workspace_info, "POST", "/workspaces", json={"name": name}))

    async def workspace(self, id_or_name: str | None = None) -> RemoteWorkspace:
        """Returns the workspace with this id or name, or the only workspace if none is given.

        Raises `WorkspaceNotFound`.
        """
        client = await self._opened()
        if id_or_name is not None:
            try:
                path = f"/workspaces/{segment(id_or_name, not_found.workspace(id_or_name, ()))}"
            except WorkspaceNotFound:
                raise not_found.workspace(id_or_name, (info.id for info in await self._infos())) from None
            return RemoteWorkspace(client, await client.fetch(workspace_info, "GET", path))
        infos = await self._infos()
        if len(infos) != 1:
            raise listings.which_workspace(info.id for info in infos)
        return RemoteWorkspace(client, infos[0])

    async def thread(self, id: str) -> RemoteThread:
        """Returns the thread with this id in any workspace. Raises `ThreadNotFound` or `ThreadAmbiguous`."""
        client = await self._opened()
        info = await client.fetch(thread_info, "GET", f"/threads/{segment(id, not_found.thread(id))}")
        workspace = await self.workspace(info.workspace_id)
        return RemoteThread(client, workspace.id, workspace.name, info)

    async def run(self, id: str) -> RemoteRun:
        """Returns the run with this id in any thread. Raises `RunNotFound`."""
        client = await self._opened()
        found = await client.fetch(run_info, "GET", f"/runs/{segment(id, not_found.run(id))}/status")
        return RemoteRun(client, found.run_id, found.thread_id, loader(client, found.thread_id, None))

    async def check(self) -> None:
        """Checks that the server can accept messages now. Raises an error if it cannot."""
        await (await self._opened()).request("GET", "/readyz")

    async def close(self) -> None:
        """Closes the connections. Runs continue on the server."""
        self._forget_ended_loop()
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def _infos(self) -> list[WorkspaceInfo]:
        return await (await self._opened()).fetch_all(workspace_info, "/workspaces")

    async def _opened(self) -> ApiClient:
        self._forget_ended_loop()
        if self._client is None:
            self._client = ApiClient(self._address, self._timeouts)
            self._loop = asyncio.get_running_loop()
            await self._client.open()
        return self._client

    def _forget_ended_loop(self) -> None:
        """Discards the client if its event loop has ended. Raises `OtherLoop` if that loop is still running."""
        if self._client is None or self._loop is asyncio.get_running_loop():
            return
        if self._loop is not None and self._loop.is_running():
            raise OtherLoop("This workbench is in use in another event loop. Call connect() again in this one.")
        self._client = None

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return display.bundle(["workbench"], [[self.address]])
