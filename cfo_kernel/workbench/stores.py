"""The databases of an open workbench: files under the root, or, where `CFO_DATABASE_URL` is set, one of PostgreSQL."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy.exc import DatabaseError

from cfo_kernel.errors import InvalidSettings, StorageFailed
from cfo_kernel.runs.journal import Journal
from cfo_kernel.runs.journal_sqlite import SqliteJournal
from cfo_kernel.runs.owners import Owners
from cfo_kernel.runs.queue import RunQueue
from cfo_kernel.runs.queue_table import TableQueue
from cfo_kernel.settings import Settings
from cfo_kernel.store import folders
from cfo_kernel.store.catalog import Catalog
from cfo_kernel.store.database import sqlite_engine
from cfo_kernel.store.ledger import Ledger


@dataclass(frozen=True)
class Stores:
    """What one machine, or all machines of a root, share."""

    catalog: Catalog
    ledger: Ledger
    journal: Journal
    queue: RunQueue


def open_stores(root: Path, settings: Settings) -> Stores:
    """Raises `StorageFailed` where a database cannot be used, `InvalidSettings` for a URL that cannot be."""
    try:
        place = folders.create_catalog_folder(root)
        if settings.database_url:
            return _of_several_machines(settings.database_url)
        journal = SqliteJournal(place / "journal.db")
        return Stores(
            Catalog(sqlite_engine(place / "catalog.db", is_remade=True)),
            Ledger(sqlite_engine(place / "ledger.db")),
            journal,
            TableQueue(journal, Owners(place / "owners")),
        )
    except (OSError, sqlite3.Error, DatabaseError) as error:
        reason = str(error).splitlines()[0]
        raise StorageFailed(f"The root {root} cannot be opened ({reason}). Check CFO_ROOT and its disk.") from error


def _of_several_machines(url: SecretStr) -> Stores:
    try:
        from cfo_kernel.runs.journal_postgres import PostgresJournal
        from cfo_kernel.runs.postgres import Database
        from cfo_kernel.runs.queue_procrastinate import ProcrastinateQueue
        from cfo_kernel.store.database_postgres import CATALOG, LEDGER, Target
    except ImportError as error:
        message = "CFO_DATABASE_URL needs more packages. Run: pip install 'cfo-kernel[postgres]'"
        raise InvalidSettings(message) from error
    target = Target(url.get_secret_value())
    database = Database(target)
    journal = PostgresJournal(database)
    try:
        catalog, ledger = Catalog(target.engine(CATALOG)), Ledger(target.engine(LEDGER))
    except DatabaseError as error:
        message = f"The database cannot be opened ({target.shown(error)}). Check CFO_DATABASE_URL and its server."
        raise StorageFailed(message) from error
    return Stores(catalog, ledger, journal, ProcrastinateQueue(journal, database))
