"""The catalog: the workspaces and threads of a root.

Everything in it is also in the folders, so a lost catalog is rebuilt from them. Folders are stored relative to the
root, so a root can be moved.

The methods may be called from any thread. They block only briefly: since event loops call them, they soon give up
waiting for another program's write.
"""

import contextlib
from collections.abc import Callable, Generator
from datetime import UTC, datetime

from sqlalchemy import Engine, Index, Table, delete
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from cfo_kernel import not_found
from cfo_kernel.errors import StorageFailed, WorkspaceExists
from cfo_kernel.store.database import LOCK_TIMEOUT, set_lock_timeout
from cfo_kernel.store.folders import is_valid_text
from cfo_kernel.store.schemas import CATALOG, bring_up_to_date


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


class WorkspaceRow(SQLModel, table=True):
    """A workspace: the folder with the data and threads of one company."""

    __tablename__ = "workspace"  # pyright: ignore[reportAssignmentType]
    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    workspace_dir: str = Field(unique=True)
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)


class ThreadRow(SQLModel, table=True):
    """A conversation in a workspace. Its id is unique only within the workspace, because workspaces can be copied."""

    __tablename__ = "thread"  # pyright: ignore[reportAssignmentType]
    workspace_id: str = Field(primary_key=True, foreign_key="workspace.id")
    id: str = Field(primary_key=True)
    title: str | None = None
    thread_dir: str = Field(unique=True)
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)


_THREADS: Table = SQLModel.metadata.tables["thread"]
Index("thread_newest", _THREADS.c.workspace_id, _THREADS.c.updated_at)


class Catalog:
    """Reads and writes the rows of workspaces and threads.

    Every method runs in a single transaction, and raises `StorageFailed` if the database cannot be read or written.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        bring_up_to_date(engine, CATALOG)

    def close(self) -> None:
        self._engine.dispose()

    def workspaces(self) -> list[WorkspaceRow]:
        """Returns all workspaces, sorted by name."""
        with self._session() as session:
            return list(session.exec(select(WorkspaceRow).order_by(col(WorkspaceRow.name))))

    def workspace(self, id_or_name: str) -> WorkspaceRow:
        """Returns the workspace with this id or, failing that, this name. Raises `WorkspaceNotFound`."""
        row = None
        if is_valid_text(id_or_name):
            with self._session() as session:
                row = session.get(WorkspaceRow, id_or_name)
                row = row or session.exec(select(WorkspaceRow).where(WorkspaceRow.name == id_or_name)).first()
        if row is None:
            raise not_found.workspace(id_or_name, (w.id for w in self.workspaces()))
        return row

    def add_workspace(
        self, row: WorkspaceRow, *, is_gone: Callable[[WorkspaceRow], bool] = lambda _: False
    ) -> WorkspaceRow:
        """Adds a workspace. Raises `WorkspaceExists` if its id or name is taken.

        An existing workspace with the same id or name is replaced if its folder is gone; its threads are removed.
        """
        same = select(WorkspaceRow).where((col(WorkspaceRow.id) == row.id) | (col(WorkspaceRow.name) == row.name))
        try:
            with self._session() as session:
                for gone in filter(is_gone, session.exec(same).all()):
                    session.exec(delete(ThreadRow).where(col(ThreadRow.workspace_id) == gone.id))
                    session.delete(gone)
                session.flush()  # deletes the old rows before the insert, to satisfy the constraints
                session.add(row)
        except IntegrityError as error:
            message = f"A workspace with this name or id already exists: {row.name} ({row.id}). Choose another name."
            raise WorkspaceExists(message) from error
        return row

    def adopt_workspace(self, folder: str) -> None:
        """Adds a row for a folder. Does nothing if another process has already added one."""
        for name in (folder, f"{folder} (adopted)"):
            with contextlib.suppress(WorkspaceExists):
                self.add_workspace(WorkspaceRow(id=folder, name=name, workspace_dir=folder))
                return

    def rename_workspace(self, workspace_id: str, name: str) -> None:
        """Renames the workspace. Raises `WorkspaceExists` if the name is taken."""
        try:
            with self._session() as session:
                if row := session.get(WorkspaceRow, workspace_id):
                    row.name, row.updated_at = name, now()
        except IntegrityError as error:
            raise WorkspaceExists(f"There is already a workspace named {name}. Choose another name.") from error

    def touch_workspace(self, workspace_id: str) -> None:
        """Sets the time of the workspace's last change to now. Does nothing if the catalog cannot be written.

        The change itself has already been made, so it must not fail because of this.
        """
        with contextlib.suppress(StorageFailed), self._session(lock_timeout=LOCK_TIMEOUT // 10) as session:
            if row := session.get(WorkspaceRow, workspace_id):
                row.updated_at = now()

    def remove_workspace(self, workspace_id: str) -> None:
        """Removes the workspace and its threads."""
        with self._session() as session:
            session.exec(delete(ThreadRow).where(col(ThreadRow.workspace_id) == workspace_id))
            session.exec(delete(WorkspaceRow).where(col(WorkspaceRow.id) == workspace_id))

    def threads(self, workspace_id: str) -> list[ThreadRow]:
        """Returns the threads of a workspace, most recently used first."""
        with self._session() as session:
            newest = select(ThreadRow).where(ThreadRow.workspace_id == workspace_id)
            return list(session.exec(newest.order_by(col(ThreadRow.updated_at).desc(), col(ThreadRow.id))))

    def thread(self, workspace_id: str, thread_id: str) -> ThreadRow:
        """Returns the thread with this id in the workspace. Raises `ThreadNotFound`."""
        row = None
        if is_valid_text(thread_id):
            with self._session() as session:
                row = session.get(ThreadRow, (workspace_id, thread_id))
        if row is None:
            raise not_found.thread_of_workspace(thread_id)
        return row

    def add_thread(self, row: ThreadRow) -> ThreadRow:
        """Adds a thread and returns its row, or the existing row if another process has already added the thread."""
        try:
            with self._session() as session:  # a plain INSERT is faster than the ORM's unit of work
                session.connection().execute(_THREADS.insert(), row.model_dump())
        except IntegrityError:
            with self._session() as session:
                return session.get_one(ThreadRow, (row.workspace_id, row.id))
        return row

    def touch_thread(self, workspace_id: str, thread_id: str) -> None:
        """Sets the time of the thread's last use to now. Does nothing if the catalog cannot be written.

        The message has already been accepted, so it must not fail because of this.
        """
        with contextlib.suppress(StorageFailed), self._session(lock_timeout=LOCK_TIMEOUT // 10) as session:
            if row := session.get(ThreadRow, (workspace_id, thread_id)):
                row.updated_at = now()

    def rename_thread(self, workspace_id: str, thread_id: str, title: str | None) -> None:
        """Changes the title, unless the new title is empty, and sets the time of the last use to now."""
        with self._session() as session:
            if row := session.get(ThreadRow, (workspace_id, thread_id)):
                row.updated_at = now()
                row.title = title or row.title

    def remove_thread(self, workspace_id: str, thread_id: str) -> None:
        with self._session() as session:
            if row := session.get(ThreadRow, (workspace_id, thread_id)):
                session.delete(row)

    @contextlib.contextmanager
    def _session(self, *, lock_timeout: int = LOCK_TIMEOUT) -> Generator[Session]:
        """Opens a session for one transaction. Raises database errors as `StorageFailed`, except `IntegrityError`."""
        try:
            with Session(self._engine, expire_on_commit=False) as session:
                set_lock_timeout(session.connection(), lock_timeout)
                yield session
                session.commit()
        except IntegrityError:
            raise  # a row already exists; each method handles this itself
        except DBAPIError as error:
            message = (
                f"The catalog cannot be used ({error.orig}). Fix the cause, or wait for the other program to finish,"
                " then try again."
            )
            raise StorageFailed(message) from error
