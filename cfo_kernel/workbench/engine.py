"""What an open workbench holds: the catalog, the journal, the dispatch, and a data room for each workspace."""

import asyncio
import atexit
import contextlib
import logging
import os
import sqlite3
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Self
from weakref import WeakSet

from cfo_kernel import not_found
from cfo_kernel.agent.models import Models
from cfo_kernel.agent.prices import read_prices
from cfo_kernel.data.workspace_data import WorkspaceData, scratch_dir
from cfo_kernel.errors import (
    CfoError,
    OtherLoop,
    StorageFailed,
    ThreadAmbiguous,
    ThreadNotFound,
    ThreadReadOnly,
    WorkbenchClosed,
    WorkspaceNotFound,
)
from cfo_kernel.executors.confined_executor import ConfinedExecutor
from cfo_kernel.executors.docker_executor import DockerExecutor
from cfo_kernel.executors.fallback_executor import FallbackExecutor
from cfo_kernel.executors.locked_temp_folders import remove_abandoned
from cfo_kernel.interface import MAX_TITLE
from cfo_kernel.runs.dispatch import Dispatch
from cfo_kernel.runs.journal import RunRow
from cfo_kernel.runs.pruning import prune
from cfo_kernel.runs.thread_context import ThreadContext
from cfo_kernel.runs.usage_recorder import UsageRecorder
from cfo_kernel.settings import Settings
from cfo_kernel.store import folders
from cfo_kernel.store.catalog import ThreadRow, WorkspaceRow
from cfo_kernel.store.folders import is_id
from cfo_kernel.store.history import History, MessageEntry
from cfo_kernel.workbench.stores import open_stores

logging.getLogger("cfo_kernel").addHandler(logging.NullHandler())
_PROCESS = os.getpid()


class Engine:
    """Opens a root for one event loop, and keeps its folders and rows in step.

    It is closed when that loop ends, if not before; until then it stays, for runs go on whoever holds them.
    """

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.settings = settings
        prices = read_prices(root)
        stores = open_stores(root, settings)
        self.catalog, self.ledger, self.journal, self._queue = (
            stores.catalog, stores.ledger, stores.journal, stores.queue,
        )  # fmt: skip
        self._models = Models(settings)
        usage_recorder = UsageRecorder(prices, self.ledger)
        self.dispatch = Dispatch(self.journal, self._queue, settings, usage_recorder, self._models, self.context_of)
        self._rooms: dict[str, WorkspaceData] = {}
        self._python = None if settings.python_disabled else FallbackExecutor(ConfinedExecutor(), DockerExecutor())
        self._loop = asyncio.get_running_loop()
        self._holders: WeakSet[object] = WeakSet()
        self._opening: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._pruning: asyncio.Task[None] | None = None
        self._is_closed = False
        self._life = self._until_the_end()
        self.adopt_workspaces()

    @classmethod
    async def held(cls, root: Path, settings: Settings, holder: object) -> "Engine":
        """The engine of this root, these settings and this loop: connecting twice is connecting to the same.

        Raises `StorageFailed` where the root cannot be opened.
        """
        loop = asyncio.get_running_loop()
        found = (e for e in _alive if (e.root, e.settings, e._loop, e._is_closed) == (root, settings, loop, False))
        engine = next(found, None) or cls(root, settings)
        _alive.add(engine)
        engine._holders.add(holder)  # before it waits: another holder may let go meanwhile
        if engine._opening is None:
            engine._opening = loop.create_task(engine._open(), name="open the engine")
        try:
            await asyncio.shield(engine._opening)
        except BaseException:  # the next to connect tries anew
            await engine.release(holder)
            raise
        return engine

    async def _open(self) -> None:
        """Begins: works on what is accepted here, and goes on with the runs whose process died."""
        await anext(self._life)
        try:
            await self.journal.open()
        except sqlite3.Error as error:
            message = f"The root {self.root} cannot be opened ({error}). Check CFO_ROOT and its disk."
            raise StorageFailed(message) from error
        await asyncio.to_thread(_tidy, [self.root / row.workspace_dir for row in self.catalog.workspaces()])
        await self.dispatch.open()
        self._pruning = asyncio.create_task(prune(self.journal, self.settings.journal_days), name="prune the journal")

    def use(self) -> Self:
        """The engine itself, for who may use it now. Raises `OtherLoop` or `WorkbenchClosed`."""
        if asyncio.get_running_loop() is not self._loop:
            message = "This was opened in another event loop. In this one, open it again from the workbench."
            raise OtherLoop(message)
        if self._is_closed:
            raise WorkbenchClosed("The workbench was closed. Call connect() again.")
        return self

    def adopt_workspaces(self) -> None:
        """Gives a row to every workspace folder that has none."""
        known = {row.workspace_dir for row in self.catalog.workspaces()}
        for folder in folders.unknown_workspaces(self.root, known):
            self.catalog.adopt_workspace(folder.name)

    def workspaces(self) -> list[WorkspaceRow]:
        """The workspaces whose folder is there, by name; one that is put back appears again."""
        self.adopt_workspaces()
        return [row for row in self.catalog.workspaces() if not self.is_gone(row)]

    def workspace(self, id_or_name: str) -> WorkspaceRow:
        """The workspace of that id, or else of that name. Raises `WorkspaceNotFound`."""
        with contextlib.suppress(WorkspaceNotFound):
            row = self.catalog.workspace(id_or_name)
            if row.id == id_or_name:  # a folder that was put there meanwhile cannot have this id
                return row
        self.adopt_workspaces()
        return self.catalog.workspace(id_or_name)

    def threads(self, workspace: WorkspaceRow) -> list[ThreadRow]:
        """The threads whose folder is there, the one last used first."""
        self.adopt_threads(workspace)
        return [row for row in self.catalog.threads(workspace.id) if (self.root / row.thread_dir).is_dir()]

    def find_thread(self, thread_id: str) -> tuple[WorkspaceRow, ThreadRow]:
        """The thread of that id in whichever workspace. Raises `ThreadNotFound` or `ThreadAmbiguous`."""
        known = self.workspaces() if is_id(thread_id) else []
        found = [w for w in known if (self.root / w.workspace_dir / "threads" / thread_id).is_dir()]
        if not found:
            raise not_found.thread(thread_id)
        if len(found) > 1:
            names = ", ".join(w.id for w in found)
            raise ThreadAmbiguous(f"Several workspaces have this thread: {names}. Open it from its workspace.")
        return found[0], self.thread(found[0], thread_id)

    def thread(self, workspace: WorkspaceRow, thread_id: str) -> ThreadRow:
        """Raises `ThreadNotFound`."""
        try:
            return self.catalog.thread(workspace.id, thread_id)
        except ThreadNotFound:  # a folder that was put there meanwhile may have it
            self.adopt_threads(workspace)
            return self.catalog.thread(workspace.id, thread_id)

    def adopt_threads(self, workspace: WorkspaceRow) -> None:
        """Gives a row to every thread folder of the workspace that has none."""
        folder = self.workspace_dir(workspace)
        known = {Path(row.thread_dir).name for row in self.catalog.threads(workspace.id)}
        for found in folders.unknown_threads(folder, known):
            title = None
            with contextlib.suppress(ThreadReadOnly):
                first = (e.text for e in History(found).entries() if isinstance(e, MessageEntry))
                title = title_of(next(first, ""))
            row = ThreadRow(id=found.name, workspace_id=workspace.id, title=title, thread_dir=self._relative(found))
            self.catalog.add_thread(row)

    def workspace_dir(self, workspace: WorkspaceRow) -> Path:
        """The folder, with all that belongs into it. Raises `WorkspaceNotFound` where it is gone."""
        folder = self.root / workspace.workspace_dir
        if self.is_gone(workspace):
            message = f"The folder of {workspace.name} is not at {workspace.workspace_dir}. Put it back."
            raise WorkspaceNotFound(message)
        with making(folder):
            folders.make_workspace(folder)
        return folder

    def thread_dir(self, thread: ThreadRow) -> Path:
        """The folder, with all that belongs into it. Raises `ThreadNotFound` where it is gone."""
        folder = self.root / thread.thread_dir
        if not folder.is_dir():
            raise ThreadNotFound(f"The folder of this thread is not at {thread.thread_dir}. Put it back.")
        with making(folder):
            folders.make_thread(folder)
        return folder

    def new_thread(self, workspace: WorkspaceRow, thread_id: str, title: str | None) -> ThreadRow:
        """Makes the folder and the row of a thread, in this order: a folder without a row is adopted later.

        Raises `StorageFailed`, and then there is neither.
        """
        folder = self.workspace_dir(workspace) / "threads" / thread_id
        row = ThreadRow(id=thread_id, workspace_id=workspace.id, title=title, thread_dir=self._relative(folder))
        try:
            with making(folder):
                folders.make_thread(folder)
            return self.catalog.add_thread(row)
        except CfoError:
            folders.remove_unused_thread(folder)
            raise

    def take_back(self, thread: ThreadRow) -> bool:
        """Unmakes a thread whose first message was refused, unless it has another one by now."""
        folder = self.root / thread.thread_dir
        folders.remove_unused_thread(folder)
        if folder.exists():
            return False
        self.catalog.remove_thread(thread.workspace_id, thread.id)
        return True

    def is_gone(self, workspace: WorkspaceRow) -> bool:
        """Whether the folder of the workspace was taken away."""
        return not (self.root / workspace.workspace_dir).is_dir()

    def data(self, workspace: WorkspaceRow) -> WorkspaceData:
        """The data room of the workspace; there is one for each. Raises `WorkspaceNotFound`."""
        folder = self.workspace_dir(workspace)
        if workspace.id not in self._rooms:
            self._rooms[workspace.id] = WorkspaceData(
                folder,
                query_timeout=self.settings.query_timeout,
                ingest_timeout=self.settings.ingest_timeout,
                python=self._python,
                python_timeout=self.settings.python_timeout,
            )
        return self._rooms[workspace.id]

    async def close_workspace_data(self, workspace: WorkspaceRow) -> None:
        """Ends the workers of the workspace; whoever needs them again gets others."""
        if workspace_data := self._rooms.pop(workspace.id, None):
            await workspace_data.close()

    def context(self, workspace: WorkspaceRow, thread: ThreadRow) -> ThreadContext:
        return ThreadContext(workspace.id, thread.id, self.thread_dir(thread), self.data(workspace))

    def context_of(self, run: RunRow) -> ThreadContext:
        """Where a run takes place. Raises `NotFound` where that is gone."""
        thread = self.catalog.thread(run.workspace_id, run.thread_id)
        return self.context(self.catalog.workspace(run.workspace_id), thread)

    async def release(self, holder: object) -> None:
        """Closes the engine when its last holder lets it go; one that nobody holds any more does not count."""
        self._holders.discard(holder)
        if not self._holders:
            await self.close()

    async def close(self) -> None:
        """Leaves its runs to the next process, ends its workers, then lets the files go; once, whoever asks for it."""
        self._is_closed = True
        if self._closing is None:
            self._closing = asyncio.create_task(self._life.aclose(), name="close the engine")
        await asyncio.shield(self._closing)

    async def _until_the_end(self) -> AsyncGenerator[None]:
        """Lasts until it is closed; asyncio closes what is left of its kind when a loop ends, while it still can wait.

        Without that, every `asyncio.run` would leave its workers behind.
        """
        try:
            yield
        finally:
            self._is_closed = True
            if self._pruning is not None:
                self._pruning.cancel()
            try:
                async with contextlib.AsyncExitStack() as closing:  # backwards, and each whatever the others do
                    closing.push_async_callback(self.journal.close)
                    if self._python is not None:
                        closing.push_async_callback(self._python.close)
                    for workspace_data in self._rooms.values():
                        closing.push_async_callback(workspace_data.close)
                    closing.push_async_callback(self._models.close)
                    closing.push_async_callback(self.dispatch.close)
            finally:
                self.close_sync()

    def close_sync(self) -> None:
        """Closes the files: all that is left to do where the loop is gone. Its runs go on in the next process."""
        _alive.discard(self)
        self._is_closed = True
        self.journal.close_sync()
        self.catalog.close()
        self.ledger.close()
        self._queue.close_sync()

    def _relative(self, folder: Path) -> str:
        return folder.relative_to(self.root).as_posix()


_alive: set[Engine] = set()
"""The engines of this process: each stays until it is closed, for runs go on whoever holds it."""


@atexit.register
def _let_all_go() -> None:
    """A notebook kernel ends without ending its loop. Its workers end by themselves; what it holds is let go here.

    A process that it has forked holds nothing of it.
    """
    if os.getpid() == _PROCESS:
        for engine in list(_alive):
            engine.close_sync()


@contextlib.contextmanager
def making(folder: Path) -> Generator[None]:
    """Raises `StorageFailed` where the disk does not take the folder, or what belongs into it."""
    try:
        yield
    except OSError as error:
        message = f"The folder {folder.name} cannot be made ({error.strerror}). Mend that, then try again."
        raise StorageFailed(message) from error


def _tidy(workspaces: list[Path]) -> None:
    """Removes the files that were on their way in or out of a workspace when a process was killed."""
    for folder in workspaces:
        with contextlib.suppress(OSError):
            remove_abandoned(scratch_dir(folder))


def title_of(text: str) -> str | None:
    """A thread's title from its first message: the first line, up to `MAX_TITLE` characters."""
    line = next(iter(text.strip().splitlines()), "").strip()
    return (line if len(line) <= MAX_TITLE else line[: MAX_TITLE - 1] + "…") or None
