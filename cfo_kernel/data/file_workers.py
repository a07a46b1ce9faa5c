"""The file workers of a workspace: several processes, so that many small files are read faster."""

import asyncio
import os
from pathlib import Path
from typing import Any

from cfo_kernel.data.file_worker import FileWorker
from cfo_kernel.executors.worker_process import workbench_closed

AT_ONCE = min(4, os.cpu_count() or 1)


class FileWorkers:
    """A `Worker` that handles up to `AT_ONCE` requests at the same time, each in a separate process.

    A process starts when all others are busy. The most recently used one is picked first.
    """

    def __init__(self, parent: Path) -> None:
        """The processes' folders are created in `parent`."""
        self._parent = parent
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._idle: list[FileWorker] = []
        self._workers: list[FileWorker] = []
        self._is_closed = False

    async def ask(self, op: str, timeout: float, **arguments: Any) -> dict[str, Any]:  # noqa: ASYNC109 - it kills
        """See `FileWorker.ask`."""
        async with self._slots:
            if self._is_closed:
                raise workbench_closed()
            if not self._idle:
                self._workers.append(FileWorker(self._parent))
            worker = self._idle.pop() if self._idle else self._workers[-1]
            try:
                return await worker.ask(op, timeout, **arguments)
            finally:
                self._idle.append(worker)

    async def close(self) -> None:
        """Ends the processes, and removes their folders."""
        self._is_closed = True
        for worker in self._workers:
            await worker.close()
