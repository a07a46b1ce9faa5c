"""The databases of an open workbench: files under the root, or PostgreSQL if `CFO_DATABASE_URL` is set."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy.exc import DatabaseError

from cfo_kernel.errors import InvalidSettings, StorageFailed
from cfo_kernel.runs.journal import Journal
from cfo_kernel.runs.journal_sqlite import SqliteJournal
from cfo_kernel.runs.owner_locks import OwnerLocks
from cfo_kernel.runs.queue import RunQueue
from cfo_kernel.runs.queue_table import TableQueue
from cfo_kernel.settings import Settings
from cfo_kernel.store import folders
from cfo_kernel.store.catalog import Catalog
from cfo_kernel.store.database import POSTGRES_IS_MISSING, sqlite_engine
from cfo_kernel.store.ledger import Ledger
from cfo_kernel.store.schemas import CATALOG, JOURNAL, LEDGER


@dataclass(frozen=True)
class OpenStores:
    """The databases that all processes with the same root share."""

    catalog: Catalog
    ledger: Ledger
    journal: Journal
    queue: RunQueue


def open_stores(root: Path, settings: Settings) -> OpenStores:
    """Opens the databases. Raises `StorageFailed` if one cannot be used, or `InvalidSettings` for an invalid URL."""
    try:
        folder = folders.create_catalog_folder(root)
        if settings.database_url:
            return _postgres_stores(settings.database_url)
        journal = SqliteJournal(folder / JOURNAL.file_name)
        # The owner lock comes last, because other processes assume that its holder has upgraded all stores.
        return OpenStores(
            Catalog(sqlite_engine(folder / CATALOG.file_name, can_be_rebuilt=True)),
            Ledger(sqlite_engine(folder / LEDGER.file_name)),
            journal,
            TableQueue(journal, OwnerLocks(folder / "owners")),
        )
    except (OSError, sqlite3.Error, DatabaseError) as error:
        reason = str(error).splitlines()[0]
        raise StorageFailed(f"The root {root} cannot be opened ({reason}). Check CFO_ROOT and its disk.") from error


def _postgres_stores(url: SecretStr) -> OpenStores:
    try:
        from cfo_kernel.runs.journal_postgres import PostgresJournal
        from cfo_kernel.runs.postgres import Database
        from cfo_kernel.runs.queue_procrastinate import ProcrastinateQueue
        from cfo_kernel.store.database_postgres import Target
    except ImportError as error:
        raise InvalidSettings(POSTGRES_IS_MISSING) from error
    target = Target(url.get_secret_value())
    database = Database(target)
    journal = PostgresJournal(database)
    try:
        catalog, ledger = Catalog(target.engine(CATALOG.postgres_schema)), Ledger(target.engine(LEDGER.postgres_schema))
    except DatabaseError as error:
        raise target.cannot_open(error) from error
    return OpenStores(catalog, ledger, journal, ProcrastinateQueue(journal, database))
