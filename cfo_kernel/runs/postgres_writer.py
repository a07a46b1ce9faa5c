"""Group commit for PostgreSQL: the statements queued in one event-loop iteration run in order in one transaction.

If the connection is lost, the transaction is retried for a few seconds, but never applied twice: if it is unclear
whether the commit reached the server, the writer looks up the transaction's status by its id.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, LiteralString, NamedTuple

import psycopg

from cfo_kernel.errors import WorkbenchClosed
from cfo_kernel.runs.postgres import CONNECTION_LOST, RETRY_EVERY, RETRY_FOR, Connection, Database
from cfo_kernel.store.schemas import JOURNAL

_NOTIFY: LiteralString = f"SELECT pg_notify('{JOURNAL.postgres_schema}', run) FROM unnest(%s::text[]) AS run"


class _Statement(NamedTuple):
    sql: LiteralString
    values: dict[str, Any]
    run_id: str | None
    done: "asyncio.Future[int]"


class Writer:
    """Writes over its own connection. After each commit, calls `on_commit` with the runs that have new events."""

    def __init__(self, database: Database, on_commit: Callable[[set[str]], None]) -> None:
        self._database = database
        self._on_commit = on_commit
        self._batch: list[_Statement] = []
        self._committing: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._closed = False

    @property
    def process(self) -> int | None:
        """The id of the PostgreSQL process that handles the connection, or None while there is no connection."""
        return None if self._connection is None else self._connection.info.backend_pid

    def queue(self, sql: LiteralString, run_id: str | None = None, **values: Any) -> "asyncio.Future[int]":
        """Queues a statement, to be committed with this loop iteration's others. The future returns its row count.

        After the commit, the subscribers of `run_id` are notified, in this process and in others. Raises
        `WorkbenchClosed`.
        """
        if self._closed:
            raise WorkbenchClosed("The workbench was closed. Call connect() again.")
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._batch.append(_Statement(sql, values, run_id, done))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_batches(), name="commit to the journal")
        return done

    async def close(self) -> None:
        """Commits the queued statements, then closes the connection."""
        self._closed = True
        if self._committing is not None:
            await asyncio.wait([self._committing])
        await self._disconnect()

    async def _commit_batches(self) -> None:
        while self._batch:
            batch, self._batch = self._batch, []
            try:
                counts = await self._commit(batch)
            except (psycopg.Error, ValueError) as error:  # ValueError: text with a NUL character
                failure = self._database.failed("written", error)
                for statement in batch:
                    if not statement.done.done():
                        statement.done.set_exception(failure)
                        statement.done.exception()  # marks it as retrieved: a caller need not await the future
                continue
            for statement, count in zip(batch, counts, strict=True):
                if not statement.done.done():
                    statement.done.set_result(count)
            self._on_commit({s.run_id for s in batch if s.run_id})

    async def _commit(self, batch: list[_Statement]) -> list[int]:
        until = time.monotonic() + RETRY_FOR
        transaction, counts = "", list[int]()
        while True:
            try:
                connection = self._connection = self._connection or await self._database.connect()
                if not transaction or not await self._is_committed(connection, transaction):
                    transaction = ""
                    counts, transaction = await self._execute(connection, batch)
                    await connection.execute("COMMIT")
                return counts
            except CONNECTION_LOST:
                await self._disconnect()
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(RETRY_EVERY)
            except psycopg.Error:
                await self._disconnect()
                raise

    async def _execute(self, connection: Connection, batch: list[_Statement]) -> tuple[list[int], str]:
        """Executes the batch but does not commit it. Returns the statements' row counts and the transaction's id."""
        async with connection.pipeline():
            await connection.execute("BEGIN")
            xact_id = await connection.execute("SELECT pg_current_xact_id()::text")
            done = [await connection.execute(s.sql, s.values) for s in batch]
            if changed_runs := sorted({s.run_id for s in batch if s.run_id}):
                await connection.execute(_NOTIFY, (changed_runs,))
        found = await xact_id.fetchone()
        return [cursor.rowcount for cursor in done], found[0] if found else ""

    async def _is_committed(self, connection: Connection, transaction: str) -> bool:
        sql: LiteralString = "SELECT pg_xact_status(%s::text::xid8)"
        found = await (await connection.execute(sql, (transaction,))).fetchone()
        status = found[0] if found else None
        if status == "in progress":  # the server has not yet noticed the lost connection
            raise psycopg.OperationalError("an earlier transaction has not ended")
        return status == "committed"

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()
