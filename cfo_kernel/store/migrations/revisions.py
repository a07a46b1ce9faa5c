"""Determines the revision of a database, from either Alembic's record or the counter used before Alembic.

The counter is `PRAGMA user_version` in SQLite, and the single row of the table `version` in PostgreSQL. The ledger had
no counter.
"""

from sqlalchemy import Connection, inspect, text

from cfo_kernel.errors import StorageFailed
from cfo_kernel.store.database import is_postgres
from cfo_kernel.store.schemas import StoreSchema

_STAMP = "alembic_version"
_COUNTED: dict[tuple[str, str], dict[int, str | None]] = {
    ("catalog", "sqlite"): {1: "0001", 2: "0002"},
    ("catalog", "postgresql"): {1: "0001", 2: "0002"},
    ("journal", "sqlite"): {0: None, 1: "0001", 2: "0002"},  # the first journals had tables but no counter
    ("journal", "postgresql"): {1: "0002"},
    ("ledger", "sqlite"): {0: "0001"},
    ("ledger", "postgresql"): {0: "0001"},
}


def find_revision(connection: Connection, schema: StoreSchema) -> str | None:
    """Returns the store's revision, or None if the store does not exist yet.

    The revision may be newer than this version.

    Raises `StorageFailed` if the schema does not belong to this program.
    """
    if is_stamped(connection):
        return connection.execute(text(f"SELECT version_num FROM {_STAMP}")).scalar()  # noqa: S608 - a constant
    tables, count = table_names(connection), _count(connection)
    if not tables and not count:
        return None
    known = _COUNTED.get((schema.name, connection.dialect.name), {})
    if count not in known:
        message = f"The {schema.name} has a schema that this version of cfo_kernel does not know. Update cfo_kernel."
        raise StorageFailed(message)
    return known[count]


def is_stamped(connection: Connection) -> bool:
    """Whether Alembic manages the database."""
    return _STAMP in _all_tables(connection)


def table_names(connection: Connection) -> set[str]:
    """Returns the names of the store's tables, except Alembic's own."""
    return _all_tables(connection) - {_STAMP}


def update_counter(connection: Connection, revision: str | None) -> None:
    """Updates or removes the counter, so that versions that predate Alembic refuse a schema that they do not support.

    In SQLite, those versions compare the counter with their own. In PostgreSQL, they fail if it is missing.
    """
    if is_postgres(connection):
        connection.execute(text("DROP TABLE IF EXISTS version"))
    else:
        connection.execute(text(f"PRAGMA user_version = {int(revision or 0)}"))


def _all_tables(connection: Connection) -> set[str]:
    schema = None
    if is_postgres(connection):
        schema = connection.execute(text("SELECT current_schema()")).scalar()
        if schema is None:
            return set()
    return set(inspect(connection).get_table_names(schema))


def _count(connection: Connection) -> int:
    if not is_postgres(connection):
        return connection.execute(text("PRAGMA user_version")).scalar_one()
    if "version" not in _all_tables(connection):
        return 0
    return connection.execute(text("SELECT steps FROM version")).scalar() or 0
