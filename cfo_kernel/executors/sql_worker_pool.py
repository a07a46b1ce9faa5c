"""The SQL workers of a workspace: a few processes, so that a stuck query keeps no other from running.

Queries wait in line for a free process, the first come first; the process that worked last is taken first, for it is
the warmest. Each has a folder of its own: in `in/` the earlier results that its query may read stand as hard links, in
`out/` it leaves its result, which is then moved to where it belongs. So a process reaches neither the threads' folders
nor what another process works on.
"""

import asyncio
import contextlib
import errno
import os
import shutil
import stat
import time
import uuid
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from cfo_kernel.errors import CfoError, QueryFailed, UnknownTable
from cfo_kernel.executors import locked_temp_folders
from cfo_kernel.executors.sql_names import fold_case
from cfo_kernel.executors.worker_process import Progress, WorkerProcess, workbench_closed

_MODULE = "cfo_kernel.executors.sql_worker"
_AT_ONCE = 4
_IDLE_SECONDS = 300  # after which a process that nobody needed ends; one stays warm
TableFiles = Mapping[str, Path]
"""Parquet files by the names of their tables."""


class SqlWorkerPool:
    """Runs the SQL of one workspace, `at_once` queries at a time."""

    def __init__(
        self, cache: Path, folder: Path, *, timeout: float, at_once: int = _AT_ONCE, idle: float = _IDLE_SECONDS
    ) -> None:
        """Workers may read `cache`; what they need for themselves is made below `folder`."""
        self._cache = cache
        self._folder = folder
        self._timeout = timeout
        self._places = asyncio.Semaphore(at_once)
        self._idle: list[_PooledWorker] = []
        self._workers: list[_PooledWorker] = []
        self._patience = idle
        self._thinning: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[None] | None = None
        self._is_closed = False

    def warm(self, tables: TableFiles) -> None:
        """Begins to start the first process, for a query that is to come: it waits for the rest of the start alone.

        What fails here is told by the query, which tries again.
        """
        if not self._workers and not self._is_closed:
            with contextlib.suppress(QueryFailed, OSError):
                seat = self._new()
                self._idle.append(seat)
                self._warming = asyncio.create_task(self._started(seat, tables), name="start a SQL worker")

    async def ask(
        self,
        op: str,
        tables: TableFiles,
        thread_tables: TableFiles,
        sql: str,
        *,
        file: Path | None = None,
        on_progress: Progress | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        """The answer to `op` over `tables` and the `thread_tables` that `sql` names; a result goes to `file`.

        Raises `WorkbenchClosed` after `close`, also for those who wait in line.
        """
        async with self._places:
            if self._is_closed:
                raise workbench_closed()
            seat = self._idle.pop() if self._idle else self._new()
            try:
                await seat.open(tables, self._timeout)
                with seat.lent(thread_tables, sql) as lent:
                    out = seat.out / uuid.uuid4().hex
                    if op == "query":
                        arguments["file"] = str(out) if file else None
                    answer = await seat.process.ask(
                        op,
                        self._timeout,
                        sql=sql,
                        thread_tables=lent,
                        known=list(thread_tables),
                        on_progress=on_progress,
                        **arguments,
                    )
                    if file:
                        await asyncio.to_thread(_move, out, file)
                    return answer
            finally:
                seat.tidy()
                if seat in self._workers:  # else the pool was closed meanwhile
                    seat.idle_since = time.monotonic()
                    self._idle.append(seat)
                    if len(self._idle) > 1 and (self._thinning is None or self._thinning.done()):
                        self._thinning = asyncio.create_task(self._thin())

    async def close(self) -> None:
        """Ends the processes and removes their folders."""
        if self._thinning is not None:
            self._thinning.cancel()
        self._is_closed = True
        seats, self._workers, self._idle = self._workers, [], []
        for seat in seats:
            await seat.process.close()
            seat.leave()
        with contextlib.suppress(OSError):  # another engine may have its workers there
            self._folder.rmdir()

    async def _started(self, seat: "_PooledWorker", tables: TableFiles) -> None:
        with contextlib.suppress(CfoError, OSError):
            await seat.open(tables, self._timeout)
            await seat.process.start()

    async def _thin(self) -> None:
        """Ends the processes that nobody needed for a while, but for the one that worked last."""
        while len(self._idle) > 1:
            longest = self._idle[0]  # for the last is always taken first
            left = longest.idle_since + self._patience - time.monotonic()
            if left > 0:
                await asyncio.sleep(left)
                continue
            self._idle.remove(longest)
            self._workers.remove(longest)
            try:
                await longest.process.close()
            finally:
                longest.leave()

    def _new(self) -> "_PooledWorker":
        if not self._workers:
            locked_temp_folders.remove_abandoned(self._folder)
        try:
            seat = _PooledWorker(self._cache, self._folder / uuid.uuid4().hex)
        except OSError as error:
            message = f"The worker's folder cannot be made ({error.strerror}). Check the disk and the folder."
            raise QueryFailed(message, retryable=False) from error
        self._workers.append(seat)
        return seat


class _PooledWorker:
    """A process with its folder, which it holds."""

    def __init__(self, cache: Path, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        cache.mkdir(parents=True, exist_ok=True)
        for path in (folder / "in", self.out):
            path.mkdir(parents=True)
        self._lock = locked_temp_folders.lock_folder(folder)
        self.process = WorkerProcess(_MODULE, str(cache), str(folder), can_stop=True)
        self._tables: dict[str, Path] | None = None
        self.idle_since = time.monotonic()

    async def open(self, tables: TableFiles, seconds: float) -> None:
        """Has the process hold these tables; nothing is done where it does already.

        A query is stopped by the engine after `seconds`, and by DuckDB a second later where the engine is stuck.
        """
        if self._tables != tables:
            named = {name: str(path) for name, path in tables.items()}
            await self.process.restart_with({"op": "open", "tables": named, "seconds": seconds + 1})
            self._tables = dict(tables)

    @contextlib.contextmanager
    def lent(self, thread_tables: TableFiles, sql: str) -> Generator[dict[str, str]]:
        """Lets the process read those earlier results whose names occur in the SQL, while it is asked."""
        text = fold_case(sql)
        links: dict[str, str] = {}
        try:
            for name, path in thread_tables.items():
                if fold_case(name) in text:
                    link = self.folder / "in" / f"{uuid.uuid4().hex}.parquet"
                    links[name] = str(link)
                    _lend(name, path, link)
            yield links
        finally:
            for link in links.values():
                Path(link).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Removes what a query that failed or was stopped left behind."""
        for entry in os.scandir(self.out) if self.out.is_dir() else ():
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                Path(entry.path).unlink(missing_ok=True)

    def leave(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def _lend(name: str, source: Path, link: Path) -> None:
    try:
        if not stat.S_ISREG(source.lstat().st_mode):
            raise FileNotFoundError(f"{source} is no file of its own")
        try:
            os.link(source, link, follow_symlinks=False)
        except FileNotFoundError:
            raise
        except OSError:  # a file system without hard links, or another one
            shutil.copyfile(source, link, follow_symlinks=False)
    except FileNotFoundError as error:
        message = f"The file of {name} is no longer there. Run the query that made it again."
        raise UnknownTable(message, name=name, nearest=[], retryable=True) from error
    except OSError as error:
        raise QueryFailed(f"{name} cannot be read ({error.strerror}). Check the disk.", retryable=False) from error


def _move(made: Path, file: Path) -> None:
    """Takes a result out of the folder of the process, which could have put anything there."""
    try:
        if not stat.S_ISREG(made.lstat().st_mode):
            raise FileNotFoundError
        try:
            made.replace(file)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.copyfile(made, file, follow_symlinks=False)
    except FileNotFoundError as error:
        raise QueryFailed("The worker left no file as its result. Run the query again.", retryable=True) from error
    except OSError as error:
        raise QueryFailed(f"The result could not be kept ({error.strerror}). Check the disk.") from error
