"""The journal: accepted runs and their events, append-only, in an SQLite database of its own.

It is the one record of a run: the live stream, a stream taken up again and the reply itself are read from it. What one
turn of the event loop sends is one commit (group commit); subscribers hear of an event after its commit. The primary
key (run, number) refuses a second writer: whoever finds its number taken has lost the run.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

from cfo_kernel.errors import RunNotFound, StorageFailed, WorkbenchClosed
from cfo_kernel.events import Event, Numbered, Status, event_adapter
from cfo_kernel.values import Value

_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, workspace_id TEXT NOT NULL, thread_id TEXT NOT NULL,
    message TEXT NOT NULL, in_reply_to TEXT, idempotency_key TEXT, owner TEXT NOT NULL, status TEXT NOT NULL,
    accepted_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, ended_at TEXT, UNIQUE (thread_id, idempotency_key));
CREATE INDEX IF NOT EXISTS run_open ON run (thread_id, n) WHERE ended_at IS NULL;
CREATE TABLE IF NOT EXISTS event (
    run TEXT NOT NULL, number INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run, number)) WITHOUT ROWID;
"""
_COLUMNS = ("n", "id", "workspace_id", "thread_id", "message", "in_reply_to", "owner", "status")
_POLL = 0.01
_SILENCE = 50  # polls


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

    @property
    def ended(self) -> bool:
        return self.status not in ("queued", "running")


class Journal:
    """For one event loop. What is written is committed when the future of it is done."""

    def __init__(self, path: Path) -> None:
        # Only its own loop uses them, but another thread may close what an ended loop has left.
        options: dict[str, Any] = {"isolation_level": None, "timeout": 30, "check_same_thread": False}
        self._writer, self._reader = sqlite3.connect(path, **options), sqlite3.connect(path, **options)
        self._writer.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_SCHEMA}")
        self._batch: list[tuple[str, tuple[Any, ...], asyncio.Future[int]]] = []
        self._news = asyncio.Event()
        self._closed = False

    def close(self) -> None:
        """Commits what is still on its way; who subscribes is told that the workbench was closed."""
        if not self._closed:
            self._commit()
            self._closed = True
            self._writer.close()
            self._reader.close()
            self._news.set()

    async def add_run(self, row: RunRow, idempotency_key: str | None) -> RunRow:
        """Accepts a run as queued; the run that has the same key already is returned instead."""
        await self._queue(
            "INSERT INTO run (id, workspace_id, thread_id, message, in_reply_to, idempotency_key, owner, status)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 'queued') ON CONFLICT DO NOTHING",
            row.id, row.workspace_id, row.thread_id, row.message, row.in_reply_to, idempotency_key, row.owner,
        )  # fmt: skip
        return self.by_key(row.thread_id, idempotency_key) or self.run(row.id)

    async def retract(self, run_id: str) -> None:
        """Takes back a run whose acceptance failed, before anyone heard of it."""
        await self._queue("DELETE FROM run WHERE id = ?", run_id)

    def run(self, run_id: str) -> RunRow:
        """Raises `RunNotFound`."""
        if found := self._runs("id = ?", run_id):
            return found[0]
        raise RunNotFound(f"There is no run {run_id[:80]!r}. List the thread's messages for the ids.")

    def by_key(self, thread_id: str, key: str | None) -> RunRow | None:
        """The run that was accepted with this idempotency key."""
        found = self._runs("thread_id = ? AND idempotency_key = ?", thread_id, key) if key else []
        return found[0] if found else None

    def open_before(self, run: RunRow) -> list[RunRow]:
        """Runs of the same thread that were accepted earlier and have not ended."""
        return self._runs("thread_id = ? AND n < ? AND ended_at IS NULL", run.thread_id, run.n)

    def open_runs(self, thread_id: str | None = None) -> list[RunRow]:
        """The runs that have not ended, of one thread or of all, in the order of acceptance."""
        if thread_id is None:
            return self._runs("ended_at IS NULL")
        return self._runs("thread_id = ? AND ended_at IS NULL", thread_id)

    async def start(self, run_id: str) -> None:
        await self._queue("UPDATE run SET status = 'running' WHERE id = ? AND ended_at IS NULL", run_id)

    def put(self, run_id: str, number: int, event: Event) -> "asyncio.Future[int]":
        """Hands an event over; the future gives 1, or 0 if the number was taken."""
        data = event_adapter.dump_json(event, by_alias=True).decode()
        return self._queue("INSERT INTO event VALUES (?, ?, ?) ON CONFLICT DO NOTHING", run_id, number, data)

    def end(self, run_id: str, status: str) -> "asyncio.Future[int]":
        """Marks the run as ended, in one commit with the event put just before."""
        sql = "UPDATE run SET status = ?, ended_at = CURRENT_TIMESTAMP WHERE id = ? AND ended_at IS NULL"
        return self._queue(sql, status, run_id)

    def recorded(self, run_id: str, after: int = -1) -> list[Numbered]:
        """The events of a run with numbers above `after`."""
        rows = self._select(
            "SELECT number, data FROM event WHERE run = ? AND number > ? ORDER BY number", run_id, after
        )
        return [Numbered(number=number, event=event_adapter.validate_json(data)) for number, data in rows]

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
        return self._reader.execute(sql, values).fetchall()

    def _queue(self, sql: str, *values: Any) -> "asyncio.Future[int]":
        """Has the statement committed with all others of this turn of the loop; the future gives its row count."""
        if self._closed:
            raise WorkbenchClosed("The workbench was closed. Call connect() again.")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()
        self._batch.append((sql, values, done))
        if len(self._batch) == 1:
            loop.call_soon(self._commit)
        return done

    def _commit(self) -> None:
        batch, self._batch = self._batch, []
        if not batch or self._closed:
            return
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            counts = [self._writer.execute(sql, values).rowcount for sql, values, _ in batch]
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            for _, _, done in batch:
                if not done.done():
                    done.set_exception(
                        StorageFailed(f"The journal cannot be written ({error}). Mend that, send again.")
                    )
                    done.exception()  # who awaits it raises it; nobody has to
            return
        for (_, _, done), count in zip(batch, counts, strict=True):
            if not done.done():
                done.set_result(count)
        self._news.set()
