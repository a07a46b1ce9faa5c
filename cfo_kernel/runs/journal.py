"""The journal: accepted runs, their events, and the records of their attempts. It is the single record of a run.

The live stream, a resumed stream, the reply, and recovery after a crash all read it. There are two implementations:
`journal_sqlite` (one machine) and `journal_postgres` (several).

An event is stored only if it is the next one of an open run, and only by the attempt that owns the run. So the numbers
have no gaps whatever is lost, nothing follows the last event, and a process that was wrongly taken for dead cannot
write any more.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any, Literal, Protocol

from cfo_kernel.events import Event, Numbered, Outcome, Status
from cfo_kernel.values import Value

PRUNED = "The events of this run were pruned (CFO_JOURNAL_DAYS). The reply is still in the messages of its thread."


class RunRow(Value):
    """A run in the journal; `n` is the order of acceptance.

    `owner` is the process that executes it, empty while there is none. `attempt` counts the owners so far and fences
    all but the latest. `deaths` counts the owners in a row that died without any progress.
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
    """A result of an attempt, stored so that the next attempt need not produce it again.

    A `response` of the model by step, the result of a `tool` call by call id, the `file` name given to a result by the
    call that asked for it, a `sheet` that is ready to be renamed into place, the `outcome` of the reply's action.
    `event` is the number of the first event after it.
    """

    kind: Literal["response", "tool", "file", "sheet", "outcome"]
    key: str
    data: Any
    event: int = 0


class Journal(Protocol):
    """A journal belongs to one event loop. A write is committed, in call order, when its future is done.

    Its methods raise `StorageFailed` if the database cannot be used, and `WorkbenchClosed` after `close`.
    """

    async def open(self) -> None:
        """Opens the database, and creates or migrates its tables if needed."""
        ...

    async def close(self) -> None:
        """Commits pending writes. Subscribers get `WorkbenchClosed`."""
        ...

    async def check(self) -> None:
        """Checks that the database can be written, waiting as long for it as a message would. Writes nothing."""
        ...

    def close_sync(self) -> None:
        """Closes what can be closed without an event loop, for when the loop has ended already."""
        ...

    async def add_run(self, row: RunRow, idempotency_key: str | None) -> RunRow:
        """Adds a run as queued. If a run of the thread has the same key already, that run is returned instead.

        Raises `IdempotencyMismatch` if a copy of the thread in another workspace has used the key.
        """
        ...

    async def retract(self, run_id: str) -> None:
        """Removes a run whose acceptance failed, before it was visible to anyone."""
        ...

    async def run(self, run_id: str) -> RunRow:
        """Raises `RunNotFound`."""
        ...

    async def by_key(self, workspace_id: str, thread_id: str, key: str | None) -> RunRow | None:
        """The run that was accepted with this idempotency key."""
        ...

    async def open_runs(self, workspace_id: str | None = None, thread_id: str | None = None) -> list[RunRow]:
        """The open runs of a thread, of a workspace, or all of them, in the order of acceptance."""
        ...

    async def has_earlier_open_run(self, run: RunRow) -> bool:
        """Whether an earlier run of the thread is still open. Child runs do not count."""
        ...

    async def claim(self, run: RunRow, owner: str, *, died: bool = False) -> RunRow | None:
        """Makes `owner` the run's owner (compare-and-set); None if the run changed since it was read or has ended.

        Its status goes back to queued until it starts, so that the next owner knows whether execution had begun.
        """
        ...

    async def release(self, owner: str) -> None:
        """Releases all runs of an owner that is stopping, for other processes to take over."""
        ...

    async def start(self, run: RunRow) -> None:
        """Marks the run as running."""
        ...

    def put(self, run: RunRow, number: int, event: Event) -> "asyncio.Future[int]":
        """Queues an event. The future gives 1, or 0 if it is not the next one or another process owns the run."""
        ...

    def keep(self, run: RunRow, record: Record) -> "asyncio.Future[int]":
        """Queues a record. The future gives 1, or 0 if another process owns the run by now."""
        ...

    def end(self, run: RunRow, status: Outcome) -> "asyncio.Future[int]":
        """Marks the run as ended, in one commit with the events queued just before."""
        ...

    async def events(self, run_id: str, after: int = -1) -> list[Numbered]:
        """The events of a run with numbers above `after`."""
        ...

    async def next_number(self, run_id: str) -> int:
        """The number of the run's next event."""
        ...

    async def records(self, run_id: str) -> list[Record]:
        """The records of earlier attempts."""
        ...

    def subscribe(self, run_id: str, after: int = -1) -> AsyncGenerator[Numbered]:
        """Live events above `after` until the run ends, from whichever process executes it. Raises `EventsPruned`."""
        ...

    async def request_cancel(self, run_id: str) -> None:
        """Requests that the process which executes the run cancels it."""
        ...

    async def cancels(self) -> set[str]:
        """The ids of open runs with a cancel request."""
        ...

    async def prune(self, before: datetime) -> int:
        """Drops the events and records of runs that ended before; their rows stay. Gives the number of such runs."""
        ...
