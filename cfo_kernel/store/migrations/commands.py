"""The commands of `cfo db`: show the state of a root's stores, and upgrade or downgrade a store."""

import contextlib
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from cfo_kernel.errors import InvalidInput, InvalidSettings, StorageFailed
from cfo_kernel.settings import Settings
from cfo_kernel.store import folders
from cfo_kernel.store.database import POSTGRES_IS_MISSING, sqlite_engine
from cfo_kernel.store.migrations import runner
from cfo_kernel.store.migrations.copies import copies_of
from cfo_kernel.store.migrations.revisions import find_revision
from cfo_kernel.store.schemas import STORES, StoreSchema
from cfo_kernel.values import Value

if TYPE_CHECKING:  # its driver is installed only with the extra `postgres`
    from cfo_kernel.store.database_postgres import Target

State = Literal["current", "behind", "newer", "missing"]


class StoreStatus(Value):
    """A store's revision, and whether it matches this version. Opening the root creates or upgrades the store."""

    store: str
    state: State
    revision: str | None
    head: str
    location: str
    copies: tuple[str, ...] = ()


class StoreChange(Value):
    """The result of upgrading or downgrading a store, with the backup copy that was made first, if any."""

    store: str
    before: str | None
    after: str | None
    copied_to: str | None = None


class Stores:
    """The stores of the root in the settings. Every method raises `StorageFailed` if a database cannot be used."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.resolved_root() / folders.CATALOG_FOLDER
        self._url = settings.database_url.get_secret_value() if settings.database_url else None

    def status(self) -> list[StoreStatus]:
        """Returns the state of every store, without creating or changing anything."""
        return [self._status(schema) for schema in STORES]

    def upgrade(self, store: str | None = None, revision: str | None = None) -> list[StoreChange]:
        """Upgrades one store or all stores. Also raises `InvalidInput` for an unknown store or revision."""
        changes: list[runner.Change] = []
        for schema in STORES if store is None else [_schema(store)]:
            with self._engine(schema) as engine:
                changes.append(runner.upgrade(engine, schema, revision))
        return [_shown(change) for change in changes]

    def downgrade(self, store: str, revision: str) -> list[StoreChange]:
        """Downgrades a store. Also raises `InvalidInput` for an unknown store or revision."""
        schema = _schema(store)
        if revision == runner.BASE:
            message = f"Without any revision the {store} would have no tables. Choose a revision to downgrade to."
            raise InvalidInput(message)
        if self._is_missing(schema):
            raise InvalidInput(f"The {store} does not exist: there is no {self._file(schema)}. Check CFO_ROOT.")
        with self._engine(schema) as engine:
            return [_shown(runner.downgrade(engine, schema, revision))]

    def _status(self, schema: StoreSchema) -> StoreStatus:
        revision = None
        if not self._is_missing(schema):
            with self._engine(schema) as engine, engine.connect() as connection:
                revision = find_revision(connection, schema)
        state: State = "current"
        if revision is None:
            state = "missing"
        elif revision != schema.head:
            state = "behind" if revision < schema.head else "newer"
        copies = () if self._url else tuple(map(str, copies_of(self._file(schema))))
        location = f"PostgreSQL, schema {schema.postgres_schema}" if self._url else str(self._file(schema))
        return StoreStatus(
            store=schema.name, state=state, revision=revision, head=schema.head, location=location, copies=copies
        )

    def _file(self, schema: StoreSchema) -> Path:
        return self._folder / schema.file_name

    def _is_missing(self, schema: StoreSchema) -> bool:
        return not self._url and not self._file(schema).exists()

    @contextlib.contextmanager
    def _engine(self, schema: StoreSchema) -> Generator[Engine]:
        target = _target(self._url) if self._url else None
        engine = target.engine(schema.postgres_schema) if target else sqlite_engine(self._file(schema))
        try:
            if not target:
                self._folder.mkdir(parents=True, exist_ok=True)
            yield engine
        except (OSError, sqlite3.Error, DatabaseError) as error:
            if target:
                raise target.cannot_open(error) from error
            reason = str(getattr(error, "orig", error)).splitlines()[0]
            message = f"{self._file(schema)} cannot be used ({reason}). Check CFO_ROOT and its disk."
            raise StorageFailed(message) from error
        finally:
            engine.dispose()


def _target(url: str) -> "Target":
    try:
        from cfo_kernel.store.database_postgres import Target
    except ImportError as error:
        raise InvalidSettings(POSTGRES_IS_MISSING) from error
    return Target(url)


def _schema(name: str) -> StoreSchema:
    for schema in STORES:
        if schema.name == name:
            return schema
    known = ", ".join(schema.name for schema in STORES)
    raise InvalidInput(f"There is no store {name[:80]!r}. The stores are: {known}.")


def _shown(change: runner.Change) -> StoreChange:
    copy = str(change.copy) if change.copy else None
    return StoreChange(store=change.store, before=change.before, after=change.after, copied_to=copy)
