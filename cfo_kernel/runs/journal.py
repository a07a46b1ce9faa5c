"""The journal: accepted runs and their events, append-only, in an SQLite database of its own.

It is the one record of a run: the live stream, a stream taken up again and the reply itself are read from it. What one
turn of the event loop sends is one commit (group commit); subscribers hear of an event after its commit. A commit that
fails, or finds another program writing, is tried again for some seconds while the event loop goes on.

An event is stored only as the next one of a run that has not ended: so numbers have no gaps whatever was lost, nothing
comes after the last event, and a second writer is refused: whoever finds its number taken has lost the run.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from cfo_kernel.errors import IdempotencyMismatch, RunNotFound, StorageFailed, WorkbenchClosed
from cfo_kernel.events import Event, Numbered, Status, event_adapter
from cfo_kernel.values import Value

_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, workspace_id TEXT NOT NULL, thread_id TEXT NOT NULL,
    message TEXT NOT NULL, in_reply_to TEXT, idempotency_key TEXT, owner TEXT NOT NULL, status TEXT NOT NULL,
    accepted_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, ended_at TEXT, UNIQUE (thread_id, idempotency_key));
CREATE INDEX IF NOT EXISTS run_open ON run (thread_id, n) WHERE ended_at IS NULL;
CREATE TABLE IF NOT EXISTS cancel_requested (run TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
    run TEXT NOT NULL, number INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run, number)) WITHOUT ROWID;
"""
_NEXT_EVENT = """
INSERT INTO event SELECT :run, :number, :data
WHERE :number = (SELECT coalesce(max(number) + 1, 0) FROM event WHERE run = :run)
AND NOT EXISTS (SELECT 1 FROM run WHERE id = :run AND ended_at IS NOT NULL)
"""
_COLUMNS = ("n", "id", "workspace_id", "thread_id", "message", "in_reply_to", "owner", "status", "accepted_at")
_POLL = 0.01
_SILENCE = 50  # polls
_RETRY = 0.02
_PATIENCE = 5.0  # seconds for which a commit is tried


class RunRow(Value):
    """A run as the journal has it; `n` is the order of acceptance."""

    n: int
    id: str
    workspace_id: str
    thread_id: str
    message: str
    in_reply_to: str | None
    owner: str
    status: Status
    accepted_at: datetime | None = None

    @property
    def ended(self) -> bool:
        return self.status not in ("queued", "running")


class Journal:
    """For one event loop. What is written is committed when the future of it is done."""

    def __init__(self, path: Path) -> None:
        # Only its own loop uses them, but another thread may close what an ended loop has left.
        options: dict[str, Any] = {"isolation_level": None, "timeout": 1, "check_same_thread": False}
        self._writer, self._reader = sqlite3.connect(path, **options), sqlite3.connect(path, **options)
        self._writer.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_SCHEMA}")
        self._writer.execute("PRAGMA busy_timeout = 0")  # waiting is done by the loop
        self._batch: list[tuple[str, tuple[Any, ...] | dict[str, Any], asyncio.Future[int]]] = []
        self._trying_since: float | None = None
        self._news = asyncio.Event()
        self._closed = False

    def close(self) -> None:
        """Commits what is still on its way; who subscribes is told that the workbench was closed."""
        if not self._closed:
            if self._batch:
                self._writer.execute("PRAGMA busy_timeout = 1000")  # the loop may be gone, so this is the last try
                self._commit(last=True)
            self._closed = True
            self._writer.close()
            self._reader.close()
            self._news.set()

    async def add_run(self, row: RunRow, idempotency_key: str | None) -> RunRow:
        """Accepts a run as queued; the run that has the same key already is returned instead.

        Raises `IdempotencyMismatch` where a copy of the thread, in another workspace, has used the key.
        """
        await self._queue(
            "INSERT INTO run (id, workspace_id, thread_id, message, in_reply_to, idempotency_key, owner, status)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 'queued') ON CONFLICT DO NOTHING",
            (row.id, row.workspace_id, row.thread_id, row.message, row.in_reply_to, idempotency_key, row.owner),
        )  # fmt: skip
        try:
            return self.by_key(row.workspace_id, row.thread_id, idempotency_key) or self.run(row.id)
        except RunNotFound:
            message = "This idempotency key belongs to a message of another workspace. Take a new one."
            raise IdempotencyMismatch(message) from None

    async def retract(self, run_id: str) -> None:
        """Takes back a run whose acceptance failed, before anyone heard of it."""
        await self._queue("DELETE FROM run WHERE id = ?", (run_id,))

    def run(self, run_id: str) -> RunRow:
        """Raises `RunNotFound`."""
        if found := self._runs("id = ?", run_id):
            return found[0]
        raise RunNotFound(f"There is no run {run_id[:80]!r}. List the thread's messages for the ids.")

    def by_key(self, workspace_id: str, thread_id: str, key: str | None) -> RunRow | None:
        """The run that was accepted with this idempotency key."""
        if not key:
            return None
        where = "workspace_id = ? AND thread_id = ? AND idempotency_key = ?"
        found = self._runs(where, workspace_id, thread_id, key)
        return found[0] if found else None

    def open_before(self, run: RunRow) -> list[RunRow]:
        """Runs of the same thread that were accepted earlier and have not ended."""
        return [earlier for earlier in self.open_runs(run.workspace_id, run.thread_id) if earlier.n < run.n]

    def open_runs(self, workspace_id: str | None = None, thread_id: str | None = None) -> list[RunRow]:
        """The runs that have not ended, of one thread or of all, in the order of acceptance."""
        if thread_id is None:
            return self._runs("ended_at IS NULL")
        return self._runs("workspace_id = ? AND thread_id = ? AND ended_at IS NULL", workspace_id, thread_id)

    async def start(self, run_id: str) -> None:
        await self._queue("UPDATE run SET status = 'running' WHERE id = ? AND ended_at IS NULL", (run_id,))

    def put(self, run_id: str, number: int, event: Event) -> "asyncio.Future[int]":
        """Hands an event over; the future gives 1, or 0 if it is not the next one of a run that goes on."""
        data = event_adapter.dump_json(event, by_alias=True).decode()
        return self._queue(_NEXT_EVENT, {"run": run_id, "number": number, "data": data})

    def end(self, run_id: str, status: str) -> "asyncio.Future[int]":
        """Marks the run as ended, in one commit with the event put just before."""
        sql = "UPDATE run SET status = ?, ended_at = CURRENT_TIMESTAMP WHERE id = ? AND ended_at IS NULL"
        return self._queue(sql, (status, run_id))

    def request_cancel(self, run_id: str) -> "asyncio.Future[int]":
        """Asks whoever works on the run, in whichever process, to stop it."""
        return self._queue("INSERT INTO cancel_requested VALUES (?) ON CONFLICT DO NOTHING", (run_id,))

    def cancel_requested(self, run_id: str) -> bool:
        return bool(self._select("SELECT 1 FROM cancel_requested WHERE run = ?", run_id))

    def recorded(self, run_id: str, after: int = -1) -> list[Numbered]:
        """The events of a run with numbers above `after`."""
        rows = self._select(
            "SELECT number, data FROM event WHERE run = ? AND number > ? ORDER BY number", run_id, after
        )
        return [Numbered(number=n, event=event_adapter.validate_json(data, extra="ignore")) for n, data in rows]

    async def subscribe(
        self, run_id: str, after: int = -1, on_silence: Callable[[], Awaitable[None]] | None = None
    ) -> AsyncGenerator[Numbered]:
        """Events above `after` to the end of the run, live, whichever process works on it.

        Where nothing comes for a while, `on_silence` may see to it that the run still has a process.
        """
        seen: object = None
        silent = 0
        while True:
            self._news.clear()
            # The reader is a connection of its own, so this number changes with every commit of anyone.
            version = self._select("PRAGMA data_version")
            if version != seen:
                seen = version
                ended = self.run(run_id).ended  # read first: the last event and this mark are one commit
                for numbered in self.recorded(run_id, after):
                    after = numbered.number
                    yield numbered
                if ended:
                    return
            try:
                async with asyncio.timeout(_POLL):
                    await self._news.wait()
                silent = 0
            except TimeoutError:
                silent += 1
                if on_silence is not None and silent % _SILENCE == 0:
                    await on_silence()

    def _runs(self, where: str, *values: Any) -> list[RunRow]:
        rows = self._select(f"SELECT {', '.join(_COLUMNS)} FROM run WHERE {where} ORDER BY n", *values)  # noqa: S608 - constants
        return [RunRow.model_validate(dict(zip(_COLUMNS, row, strict=True))) for row in rows]

    def _select(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        if self._closed:
            raise WorkbenchClosed("The workbench was closed. Call connect() again.")
        try:
            return self._reader.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StorageFailed(f"The journal cannot be read ({error}). Mend that, then try again.") from error

    def _queue(self, sql: str, values: tuple[Any, ...] | dict[str, Any]) -> "asyncio.Future[int]":
        """Has the statement committed with all others of this turn of the loop; the future gives its row count."""
        if self._closed:
            raise WorkbenchClosed("The workbench was closed. Call connect() again.")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()
        self._batch.append((sql, values, done))
        if len(self._batch) == 1:  # else a commit is on its way already, the first or another try
            loop.call_soon(self._commit)
        return done

    def _commit(self, *, last: bool = False) -> None:
        if not self._batch or self._closed:
            return
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            counts = [self._writer.execute(sql, values).rowcount for sql, values, _ in self._batch]
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            self._try_again(error, last=last)
            return
        batch, self._batch, self._trying_since = self._batch, [], None
        for (_, _, done), count in zip(batch, counts, strict=True):
            if not _is_over(done):
                done.set_result(count)
        self._news.set()

    def _try_again(self, error: sqlite3.Error, *, last: bool) -> None:
        """Keeps a batch that failed for another try; what comes until then joins it, for the order must stay."""
        now = time.monotonic()
        self._trying_since = self._trying_since or now
        if not last and now - self._trying_since < _PATIENCE:
            asyncio.get_running_loop().call_later(_RETRY, self._commit)
            return
        batch, self._batch, self._trying_since = self._batch, [], None
        for _, _, done in batch:
            if not _is_over(done):
                done.set_exception(StorageFailed(f"The journal cannot be written ({error}). Mend that, send again."))
                done.exception()  # who awaits it raises it; nobody has to


def _is_over(future: "asyncio.Future[int]") -> bool:
    """Whether nobody waits for it: it was cancelled, or its loop is gone."""
    return future.done() or future.get_loop().is_closed()
