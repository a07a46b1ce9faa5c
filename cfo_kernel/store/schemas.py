"""The stores of a root: the schema that this version needs for each, and the check that a store is up to date.

Each store has its own database (a file, or a schema in PostgreSQL) and its own Alembic history in
`migrations/<name>/versions`. Alembic is imported only if a store does not have the newest revision, because importing
it takes longer than opening a root.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class StoreSchema:
    """The schema of a store: its newest revision, and the file or PostgreSQL schema that contains it.

    The tables are declared in `migrations/<name>/tables.py`. `more_versions` lists additional folders of revisions.
    """

    name: str
    head: str
    postgres_schema: LiteralString
    more_versions: tuple[Path, ...] = ()

    @property
    def file_name(self) -> str:
        """The name of the SQLite file in `<root>/.cfo/`."""
        return f"{self.name}.db"

    @property
    def versions(self) -> tuple[Path, ...]:
        return (_MIGRATIONS / self.name / "versions", *self.more_versions)


CATALOG = StoreSchema("catalog", head="0002", postgres_schema="cfo_catalog")
LEDGER = StoreSchema("ledger", head="0001", postgres_schema="cfo_ledger")
JOURNAL = StoreSchema("journal", head="0002", postgres_schema="cfo_journal")
STORES = (CATALOG, LEDGER, JOURNAL)
"""To add a store, add it here and create its folder in `migrations/`."""


def bring_up_to_date(engine: Engine, schema: StoreSchema) -> None:
    """Creates or upgrades the store unless it already has the newest revision.

    Raises `StorageFailed` if the store is newer than this version, is in use by an older version, or cannot be
    upgraded.
    """
    with engine.connect() as connection:
        if stamped_revision(connection) == schema.head:
            return
    from cfo_kernel.store.migrations.runner import upgrade

    upgrade(engine, schema)


def stamped_revision(connection: Connection) -> str | None:
    """Returns the revision that Alembic recorded in the database, or None if there is none. Takes a single query."""
    try:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except (OperationalError, ProgrammingError):  # usually a missing table; any other error will recur later
        connection.rollback()
        return None
