"""A PostgreSQL database as the runs use it: connections for one event loop, and its errors as ours."""

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
"""What may pass by itself: a connection that broke, a server that starts again, a deadlock."""
RETRY_FOR = 5.0
"""Seconds for which such things are tried again."""
RETRY_EVERY = 0.1
_AT_MOST = 8  # connections of one process for reads and the queue

for _name in ("psycopg", "psycopg.pool", "procrastinate"):
    logging.getLogger(_name).addHandler(logging.NullHandler())  # nothing on a user's terminal


class Database:
    """Connections to one database, each of which commits by itself; `open` may be called again."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connections: WeakSet[Connection] = WeakSet()
        self._pool: AsyncConnectionPool[Connection] | None = None

    async def open(self) -> None:
        """Raises `StorageFailed` where the server cannot be reached."""
        if self._pool is not None:
            return
        with self._target.connecting():  # tells at once why it cannot, where a pool would try for long
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
        """Creates or upgrades a store where it is behind. Raises `StorageFailed` as `schemas.bring_up_to_date` does."""
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
        """Takes the steps that a schema lacks, which it counts itself, while no other process does.

        A step is never changed once released. Raises `StorageFailed`, also where the schema is newer than this program.
        """
        with self._target.connecting():
            async with await self.connect() as connection, connection.transaction():
                await connection.execute(create_schema(schema))
                await connection.execute(f"CREATE TABLE IF NOT EXISTS {schema}.version (steps integer NOT NULL)")
                found = await (await connection.execute(f"SELECT steps FROM {schema}.version")).fetchone()
                have: int = found[0] if found else 0
                if have > len(steps):
                    raise StorageFailed(f"The schema {schema} was made by a newer version of cfo_kernel. Update it.")
                for step in steps[have:]:
                    await connection.execute(f"SET LOCAL search_path TO {schema}; {step}")
                await connection.execute(f"DELETE FROM {schema}.version")
                await connection.execute(f"INSERT INTO {schema}.version VALUES (%s)", (len(steps),))

    async def connect(self) -> Connection:
        """A connection of its own for who asks; raises what the driver raises."""
        connection = await psycopg.AsyncConnection[tuple[Any, ...]].connect(self._target.conninfo)
        await self._configure(connection)
        return connection

    @property
    def pool(self) -> AsyncConnectionPool[Connection]:
        """Raises `WorkbenchClosed`."""
        if self._pool is None:
            raise WorkbenchClosed("The workbench was closed. Call connect() again.")
        return self._pool

    async def select(self, sql: LiteralString, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows, also of a statement that changes something, if it may be executed twice. Raises `StorageFailed`."""
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
        """The error as ours: `what` could not be done with the database."""
        reason = self._target.redacted(error)
        return StorageFailed(f"The database cannot be {what} ({reason}). Check CFO_DATABASE_URL and its server.")

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()
        self.close_sync()

    def close_sync(self) -> None:
        """Closes the connections without an event loop."""
        self._pool = None
        for connection in list(self._connections):
            with contextlib.suppress(psycopg.Error):
                connection.pgconn.finish()

    async def _configure(self, connection: Connection) -> None:
        await connection.set_autocommit(True)
        await connection.execute(f"SET search_path TO {QUEUE}; SET timezone TO 'UTC'")
        self._connections.add(connection)
