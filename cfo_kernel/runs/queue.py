"""The run queue: the protocol that assigns accepted runs to processes, one at a time per thread and in order.

`queue_table` serves one machine (the journal's own table, plus locks that the kernel releases when a process dies);
`queue_procrastinate` serves several machines. Child runs (`parent_run_id`) take no place in their thread's queue.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from cfo_kernel.runs.journal import RunRow

PerformRun = Callable[[RunRow], Awaitable[None]]
"""Executes a claimed run. It returns when the run has ended, was taken over, or is left to another process."""

MAX_CONCURRENT_RUNS = 32
"""How many runs one process executes at a time. With more, the event loop reads models' answers too late."""
MAX_CRASHES = 5
"""How many processes in a row may die while executing a run without any progress. Then it ends as interrupted."""


class RunQueue(Protocol):
    """Assigns runs. `me` is this process's name as an owner; `accepts_as` is the first owner of an accepted run."""

    me: str
    accepts_as: str

    async def open(self, perform: PerformRun) -> None:
        """Starts assigning runs: those accepted here at once, those of stopped or dead processes within seconds."""
        ...

    async def offer(self, run: RunRow) -> None:
        """Enqueues an accepted run. It is in the journal and in the history already."""
        ...

    def take(self, run: RunRow) -> None:
        """Performs a run at once that was claimed out of turn, in order to stop it."""
        ...

    def turn(self, run: RunRow) -> AbstractAsyncContextManager[None]:
        """Waits until the thread's earlier runs have ended and a slot is free; occupies the slot while entered."""
        ...

    def is_alive(self, owner: str) -> bool:
        """Whether the process of that name may still be executing its runs."""
        ...

    def pause(self) -> None:
        """Stops assigning runs, because the process is about to stop."""
        ...

    async def close(self) -> None:
        """Stops assigning runs, and returns when every run of this process has been released."""
        ...

    def close_sync(self) -> None:
        """Closes what can be closed without an event loop."""
        ...
