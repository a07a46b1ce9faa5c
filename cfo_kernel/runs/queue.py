"""Who runs what: the port through which accepted runs find a process, one at a time and in the order of their thread.

`queue_table` serves one machine (the journal's own table, and locks that a dead process lets go); `queue_procrastinate`
several machines. Child runs (`parent_run_id`) take no place in the queue of their thread.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from cfo_kernel.runs.journal import RunRow

PerformRun = Callable[[RunRow], Awaitable[None]]
"""Brings a claimed run to its end. It returns when the run has ended, was taken over, or is left to another process."""

MAX_CONCURRENT_RUNS = 32
"""Runs that one process works on at a time: beyond that, answers of models wait unread."""
MAX_CRASHES = 5
"""How many processes in a row may die over a run that makes no step forward; then it ends as interrupted."""


class RunQueue(Protocol):
    """Hands runs out. `me` is this process's name as owner; `accepts_as` is the owner an accepted run begins with."""

    me: str
    accepts_as: str

    async def open(self, perform: PerformRun) -> None:
        """Begins to hand out: what this process accepts, and what others left or died over, within seconds."""
        ...

    async def offer(self, run: RunRow) -> None:
        """A run was accepted; it is in the journal and in the history."""
        ...

    def take(self, run: RunRow) -> None:
        """Has a run performed at once that was claimed out of its turn, to stop it."""
        ...

    def turn(self, run: RunRow) -> AbstractAsyncContextManager[None]:
        """Waits until the earlier runs of the thread have ended and there is room; holds the place meanwhile."""
        ...

    def is_alive(self, owner: str) -> bool:
        """Whether the process of that name may still work on its runs."""
        ...

    def pause(self) -> None:
        """Hands out no more: the process is about to stop."""
        ...

    async def close(self) -> None:
        """Hands out no more, and returns when what was handed out here was let go."""
        ...

    def close_sync(self) -> None:
        """Closes what can be closed without an event loop."""
        ...
