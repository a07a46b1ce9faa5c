"""The catalog's schema as numbered steps; `PRAGMA user_version` counts the steps that a database has taken.

A step is never changed once released: a later need is a later step.
"""

from collections.abc import Callable

from sqlalchemy import Connection, text

from cfo_kernel.errors import InvalidSettings


def _first(connection: Connection) -> None:
    connection.execute(
        text("""CREATE TABLE workspace (
            id VARCHAR NOT NULL PRIMARY KEY, name VARCHAR NOT NULL UNIQUE, workspace_dir VARCHAR NOT NULL UNIQUE,
            created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL)""")
    )
    connection.execute(
        text("""CREATE TABLE thread (
            id VARCHAR NOT NULL PRIMARY KEY, workspace_id VARCHAR NOT NULL REFERENCES workspace (id), title VARCHAR,
            thread_dir VARCHAR NOT NULL UNIQUE, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL)""")
    )
    connection.execute(text("CREATE INDEX thread_newest ON thread (workspace_id, updated_at)"))


def _threads_belong_to_workspaces(connection: Connection) -> None:
    """A workspace's folder may be copied: its threads keep their ids, which then are in two workspaces."""
    connection.execute(
        text("""CREATE TABLE thread_of_workspace (
            workspace_id VARCHAR NOT NULL REFERENCES workspace (id), id VARCHAR NOT NULL, title VARCHAR,
            thread_dir VARCHAR NOT NULL UNIQUE, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL,
            PRIMARY KEY (workspace_id, id))""")
    )
    connection.execute(
        text("""INSERT INTO thread_of_workspace (workspace_id, id, title, thread_dir, created_at, updated_at)
            SELECT workspace_id, id, title, thread_dir, created_at, updated_at FROM thread""")
    )
    connection.execute(text("DROP TABLE thread"))
    connection.execute(text("ALTER TABLE thread_of_workspace RENAME TO thread"))
    connection.execute(text("CREATE INDEX thread_newest ON thread (workspace_id, updated_at)"))


STEPS: tuple[Callable[[Connection], None], ...] = (_first, _threads_belong_to_workspaces)


def migrate(connection: Connection) -> None:
    """Takes the steps that the database lacks, in one transaction; raises where it is newer than this program."""
    if _steps_taken(connection) == len(STEPS):
        return  # without the write lock, which another program may hold
    # Two programs may open a new root at once; the second waits here, and finds the steps taken.
    connection.execute(text("BEGIN IMMEDIATE"))
    have = _steps_taken(connection)
    for number, step in enumerate(STEPS[have:], start=have + 1):
        step(connection)
        connection.execute(text(f"PRAGMA user_version = {number}"))


def _steps_taken(connection: Connection) -> int:
    have: int = connection.execute(text("PRAGMA user_version")).scalar_one()
    if have > len(STEPS):
        message = "The catalog was made by a newer version of cfo_kernel. Update cfo_kernel to open it."
        raise InvalidSettings(message)
    return have
