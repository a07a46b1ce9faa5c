"""The journal in PostgreSQL, for processes on several machines.

Each write by an attempt first updates the run's row. The row lock serializes it with a takeover: once another attempt
owns the run, the update matches no row and nothing is written. Strings from users and models are stored as JSON,
because PostgreSQL's `text` type cannot store every character (NUL, lone surrogates).
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Any, LiteralString

from pydantic_core import from_json, to_json

from cfo_kernel import not_found
from cfo_kernel.errors import EventsPruned, IdempotencyMismatch, RunNotFound
from cfo_kernel.events import Event, Numbered, Outcome, event_adapter
from cfo_kernel.runs.journal import PRUNED, Record, RunRow
from cfo_kernel.runs.postgres import Database
from cfo_kernel.runs.postgres_notifications import Notifications
from cfo_kernel.runs.postgres_writer import Writer
from cfo_kernel.store.folders import is_valid_text
from cfo_kernel.store.schemas import JOURNAL

_MINE: LiteralString = "id = %(run)s AND attempt = %(attempt)s AND ended_at IS NULL"
_NEXT_EVENT: LiteralString = f"""
WITH held AS (UPDATE cfo_journal.run SET next_event = next_event + 1 WHERE {_MINE} AND next_event = %(number)s
    RETURNING id)
INSERT INTO cfo_journal.event SELECT id, %(number)s, %(data)s FROM held
"""
_RECORD: LiteralString = f"""
WITH held AS (UPDATE cfo_journal.run SET deaths = 0 WHERE {_MINE} RETURNING id)
INSERT INTO cfo_journal.record SELECT id, %(kind)s, %(key)s, %(data)s, %(event)s FROM held
ON CONFLICT (run, kind, key) DO UPDATE SET data = excluded.data, event = excluded.event
"""
_COLUMNS: LiteralString = (
    "n, id, workspace_id, thread_id, message, in_reply_to, parent_run_id, owner, attempt, deaths, status, accepted_at"
)
_PAGE = 200  # events that a subscriber reads at once, which limits its memory and the time that it blocks the loop
_POLL = 1.0  # seconds after which a subscriber reads again even if it was not notified


class PostgresJournal:
    """See `cfo_kernel.runs.journal.Journal`. Also opens and closes the database connections."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = Writer(database, lambda runs: self._notifications.notify(runs))
        self._notifications = Notifications(database, lambda: self._writer.process)

    async def open(self) -> None:
        await self._database.open()
        await self._database.bring_up_to_date(JOURNAL)

    async def close(self) -> None:
        await self._writer.close()
        await self._database.close()
        await self._notifications.close()

    def close_sync(self) -> None:
        self._database.close_sync()

    async def check(self) -> None:
        await self._writer.queue("SELECT 1")

    async def add_run(self, row: RunRow, idempotency_key: str | None) -> RunRow:
        sql: LiteralString = (
            "INSERT INTO cfo_journal.run (id, workspace_id, thread_id, message, in_reply_to, parent_run_id,"
            " idempotency_key, owner) VALUES (%(id)s, %(workspace_id)s, %(thread_id)s, %(message)s, %(in_reply_to)s,"
            " %(parent_run_id)s, %(key)s, %(owner)s) ON CONFLICT DO NOTHING"
        )
        await self._writer.queue(
            sql, None, **{**row.model_dump(), "message": _kept(row.message), "key": idempotency_key}
        )
        try:
            return await self.by_key(row.workspace_id, row.thread_id, idempotency_key) or await self.run(row.id)
        except RunNotFound:
            message = "This idempotency key was used for a message in another workspace. Use a new key."
            raise IdempotencyMismatch(message) from None

    async def retract(self, run_id: str) -> None:
        await self._writer.queue("DELETE FROM cfo_journal.run WHERE id = %(run)s", run_id, run=run_id)

    async def run(self, run_id: str) -> RunRow:
        if found := await self._runs("id = %s", run_id):
            return found[0]
        raise not_found.run(run_id)

    async def by_key(self, workspace_id: str, thread_id: str, key: str | None) -> RunRow | None:
        if not key:
            return None
        where = "workspace_id = %s AND thread_id = %s AND idempotency_key = %s"
        found = await self._runs(where, workspace_id, thread_id, key)
        return found[0] if found else None

    async def open_runs(self, workspace_id: str | None = None, thread_id: str | None = None) -> list[RunRow]:
        where: LiteralString = "ended_at IS NULL"
        if workspace_id is None:
            return await self._runs(where)
        if thread_id is None:
            return await self._runs(where + " AND workspace_id = %s", workspace_id)
        return await self._runs(where + " AND workspace_id = %s AND thread_id = %s", workspace_id, thread_id)

    async def has_earlier_open_run(self, run: RunRow) -> bool:
        sql: LiteralString = (
            "SELECT EXISTS (SELECT FROM cfo_journal.run WHERE workspace_id = %s AND thread_id = %s AND n < %s"
            " AND parent_run_id IS NULL AND ended_at IS NULL)"
        )
        return bool((await self._database.select(sql, (run.workspace_id, run.thread_id, run.n)))[0][0])

    async def claim(self, run: RunRow, owner: str, *, died: bool = False) -> RunRow | None:
        sql: LiteralString = (
            "UPDATE cfo_journal.run SET owner = %(owner)s, attempt = attempt + 1, deaths = deaths + %(died)s,"
            " status = 'queued'"
            f" WHERE {_MINE} AND owner = %(before)s"
        )
        taken = await self._writer.queue(
            sql, run=run.id, attempt=run.attempt, before=run.owner, owner=owner, died=int(died)
        )
        return await self.run(run.id) if taken else None

    async def release(self, owner: str) -> None:
        sql: LiteralString = "UPDATE cfo_journal.run SET owner = '' WHERE owner = %(owner)s AND ended_at IS NULL"
        await self._writer.queue(sql, owner=owner)

    async def start(self, run: RunRow) -> None:
        sql: LiteralString = f"UPDATE cfo_journal.run SET status = 'running' WHERE {_MINE}"
        await self._writer.queue(sql, run=run.id, attempt=run.attempt)

    def put(self, run: RunRow, number: int, event: Event) -> "asyncio.Future[int]":
        data = event_adapter.dump_json(event, by_alias=True).decode()
        return self._writer.queue(_NEXT_EVENT, run.id, run=run.id, attempt=run.attempt, number=number, data=data)

    def keep(self, run: RunRow, record: Record) -> "asyncio.Future[int]":
        values = {"kind": record.kind, "key": _kept(record.key), "data": _kept(record.data), "event": record.event}
        return self._writer.queue(_RECORD, None, run=run.id, attempt=run.attempt, **values)

    def end(self, run: RunRow, status: Outcome) -> "asyncio.Future[int]":
        sql: LiteralString = f"UPDATE cfo_journal.run SET status = %(status)s, ended_at = now() WHERE {_MINE}"
        return self._writer.queue(sql, run.id, run=run.id, attempt=run.attempt, status=status)

    async def events(self, run_id: str, after: int = -1) -> list[Numbered]:
        sql: LiteralString = "SELECT number, data FROM cfo_journal.event WHERE run = %s AND number > %s ORDER BY number"
        return _numbered(await self._database.select(sql, (run_id, after)) if is_valid_text(run_id) else [])

    async def next_number(self, run_id: str) -> int:
        sql: LiteralString = "SELECT coalesce(max(number) + 1, 0) FROM cfo_journal.event WHERE run = %s"
        return (await self._database.select(sql, (run_id,)))[0][0]

    async def records(self, run_id: str) -> list[Record]:
        sql: LiteralString = "SELECT kind, key, data, event FROM cfo_journal.record WHERE run = %s ORDER BY event"
        rows = await self._database.select(sql, (run_id,))
        return [Record(kind=k, key=from_json(key), data=from_json(data), event=n) for k, key, data, n in rows]

    async def subscribe(self, run_id: str, after: int = -1) -> AsyncGenerator[Numbered]:
        with self._notifications.of(run_id) as changed:
            await self.run(run_id)
            while True:
                changed.clear()
                ended, found = await self._since(run_id, after)
                for numbered in found:
                    after = numbered.number
                    yield numbered
                if len(found) == _PAGE:
                    continue
                if ended:
                    if after < 0 or (not found and not await self.next_number(run_id)):
                        raise EventsPruned(PRUNED)
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_POLL):
                        await changed.wait()

    async def request_cancel(self, run_id: str) -> None:
        sql: LiteralString = "INSERT INTO cfo_journal.cancel_requested VALUES (%(run)s) ON CONFLICT DO NOTHING"
        await self._writer.queue(sql, run=run_id)

    async def cancels(self) -> set[str]:
        sql: LiteralString = (
            "SELECT run FROM cfo_journal.cancel_requested JOIN cfo_journal.run ON id = run WHERE ended_at IS NULL"
        )
        return {run for (run,) in await self._database.select(sql)}

    async def prune(self, before: datetime) -> int:
        old: LiteralString = "(SELECT id FROM cfo_journal.run WHERE ended_at < %(before)s)"
        tables: tuple[LiteralString, ...] = ("event WHERE number = 0 AND", "event WHERE", "record WHERE")
        gone = [
            self._writer.queue(f"DELETE FROM cfo_journal.{table} run IN {old}", before=before)
            for table in (*tables, "cancel_requested WHERE")
        ]
        return (await asyncio.gather(*gone))[0]

    async def _since(self, run_id: str, after: int) -> tuple[bool, list[Numbered]]:
        """Returns whether the run has ended, and its next events above `after`, from the same snapshot."""
        sql: LiteralString = (
            "SELECT ended_at IS NOT NULL, number, data FROM cfo_journal.run LEFT JOIN cfo_journal.event"
            " ON event.run = run.id AND number > %s WHERE run.id = %s ORDER BY number LIMIT %s"
        )
        rows = await self._database.select(sql, (after, run_id, _PAGE))
        return not rows or rows[0][0], _numbered([(n, data) for _, n, data in rows if n is not None])

    async def _runs(self, where: LiteralString, *values: str) -> list[RunRow]:
        if not all(map(is_valid_text, values)):
            return []
        rows = await self._database.select(f"SELECT {_COLUMNS} FROM cfo_journal.run WHERE {where} ORDER BY n", values)
        found = [dict(zip(_COLUMNS.split(", "), row, strict=True)) for row in rows]
        return [RunRow.model_validate({**row, "message": from_json(row["message"])}) for row in found]


def _numbered(rows: Sequence[tuple[Any, ...]]) -> list[Numbered]:
    return [Numbered(number=n, event=event_adapter.validate_json(data, extra="ignore")) for n, data in rows]


def _kept(value: Any) -> str:
    return to_json(value).decode()
