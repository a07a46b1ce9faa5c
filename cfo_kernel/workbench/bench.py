"""The workbench: what `connect()` gives."""

import asyncio
from collections.abc import Generator
from pathlib import Path
from typing import Any, Self

from cfo_kernel import display
from cfo_kernel.errors import InputError, OtherRoot, WorkspaceNotFound
from cfo_kernel.settings import Settings, load
from cfo_kernel.store import folders
from cfo_kernel.store.catalog import WorkspaceRow
from cfo_kernel.workbench.engine import Engine
from cfo_kernel.workbench.workspace import Workspace

_open_roots: dict[Path, int] = {}


class Workbench:
    """A root with its workspaces. It opens with the first call, and belongs to the event loop of that call.

    `await connect()` and `async with connect() as wb` work as well as plain `connect()`.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.root = settings.resolved_root()
        self._engine: Engine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def workspaces(self) -> list[Workspace]:
        """All workspaces by name; a folder of the root that holds `data/` is one."""
        engine = await self._opened()
        engine.adopt_workspaces()
        return [Workspace(engine, row) for row in engine.catalog.workspaces()]

    async def create_workspace(self, name: str) -> Workspace:
        """A new, empty workspace. Raises `InvalidName` or `WorkspaceExists`."""
        engine = await self._opened()
        engine.adopt_workspaces()
        tidy = folders.workspace_name(name)
        slug = folders.workspace_id(tidy)
        row = WorkspaceRow(id=slug, name=tidy, workspace_dir=slug)
        engine.catalog.add_workspace(row)
        folders.make_workspace(engine.root / slug)
        return Workspace(engine, row)

    async def workspace(self, id_or_name: str | None = None) -> Workspace:
        """The workspace of that id or name; without one, the only one there is. Raises `WorkspaceNotFound`."""
        engine = await self._opened()
        engine.adopt_workspaces()
        if id_or_name is None:
            rows = engine.catalog.workspaces()
            if len(rows) != 1:
                known = ", ".join(row.id for row in rows) or "none yet; create one"
                raise WorkspaceNotFound(f"Which workspace? Name one of: {known}.")
            return Workspace(engine, rows[0])
        return Workspace(engine, engine.catalog.workspace(id_or_name))

    async def close(self) -> None:
        """Stops what runs here, and lets the root go."""
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.close()
            _open_roots[self.root] -= 1

    async def _opened(self) -> Engine:
        loop = asyncio.get_running_loop()
        if self._engine is not None and self._loop is not loop:
            self._engine = None  # its loop is gone, and its tasks with it
            _open_roots[self.root] -= 1
        if self._engine is None:
            others = [root for root, count in _open_roots.items() if count > 0 and root != self.root]
            if others:
                message = f"This process works on {others[0]} already. Close that workbench, or start another process."
                raise OtherRoot(message)
            self._engine = Engine(self.root, self.settings)
            self._loop = loop
            _open_roots[self.root] = _open_roots.get(self.root, 0) + 1
            await self._engine.close_orphans()
        return self._engine

    async def __aenter__(self) -> Self:
        await self._opened()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, None, Self]:
        return self._ready().__await__()

    async def _ready(self) -> Self:
        await self._opened()
        return self

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return display.bundle(["workbench", "model"], [[str(self.root), self.settings.model]])


def connect(url: str | None = None, *, settings: Settings | None = None) -> Workbench:
    """The workbench of this machine: `wb = connect()`. Settings come from the environment unless given.

    Raises `InvalidSettings`, or `InputError` for a `url`: this version works on local folders only.
    """
    if url is not None:
        raise InputError("This version works on local folders only. Call connect() without a URL.")
    return Workbench(settings or load())
