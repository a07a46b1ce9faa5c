"""The queue of one machine: whoever accepts a run works on it, and whoever lives takes over what the dead have left.

A process is alive while it holds a lock on a file of its own (`processes`), which the system lets go when it dies.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from cfo_kernel.errors import CfoError
from cfo_kernel.runs.journal import Journal, RunRow
from cfo_kernel.runs.live_processes import LiveProcesses
from cfo_kernel.runs.queue import MAX_CONCURRENT_RUNS, PerformRun

_POLL = 0.05  # seconds between two looks whether an earlier run of the thread has ended
_ADOPT_EVERY = 1.0  # seconds between two looks for runs whose process is gone
_ADOPT_AFTER = 0.2  # seconds after which a process adopts: one that only lists threads has gone by then
_log = logging.getLogger(__name__)


class TableQueue:
    """See `cfo_kernel.runs.queue.RunQueue`."""

    def __init__(self, journal: Journal, processes: LiveProcesses) -> None:
        self._journal = journal
        self._processes = processes
        self.me = self.accepts_as = processes.me
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_RUNS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._adopting: asyncio.Task[None] | None = None
        self._dropped: dict[str, bool] = {}  # runs to be tried again, and whether that counts as a death
        self._is_closing = False
        self._run_ended = asyncio.Event()

    async def open(self, perform: PerformRun) -> None:
        self._perform = perform
        self._adopting = asyncio.create_task(self._adopt(), name="adopt runs")

    async def offer(self, run: RunRow) -> None:
        self.take(run)

    def take(self, run: RunRow) -> None:
        task = asyncio.create_task(self._perform_and_track(run), name=f"run {run.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @asynccontextmanager
    async def turn(self, run: RunRow) -> AsyncGenerator[None]:
        if run.parent_run_id is not None:  # its parent holds a place, and waits for it
            yield
            return
        while await self._journal.has_earlier_open_run(run):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL):
                    await self._run_ended.wait()
        async with self._slots:
            yield

    def is_alive(self, owner: str) -> bool:
        return bool(owner) and self._processes.is_alive(owner)

    def pause(self) -> None:
        self._is_closing = True
        if self._adopting is not None:
            self._adopting.cancel()

    async def close(self) -> None:
        self.pause()
        if self._adopting is not None:
            await asyncio.gather(self._adopting, return_exceptions=True)
        if self._tasks:
            await asyncio.wait(self._tasks)
        with contextlib.suppress(CfoError):  # then they are found to be nobody's once this process is gone
            await self._journal.release(self.me)

    def close_sync(self) -> None:
        self._processes.close()

    async def _perform_and_track(self, run: RunRow) -> None:
        try:
            await self._perform(run)
            now = await self._journal.run(run.id)
            if not now.ended and now.attempt == run.attempt and not self._is_closing:  # let go for no reason of ours
                self._dropped[run.id] = True
        except CfoError as error:  # its outcome could not be told: it is tried again, as long as it takes
            _log.warning("run %s has no end yet: %s", run.id, error)
            self._dropped[run.id] = False
        except Exception:  # noqa: BLE001 - a bug of ours must not leave a run for which everybody waits
            _log.exception("run %s was dropped", run.id)
            self._dropped[run.id] = True
        finally:
            self._run_ended.set()
            self._run_ended.clear()

    async def _adopt(self) -> None:
        await asyncio.sleep(_ADOPT_AFTER)
        while True:
            try:
                await self._adopt_once()
            except (CfoError, OSError) as error:
                _log.warning("runs of other processes cannot be looked at: %s", error)
            await asyncio.sleep(_ADOPT_EVERY)

    async def _adopt_once(self) -> None:
        for run in await self._journal.open_runs():
            is_mine = run.owner == self.me
            if run.id in self._dropped if is_mine else not self.is_alive(run.owner):
                # A run that was still waiting for its turn has no part in its owner's death.
                died = self._dropped[run.id] if is_mine else bool(run.owner) and run.status == "running"
                claimed = await self._journal.claim(run, self.me, died=died)
                self._dropped.pop(run.id, None)  # only now: a claim that fails is tried again
                if claimed is not None:
                    self.take(claimed)
        await asyncio.to_thread(self._processes.remove_abandoned)
