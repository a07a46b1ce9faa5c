"""The journal: accepted runs and their events, append-only, in an SQLite database of its own.

It is the one record of a run: the live stream, a stream taken up again and the reply itself are read from it. What one
turn of the event loop sends is one commit (group commit); subscribers hear of an event after its commit. The primary
key (run, number) refuses a second writer: whoever finds its number taken has lost the run.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from cfo_kernel.errors import RunNotFound
from cfo_kernel.events import Done, Event, Numbered, event_adapter
from cfo_kernel.values import Value

_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, workspace_id TEXT NOT NULL, thread_id TEXT NOT NULL,
    message TEXT NOT NULL, in_reply_to TEXT, idempotency_key TEXT, owner TEXT NOT NULL, status TEXT NOT NULL,
    accepted_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, ended_at TEXT, UNIQUE (thread_id, idempotency_key));
CREATE INDEX IF NOT EXISTS run_open ON run (thread_id, n) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS run_thread ON run (thread_id, n);
CREATE TABLE IF NOT EXISTS event (
    run TEXT NOT NULL, number INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run, number)) WITHOUT ROWID;
"""
_COLUMNS = "n, id, workspace_id, thread_id, message, in_reply_to, owner, status"
_POLL = 0.01


class RunRow(Value):
    """A run as the journal has it; `n` is the order of acceptance."""

    n: int
    id: str
    workspace_id: str
    thread_id: str
    message: str
    in_reply_to: str | None
    owner: str
    status: str


class Journal:
    """For one event loop. Methods that write return once the write is committed."""

    def __init__(self, path: Path) -> None:
        self._writer, self._reader = (sqlite3.connect(path, isolation_level=None, timeout=30) for _ in range(2))
        self._writer.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_SCHEMA}")
        self._batch: list[tuple[str, tuple[Any, ...], asyncio.Future[int]]] = []
        self._news = asyncio.Event()

    def close(self) -> None:
        self._commit()
        self._writer.close()
        self._reader.close()

    async def add_run(self, row: RunRow, idempotency_key: str | None) -> RunRow:
        """Accepts a run as queued; the run that has the same key already is returned instead."""
        await self._queue(
            "INSERT INTO run (id, workspace_id, thread_id, message, in_reply_to, idempotency_key, owner, status)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 'queued') ON CONFLICT DO NOTHING",
            row.id, row.workspace_id, row.thread_id, row.message, row.in_reply_to, idempotency_key, row.owner,
        )  # fmt: skip
        return self.by_key(row.thread_id, idempotency_key) or self.run(row.id)

    def run(self, run_id: str) -> RunRow:
        """Raises `RunNotFound`."""
        if found := self._rows("WHERE id = ?", run_id):
            return found[0]
        raise RunNotFound(f"There is no run {run_id[:80]!r}. List the thread's messages for the ids.")

    def by_key(self, thread_id: str, key: str | None) -> RunRow | None:
        """The run that was accepted with this idempotency key."""
        found = self._rows("WHERE thread_id = ? AND idempotency_key = ?", thread_id, key) if key else []
        return found[0] if found else None

    def last(self, thread_id: str) -> RunRow | None:
        """The run accepted last in the thread."""
        found = self._rows("WHERE thread_id = ? ORDER BY n DESC LIMIT 1", thread_id)
        return found[0] if found else None

    def open_before(self, thread_id: str, n: int) -> list[RunRow]:
        """Runs of the thread that were accepted earlier and have not ended."""
        return self._rows("WHERE thread_id = ? AND n < ? AND ended_at IS NULL ORDER BY n", thread_id, n)

    def open_runs(self) -> list[RunRow]:
        """All runs that have not ended, in the order of acceptance."""
        return self._rows("WHERE ended_at IS NULL ORDER BY n")

    async def start(self, run_id: str) -> None:
        await self._queue("UPDATE run SET status = 'running' WHERE id = ?", run_id)

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
        rows = self._reader.execute(
            "SELECT number, data FROM event WHERE run = ? AND number > ? ORDER BY number", (run_id, after)
        )
        return [Numbered(number=number, event=event_adapter.validate_json(data)) for number, data in rows.fetchall()]

    async def subscribe(self, run_id: str, after: int = -1) -> AsyncIterator[Numbered]:
        """Events above `after` to the end of the run, live, whichever process works on it."""
        self.run(run_id)
        seen: object = None
        while True:
            self._news.clear()
            version = self._reader.execute("PRAGMA data_version").fetchone()[0]
            mine = self._writer.total_changes
            if (version, mine) != seen:
                seen = (version, mine)
                for numbered in self.recorded(run_id, after):
                    after = numbered.number
                    yield numbered
                    if isinstance(numbered.event, Done):
                        return
            try:
                async with asyncio.timeout(_POLL):
                    await self._news.wait()
            except TimeoutError:
                continue

    def _rows(self, where: str, *values: Any) -> list[RunRow]:
        names = _COLUMNS.split(", ")
        rows = self._reader.execute(f"SELECT {_COLUMNS} FROM run {where}", values).fetchall()  # noqa: S608 - constant
        return [RunRow.model_validate(dict(zip(names, row, strict=True))) for row in rows]

    def _queue(self, sql: str, *values: Any) -> "asyncio.Future[int]":
        """Has the statement committed with all others of this turn of the loop; the future gives its row count."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()
        self._batch.append((sql, values, done))
        if len(self._batch) == 1:
            loop.call_soon(self._commit)
        return done

    def _commit(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        self._writer.execute("BEGIN IMMEDIATE")
        counts = [self._writer.execute(sql, values).rowcount for sql, values, _ in batch]
        self._writer.execute("COMMIT")
        for (_, _, done), count in zip(batch, counts, strict=True):
            if not done.done():
                done.set_result(count)
        self._news.set()
