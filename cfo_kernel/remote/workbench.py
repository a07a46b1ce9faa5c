"""The workbench at a server: what `connect(url)` gives."""

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from cfo_kernel import display, listings, not_found
from cfo_kernel.async_resource import AsyncResource
from cfo_kernel.errors import OtherLoop, WorkspaceNotFound
from cfo_kernel.remote.address import Address, segment
from cfo_kernel.remote.http import Server, Timeouts
from cfo_kernel.remote.run import RemoteRun, loader
from cfo_kernel.remote.stream import run_status
from cfo_kernel.remote.thread import RemoteThread, thread_record
from cfo_kernel.remote.workspace import RemoteWorkspace, WorkspaceRecord, workspace_record


class RemoteWorkbench(AsyncResource):
    """A server with its workspaces. It connects with the first call, and belongs to the event loop of that call.

    `await connect()` and `async with connect() as wb` work as well as plain `connect()`.
    """

    def __init__(self, url: str, token: SecretStr | None = None, patience: Timeouts | None = None) -> None:
        self._address = Address.of(url, token)
        self._patience = patience or Timeouts()
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def address(self) -> str:
        """The URL of the server."""
        return self._address.url

    async def workspaces(self) -> Sequence[RemoteWorkspace]:
        """All workspaces by name."""
        server = await self._opened()
        return listings.workspaces(RemoteWorkspace(server, record) for record in await self._records())

    async def create_workspace(self, name: str) -> RemoteWorkspace:
        """A new, empty workspace. Raises `InvalidName`, `WorkspaceExists` or `StorageFailed`."""
        server = await self._opened()
        return RemoteWorkspace(server, await server.value(workspace_record, "POST", "/workspaces", json={"name": name}))

    async def workspace(self, id_or_name: str | None = None) -> RemoteWorkspace:
        """The workspace of that id or name; without one, the only one there is. Raises `WorkspaceNotFound`."""
        server = await self._opened()
        if id_or_name is not None:
            try:
                path = f"/workspaces/{segment(id_or_name, not_found.workspace(id_or_name, ()))}"
            except WorkspaceNotFound:
                raise not_found.workspace(id_or_name, (record.id for record in await self._records())) from None
            return RemoteWorkspace(server, await server.value(workspace_record, "GET", path))
        records = await self._records()
        if len(records) != 1:
            raise listings.which_workspace(record.id for record in records)
        return RemoteWorkspace(server, records[0])

    async def thread(self, id: str) -> RemoteThread:
        """The thread of that id, in any workspace. Raises `ThreadNotFound`, or `ThreadAmbiguous` for a copied one."""
        server = await self._opened()
        record = await server.value(thread_record, "GET", f"/threads/{segment(id, not_found.thread(id))}")
        workspace = await self.workspace(record.workspace_id)
        return RemoteThread(server, workspace.id, workspace.name, record)

    async def run(self, id: str) -> RemoteRun:
        """The run of that id, in any thread. Raises `RunNotFound`."""
        server = await self._opened()
        found = await server.value(run_status, "GET", f"/runs/{segment(id, not_found.run(id))}/status")
        return RemoteRun(server, found.run_id, found.thread_id, loader(server, found.thread_id, None))

    async def check(self) -> None:
        """Raises what keeps the server from taking messages, or a `ServerError`."""
        await (await self._opened()).send("GET", "/readyz")

    async def close(self) -> None:
        """Closes the connections; runs go on at the server."""
        self._leave_a_loop_that_is_gone()
        if self._server is not None:
            server, self._server = self._server, None
            await server.close()

    async def _records(self) -> list[WorkspaceRecord]:
        return await (await self._opened()).listed(workspace_record, "/workspaces")

    async def _opened(self) -> Server:
        self._leave_a_loop_that_is_gone()
        if self._server is None:
            self._server = Server(self._address, self._patience)
            self._loop = asyncio.get_running_loop()
            await self._server.open()
        return self._server

    def _leave_a_loop_that_is_gone(self) -> None:
        """Each `asyncio.run` has a loop of its own, and its connections end with it."""
        if self._server is None or self._loop is asyncio.get_running_loop():
            return
        if self._loop is not None and self._loop.is_running():
            raise OtherLoop("This workbench is in use in another event loop. Call connect() for one of this loop.")
        self._server = None

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return display.bundle(["workbench"], [[self.address]])
