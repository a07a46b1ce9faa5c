"""The engines of the databases under `<root>/.cfo/`, and what they do as those of PostgreSQL do otherwise."""

import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, text

PATIENCE = 1000
"""Milliseconds for which a write waits for another program's: event loops wait with it."""


def sqlite_engine(path: Path, *, is_remade: bool = False) -> Engine:
    """The engine of the SQLite database in this file: readers go on while one writes.

    Where the database `is_remade` from something else, the last commits may be lost with the power: no write waits for
    the disk.
    """
    url = URL.create("sqlite", database=str(path))  # a path may hold what means something in a URL
    engine = create_engine(url, connect_args={"timeout": PATIENCE / 1000})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if is_remade else 'FULL'}")

    return engine


def is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def be_patient(connection: Connection, milliseconds: int) -> None:
    """For how long the transaction waits for other programs' writes."""
    setting = "SET LOCAL lock_timeout" if is_postgres(connection) else "PRAGMA busy_timeout"
    connection.execute(text(f"{setting} = {milliseconds:d}"))


def wait_for_others(connection: Connection) -> None:
    """Lets one program at a time make tables: the rest of the transaction is its own."""
    lock = "SELECT pg_advisory_xact_lock(hashtext('cfo_kernel'), 0)"
    connection.execute(text(lock if is_postgres(connection) else "BEGIN IMMEDIATE"))
