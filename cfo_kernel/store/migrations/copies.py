"""Makes backup copies of SQLite databases before their schemas are changed.

Keeps the last few copies for each store.
"""

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from cfo_kernel.errors import StorageFailed

KEPT = 3


def copy_database(database: Path, revision: str | None) -> Path:
    """Copies the database to the folder `copies` next to it, under a name with its revision and the time.

    Returns the path of the copy. Other programs may read the database in the meantime, but the caller must keep them
    from writing. Raises `StorageFailed` if no copy can be made.
    """
    folder = database.parent / "copies"
    copy = folder / f"{database.stem}-{revision or 'unversioned'}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.db"
    partial = copy.with_suffix(".part")
    try:
        folder.mkdir(exist_ok=True)
        for left in folder.glob(f"{database.stem}-*.part"):  # left by a process that died while copying
            left.unlink(missing_ok=True)
        # SQLite's own backup includes the write-ahead log, which copying the file would miss.
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(partial)) as target:
            source.backup(target)
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.rename(copy)  # renamed only now, so that a copy with this name is always complete
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            partial.unlink()
        raise StorageFailed(
            f"{database.name} was not changed, because no backup copy could be made ({error}). Free space on the disk"
            f" of {folder}, then try again."
        ) from error
    return copy


def remove_old_copies(database: Path) -> None:
    """Removes all but the newest copies of the database."""
    for old in copies_of(database)[:-KEPT]:
        old.unlink(missing_ok=True)


def copies_of(database: Path) -> list[Path]:
    """Returns the copies of a database, oldest first."""
    found = (database.parent / "copies").glob(f"{database.stem}-*.db")
    return sorted(found, key=lambda copy: copy.stem.split("-", 2)[-1])
