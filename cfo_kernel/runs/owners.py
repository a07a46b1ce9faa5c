"""Which processes are alive: each holds a lock on a file of its own, which the system lets go when it dies."""

import fcntl
import os
import uuid
from pathlib import Path


class Owners:
    """`me` is this process's name as owner of runs; it is alive from the moment this object exists."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.me = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._held = (folder / self.me).open("w")
        fcntl.flock(self._held, fcntl.LOCK_EX)

    def is_alive(self, owner: str) -> bool:
        """Whether the process of that name still runs."""
        if owner == self.me:
            return True
        try:
            with (self._folder / owner).open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        (self._folder / self.me).unlink(missing_ok=True)
        self._held.close()
