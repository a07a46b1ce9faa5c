"""Connections to the PostgreSQL database for one event loop. Driver errors are raised as `StorageFailed`."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Any, LiteralString
from weakref import WeakSet

import psycopg
import psycopg.errors
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout
from sqlalchemy.exc import DBAPIError

from cfo_kernel.errors import StorageFailed, WorkbenchClosed
from cfo_kernel.store.database_postgres import QUEUE, Target, create_schema
from cfo_kernel.store.schemas import StoreSchema, bring_up_to_date

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
CONNECTION_LOST = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
"""Errors that may be temporary: a broken connection, a restarting server, a deadlock."""
RETRY_FOR = 5.0
"""Seconds for which an operation is retried after such an error."""
RETRY_EVERY = 0.1
_AT_MOST = 8  # pooled connections per process, for reads and the queue

for _name in ("psycopg", "psycopg.pool", "procrastinate"):
    logging.getLogger(_name).addHandler(logging.NullHandler())  # keeps their log lines off the user's terminal


class Database:
    """Autocommit connections to one database. `open` may be called more than once."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connections: WeakSet[Connection] = WeakSet()
        self._pool: AsyncConnectionPool[Connection] | None = None

    async def open(self) -> None:
        """Opens the pool. Raises `StorageFailed` if the server cannot be reached."""
        if self._pool is not None:
            return
        with self._target.connecting():  # fails at once with the reason, whereas a pool would keep trying
            await (await self.connect()).close()
        self._pool = AsyncConnectionPool[Connection](
            self._target.conninfo,
            min_size=1,
            max_size=_AT_MOST,
            timeout=RETRY_FOR,
            open=False,
            configure=self._configure,
        )
        await self._pool.open()

    async def bring_up_to_date(self, schema: StoreSchema) -> None:
        """Creates or upgrades a store unless it is up to date. See `schemas.bring_up_to_date` for the errors."""
        sql: LiteralString = f"SELECT version_num FROM {schema.postgres_schema}.alembic_version"
        with contextlib.suppress(psycopg.errors.UndefinedTable):
            async with self.pool.connection() as connection:
                if await (await connection.execute(sql)).fetchone() == (schema.head,):
                    return
        engine = self._target.engine(schema.postgres_schema)
        try:
            await asyncio.to_thread(bring_up_to_date, engine, schema)
        except DBAPIError as error:
            raise self.failed("migrated", error) from error
        finally:
            engine.dispose()

    async def migrate(self, schema: LiteralString, steps: Sequence[LiteralString]) -> None:
        """Applies the missing migration steps, under a lock, to a schema that records how many steps it has.

        Never change a step once it has been released. Raises `StorageFailed`, also if the schema is newer than this
        version.
        """
        with self._target.connecting():
            async with await self.connect() as connection, connection.transaction():
                await connection.execute(create_schema(schema))
                await connection.execute(f"CREATE TABLE IF NOT EXISTS {schema}.version (steps integer NOT NULL)")
                found = await (await connection.execute(f"SELECT steps FROM {schema}.version")).fetchone()
                have: int = found[0] if found else 0
                if have > len(steps):
                    raise StorageFailed(
                        f"The schema {schema} was created by a newer version of cfo_kernel. Update cfo_kernel."
                    )
                for step in steps[have:]:
                    await connection.execute(f"SET LOCAL search_path TO {schema}; {step}")
                await connection.execute(f"DELETE FROM {schema}.version")
                await connection.execute(f"INSERT INTO {schema}.version VALUES (%s)", (len(steps),))

    async def connect(self) -> Connection:
        """Returns a new connection outside the pool. Raises the driver's errors."""
        connection = await psycopg.AsyncConnection[tuple[Any, ...]].connect(self._target.conninfo)
        await self._configure(connection)
        return connection

    @property
    def pool(self) -> AsyncConnectionPool[Connection]:
        """The open pool. Raises `WorkbenchClosed`."""
        if self._pool is None:
            raise WorkbenchClosed("The workbench was closed. Call connect() again.")
        return self._pool

    async def select(self, sql: LiteralString, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Returns the rows of a statement. It may be executed twice, so a write must be idempotent.

        Raises `StorageFailed` or `WorkbenchClosed`.
        """
        until = time.monotonic() + RETRY_FOR
        while True:
            try:
                async with self.pool.connection() as connection:
                    found = await connection.execute(sql, values)
                    return await found.fetchall() if found.description else []
            except PoolClosed:
                raise WorkbenchClosed("The workbench was closed. Call connect() again.") from None
            except CONNECTION_LOST as error:
                if time.monotonic() > until:
                    raise self.failed("read", error) from error
            except psycopg.Error as error:
                raise self.failed("read", error) from error
            await asyncio.sleep(RETRY_EVERY)

    def failed(self, what: str, error: BaseException) -> StorageFailed:
        """Returns the error as `StorageFailed`. `what` completes "The database cannot be ...": "read" or "written"."""
        reason = self._target.redacted(error)
        return StorageFailed(f"The database cannot be {what} ({reason}). Check CFO_DATABASE_URL and its server.")

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()
        self.close_sync()

    def close_sync(self) -> None:
        """Closes the connections synchronously. Used when the event loop has ended."""
        self._pool = None
        for connection in list(self._connections):
            with contextlib.suppress(psycopg.Error):
                connection.pgconn.finish()

    async def _configure(self, connection: Connection) -> None:
        await connection.set_autocommit(True)
        await connection.execute(f"SET search_path TO {QUEUE}; SET timezone TO 'UTC'")
        self._connections.add(connection)
