"""Engines for the databases below `<root>/.cfo/`, and the statements that differ between SQLite and PostgreSQL."""

import sqlite3
from pathlib import Path
from typing import LiteralString

from sqlalchemy import URL, Connection, Engine, create_engine, event, text

LOCK_TIMEOUT = 1000
"""Milliseconds for which a write waits for another program's. Short, because event loops wait with it."""

POSTGRES_IS_MISSING = "CFO_DATABASE_URL needs more packages. Run: pip install 'cfo-kernel[postgres]'"


def sqlite_engine(path: Path, *, can_be_rebuilt: bool = False) -> Engine:
    """An engine for the SQLite database in this file, which may be read while another program writes to it.

    Where the database `can_be_rebuilt`, its commits do not wait for the disk, so a power failure may undo the last
    ones.
    """
    url = URL.create("sqlite", database=str(path))  # not parsed from text: a path may hold `?`, `#` or `%`
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
    """Makes the transaction the only one that migrates the database, and creates its schema where it is missing."""
    if is_postgres(connection):
        set_lock_timeout(connection, milliseconds)
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('cfo_kernel'), 0)"))
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {postgres_schema}"))
        return
    connection.detach()  # its settings differ from now on, so the pool must not hand it out again
    set_lock_timeout(connection, milliseconds)
    connection.execute(text("PRAGMA foreign_keys = OFF"))  # or a table that others refer to could not be rebuilt
    # Python's driver begins no transaction before DDL: without this, each statement would be committed by itself.
    connection.execute(text("BEGIN IMMEDIATE"))
