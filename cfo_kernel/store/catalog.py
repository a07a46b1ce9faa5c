"""The catalog: the two tables Workspace and Thread, and nothing else, in a database of its own.

Folders are stored relative to the root, so that a root can be moved. What a run leaves behind is not here: a catalog
that is lost is made anew from the folders.
"""

import contextlib
import sqlite3
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from cfo_kernel.errors import ThreadNotFound, WorkspaceExists, WorkspaceNotFound
from cfo_kernel.store.folders import is_text
from cfo_kernel.store.migrations import migrate


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


class WorkspaceRow(SQLModel, table=True):
    """A company."""

    __tablename__ = "workspace"  # pyright: ignore[reportAssignmentType]
    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    workspace_dir: str = Field(unique=True)
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)


class ThreadRow(SQLModel, table=True):
    """A conversation in a workspace."""

    __tablename__ = "thread"  # pyright: ignore[reportAssignmentType]
    id: str = Field(primary_key=True)
    workspace_id: str = Field(foreign_key="workspace.id")
    title: str | None = None
    thread_dir: str = Field(unique=True)
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)


class Catalog:
    """Reads and writes the rows; every method is one transaction."""

    def __init__(self, path: Path) -> None:
        self._engine = _engine(path)
        with self._engine.begin() as connection:
            migrate(connection)

    def close(self) -> None:
        self._engine.dispose()

    def workspaces(self) -> list[WorkspaceRow]:
        """All workspaces by name."""
        with self._session() as session:
            return list(session.exec(select(WorkspaceRow).order_by(col(WorkspaceRow.name))))

    def workspace(self, id_or_name: str) -> WorkspaceRow:
        """The workspace of that id, or else of that name. Raises `WorkspaceNotFound`."""
        row = None
        if is_text(id_or_name):
            with self._session() as session:
                row = session.get(WorkspaceRow, id_or_name)
                row = row or session.exec(select(WorkspaceRow).where(WorkspaceRow.name == id_or_name)).first()
        if row is None:
            known = ", ".join(w.id for w in self.workspaces()) or "none yet"
            raise WorkspaceNotFound(f"There is no workspace {id_or_name[:80]!r}. There is: {known}.")
        return row

    def add_workspace(self, row: WorkspaceRow) -> WorkspaceRow:
        """Raises `WorkspaceExists` for an id or a name that is taken."""
        try:
            with self._session() as session:
                session.add(row)
        except IntegrityError as error:
            message = f"There is a workspace of this name or id already: {row.name}, {row.id}. Take another name."
            raise WorkspaceExists(message) from error
        return row

    def adopt_workspace(self, folder: str) -> None:
        """Gives a row to a folder; one that has a row by now (another process was first) stays as it is."""
        for name in (folder, f"{folder} (adopted)"):
            with contextlib.suppress(WorkspaceExists):
                self.add_workspace(WorkspaceRow(id=folder, name=name, workspace_dir=folder))
                return

    def threads(self, workspace_id: str) -> list[ThreadRow]:
        """The threads of a workspace, the one last used first."""
        with self._session() as session:
            newest = select(ThreadRow).where(ThreadRow.workspace_id == workspace_id)
            return list(session.exec(newest.order_by(col(ThreadRow.updated_at).desc(), col(ThreadRow.id))))

    def thread(self, workspace_id: str, thread_id: str) -> ThreadRow:
        """Raises `ThreadNotFound`."""
        row = None
        if is_text(thread_id):
            with self._session() as session:
                row = session.get(ThreadRow, thread_id)
        if row is None or row.workspace_id != workspace_id:
            message = f"There is no thread {thread_id[:80]!r} in this workspace. List its threads for the ids."
            raise ThreadNotFound(message)
        return row

    def add_thread(self, row: ThreadRow) -> ThreadRow:
        """Adds the thread; one that is there already (another process was first) stays as it is."""
        try:
            with self._session() as session:
                session.add(row)
        except IntegrityError:
            with self._session() as session:
                return session.get_one(ThreadRow, row.id)
        return row

    def touch_thread(self, thread_id: str, *, title: str | None = None) -> None:
        """Marks the thread as used now, and gives it a title if one is named."""
        with self._session() as session:
            if row := session.get(ThreadRow, thread_id):
                row.updated_at = now()
                row.title = title or row.title
                session.add(row)

    def remove_thread(self, thread_id: str) -> None:
        with self._session() as session:
            if row := session.get(ThreadRow, thread_id):
                session.delete(row)

    @contextlib.contextmanager
    def _session(self) -> Generator[Session]:
        with Session(self._engine, expire_on_commit=False) as session:
            yield session
            session.commit()


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")

    return engine
