"""The stores of a root: the schema that this program needs of each, and the check that a store has it.

Each store has a database of its own (a file, or a schema in PostgreSQL) with an Alembic history of its own in
`migrations/<name>/versions`. Alembic is imported only for a store that does not have the newest revision, because its
import takes longer than opening a root.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class StoreSchema:
    """The schema of a store: its newest revision, and where it is kept.

    The tables are declared in `migrations/<name>/tables.py`. `more_versions` are further folders of revisions.
    """

    name: str
    head: str
    postgres_schema: LiteralString
    more_versions: tuple[Path, ...] = ()

    @property
    def file_name(self) -> str:
        """The SQLite file below `<root>/.cfo/`."""
        return f"{self.name}.db"

    @property
    def versions(self) -> tuple[Path, ...]:
        return (_MIGRATIONS / self.name / "versions", *self.more_versions)


CATALOG = StoreSchema("catalog", head="0002", postgres_schema="cfo_catalog")
LEDGER = StoreSchema("ledger", head="0001", postgres_schema="cfo_ledger")
JOURNAL = StoreSchema("journal", head="0002", postgres_schema="cfo_journal")
STORES = (CATALOG, LEDGER, JOURNAL)
"""A new store gets an entry here, a folder in `migrations/`, and nothing else."""


def bring_up_to_date(engine: Engine, schema: StoreSchema) -> None:
    """Creates or upgrades the store where it does not have the newest revision.

    Raises `StorageFailed` if the store is newer than this program, is in use by an older one, or cannot be upgraded.
    """
    with engine.connect() as connection:
        if stamped_revision(connection) == schema.head:
            return
    from cfo_kernel.store.migrations.runner import upgrade

    upgrade(engine, schema)


def stamped_revision(connection: Connection) -> str | None:
    """The revision that Alembic noted in the database; None if there is no such note. One query."""
    try:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except (OperationalError, ProgrammingError):  # most likely no such table; any other error comes up again later
        connection.rollback()
        return None
