"""The journal in an SQLite database, for all processes on one machine.

All writes from one event-loop iteration are committed together (group commit). Subscribers are notified of an event
only after its commit, so that they never see an event that is lost in a crash. A commit that fails, for example because
another process is writing, is retried for a few seconds while the event loop continues.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from cfo_kernel import not_found
from cfo_kernel.errors import EventsPruned, IdempotencyMismatch, RunNotFound, StorageFailed, WorkbenchClosed
from cfo_kernel.events import Event, Numbered, Outcome, event_adapter
from cfo_kernel.runs.journal import PRUNED, Record, RunRow
from cfo_kernel.store.database import sqlite_engine
from cfo_kernel.store.schemas import JOURNAL, bring_up_to_date

_HELD = "EXISTS (SELECT 1 FROM run WHERE id = :run AND attempt = :attempt AND ended_at IS NULL)"
_NEXT_EVENT = f"""
INSERT INTO event SELECT :run, :number, :data WHERE {_HELD}
AND :number = (SELECT coalesce(max(number) + 1, 0) FROM event WHERE run = :run)
"""  # noqa: S608 - constants
_RECORD = f"""
INSERT INTO record SELECT :run, :kind, :key, :data, :event WHERE {_HELD}
ON CONFLICT DO UPDATE SET data = excluded.data, event = excluded.event
"""
_STEP_FORWARD = "UPDATE run SET deaths = 0 WHERE id = ? AND deaths > 0"
_COLUMNS = (
    "n", "id", "workspace_id", "thread_id", "message", "in_reply_to", "parent_run_id", "owner", "attempt", "deaths",
    "status", "accepted_at",
)  # fmt: skip
_POLL = 0.01  # seconds between checks for writes by other processes
_RETRY_EVERY = 0.02
_PAGE = 200  # events that a subscriber reads at once, which limits its memory and the time that it blocks the loop
_PRUNE = 50  # runs pruned per commit; other processes can write between commits
_RETRY_FOR = 5.0  # seconds for which a commit is retried


class SqliteJournal:
    """See `cfo_kernel.runs.journal.Journal`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        bring_up_to_date(engine := sqlite_engine(path), JOURNAL)
        engine.dispose()
        self._batch: list[tuple[str, tuple[Any, ...] | dict[str, Any], str | None, asyncio.Future[int]]] = []
        self._trying_since: float | None = None
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._closed = True

    async def open(self) -> None:
        # Only the journal's own loop uses the connections, but another thread may close them after that loop has ended.
        options: dict[str, Any] = {"isolation_level": None, "timeout": 1, "check_same_thread": False}
        self._writer, self._reader = sqlite3.connect(self._path, **options), sqlite3.connect(self._path, **options)
        try:
            self._writer.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
            self._writer.execute(
                "PRAGMA busy_timeout = 0"
            )  # SQLite must not block the loop; `_try_again` waits instead
        except BaseException:
            self._writer.close()
            self._reader.close()
            raise
        self._closed = False

    async def close(self) -> None:
        self.close_sync()

    def close_sync(self) -> None:
        if not self._closed:
            if self._batch:
                self._writer.execute("PRAGMA busy_timeout = 1000")  # the loop may have ended, so no retry can follow
                self._commit(last=True)
            self._closed = True
            self._writer.close()
            self._reader.close()
            with contextlib.suppress(RuntimeError):  # the subscribers' loop has ended
                self._wake()

    async def check(self) -> None:
        """See `Journal.check`. It bypasses the batch: a message added to the batch later would get fewer retries."""
        until = time.monotonic() + _RETRY_FOR
        while True:
            self._refuse_if_closed()
            try:
                self._writer.execute("BEGIN IMMEDIATE")  # takes the write lock
                self._writer.execute("ROLLBACK")
            except sqlite3.Error as error:
                if time.monotonic() >= until:
                    raise _unwritable(error) from error
                await asyncio.sleep(_RETRY_EVERY)
            else:
                return

    async def add_run(self, row: RunRow, idempotency_key: str | None) -> RunRow:
        await self._queue(
            "INSERT INTO run (id, workspace_id, thread_id, message, in_reply_to, parent_run_id, idempotency_key, owner,"
            " status, accepted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?) ON CONFLICT DO NOTHING",
            (row.id, row.workspace_id, row.thread_id, row.message, row.in_reply_to, row.parent_run_id, idempotency_key,
             row.owner, _stored(datetime.now(UTC))),
        )  # fmt: skip
        try:
            return await self.by_key(row.workspace_id, row.thread_id, idempotency_key) or await self.run(row.id)
        except RunNotFound:
            message = "This idempotency key was used for a message in another workspace. Use a new key."
            raise IdempotencyMismatch(message) from None

    async def retract(self, run_id: str) -> None:
        await self._queue("DELETE FROM run WHERE id = ?", (run_id,), run_id)

    async def run(self, run_id: str) -> RunRow:
        return self._run(run_id)

    async def by_key(self, workspace_id: str, thread_id: str, key: str | None) -> RunRow | None:
        if not key:
            return None
        where = "workspace_id = ? AND thread_id = ? AND idempotency_key = ?"
        found = self._runs(where, workspace_id, thread_id, key)
        return found[0] if found else None

    async def open_runs(self, workspace_id: str | None = None, thread_id: str | None = None) -> list[RunRow]:
        if workspace_id is None:
            return self._runs("ended_at IS NULL")
        if thread_id is None:
            return self._runs("ended_at IS NULL AND workspace_id = ?", workspace_id)
        return self._runs("ended_at IS NULL AND workspace_id = ? AND thread_id = ?", workspace_id, thread_id)

    async def has_earlier_open_run(self, run: RunRow) -> bool:
        found = self._select(
            "SELECT EXISTS (SELECT 1 FROM run WHERE workspace_id = ? AND thread_id = ? AND n < ?"
            " AND parent_run_id IS NULL AND ended_at IS NULL)",
            run.workspace_id, run.thread_id, run.n,
        )  # fmt: skip
        return bool(found[0][0])

    async def claim(self, run: RunRow, owner: str, *, died: bool = False) -> RunRow | None:
        taken = await self._queue(
            "UPDATE run SET owner = ?, attempt = attempt + 1, deaths = deaths + ?, status = 'queued'"
            " WHERE id = ? AND attempt = ? AND owner = ? AND ended_at IS NULL",
            (owner, int(died), run.id, run.attempt, run.owner),
        )
        return self._run(run.id) if taken else None

    async def release(self, owner: str) -> None:
        await self._queue("UPDATE run SET owner = '' WHERE owner = ? AND ended_at IS NULL", (owner,))

    async def start(self, run: RunRow) -> None:
        sql = "UPDATE run SET status = 'running' WHERE id = ? AND attempt = ? AND ended_at IS NULL"
        await self._queue(sql, (run.id, run.attempt))

    def put(self, run: RunRow, number: int, event: Event) -> "asyncio.Future[int]":
        data = event_adapter.dump_json(event, by_alias=True).decode()
        values = {"run": run.id, "attempt": run.attempt, "number": number, "data": data}
        return self._queue(_NEXT_EVENT, values, run.id)

    def keep(self, run: RunRow, record: Record) -> "asyncio.Future[int]":
        values = {"run": run.id, "attempt": run.attempt, **record.model_dump(exclude={"data"})}
        if run.deaths:
            self._queue(_STEP_FORWARD, (run.id,))
        return self._queue(_RECORD, {**values, "data": record.model_dump_json(include={"data"})})

    def end(self, run: RunRow, status: Outcome) -> "asyncio.Future[int]":
        sql = "UPDATE run SET status = ?, ended_at = ? WHERE id = ? AND attempt = ? AND ended_at IS NULL"
        return self._queue(sql, (status, _stored(datetime.now(UTC)), run.id, run.attempt), run.id)

    async def events(self, run_id: str, after: int = -1) -> list[Numbered]:
        return self._events(run_id, after)

    async def next_number(self, run_id: str) -> int:
        return self._select("SELECT coalesce(max(number) + 1, 0) FROM event WHERE run = ?", run_id)[0][0]

    async def records(self, run_id: str) -> list[Record]:
        rows = self._select("SELECT kind, key, data, event FROM record WHERE run = ? ORDER BY event", run_id)
        return [Record(kind=k, key=key, event=event, **_loaded(data)) for k, key, data, event in rows]

    async def subscribe(self, run_id: str, after: int = -1) -> AsyncGenerator[Numbered]:
        changed = asyncio.Event()
        self._waiting.setdefault(run_id, set()).add(changed)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch_other_processes())
        try:
            while True:
                changed.clear()
                # Read before the events, since the last event is committed together with the end.
                ended = self._has_ended(run_id)
                found = self._events(run_id, after, _PAGE)
                # Every run ends with `done`, so an ended run without any event has been pruned.
                if ended and not found and not await self.next_number(run_id):
                    raise EventsPruned(PRUNED)
                for numbered in found:
                    after = numbered.number
                    yield numbered
                if len(found) == _PAGE:
                    await asyncio.sleep(0)
                elif ended:
                    return
                else:
                    await changed.wait()
        finally:
            self._waiting[run_id].discard(changed)
            if not self._waiting[run_id]:
                del self._waiting[run_id]

    async def request_cancel(self, run_id: str) -> None:
        await self._queue("INSERT INTO cancel_requested VALUES (?) ON CONFLICT DO NOTHING", (run_id,))

    async def cancels(self) -> set[str]:
        rows = self._select("SELECT run FROM cancel_requested JOIN run ON run.id = run WHERE ended_at IS NULL")
        return {run for (run,) in rows}

    async def prune(self, before: datetime) -> int:
        has_events = "EXISTS (SELECT 1 FROM event WHERE run = run.id)"
        old = f"SELECT id FROM run WHERE ended_at < ? AND {has_events} LIMIT {_PRUNE}"  # noqa: S608 - constants
        count = 0
        while runs := self._select(old, _stored(before)):
            drops = [f"DELETE FROM {table} WHERE run = ?" for table in ("record", "cancel_requested", "event")]  # noqa: S608 - constants
            await asyncio.gather(*[self._queue(drop, run) for run in runs for drop in drops])
            count += len(runs)
        return count

    async def _watch_other_processes(self) -> None:
        """Wakes subscribers when another process has written. This process's own commits wake them directly."""
        seen: object = None
        while self._waiting and not self._closed:
            # On the writer's connection, data_version changes with every other connection's commits but not its own.
            with contextlib.suppress(sqlite3.Error):
                [version] = self._writer.execute("PRAGMA data_version").fetchone()
                if version != seen:
                    seen = version
                    self._wake()
            await asyncio.sleep(_POLL)

    def _wake(self, runs: set[str] | None = None) -> None:
        for run_id in self._waiting if runs is None else runs & self._waiting.keys():
            for waiter in self._waiting[run_id]:
                waiter.set()

    def _run(self, run_id: str) -> RunRow:
        if found := self._runs("id = ?", run_id):
            return found[0]
        raise not_found.run(run_id)

    def _has_ended(self, run_id: str) -> bool:
        """Whether the run has ended. Called each time a subscriber wakes, so it reads only one column."""
        if rows := self._select("SELECT ended_at IS NOT NULL FROM run WHERE id = ?", run_id):
            return bool(rows[0][0])
        return self._run(run_id).ended

    def _runs(self, where: str, *values: Any) -> list[RunRow]:
        rows = self._select(f"SELECT {', '.join(_COLUMNS)} FROM run WHERE {where} ORDER BY n", *values)  # noqa: S608 - constants
        return [RunRow.model_validate(dict(zip(_COLUMNS, row, strict=True))) for row in rows]

    def _events(self, run_id: str, after: int, limit: int = -1) -> list[Numbered]:
        sql = "SELECT number, data FROM event WHERE run = ? AND number > ? ORDER BY number LIMIT ?"
        rows = self._select(sql, run_id, after, limit)
        return [Numbered(number=n, event=event_adapter.validate_json(data, extra="ignore")) for n, data in rows]

    def _select(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        self._refuse_if_closed()
        try:
            return self._reader.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StorageFailed(f"The journal cannot be read ({error}). Fix the cause, then try again.") from error

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise WorkbenchClosed("The workbench was closed. Call connect() again.")

    def _queue(
        self, sql: str, values: tuple[Any, ...] | dict[str, Any], run_id: str | None = None
    ) -> "asyncio.Future[int]":
        """Queues a statement, to be committed with this loop iteration's others. The future returns its row count.

        After the commit, the subscribers of `run_id` are woken. Raises `WorkbenchClosed`.
        """
        self._refuse_if_closed()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()
        self._batch.append((sql, values, run_id, done))
        if len(self._batch) == 1:  # otherwise a commit or its retry is already scheduled
            loop.call_soon(self._commit)
        return done

    def _commit(self, *, last: bool = False) -> None:
        if not self._batch or self._closed:
            return
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            counts = [self._writer.execute(sql, values).rowcount for sql, values, *_ in self._batch]
            self._writer.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - any error must reach the callers that await the futures
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            self._try_again(error, last=last or not isinstance(error, sqlite3.Error))
            return
        batch, self._batch, self._trying_since = self._batch, [], None
        for (*_, done), count in zip(batch, counts, strict=True):
            if not _is_abandoned(done):
                done.set_result(count)
        self._wake({run_id for *_, run_id, _ in batch if run_id})

    def _try_again(self, error: Exception, *, last: bool) -> None:
        """Schedules a retry of the failed batch. Writes queued until then join the batch, so their order is kept."""
        now = time.monotonic()
        self._trying_since = self._trying_since or now
        if not last and now - self._trying_since < _RETRY_FOR:
            asyncio.get_running_loop().call_later(_RETRY_EVERY, self._commit)
            return
        batch, self._batch, self._trying_since = self._batch, [], None
        for *_, done in batch:
            if not _is_abandoned(done):
                done.set_exception(_unwritable(error))
                done.exception()  # marks it as retrieved: a caller need not await the future


def _unwritable(error: Exception) -> StorageFailed:
    return StorageFailed(f"The journal cannot be written ({error}). Fix the cause, then send the message again.")


def _is_abandoned(future: "asyncio.Future[int]") -> bool:
    """Whether the future can no longer be awaited: it was cancelled, or its loop has ended."""
    return future.done() or future.get_loop().is_closed()


def _stored(time: datetime) -> str:
    """Formats a time for storage: UTC in ISO format, which sorts chronologically as a string."""
    return time.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds")


def _loaded(data: str) -> dict[str, Any]:
    return from_json(data)
