"""The catalog's schema as numbered steps, and how many of them a database has taken.

SQLite counts them in `PRAGMA user_version`, PostgreSQL in the one row of the table `version`.

A step is never changed once released: a later need is a later step.
"""

from collections.abc import Callable

from sqlalchemy import Connection, text

from cfo_kernel.errors import InvalidSettings
from cfo_kernel.store.database import is_postgres, wait_for_others


def _first(connection: Connection) -> None:
    _execute(
        connection,
        """CREATE TABLE workspace (
            id VARCHAR NOT NULL PRIMARY KEY, name VARCHAR NOT NULL UNIQUE, workspace_dir VARCHAR NOT NULL UNIQUE,
            created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL)""",
    )
    _execute(
        connection,
        """CREATE TABLE thread (
            id VARCHAR NOT NULL PRIMARY KEY, workspace_id VARCHAR NOT NULL REFERENCES workspace (id), title VARCHAR,
            thread_dir VARCHAR NOT NULL UNIQUE, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL)""",
    )
    _execute(connection, "CREATE INDEX thread_newest ON thread (workspace_id, updated_at)")


def _threads_belong_to_workspaces(connection: Connection) -> None:
    """A workspace's folder may be copied: its threads keep their ids, which then are in two workspaces."""
    _execute(
        connection,
        """CREATE TABLE thread_of_workspace (
            workspace_id VARCHAR NOT NULL REFERENCES workspace (id), id VARCHAR NOT NULL, title VARCHAR,
            thread_dir VARCHAR NOT NULL UNIQUE, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL,
            PRIMARY KEY (workspace_id, id))""",
    )
    _execute(
        connection,
        """INSERT INTO thread_of_workspace (workspace_id, id, title, thread_dir, created_at, updated_at)
            SELECT workspace_id, id, title, thread_dir, created_at, updated_at FROM thread""",
    )
    _execute(connection, "DROP TABLE thread")
    _execute(connection, "ALTER TABLE thread_of_workspace RENAME TO thread")
    _execute(connection, "CREATE INDEX thread_newest ON thread (workspace_id, updated_at)")


STEPS: tuple[Callable[[Connection], None], ...] = (_first, _threads_belong_to_workspaces)


def _execute(connection: Connection, sql: str) -> None:
    """Executes a statement written for SQLite."""
    connection.execute(text(sql.replace("DATETIME", "TIMESTAMPTZ") if is_postgres(connection) else sql))


def migrate(connection: Connection) -> None:
    """Takes the steps that the database lacks, in one transaction; raises where it is newer than this program."""
    if _steps_taken(connection) == len(STEPS):
        return  # without the write lock, which another program may hold
    # Two programs may open a new root at once; the second waits here, and finds the steps taken.
    wait_for_others(connection)
    have = _steps_taken(connection)
    if is_postgres(connection) and not have:
        connection.execute(text("CREATE TABLE version (steps INTEGER NOT NULL)"))
        connection.execute(text("INSERT INTO version VALUES (0)"))
    for number, step in enumerate(STEPS[have:], start=have + 1):
        step(connection)
        place = "UPDATE version SET steps" if is_postgres(connection) else "PRAGMA user_version"
        connection.execute(text(f"{place} = {number}"))


def _steps_taken(connection: Connection) -> int:
    have: int = 0
    if not is_postgres(connection):
        have = connection.execute(text("PRAGMA user_version")).scalar_one()
    elif connection.execute(text("SELECT to_regclass('version')")).scalar_one():
        have = connection.execute(text("SELECT steps FROM version")).scalar_one()
    if have > len(STEPS):
        message = "The catalog was made by a newer version of cfo_kernel. Update cfo_kernel to open it."
        raise InvalidSettings(message)
    return have
