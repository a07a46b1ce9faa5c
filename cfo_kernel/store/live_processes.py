"""Tracks the processes that have a root open.

On one machine, each holds a lock on its own file in `owners/`, which the system releases when the process dies. With
PostgreSQL, each refreshes its timestamp in the journal's `owner` table.
"""

import fcntl
from pathlib import Path

from sqlalchemy import Connection, text

from cfo_kernel.store.database import is_postgres

DEAD_AFTER = 4
"""Seconds since its last heartbeat after which a process counts as dead (PostgreSQL only)."""


def processes_with_root_open(connection: Connection) -> list[str]:
    """Returns the processes that have this database's root open, as `pid` or, with PostgreSQL, `machine-pid`."""
    if is_postgres(connection):
        return [name.rpartition("-")[0] for name in _owners_in_postgres(connection)]
    path = connection.engine.url.database
    folder = Path(path or "").parent / "owners"
    files = sorted(folder.iterdir()) if path and folder.is_dir() else []
    return [file.name.partition("-")[0] for file in files if not file.name.startswith(".") and is_locked(file)]


def is_locked(file: Path) -> bool:
    """Whether any process, including this one, holds the lock on a file. A missing file is not locked."""
    try:
        with file.open() as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _owners_in_postgres(connection: Connection) -> list[str]:
    # Checks first that the table exists, because PostgreSQL rejects a statement that names a missing table.
    exists = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'cfo_journal' AND tablename = 'owner')"
    if not connection.execute(text(exists)).scalar_one():
        return []
    alive = "SELECT name FROM cfo_journal.owner WHERE beat > now() - make_interval(secs => :seconds) ORDER BY name"
    return list(connection.execute(text(alive), {"seconds": DEAD_AFTER}).scalars())
