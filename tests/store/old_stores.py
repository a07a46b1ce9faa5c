"""Databases left by older versions of the program, with data. `old_schemas/` has a dump of each.

A dump is never changed. Each was made with that version's code and then `sqlite3`'s `iterdump` or `pg_dump --inserts`.
To add one before a schema changes, fill the stores with the released version and dump them.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, inspect, text

from cfo_kernel.store.database import sqlite_engine
from cfo_kernel.store.database_postgres import Target
from cfo_kernel.store.schemas import CATALOG, JOURNAL, LEDGER, StoreSchema

FOLDER = Path(__file__).parent / "old_schemas"
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class OldStore:
    """A dump, with the revision that its schema is recognized as."""

    schema: StoreSchema
    dialect: str
    name: str
    revision: str | None

    def __str__(self) -> str:
        return f"{self.dialect}-{self.name}"


OLD_STORES = (
    OldStore(CATALOG, "sqlite", "catalog-1", "0001"),
    OldStore(CATALOG, "sqlite", "catalog-2", "0002"),
    OldStore(CATALOG, "postgres", "catalog-2", "0002"),
    OldStore(JOURNAL, "sqlite", "journal-without-cancels", None),
    OldStore(JOURNAL, "sqlite", "journal-unversioned", None),
    OldStore(JOURNAL, "sqlite", "journal-1", "0001"),
    OldStore(JOURNAL, "sqlite", "journal-2", "0002"),
    OldStore(JOURNAL, "postgres", "journal-1", "0002"),
    OldStore(LEDGER, "sqlite", "ledger", "0001"),
    OldStore(LEDGER, "postgres", "ledger", "0001"),
)


class Database:
    """A place for one store, in a file or in PostgreSQL."""

    def __init__(self, schema: StoreSchema, place: Path | str) -> None:
        self.schema = schema
        self._place = place

    def engine(self) -> Engine:
        """An engine for the database, as if another program had opened it."""
        if isinstance(self._place, Path):
            return sqlite_engine(self._place / self.schema.file_name)
        return Target(self._place).engine(self.schema.postgres_schema)

    def load(self, name: str) -> None:
        """Fills the database from the dump."""
        if isinstance(self._place, Path):
            with closing(sqlite3.connect(self._place / self.schema.file_name)) as connection:
                connection.executescript((FOLDER / "sqlite" / f"{name}.sql").read_text())
            return
        with psycopg.connect(self._place, autocommit=True) as connection:
            connection.execute((FOLDER / "postgres" / f"{name}.sql").read_text())  # pyright: ignore[reportArgumentType, reportCallIssue]

    def rows(self) -> Rows:
        """All rows of all tables, except those that record the version."""
        engine = self.engine()
        with engine.connect() as connection:
            tables = set(inspect(connection).get_table_names()) - {"alembic_version", "version"}
            found = {
                table: [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]
                for table in sorted(tables)
            }
        engine.dispose()
        return {table: sorted(rows, key=repr) for table, rows in found.items()}

    def structure(self) -> dict[str, Any]:
        """Everything except rows: columns, keys, indexes, triggers and the recorded version."""
        engine = self.engine()
        with engine.connect() as connection:
            seen = inspect(connection)
            tables = {name: _table(seen, name) for name in sorted(seen.get_table_names())}
            more = [sorted(map(tuple, connection.execute(text(sql)))) for sql in _MORE[connection.dialect.name]]
        engine.dispose()
        return {"tables": tables, "more": more}


_MORE = {
    "sqlite": (
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
        "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'",
        "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'",
        "PRAGMA user_version",
    ),
    "postgresql": (
        "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace",
        "SELECT relname, reloptions::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace",
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = current_schema()::regnamespace",
    ),
}


def _table(seen: Any, name: str) -> dict[str, Any]:
    columns = {
        c["name"]: (repr(c["type"]), c["nullable"], c["default"], c.get("identity")) for c in seen.get_columns(name)
    }
    return {
        "columns": columns,
        "primary key": seen.get_pk_constraint(name)["constrained_columns"],
        "unique": sorted(u["column_names"] for u in seen.get_unique_constraints(name)),
        "foreign": sorted((f["constrained_columns"], f["referred_table"]) for f in seen.get_foreign_keys(name)),
        "indexes": sorted(
            (i["name"], i["column_names"], i["unique"], {k: str(v) for k, v in i["dialect_options"].items()})
            for i in seen.get_indexes(name)
        ),
    }
