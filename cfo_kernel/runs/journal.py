"""The journal: stores accepted runs, their events, and the records of their attempts.

It is the single source for live streams, resumed streams, replies, and recovery after a crash. There are two
implementations: `journal_sqlite` (one machine) and `journal_postgres` (several machines).

An event is stored only if it is the next event of an open run, and only by the attempt that owns the run. Event numbers
therefore never have gaps, nothing follows the last event, and a process that was wrongly considered dead can no longer
write.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any, Literal, Protocol

from cfo_kernel.events import Event, Numbered, Outcome, Status
from cfo_kernel.values import Value

PRUNED = "The events of this run were pruned (CFO_JOURNAL_DAYS). Its reply is still among the thread's messages."


class RunRow(Value):
    """A run in the journal. `n` increases in the order of acceptance.

    `owner` is the process that executes the run, or empty if there is none. `attempt` counts the owners so far, of
    which only the latest may write. `deaths` counts the consecutive owners that died without making any progress.
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
    """An intermediate result of an attempt, stored so that the next attempt need not produce it again.

    By kind: `response` is the model's response, keyed by step; `tool` is the result of a tool call, keyed by call id;
    `file` is the name of a result file, keyed by the call that requested it; `sheet` is a sheet that is ready to be
    renamed into place; `outcome` is the outcome of the reply's action. `event` is the number of the first event after
    the record.
    """

    kind: Literal["response", "tool", "file", "sheet", "outcome"]
    key: str
    data: Any
    event: int = 0


class Journal(Protocol):
    """The journal, opened for one event loop. Writes are committed in call order, each before its future completes.

    The methods raise `StorageFailed` if the database cannot be used, and `WorkbenchClosed` after `close`.
    """

    async def open(self) -> None:
        """Opens the database, and creates or migrates its tables if needed."""
        ...

    async def close(self) -> None:
        """Commits pending writes and closes the journal. Subscribers then raise `WorkbenchClosed`."""
        ...

    async def check(self) -> None:
        """Checks that the database can be written, waiting for it as long as a message would. Writes nothing."""
        ...

    def close_sync(self) -> None:
        """Closes everything that can be closed without an event loop. Used when the loop has already ended."""
        ...

    async def add_run(self, row: RunRow, idempotency_key: str | None) -> RunRow:
        """Adds a run as queued and returns it. If the thread already has a run with this key, returns that run instead.

        Raises `IdempotencyMismatch` if the key was used in a copy of the thread in another workspace.
        """
        ...

    async def retract(self, run_id: str) -> None:
        """Removes a run that could not be accepted, before anyone has seen it."""
        ...

    async def run(self, run_id: str) -> RunRow:
        """Returns the run with this id. Raises `RunNotFound`."""
        ...

    async def by_key(self, workspace_id: str, thread_id: str, key: str | None) -> RunRow | None:
        """Returns the run that was accepted with this idempotency key, or None."""
        ...

    async def open_runs(self, workspace_id: str | None = None, thread_id: str | None = None) -> list[RunRow]:
        """Returns the open runs of a thread or a workspace, or all open runs, in the order of acceptance."""
        ...

    async def has_earlier_open_run(self, run: RunRow) -> bool:
        """Whether an earlier run of the thread is still open. Child runs do not count."""
        ...

    async def claim(self, run: RunRow, owner: str, *, died: bool = False) -> RunRow | None:
        """Makes `owner` the run's owner and returns the run. Returns None if it has ended or changed since it was read.

        The status returns to queued until `start`, so that the next owner knows whether execution had started.
        """
        ...

    async def release(self, owner: str) -> None:
        """Releases all runs of an owner that is stopping, so that other processes can take them over."""
        ...

    async def start(self, run: RunRow) -> None:
        """Marks the run as running."""
        ...

    def put(self, run: RunRow, number: int, event: Event) -> "asyncio.Future[int]":
        """Queues an event. The future's result is 1, or 0 if the event is not next or another process owns the run."""
        ...

    def keep(self, run: RunRow, record: Record) -> "asyncio.Future[int]":
        """Queues a record. The future's result is 1, or 0 if another process now owns the run."""
        ...

    def end(self, run: RunRow, status: Outcome) -> "asyncio.Future[int]":
        """Marks the run as ended, in the same commit as the events queued just before."""
        ...

    async def events(self, run_id: str, after: int = -1) -> list[Numbered]:
        """Returns the events of a run with numbers above `after`."""
        ...

    async def next_number(self, run_id: str) -> int:
        """Returns the number that the run's next event will have."""
        ...

    async def records(self, run_id: str) -> list[Record]:
        """Returns the records stored by earlier attempts of the run."""
        ...

    def subscribe(self, run_id: str, after: int = -1) -> AsyncGenerator[Numbered]:
        """Yields the events with numbers above `after` live until the run ends, whichever process executes it.

        Raises `EventsPruned` if they have been deleted.
        """
        ...

    async def request_cancel(self, run_id: str) -> None:
        """Requests that the process executing the run cancel it."""
        ...

    async def cancels(self) -> set[str]:
        """Returns the ids of open runs that have a cancel request."""
        ...

    async def prune(self, before: datetime) -> int:
        """Deletes the events and records of runs that ended before this time. Returns the number of these runs.

        The runs themselves stay in the journal.
        """
        ...
