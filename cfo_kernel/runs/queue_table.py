"""The queue for one machine: each process executes the runs that it accepts, and adopts those of dead processes.

A process is alive while it holds the lock on its own file (`owner_locks`).
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from cfo_kernel.cancellation import cancel_and_wait
from cfo_kernel.errors import CfoError
from cfo_kernel.runs.journal import Journal, RunRow
from cfo_kernel.runs.owner_locks import OwnerLocks
from cfo_kernel.runs.queue import MAX_CONCURRENT_RUNS, PerformRun

_POLL = 0.05  # seconds between checks for whether the thread's earlier runs have ended
_ADOPT_EVERY = 1.0  # seconds between searches for runs whose process is gone
_ADOPT_AFTER = 0.2  # seconds before the first search, when a command that only lists threads has already exited
_log = logging.getLogger(__name__)


class TableQueue:
    """See `cfo_kernel.runs.queue.RunQueue`."""

    def __init__(self, journal: Journal, processes: OwnerLocks) -> None:
        self._journal = journal
        self._processes = processes
        self.me = self.accepts_as = processes.me
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_RUNS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._adopting: asyncio.Task[None] | None = None
        self._dropped: dict[str, bool] = {}  # runs to retry, and whether each failure counts as a crash
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
        if run.parent_run_id is not None:  # its parent occupies a slot while waiting, so a second slot could deadlock
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
        await cancel_and_wait(self._adopting)
        if self._tasks:
            await asyncio.wait(self._tasks)
        with contextlib.suppress(CfoError):  # if this fails, other processes adopt the runs once this one has exited
            await self._journal.release(self.me)

    def close_sync(self) -> None:
        self._processes.close()

    async def _perform_and_track(self, run: RunRow) -> None:
        try:
            await self._perform(run)
            now = await self._journal.run(run.id)
            if not now.ended and now.attempt == run.attempt and not self._is_closing:  # dropped unexpectedly
                self._dropped[run.id] = True
        except CfoError as error:  # the outcome could not be stored, so keep trying
            _log.warning("the outcome of run %s is not stored yet, trying again: %s", run.id, error)
            self._dropped[run.id] = False
        except (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
            raise
        except BaseException:  # noqa: BLE001 - a bug must not leave a run open, because the whole thread would wait for it
            _log.exception("run %s failed unexpectedly, trying again", run.id)
            self._dropped[run.id] = True
        finally:
            self._run_ended.set()
            self._run_ended.clear()

    async def _adopt(self) -> None:
        await asyncio.sleep(_ADOPT_AFTER)
        while not self._is_closing:
            try:
                await self._adopt_once()
            except (CfoError, OSError) as error:
                _log.warning("cannot check for runs of dead processes, will try again: %s", error)
            await asyncio.sleep(_ADOPT_EVERY)

    async def _adopt_once(self) -> None:
        for run in await self._journal.open_runs():
            is_mine = run.owner == self.me
            if run.id in self._dropped if is_mine else not self.is_alive(run.owner):
                # A run that was still waiting for its turn cannot have caused its owner's death.
                died = self._dropped[run.id] if is_mine else bool(run.owner) and run.status == "running"
                claimed = await self._journal.claim(run, self.me, died=died)
                self._dropped.pop(run.id, None)  # after the claim, so that a failed claim is retried
                if claimed is not None:
                    self.take(claimed)
        await asyncio.to_thread(self._processes.remove_abandoned)
