"""Which processes are alive: each holds a lock on a file of its own, which the system lets go when it dies."""

import fcntl
import os
import uuid
from pathlib import Path

from cfo_kernel.store.live_processes import is_locked


class LiveProcesses:
    """`me` is this process's name as owner of runs; it is alive from the moment this object exists."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.me = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        # Named only once it is locked, or another process could take it for a dead one's.
        unnamed = folder / f".{self.me}"
        self._held = unnamed.open("w")
        fcntl.flock(self._held, fcntl.LOCK_EX)
        unnamed.rename(folder / self.me)

    def is_alive(self, owner: str) -> bool:
        """Whether the process of that name still runs."""
        if owner == self.me:
            return not self._held.closed
        return is_locked(self._folder / owner)

    def remove_abandoned(self) -> None:
        """Removes the files that processes left which were killed; a missing file means dead as well."""
        for file in self._folder.iterdir():
            if not file.name.startswith(".") and not self.is_alive(file.name):
                file.unlink(missing_ok=True)

    def close(self) -> None:
        (self._folder / self.me).unlink(missing_ok=True)
        self._held.close()
