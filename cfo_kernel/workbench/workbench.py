"""The embedded workbench, which `connect()` returns unless it is given a URL."""

import asyncio
from collections.abc import Sequence
from typing import Any, Self
from weakref import WeakSet

from cfo_kernel import display, listings, not_found
from cfo_kernel.async_resource import AsyncResource
from cfo_kernel.errors import OtherLoop, OtherRoot, ThreadNotFound, WorkspaceNotFound
from cfo_kernel.settings import Settings
from cfo_kernel.store import folders
from cfo_kernel.store.catalog import WorkspaceRow
from cfo_kernel.workbench.engine import Engine, creating_folder
from cfo_kernel.workbench.run import EmbeddedRun
from cfo_kernel.workbench.thread import EmbeddedThread
from cfo_kernel.workbench.workspace import EmbeddedWorkspace


class EmbeddedWorkbench(AsyncResource):
    """The workbench for a root. The first call opens the root, and binds the workbench to that call's event loop.

    An empty root is created and opened only by `create_workspace` and `check`.

    `await connect()` and `async with connect() as wb` also work.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.root = settings.resolved_root()
        self._engine: Engine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def address(self) -> str:
        """The path of the root."""
        return str(self.root)

    async def workspaces(self) -> Sequence[EmbeddedWorkspace]:
        """Returns all workspaces, sorted by name. Every folder in the root that contains `data/` is a workspace."""
        if self._is_unused():
            return listings.workspaces(())
        engine = await self._opened()
        return listings.workspaces(EmbeddedWorkspace(engine, row, self) for row in engine.workspaces())

    async def create_workspace(self, name: str) -> EmbeddedWorkspace:
        """Creates an empty workspace and returns it. Raises `InvalidName`, `WorkspaceExists` or `StorageFailed`."""
        engine = await self._opened()
        engine.adopt_workspaces()
        tidy = folders.workspace_name(name)
        slug = folders.workspace_id(tidy)
        row = WorkspaceRow(id=slug, name=tidy, workspace_dir=slug)
        row = engine.catalog.add_workspace(row, is_gone=engine.is_gone)
        with creating_folder(engine.root / slug):
            folders.make_workspace(engine.root / slug)
        return EmbeddedWorkspace(engine, row, self)

    async def workspace(self, id_or_name: str | None = None) -> EmbeddedWorkspace:
        """Returns the workspace with this id or name, or the only workspace if none is given.

        Also finds a workspace whose name differs only in case, spaces and punctuation. Raises `WorkspaceNotFound`.
        """
        if self._is_unused():
            raise not_found.workspace(id_or_name, ()) if id_or_name is not None else listings.which_workspace(())
        engine = await self._opened()
        if id_or_name is not None:
            return EmbeddedWorkspace(engine, engine.workspace(id_or_name), self)
        rows = engine.workspaces()
        if len(rows) != 1:
            raise listings.which_workspace(row.id for row in rows)
        return EmbeddedWorkspace(engine, rows[0], self)

    async def thread(self, id: str) -> EmbeddedThread:
        """Returns the thread with this id in any workspace. Raises `ThreadNotFound`.

        Raises `ThreadAmbiguous` if a copied workspace has the same thread. In that case, open it from its workspace.
        """
        if self._is_unused():
            raise not_found.thread(id)
        engine = await self._opened()
        return EmbeddedThread(engine, *engine.find_thread(id), owner=self)

    async def run(self, id: str) -> EmbeddedRun:
        """Returns the run with this id in any thread. Raises `RunNotFound`."""
        if self._is_unused() or not folders.is_id(id):
            raise not_found.run(id)
        engine = await self._opened()
        run = await engine.journal.run(id)
        try:
            workspace = engine.catalog.workspace(run.workspace_id)
            thread = EmbeddedThread(engine, workspace, engine.thread(workspace, run.thread_id), owner=self)
            return await thread.run(id)
        except (WorkspaceNotFound, ThreadNotFound) as error:
            raise not_found.run(id) from error

    async def check(self) -> None:
        """Checks that messages can be accepted now.

        Raises `StorageFailed` if not, for example because the root is gone or the journal is locked.
        """
        engine = await self._opened()
        engine.adopt_workspaces()
        await engine.journal.check()

    async def close(self) -> None:
        """Closes the root.

        Runs in progress are left to the next process, unless another workbench in this process uses the root.
        """
        self._forget_ended_loop()
        if self._engine is not None:
            engine, self._engine = self._engine, None
            try:
                await engine.release(self)
            finally:
                _open.discard(self)

    async def __aenter__(self) -> Self:
        if not self._is_unused():
            await self._opened()
        return self

    def _is_unused(self) -> bool:
        """Whether the root has no workspace and no database yet, in which case reading must not create anything."""
        if self._engine is not None:
            return False
        self._check_other_roots()
        try:
            return not folders.is_in_use(self.root)
        except OSError:
            return False  # opening the root will report the problem

    def _check_other_roots(self) -> None:
        others = [other.root for other in _open if other.root != self.root]
        if others:
            message = f"This process already has {others[0]} open. Close that workbench, or use another process."
            raise OtherRoot(message)

    async def _opened(self) -> Engine:
        self._forget_ended_loop()
        if self._engine is None:
            self._check_other_roots()
            self._loop = asyncio.get_running_loop()
            _open.add(self)
            try:
                self._engine = await Engine.acquire(self.root, self.settings, self)
            except BaseException:
                _open.discard(self)
                raise
        return self._engine

    def _forget_ended_loop(self) -> None:
        """Discards the engine if its event loop has ended. Raises `OtherLoop` if that loop is still running."""
        if self._engine is None or self._loop is None or self._loop is asyncio.get_running_loop():
            return
        if self._loop.is_running():
            raise OtherLoop("This workbench is in use in another event loop. Call connect() again in this one.")
        self._engine.close_sync()
        self._engine = None
        _open.discard(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return display.bundle(["workbench", "model"], [[self.address, self.settings.model]])


_open: WeakSet[EmbeddedWorkbench] = WeakSet()
"""The open workbenches in this process, except any that were garbage-collected."""
