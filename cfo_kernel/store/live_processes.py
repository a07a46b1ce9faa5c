"""The processes that have a root open, as they show it to each other.

On one machine each holds a lock on a file in `owners/`, which the system releases when the process dies. With
PostgreSQL each renews a time in the journal's table `owner`.
"""

import fcntl
from pathlib import Path

from sqlalchemy import Connection, text

from cfo_kernel.store.database import is_postgres

DEAD_AFTER = 4
"""Seconds without a sign of life after which a process counts as dead, in PostgreSQL."""


def processes_with_root_open(connection: Connection) -> list[str]:
    """The processes that use the stores beside this one, as `number` or `machine-number`."""
    if is_postgres(connection):
        return [name.rpartition("-")[0] for name in _owners_in_postgres(connection)]
    path = connection.engine.url.database
    folder = Path(path or "").parent / "owners"
    files = sorted(folder.iterdir()) if path and folder.is_dir() else []
    return [file.name.partition("-")[0] for file in files if not file.name.startswith(".") and is_locked(file)]


def is_locked(file: Path) -> bool:
    """Whether a process, this one included, holds the lock on a file. A missing file is not locked."""
    try:
        with file.open() as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _owners_in_postgres(connection: Connection) -> list[str]:
    # The journal's schema is looked up as a row: PostgreSQL fails on the name of a table that does not exist.
    exists = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'cfo_journal' AND tablename = 'owner')"
    if not connection.execute(text(exists)).scalar_one():
        return []
    alive = "SELECT name FROM cfo_journal.owner WHERE beat > now() - make_interval(secs => :seconds) ORDER BY name"
    return list(connection.execute(text(alive), {"seconds": DEAD_AFTER}).scalars())
