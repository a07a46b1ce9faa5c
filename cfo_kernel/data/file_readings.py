"""Reads the files in `data/` in the background, so that no caller has to wait for all of them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cfo_kernel.cancellation import cancel_and_wait
from cfo_kernel.data import reading_stages
from cfo_kernel.data.file_reader import FileReader, IngestedFile, explained
from cfo_kernel.data.file_workers import AT_ONCE
from cfo_kernel.data.reading_stages import Reading

_log = logging.getLogger(__name__)
_SMALL = 1 << 20
_LONG = 5.0
"""The number of seconds after which a small file no longer holds up the next one."""
_WORTH_A_PROCESS = 20
"""The number of small files that take as long to read as another process takes to start."""


class FileReadings:
    """Reads each file in a separate task, and calls `finished` with the outcome.

    Large files are read one by one, because each may use all the memory that a process is given. Small files are read
    concurrently if there are many of them, or if one takes long.
    """

    def __init__(self, reader: FileReader, finished: Callable[[IngestedFile], None]) -> None:
        self._reader = reader
        self._finished = finished
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._reached: dict[str, Reading] = {}
        self._large, self._small = asyncio.Semaphore(1), asyncio.Semaphore(AT_ONCE)

    def __contains__(self, name: str) -> bool:
        return name in self._tasks

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, files: Mapping[Path, int]) -> None:
        """Begins to read the files, in this order. Each file is given with its size."""
        count = sum(size <= _SMALL for size in files.values())
        turns = asyncio.Semaphore(min(AT_ONCE, count // _WORTH_A_PROCESS + 1))
        for path, size in files.items():
            self._reached[path.name] = Reading()
            reading = self._read_small(path, turns) if size <= _SMALL else self._read(path, self._large)
            self._tasks[path.name] = asyncio.create_task(reading, name=f"read {path.name}")

    async def stop(self, *names: str) -> None:
        """Stops reading these files, and returns when their processes have ended."""
        stopped = [self._tasks.pop(name) for name in names if name in self._tasks]
        for name in names:
            self._reached.pop(name, None)
        await cancel_and_wait(*stopped)

    async def close(self) -> None:
        await self.stop(*self._tasks)

    def all(self) -> dict[str, Reading]:
        """The progress of each file, by its name, in the order in which reading began."""
        return dict(self._reached)

    async def _read_small(self, path: Path, turns: asyncio.Semaphore) -> None:
        """Reads the file when its turn comes. If reading takes long, the turn passes to the next file."""
        await turns.acquire()
        passing_on = asyncio.get_running_loop().call_later(_LONG, turns.release)
        try:
            await self._read(path, self._small)
        finally:
            if passing_on.when() > asyncio.get_running_loop().time():
                passing_on.cancel()
                turns.release()

    async def _read(self, path: Path, turn: asyncio.Semaphore) -> None:
        name = path.name

        def on_stage(value: Any) -> None:
            if name in self._reached:
                self._reached[name] = reading_stages.reported(value, self._reached[name])

        async with turn:
            on_stage({"stage": reading_stages.Stage.CHECKING})
            try:
                outcome = await self._reader.read_or_explain(path, on_stage)
            except Exception as error:  # noqa: BLE001 - the boundary of a task: without an outcome, its callers would wait forever
                _log.exception("a file cannot be read")
                outcome = explained(path, error)
        if self._tasks.get(name) is asyncio.current_task():
            del self._tasks[name], self._reached[name]
            self._finished(outcome)
