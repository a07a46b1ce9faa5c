"""The protocol of the run queue, which assigns accepted runs to processes, in order and one at a time per thread.

`queue_table` is for one machine: it uses the journal's own table, plus locks that the system releases when a process
dies. `queue_procrastinate` is for several machines. Child runs (`parent_run_id`) do not wait in their thread's queue.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from cfo_kernel.runs.journal import RunRow

PerformRun = Callable[[RunRow], Awaitable[None]]
"""Executes a claimed run. Returns when the run has ended, was taken over, or is left to another process."""

MAX_CONCURRENT_RUNS = 32
"""How many runs one process executes at a time. With more, the event loop would be too slow to read model responses."""
MAX_CRASHES = 5
"""How many processes in a row may die executing a run without making progress, before the run ends as interrupted."""


class RunQueue(Protocol):
    """Assigns runs to processes.

    `me` is the name under which this process owns runs. `accepts_as` is the first owner of a run accepted here.
    """

    me: str
    accepts_as: str

    async def open(self, perform: PerformRun) -> None:
        """Starts assigning runs.

        Runs accepted here are assigned at once, those of stopped or dead processes within seconds.
        """
        ...

    async def offer(self, run: RunRow) -> None:
        """Enqueues an accepted run, which must already be in the journal and the history."""
        ...

    def take(self, run: RunRow) -> None:
        """Immediately performs a run that was claimed out of turn so that it can be stopped."""
        ...

    def turn(self, run: RunRow) -> AbstractAsyncContextManager[None]:
        """Waits until the thread's earlier runs have ended and a slot is free. Occupies the slot during the block."""
        ...

    def is_alive(self, owner: str) -> bool:
        """Whether the process with this name may still be executing its runs."""
        ...

    def pause(self) -> None:
        """Stops assigning runs, because the process is about to stop."""
        ...

    async def close(self) -> None:
        """Stops assigning runs, and returns once every run owned by this process has been released."""
        ...

    def close_sync(self) -> None:
        """Closes everything that can be closed without an event loop."""
        ...
