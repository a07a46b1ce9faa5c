"""Temporary folders, each with a lock that shows that its owner is alive.

The kernel releases a process's locks however the process ends, even by SIGKILL. A folder that is not locked must
therefore have been left behind by a crash, and the next process removes it. A folder that is in use is never removed.
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
    """Locks the folder until the returned descriptor is closed or the process ends."""
    unlocked = folder / f".{_LOCK}"
    lock = os.open(unlocked, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Renamed only once it is locked, because an unlocked file named `lock` would make the folder look abandoned.
        unlocked.rename(folder / _LOCK)
    except BaseException:
        os.close(lock)
        raise
    return lock


@contextlib.contextmanager
def locked_temp_folder(parent: Path) -> Generator[Path]:
    """Creates an empty folder in `parent` for the caller, and removes it afterwards with everything in it."""
    remove_abandoned(parent)
    folder = parent / uuid.uuid4().hex
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "own").mkdir(parents=True)
        stack.callback(os.close, lock_folder(folder))
        yield folder / "own"


def remove_abandoned(parent: Path) -> None:
    """Removes the folders in `parent` whose owners ended without removing them."""
    for folder in parent.iterdir() if parent.is_dir() else ():
        with contextlib.suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
