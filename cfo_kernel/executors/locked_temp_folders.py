"""Folders for what is made on the way to something else. The lock in each says that its owner lives.

What an owner that was killed left behind is removed by whoever comes next; what another one still uses never is.
"""

import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Generator
from pathlib import Path

_LOCK = "lock"


def lock_folder(folder: Path) -> int:
    """Marks the folder as held until the descriptor it returns is closed, or its process ends."""
    unlocked = folder / f".{_LOCK}"
    lock = os.open(unlocked, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unlocked.rename(folder / _LOCK)  # only now, or it would look as if nobody held it
    except BaseException:
        os.close(lock)
        raise
    return lock


@contextlib.contextmanager
def locked_temp_folder(parent: Path) -> Generator[Path]:
    """An empty folder in `parent` for the one who asks, removed afterwards with all that is in it."""
    remove_abandoned(parent)
    folder = parent / uuid.uuid4().hex
    with contextlib.ExitStack() as left:
        left.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "own").mkdir(parents=True)
        left.callback(os.close, lock_folder(folder))
        yield folder / "own"


def remove_abandoned(parent: Path) -> None:
    """Removes the folders in `parent` whose owner ended without doing so."""
    for left in parent.iterdir() if parent.is_dir() else ():
        with contextlib.suppress(OSError):
            lock = os.open(left / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(lock)
