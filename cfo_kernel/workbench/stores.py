"""The databases of an open workbench: files under the root, or, where `CFO_DATABASE_URL` is set, one of PostgreSQL."""

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
        journal = SqliteJournal(place / JOURNAL.file_name)
        # The owner's file comes last: who holds one counts as having brought all stores up to date.
        return Stores(
            Catalog(sqlite_engine(place / CATALOG.file_name, can_be_rebuilt=True)),
            Ledger(sqlite_engine(place / LEDGER.file_name)),
            journal,
            TableQueue(journal, OwnerLocks(place / "owners")),
        )
    except (OSError, sqlite3.Error, DatabaseError) as error:
        reason = str(error).splitlines()[0]
        raise StorageFailed(f"The root {root} cannot be opened ({reason}). Check CFO_ROOT and its disk.") from error


def _of_several_machines(url: SecretStr) -> Stores:
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
    return Stores(catalog, ledger, journal, ProcrastinateQueue(journal, database))
