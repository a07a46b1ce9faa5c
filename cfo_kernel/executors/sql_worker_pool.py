"""The SQL workers of a workspace: several processes, so that a stuck query does not block the others.

Queries wait in line for a free process, first come, first served. The most recently used process is picked first, since
it is the warmest. Each process has its own folder (`worker_folder`): `in/` contains the thread's results that its query
may read, and the process leaves its own result in `out/`. A process can therefore open neither the folders of threads
nor the files of another process.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cfo_kernel.cancellation import finish_in_thread
from cfo_kernel.errors import CfoError, QueryFailed, UnknownTable
from cfo_kernel.executors import locked_temp_folders
from cfo_kernel.executors.sql_names import fold_case
from cfo_kernel.executors.worker_folder import WorkerFolder
from cfo_kernel.executors.worker_process import Progress, WorkerProcess, workbench_closed

_MODULE = "cfo_kernel.executors.sql_worker"
_AT_ONCE = 4
_IDLE_SECONDS = 300  # seconds until an idle process ends; one stays warm
TableFiles = Mapping[str, Path]
"""Parquet files by the names of their tables."""


class SqlWorkerPool:
    """Runs the SQL of one workspace, at most `at_once` queries at the same time."""

    def __init__(
        self, cache: Path, folder: Path, *, timeout: float, at_once: int = _AT_ONCE, idle: float = _IDLE_SECONDS
    ) -> None:
        """Creates a pool whose workers may read `cache`, and have their own folders below `folder`."""
        self._cache = cache
        self._folder = folder
        self._timeout = timeout
        self._slots = asyncio.Semaphore(at_once)
        self._idle: list[_PooledWorker] = []  # the most recently used one is at the end
        self._workers: list[_PooledWorker] = []
        self._idle_seconds = idle
        self._ending_idle: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[None] | None = None
        self._is_closed = False

    def warm(self, tables: TableFiles) -> None:
        """Starts the first process in the background, so that the first query does not have to wait as long.

        An error here is not reported, because the query tries again and reports it.
        """
        if not self._workers and not self._is_closed:
            with contextlib.suppress(QueryFailed, OSError):
                worker = self._new()
                self._idle.append(worker)
                self._warming = asyncio.create_task(self._start(worker, tables), name="start a SQL worker")

    async def ask(
        self,
        op: str,
        tables: TableFiles,
        thread_tables: TableFiles,
        sql: str,
        *,
        file: Path | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - it stops the work in the process
        on_progress: Progress | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        """Sends the operation `op` on `tables` and on the `thread_tables` named in `sql`. Returns the answer.

        A result is written to `file`, if given. The process may work for `timeout` seconds (default: the pool's).
        Raises `WorkbenchClosed` after `close`, even if the query was already waiting in line.
        """
        async with self._slots:
            if self._is_closed:
                raise workbench_closed()
            worker = self._idle.pop() if self._idle else await self._added()
            try:
                await worker.open(tables, self._timeout)
                links = await worker.linked(thread_tables, sql)
                out = worker.folder.outputs / uuid.uuid4().hex
                if op == "query" or file:
                    arguments["file"] = str(out) if file else None
                answer = await worker.process.ask(
                    op,
                    timeout or self._timeout,
                    sql=sql,
                    thread_tables=links,
                    known=list(thread_tables),
                    on_progress=on_progress,
                    **arguments,
                )
                if file:
                    await finish_in_thread(worker.take_result, out, file)
                return answer
            finally:
                try:
                    await finish_in_thread(worker.folder.clear)
                finally:
                    self._release(worker)

    async def close(self) -> None:
        """Ends the processes and removes their folders."""
        if self._ending_idle is not None:
            self._ending_idle.cancel()
        self._is_closed = True
        workers, self._workers, self._idle = self._workers, [], []
        for worker in workers:
            await worker.process.close()
            await finish_in_thread(worker.folder.remove)
        with contextlib.suppress(OSError):  # another engine may keep its workers there
            self._folder.rmdir()

    def _release(self, worker: "_PooledWorker") -> None:
        """Makes the process available to the next query, unless the pool was closed in the meantime."""
        if worker in self._workers:
            worker.idle_since = time.monotonic()
            self._idle.append(worker)
            if len(self._idle) > 1 and (self._ending_idle is None or self._ending_idle.done()):
                self._ending_idle = asyncio.create_task(self._end_idle())

    async def _start(self, worker: "_PooledWorker", tables: TableFiles) -> None:
        with contextlib.suppress(CfoError, OSError):
            await finish_in_thread(locked_temp_folders.remove_abandoned, self._folder)
            await worker.open(tables, self._timeout)
            await worker.process.start()

    async def _end_idle(self) -> None:
        """Ends the processes that have been idle for a while, except the most recently used one."""
        while len(self._idle) > 1:
            longest_idle = self._idle[0]
            left = longest_idle.idle_since + self._idle_seconds - time.monotonic()
            if left > 0:
                await asyncio.sleep(left)
                continue
            self._idle.remove(longest_idle)
            self._workers.remove(longest_idle)
            try:
                await longest_idle.process.close()
            finally:
                await finish_in_thread(longest_idle.folder.remove)

    async def _added(self) -> "_PooledWorker":
        """Adds a worker. Adding the first one also removes what crashed processes have left behind."""
        if not self._workers:
            await finish_in_thread(locked_temp_folders.remove_abandoned, self._folder)
            if self._is_closed:
                raise workbench_closed()
        return self._new()

    def _new(self) -> "_PooledWorker":
        try:
            worker = _PooledWorker(self._cache, self._folder)
        except OSError as error:
            message = f"The folder of a SQL worker cannot be created ({error.strerror}). Check the disk and the folder."
            raise QueryFailed(message, retryable=False) from error
        self._workers.append(worker)
        return worker


class _PooledWorker:
    """A worker process with its folder."""

    def __init__(self, cache: Path, parent: Path) -> None:
        cache.mkdir(parents=True, exist_ok=True)  # before the process starts, like the worker's folders
        self.folder = WorkerFolder(parent)
        self.process = WorkerProcess(_MODULE, str(cache), str(self.folder.path), can_stop=True)
        self._tables: dict[str, Path] | None = None
        self.idle_since = time.monotonic()

    async def open(self, tables: TableFiles, seconds: float) -> None:
        """Opens these tables in the process, unless it already has them open.

        The engine stops a query after `seconds`. DuckDB does so a second later, in case the engine is stuck.
        """
        if self._tables != tables:
            paths = {name: str(path) for name, path in tables.items()}
            await self.process.restart_with({"op": "open", "tables": paths, "seconds": seconds + 1})
            self._tables = dict(tables)

    async def linked(self, thread_tables: TableFiles, sql: str) -> dict[str, str]:
        """Links those of the thread's results whose names occur in the SQL into `in/`, until the folder is cleared."""
        text = fold_case(sql)
        named = {name: path for name, path in thread_tables.items() if fold_case(name) in text}
        return await finish_in_thread(self._links, named) if named else {}

    def _links(self, files: TableFiles) -> dict[str, str]:
        return {name: str(self._link(name, path)) for name, path in files.items()}

    def _link(self, name: str, path: Path) -> Path:
        """Makes a thread's file readable for the worker."""
        try:
            return self.folder.link(path, f"{uuid.uuid4().hex}.parquet")
        except FileNotFoundError as error:
            message = f"The file for {name} no longer exists. Run its query again."
            raise UnknownTable(message, name=name, nearest=[], retryable=True) from error
        except OSError as error:
            message = f"{name} cannot be read ({error.strerror}). Check the disk."
            raise QueryFailed(message, retryable=False) from error

    def take_result(self, made: Path, file: Path) -> None:
        """Moves a result from the worker's folder to its destination."""
        try:
            self.folder.take(made, file)
        except FileNotFoundError as error:
            raise QueryFailed("The worker left no result file. Run the query again.", retryable=True) from error
        except OSError as error:
            raise QueryFailed(f"The result cannot be stored ({error.strerror}). Check the disk.") from error
