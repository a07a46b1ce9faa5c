"""Upgrades and downgrades a store's schema: in one process at a time, in one transaction, after a backup copy."""

import contextlib
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from cfo_kernel.errors import CfoError, InvalidInput, StorageFailed
from cfo_kernel.store.database import is_postgres, lock_for_migration
from cfo_kernel.store.live_processes import processes_with_root_open
from cfo_kernel.store.migrations.copies import copy_database, remove_old_copies
from cfo_kernel.store.migrations.revisions import find_revision, is_stamped, table_names, update_counter
from cfo_kernel.store.schemas import StoreSchema

LOCK_TIMEOUT = 60_000
"""How long a process waits for another one that is migrating the same store, in milliseconds."""
BASE = "base"
"""The name of the state before the first revision, without any tables."""
_one_at_a_time = threading.Lock()  # Alembic's `op` and `context` are global, so threads must take turns


@dataclass(frozen=True)
class Change:
    """The result of an upgrade or downgrade: the revisions before and after, and the backup copy, if one was made."""

    store: str
    before: str | None
    after: str | None
    copy: Path | None = None


def upgrade(engine: Engine, schema: StoreSchema, revision: str | None = None) -> Change:
    """Upgrades the store to a revision, by default the newest. Creates the store if it does not exist.

    Raises `InvalidInput` if the revision does not exist or is older than the store's. Raises `StorageFailed` and leaves
    the store unchanged if the store is newer than this version, is in use, or cannot be upgraded.
    """
    target = revision or schema.head
    _check_exists(schema, target)
    with _locked(engine, schema) as connection:
        before = _known_revision(connection, schema)
        if before is not None and target < before:
            message = f"The {schema.name} is at revision {before}. Run: cfo db downgrade {schema.name} {target}"
            raise InvalidInput(message)
        return _change(connection, schema, before, target)


def downgrade(engine: Engine, schema: StoreSchema, revision: str) -> Change:
    """Downgrades the store to a revision, or to `base`. Raises the same errors as `upgrade`."""
    target = None if revision == BASE else revision
    if target is not None:
        _check_exists(schema, target)
    with _locked(engine, schema) as connection:
        before = _known_revision(connection, schema)
        if target is not None and (before is None or target > before):
            state = f"is at revision {before}" if before else "does not exist yet"
            message = f"The {schema.name} {state}. Run: cfo db upgrade {schema.name} {revision}"
            raise InvalidInput(message)
        return _change(connection, schema, before, target)


@contextlib.contextmanager
def _locked(engine: Engine, schema: StoreSchema) -> Generator[Connection]:
    """Opens a transaction in which no other process can migrate the store. An error rolls back the whole migration."""
    with _one_at_a_time, engine.connect() as connection, connection.begin():
        try:
            lock_for_migration(connection, schema.postgres_schema, LOCK_TIMEOUT)
        except DBAPIError as error:
            message = f"The {schema.name} is locked by another program ({error.orig}). Wait for it, then try again."
            raise StorageFailed(message) from error
        yield connection


def _known_revision(connection: Connection, schema: StoreSchema) -> str | None:
    found = find_revision(connection, schema)
    if found is not None and found > schema.head:
        raise StorageFailed(
            f"The {schema.name} has revision {found}, which is newer than this version of cfo_kernel ({schema.head})."
            f" Update cfo_kernel, or run `cfo db downgrade {schema.name} {schema.head}` with the newer version first."
        )
    return found


def _change(connection: Connection, schema: StoreSchema, before: str | None, target: str | None) -> Change:
    if before == target and is_stamped(connection):
        return Change(schema.name, before, target)
    with contextlib.ExitStack() as on_failure:
        copy = None
        if before != target and table_names(connection):  # a new store contains nothing to back up
            _refuse_if_in_use(connection, schema, before, target)
            if not is_postgres(connection):
                copy = copy_database(_file(connection), before)
                # Nothing was changed, and copies from repeated failures must not displace the older copies.
                on_failure.callback(copy.unlink, missing_ok=True)
        _apply(connection, schema, before, target)
        on_failure.pop_all()
    if copy is not None:
        remove_old_copies(_file(connection))
    return Change(schema.name, before, target, copy)


def _refuse_if_in_use(connection: Connection, schema: StoreSchema, before: str | None, target: str | None) -> None:
    # A process counts as having the root open only once it has brought all stores up to date. A process found while a
    # store is not up to date therefore runs another version, and would continue with its own idea of the schema.
    if others := processes_with_root_open(connection):
        raise StorageFailed(
            f"The {schema.name} cannot be changed from revision {before} to {target or BASE} while other programs have"
            f" the root open (processes {', '.join(others)}). Stop them, then try again."
        )


def _apply(connection: Connection, schema: StoreSchema, before: str | None, target: str | None) -> None:
    config = _config(schema)
    config.attributes["connection"] = connection
    try:
        if before is not None and not is_stamped(connection):
            command.stamp(config, before)
        if target is None or (before is not None and target < before):
            command.downgrade(config, target or BASE)
        else:
            command.upgrade(config, target)
        update_counter(connection, target)
        if not is_postgres(connection) and connection.execute(text("PRAGMA foreign_key_check")).first():
            message = "rows would refer to rows that do not exist"
            raise RuntimeError(message)
    except CfoError:
        raise
    except Exception as error:  # a revision may fail in any way
        reason = getattr(error, "orig", None) or error
        raise StorageFailed(
            f"The {schema.name} cannot be changed from revision {before} to {target or BASE} ({reason})."
            " Nothing was changed. If neither the disk nor the server is the cause, go back to your previous version "
            "of cfo_kernel, and report this."
        ) from error


def _config(schema: StoreSchema) -> Config:
    config = Config()
    options = {
        "script_location": str(Path(__file__).parent),
        "version_locations": "\n".join(map(str, schema.versions)),
        "path_separator": "newline",
    }
    for name, value in options.items():
        config.set_main_option(name, value.replace("%", "%%"))  # the values are format strings
    return config


def _check_exists(schema: StoreSchema, revision: str) -> None:
    known = sorted(script.revision for script in ScriptDirectory.from_config(_config(schema)).walk_revisions())
    if revision not in known:
        message = f"The {schema.name} has no revision {revision}. Its revisions are: {', '.join(known)}."
        raise InvalidInput(message)


def _file(connection: Connection) -> Path:
    return Path(connection.engine.url.database or "")
