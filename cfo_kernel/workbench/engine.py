"""The engine of an open workbench: holds its databases, dispatches its runs, and gives access to workspace data."""

import asyncio
import atexit
import contextlib
import logging
import os
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Self
from weakref import WeakSet

from cfo_kernel import not_found
from cfo_kernel.agent.models import Models
from cfo_kernel.agent.prices import read_prices
from cfo_kernel.cancellation import cancel_and_wait
from cfo_kernel.data.workspace_data import WorkspaceData, file_workers_dir, scratch_dir
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
from cfo_kernel.workbench.storage_errors import storage_errors
from cfo_kernel.workbench.stores import open_stores

logging.getLogger("cfo_kernel").addHandler(logging.NullHandler())
_OWN_PID = os.getpid()


class Engine:
    """Opens a root for one event loop, and keeps the catalog's rows in sync with the folders.

    It is closed when the loop ends, if not earlier. Until then it stays open even if no workbench refers to it, because
    its runs may still be in progress.
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
        self._workspace_data: dict[str, WorkspaceData] = {}
        self._python = None if settings.python_disabled else FallbackExecutor(ConfinedExecutor(), DockerExecutor())
        self._loop = asyncio.get_running_loop()
        self._holders: WeakSet[object] = WeakSet()
        self._opening: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._pruning: asyncio.Task[None] | None = None
        self._is_closed = False
        self._lifetime = self._close_at_end()
        self.adopt_workspaces()

    @classmethod
    async def acquire(cls, root: Path, settings: Settings, holder: object) -> "Engine":
        """Returns the engine for this root, these settings and the running loop, shared by all such workbenches.

        Call `release` when done. Raises `StorageFailed` if the root cannot be opened.
        """
        loop = asyncio.get_running_loop()
        found = (e for e in _engines if (e.root, e.settings, e._loop, e._is_closed) == (root, settings, loop, False))
        engine = next(found, None) or cls(root, settings)
        _engines.add(engine)
        engine._holders.add(holder)  # before the first await, when the last other holder may release it
        if engine._opening is None:
            engine._opening = loop.create_task(engine._open(), name="open the engine")
        try:
            await asyncio.shield(engine._opening)
        except BaseException:  # so that the next caller opens the root from scratch
            await engine.release(holder)
            raise
        return engine

    async def _open(self) -> None:
        """Opens the journal, and starts executing the runs accepted here and those whose process died."""
        await anext(self._lifetime)
        try:
            await self.journal.open()
        except sqlite3.Error as error:
            message = f"The root {self.root} cannot be opened ({error}). Check CFO_ROOT and its disk."
            raise StorageFailed(message) from error
        await asyncio.to_thread(
            _remove_abandoned_scratch, [self.root / row.workspace_dir for row in self.catalog.workspaces()]
        )
        await self.dispatch.open()
        pruning = prune(self.journal, self.settings.journal_days, self.root)
        self._pruning = asyncio.create_task(pruning, name="prune the journal and the trash")

    def use(self) -> Self:
        """Returns the engine after checking that it can be used here. Raises `OtherLoop` or `WorkbenchClosed`."""
        if asyncio.get_running_loop() is not self._loop:
            message = "This object was opened in another event loop. Open it again from the workbench in this loop."
            raise OtherLoop(message)
        if self._is_closed:
            raise WorkbenchClosed("The workbench was closed. Call connect() again.")
        return self

    def adopt_workspaces(self) -> None:
        """Adds a row for every workspace folder that has none."""
        known = {row.workspace_dir for row in self.catalog.workspaces()}
        for folder in folders.unknown_workspaces(self.root, known):
            self.catalog.adopt_workspace(folder.name)

    def workspaces(self) -> list[WorkspaceRow]:
        """Returns the workspaces whose folders exist, sorted by name. A folder that is put back later reappears."""
        self.adopt_workspaces()
        return [row for row in self.catalog.workspaces() if not self.is_gone(row)]

    def workspace(self, id_or_name: str) -> WorkspaceRow:
        """Returns the workspace with this id or, failing that, this name. Raises `WorkspaceNotFound`.

        Also finds a workspace whose name differs only in case, spaces and punctuation.
        """
        with contextlib.suppress(WorkspaceNotFound):
            row = self.catalog.workspace(id_or_name)
            if row.id == id_or_name:  # no new folder can have this id, so there is no need to adopt new folders
                return row
        self.adopt_workspaces()
        try:
            return self.catalog.workspace(id_or_name)
        except WorkspaceNotFound:
            names = ((row, (row.id, row.name)) for row in self.workspaces())
            similar = [row for row, known in names if any(folders.is_same_name(id_or_name, name) for name in known)]
            if len(similar) != 1:
                raise
            return similar[0]

    def threads(self, workspace: WorkspaceRow) -> list[ThreadRow]:
        """Returns the threads whose folders exist, most recently used first."""
        self.adopt_threads(workspace)
        return [row for row in self.catalog.threads(workspace.id) if (self.root / row.thread_dir).is_dir()]

    def find_thread(self, thread_id: str) -> tuple[WorkspaceRow, ThreadRow]:
        """Returns the thread with this id and its workspace. Raises `ThreadNotFound` or `ThreadAmbiguous`."""
        known = self.workspaces() if is_id(thread_id) else []
        found = [w for w in known if (self.root / w.workspace_dir / "threads" / thread_id).is_dir()]
        if not found:
            raise not_found.thread(thread_id)
        if len(found) > 1:
            names = ", ".join(w.id for w in found)
            raise ThreadAmbiguous(
                f"Several workspaces have a thread with this id: {names}. Open it from its workspace."
            )
        return found[0], self.thread(found[0], thread_id)

    def thread(self, workspace: WorkspaceRow, thread_id: str) -> ThreadRow:
        """Returns the thread with this id in the workspace. Raises `ThreadNotFound`."""
        try:
            return self.catalog.thread(workspace.id, thread_id)
        except ThreadNotFound:  # its folder may have been added in the meantime
            self.adopt_threads(workspace)
            return self.catalog.thread(workspace.id, thread_id)

    def adopt_threads(self, workspace: WorkspaceRow) -> None:
        """Adds a row for every thread folder in the workspace that has none."""
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
        """Returns the workspace's folder and creates missing subfolders. Raises `WorkspaceNotFound` if it is gone."""
        folder = self.root / workspace.workspace_dir
        if self.is_gone(workspace):
            message = f"The folder {workspace.workspace_dir} of {workspace.name} is missing. Put it back."
            raise WorkspaceNotFound(message)
        with creating_folder(folder):
            folders.make_workspace(folder)
        return folder

    def thread_dir(self, thread: ThreadRow) -> Path:
        """Returns the thread's folder and creates missing subfolders. Raises `ThreadNotFound` if it is gone."""
        folder = self.root / thread.thread_dir
        if not folder.is_dir():
            raise ThreadNotFound(f"The folder {thread.thread_dir} of this thread is missing. Put it back.")
        with creating_folder(folder):
            folders.make_thread(folder)
        return folder

    def new_thread(self, workspace: WorkspaceRow, thread_id: str, title: str | None) -> ThreadRow:
        """Creates a thread's folder, then its row. If this raises `StorageFailed`, neither exists.

        The order matters because the process may die in between: a folder without a row is adopted later, but a row
        without a folder would be a thread that cannot be opened.
        """
        folder = self.workspace_dir(workspace) / "threads" / thread_id
        row = ThreadRow(id=thread_id, workspace_id=workspace.id, title=title, thread_dir=self._relative(folder))
        try:
            with creating_folder(folder):
                folders.make_thread(folder)
            return self.catalog.add_thread(row)
        except CfoError:
            folders.remove_unused_thread(folder)
            raise

    def discard_new_thread(self, thread: ThreadRow) -> bool:
        """Removes a thread whose first message was rejected, unless another message has arrived since."""
        folder = self.root / thread.thread_dir
        folders.remove_unused_thread(folder)
        if folder.exists():
            return False
        self.catalog.remove_thread(thread.workspace_id, thread.id)
        return True

    def is_gone(self, workspace: WorkspaceRow) -> bool:
        """Whether the workspace's folder is missing."""
        return not (self.root / workspace.workspace_dir).is_dir()

    def data(self, workspace: WorkspaceRow) -> WorkspaceData:
        """Returns the workspace's data, which is always the same object. Raises `WorkspaceNotFound`."""
        folder = self.workspace_dir(workspace)
        if workspace.id not in self._workspace_data:
            self._workspace_data[workspace.id] = WorkspaceData(
                folder,
                query_timeout=self.settings.query_timeout,
                ingest_timeout=self.settings.ingest_timeout,
                python=self._python,
                python_timeout=self.settings.python_timeout,
            )
        return self._workspace_data[workspace.id]

    async def close_workspace_data(self, workspace: WorkspaceRow) -> None:
        """Stops the workspace's workers. New ones are started when its data is used again."""
        if workspace_data := self._workspace_data.pop(workspace.id, None):
            await workspace_data.close()

    def context(self, workspace: WorkspaceRow, thread: ThreadRow) -> ThreadContext:
        return ThreadContext(workspace.id, thread.id, self.thread_dir(thread), self.data(workspace))

    def context_of(self, run: RunRow) -> ThreadContext:
        """Returns the context of a run. Raises `NotFound` if its thread or workspace is gone."""
        thread = self.catalog.thread(run.workspace_id, run.thread_id)
        return self.context(self.catalog.workspace(run.workspace_id), thread)

    async def release(self, holder: object) -> None:
        """Removes a holder, and closes the engine if no other is left. Garbage-collected holders do not count."""
        self._holders.discard(holder)
        if not self._holders:
            await self.close()

    async def close(self) -> None:
        """Leaves the runs to the next process, stops the workers, and closes the files. May be called repeatedly."""
        self._is_closed = True
        if self._closing is None:
            self._closing = asyncio.create_task(self._lifetime.aclose(), name="close the engine")
        await asyncio.shield(self._closing)

    async def _close_at_end(self) -> AsyncGenerator[None]:
        """Cleans up when the event loop ends, because asyncio then closes open async generators, including this one.

        The loop can then still wait for the workers to stop. Without this, every `asyncio.run` that does not close its
        workbench would leave them running.
        """
        try:
            yield
        finally:
            self._is_closed = True
            try:
                async with contextlib.AsyncExitStack() as closing:  # in reverse order, each even if another fails
                    closing.push_async_callback(self.journal.close)
                    if self._python is not None:
                        closing.push_async_callback(self._python.close)
                    for workspace_data in self._workspace_data.values():
                        closing.push_async_callback(workspace_data.close)
                    closing.push_async_callback(self._models.close)
                    closing.push_async_callback(self.dispatch.close)
                    closing.push_async_callback(cancel_and_wait, self._pruning)
            finally:
                self.close_sync()

    def close_sync(self) -> None:
        """Closes the files when the loop has ended and nothing can be awaited. The next process continues the runs."""
        _engines.discard(self)
        self._is_closed = True
        self.journal.close_sync()
        self.catalog.close()
        self.ledger.close()
        self._queue.close_sync()

    def _relative(self, folder: Path) -> str:
        return folder.relative_to(self.root).as_posix()


_engines: set[Engine] = set()
"""The open engines in this process. The set keeps them alive while their runs are in progress."""


@atexit.register
def _close_engines_at_exit() -> None:
    """Closes the files of engines whose loop never ends, as in a notebook kernel. Their workers end with the process.

    A forked child runs this too, but must not close its parent's files.
    """
    if os.getpid() == _OWN_PID:
        for engine in list(_engines):
            engine.close_sync()


def creating_folder(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Returns a context that raises `StorageFailed` if the folder or one of its subfolders cannot be created."""
    return storage_errors(f"The folder {folder.name} cannot be created")


def _remove_abandoned_scratch(workspaces: list[Path]) -> None:
    """Removes temporary files from uploads and downloads that were in progress when a process was killed."""
    for folder in workspaces:
        with contextlib.suppress(OSError):
            remove_abandoned(scratch_dir(folder))
            remove_abandoned(file_workers_dir(folder))


def title_of(text: str) -> str | None:
    """Returns a thread's title: the first line of its first message, truncated to `MAX_TITLE` characters."""
    line = next(iter(text.strip().splitlines()), "").strip()
    return (line if len(line) <= MAX_TITLE else line[: MAX_TITLE - 1] + "…") or None
