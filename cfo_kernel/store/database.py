"""Engines for the databases in `<root>/.cfo/`, and statements that differ between SQLite and PostgreSQL."""

import sqlite3
from pathlib import Path
from typing import LiteralString

from sqlalchemy import URL, Connection, Engine, create_engine, event, text

LOCK_TIMEOUT = 1000
"""How long a write waits for another program's write, in milliseconds. It is short because it blocks event loops."""

POSTGRES_IS_MISSING = "CFO_DATABASE_URL needs additional packages. Run: pip install 'cfo-kernel[postgres]'"


def sqlite_engine(path: Path, *, can_be_rebuilt: bool = False) -> Engine:
    """Returns an engine for the SQLite database in this file, which can be read while another program writes to it.

    If the database `can_be_rebuilt`, commits do not wait for the disk, so a power failure may undo the last ones.
    """
    url = URL.create(
        "sqlite", database=str(path)
    )  # not parsed from a string, because the path may contain `?`, `#` or `%`
    engine = create_engine(url, connect_args={"timeout": LOCK_TIMEOUT / 1000})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if can_be_rebuilt else 'FULL'}")

    return engine


def is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def set_lock_timeout(connection: Connection, milliseconds: int) -> None:
    """Sets how long the transaction waits for other programs to finish writing."""
    setting = "SET LOCAL lock_timeout" if is_postgres(connection) else "PRAGMA busy_timeout"
    connection.execute(text(f"{setting} = {milliseconds:d}"))


def lock_for_migration(connection: Connection, postgres_schema: LiteralString, milliseconds: int) -> None:
    """Locks the database, so that no other transaction can migrate it, and creates its schema if it is missing."""
    if is_postgres(connection):
        set_lock_timeout(connection, milliseconds)
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('cfo_kernel'), 0)"))
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {postgres_schema}"))
        return
    connection.detach()  # the settings below are changed, so the pool must not reuse the connection
    set_lock_timeout(connection, milliseconds)
    connection.execute(
        text("PRAGMA foreign_keys = OFF")
    )  # otherwise a table that is referenced by others could not be rebuilt
    # Python's driver does not begin a transaction before DDL, so without this each statement would be committed alone.
    connection.execute(text("BEGIN IMMEDIATE"))
