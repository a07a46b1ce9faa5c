"""Owner locks: each live process on this machine locks its own file. The system unlocks it when the process dies."""

import fcntl
import os
import uuid
from pathlib import Path

from cfo_kernel.store.live_processes import is_locked


class OwnerLocks:
    """Tracks which run owners are alive. `me` is this process's name, which counts as alive until `close`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.me = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        # Lock before renaming: an unlocked file under its final name would look like a dead process.
        unnamed = folder / f".{self.me}"
        self._held = unnamed.open("w")
        fcntl.flock(self._held, fcntl.LOCK_EX)
        unnamed.rename(folder / self.me)

    def is_alive(self, owner: str) -> bool:
        """Whether the process with this name is still running."""
        if owner == self.me:
            return not self._held.closed
        return is_locked(self._folder / owner)

    def remove_abandoned(self) -> None:
        """Removes the files of killed processes. A process without a file counts as dead too."""
        for file in self._folder.iterdir():
            if not file.name.startswith(".") and not self.is_alive(file.name):
                file.unlink(missing_ok=True)

    def close(self) -> None:
        (self._folder / self.me).unlink(missing_ok=True)
        self._held.close()
