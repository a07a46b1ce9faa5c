"""The file workers of a workspace: several processes, so that many small files are read faster."""

import asyncio
import os
from pathlib import Path
from typing import Any

from cfo_kernel.data.file_worker import FileWorker
from cfo_kernel.executors.worker_process import OnStage, workbench_closed

AT_ONCE = max(2, min(4, os.cpu_count() or 1))
"""The number of small files in `data/` that are read at the same time."""
_PROCESSES = AT_ONCE + 3  # one more for a large file of `data/`; the others serve uploads and sheets meanwhile


class FileWorkers:
    """A `Worker` that handles up to `_PROCESSES` requests at the same time, each in a separate process.

    A process starts when all others are busy. The most recently used one is picked first.
    """

    def __init__(self, parent: Path) -> None:
        """The processes' folders are created in `parent`."""
        self._parent = parent
        self._slots = asyncio.Semaphore(_PROCESSES)
        self._idle: list[FileWorker] = []
        self._workers: list[FileWorker] = []
        self._is_closed = False

    async def ask(
        self,
        op: str,
        timeout: float,  # noqa: ASYNC109 - it kills
        *,
        on_stage: OnStage | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        """See `FileWorker.ask`."""
        async with self._slots:
            if self._is_closed:
                raise workbench_closed()
            if not self._idle:
                self._workers.append(FileWorker(self._parent))
            worker = self._idle.pop() if self._idle else self._workers[-1]
            try:
                return await worker.ask(op, timeout, on_stage=on_stage, **arguments)
            finally:
                self._idle.append(worker)

    async def close(self) -> None:
        """Ends the processes, and removes their folders."""
        self._is_closed = True
        for worker in self._workers:
            await worker.close()
