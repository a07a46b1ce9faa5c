"""The journal: accepted runs, their events, and what their attempts have learned. It is the one record of a run.

The live stream, a stream taken up again, the reply, and a run that lost its process, are all taken from it. There are
two implementations: `journal_sqlite` (one machine) and `journal_postgres` (several).

An event is stored only as the next one of a run that has not ended, and only by the attempt that holds the run: so
numbers have no gaps whatever was lost, nothing comes after the last event, and a process that was taken for dead writes
nothing any more.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any, Literal, Protocol

from cfo_kernel.events import Event, Numbered, Outcome, Status
from cfo_kernel.values import Value

PRUNED = "The events of this run were dropped (CFO_JOURNAL_DAYS). The messages of its thread keep the reply."


class RunRow(Value):
    """A run as the journal has it; `n` is the order of acceptance.

    `owner` is the process that works on it, empty while none does. `attempt` counts who has held it, and fences all but
    the last. `deaths` counts the owners that died without a step forward.
    """

    n: int
    id: str
    workspace_id: str
    thread_id: str
    message: str
    in_reply_to: str | None = None
    parent_run_id: str | None = None
    owner: str
    attempt: int = 1
    deaths: int = 0
    status: Status = "queued"
    accepted_at: datetime | None = None

    @property
    def ended(self) -> bool:
        return self.status not in ("queued", "running")


class Record(Value):
    """What an attempt learned, so that the next one need not pay for it again.

    A `response` of the model by its step, what a `tool` call returned by the call's id, the `file` that was named for a
    result by whoever asked for it, a `sheet` that is ready to be put in its place, the `outcome` of the reply's action.
    `event` is the number of the first event that came after it.
    """

    kind: Literal["response", "tool", "file", "sheet", "outcome"]
    key: str
    data: Any
    event: int = 0


class Journal(Protocol):
    """For one event loop. What is written is committed when the future of it is done, in the order it was handed over.

    Its methods raise `StorageFailed` where the database cannot be used, and `WorkbenchClosed` after `close`.
    """

    async def open(self) -> None:
        """Makes the tables where they are missing."""
        ...

    async def close(self) -> None:
        """Commits what is still on its way; who subscribes is told that the workbench was closed."""
        ...

    async def check(self) -> None:
        """Waits as long for the database as a message would, and writes nothing."""
        ...

    def close_sync(self) -> None:
        """Closes what can be closed without an event loop: all that is left to do where the loop is gone."""
        ...

    async def add_run(self, row: RunRow, idempotency_key: str | None) -> RunRow:
        """Accepts a run as queued; the run of the thread that has the same key already is returned instead.

        Raises `IdempotencyMismatch` where a copy of the thread, in another workspace, has used the key.
        """
        ...

    async def retract(self, run_id: str) -> None:
        """Takes back a run whose acceptance failed, before anyone heard of it."""
        ...

    async def run(self, run_id: str) -> RunRow:
        """Raises `RunNotFound`."""
        ...

    async def by_key(self, workspace_id: str, thread_id: str, key: str | None) -> RunRow | None:
        """The run that was accepted with this idempotency key."""
        ...

    async def open_runs(self, workspace_id: str | None = None, thread_id: str | None = None) -> list[RunRow]:
        """The runs that have not ended: of a thread, of a workspace, or all; in the order of acceptance."""
        ...

    async def has_earlier_open_run(self, run: RunRow) -> bool:
        """Whether an earlier run of the thread, child runs apart, has not ended."""
        ...

    async def claim(self, run: RunRow, owner: str, *, died: bool = False) -> RunRow | None:
        """Makes `owner` the holder of a run as it was seen; None where somebody else was first, or it has ended.

        It is queued again until it starts, so whoever comes next knows whether the work on it had begun.
        """
        ...

    async def release(self, owner: str) -> None:
        """Lets go of all runs of an owner that stops: whoever comes next goes on with them."""
        ...

    async def start(self, run: RunRow) -> None:
        """Marks the run as running."""
        ...

    def put(self, run: RunRow, number: int, event: Event) -> "asyncio.Future[int]":
        """Hands an event over; the future gives 1, or 0 if it is not the next one, or the run is another's by now."""
        ...

    def keep(self, run: RunRow, record: Record) -> "asyncio.Future[int]":
        """Hands a record over; the future gives 1, or 0 if the run is another's by now."""
        ...

    def end(self, run: RunRow, status: Outcome) -> "asyncio.Future[int]":
        """Marks the run as ended, in one commit with the events put just before."""
        ...

    async def events(self, run_id: str, after: int = -1) -> list[Numbered]:
        """The events of a run with numbers above `after`."""
        ...

    async def next_number(self, run_id: str) -> int:
        """The number of the run's next event."""
        ...

    async def records(self, run_id: str) -> list[Record]:
        """What earlier attempts learned."""
        ...

    def subscribe(self, run_id: str, after: int = -1) -> AsyncGenerator[Numbered]:
        """Events above `after` to the end of the run, live, whichever process works on it. Raises `EventsPruned`."""
        ...

    async def request_cancel(self, run_id: str) -> None:
        """Asks whoever works on the run, in whichever process, to stop it."""
        ...

    async def cancels(self) -> set[str]:
        """The open runs that are to be stopped."""
        ...

    async def prune(self, before: datetime) -> int:
        """Drops the events and records of the runs that ended before, which stay as rows; returns of how many runs."""
        ...
