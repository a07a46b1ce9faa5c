"""What an open workbench holds: the catalog, the journal, the dispatch, and a data room for each workspace."""

import contextlib
import logging
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from cfo_kernel.data.room import DataRoom
from cfo_kernel.errors import NotFound, StorageFailed, ThreadNotFound, ThreadReadOnly, WorkspaceNotFound
from cfo_kernel.executors.docker import DockerPython
from cfo_kernel.executors.python_either import Either
from cfo_kernel.executors.python_sandbox import ConfinedPython
from cfo_kernel.runs.dispatch import Dispatch
from cfo_kernel.runs.journal import Journal
from cfo_kernel.runs.owners import Owners
from cfo_kernel.runs.places import Place
from cfo_kernel.settings import Settings
from cfo_kernel.store import folders
from cfo_kernel.store.catalog import Catalog, ThreadRow, WorkspaceRow
from cfo_kernel.store.history import History, MessageEntry

logging.getLogger("cfo_kernel").addHandler(logging.NullHandler())


class Engine:
    """Opens a root for one event loop, and keeps its folders and rows in step."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.settings = settings
        try:
            place = folders.create_catalog_folder(root)
            self.catalog = Catalog(place / "catalog.db")
            self.journal = Journal(place / "journal.db")
            self._owners = Owners(place / "owners")
            self._owners.forget_the_dead()
        except (OSError, sqlite3.Error, DatabaseError) as error:
            reason = str(error).splitlines()[0]
            raise StorageFailed(f"The root {root} cannot be opened ({reason}). Check CFO_ROOT and its disk.") from error
        self.dispatch = Dispatch(self.journal, self._owners, settings)
        self._rooms: dict[str, DataRoom] = {}
        self._python = None if settings.python_disabled else Either(ConfinedPython(), DockerPython())
        self.adopt_workspaces()

    def adopt_workspaces(self) -> None:
        """Gives a row to every workspace folder that has none."""
        known = {row.workspace_dir for row in self.catalog.workspaces()}
        for folder in folders.unknown_workspaces(self.root, known):
            self.catalog.adopt_workspace(folder.name)

    def workspaces(self) -> list[WorkspaceRow]:
        """The workspaces whose folder is there, by name; one that is put back appears again."""
        self.adopt_workspaces()
        return [row for row in self.catalog.workspaces() if (self.root / row.workspace_dir).is_dir()]

    def threads(self, workspace: WorkspaceRow) -> list[ThreadRow]:
        """The threads whose folder is there, the one last used first."""
        self.adopt_threads(workspace)
        return [row for row in self.catalog.threads(workspace.id) if (self.root / row.thread_dir).is_dir()]

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
        if not folder.is_dir():
            message = f"The folder of {workspace.name} is not at {workspace.workspace_dir}. Put it back."
            raise WorkspaceNotFound(message)
        folders.make_workspace(folder)
        return folder

    def thread_dir(self, thread: ThreadRow) -> Path:
        """The folder, with all that belongs into it. Raises `ThreadNotFound` where it is gone."""
        folder = self.root / thread.thread_dir
        if not folder.is_dir():
            raise ThreadNotFound(f"The folder of this thread is not at {thread.thread_dir}. Put it back.")
        folders.make_thread(folder)
        return folder

    def new_thread(self, workspace: WorkspaceRow, thread_id: str, title: str) -> ThreadRow:
        """Makes the folder and the row of a thread, in this order: a folder without a row is adopted later."""
        folder = self.workspace_dir(workspace) / "threads" / thread_id
        folders.make_thread(folder)
        row = ThreadRow(id=thread_id, workspace_id=workspace.id, title=title, thread_dir=self._relative(folder))
        return self.catalog.add_thread(row)

    def room(self, workspace: WorkspaceRow) -> DataRoom:
        """The data room of the workspace; there is one for each. Raises `WorkspaceNotFound`."""
        folder = self.workspace_dir(workspace)
        if workspace.id not in self._rooms:
            self._rooms[workspace.id] = DataRoom(
                folder,
                query_timeout=self.settings.query_timeout,
                ingest_timeout=self.settings.ingest_timeout,
                python=self._python,
                python_timeout=self.settings.python_timeout,
            )
        return self._rooms[workspace.id]

    def place(self, workspace: WorkspaceRow, thread: ThreadRow) -> Place:
        return Place(workspace.id, thread.id, self.thread_dir(thread), self.room(workspace))

    async def close_orphans(self) -> None:
        """Ends the runs whose process died."""
        for run in self.journal.open_runs():
            try:
                thread = self.catalog.thread(run.workspace_id, run.thread_id)
                place = self.place(self.catalog.workspace(run.workspace_id), thread)
            except NotFound:
                await self.dispatch.close_lost(run)
            else:
                await self.dispatch.close_orphans(place)

    async def close(self) -> None:
        """Ends the runs of this process, then its workers, then lets the files go."""
        try:
            await self.dispatch.close()
            for room in self._rooms.values():
                await room.close()
            if self._python is not None:
                await self._python.close()
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Closes the files. What still ran counts as interrupted: all that is left to do where the loop is gone."""
        self.journal.close()
        self.catalog.close()
        self._owners.close()

    def _relative(self, folder: Path) -> str:
        return folder.relative_to(self.root).as_posix()


def title_of(text: str) -> str | None:
    """A thread's title from its first message: the first line, up to 80 characters."""
    line = next(iter(text.strip().splitlines()), "").strip()
    return (line if len(line) <= 80 else line[:79] + "…") or None
