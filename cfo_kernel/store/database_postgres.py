"""Where a PostgreSQL database is, its schemas, and engines for it. Loaded only where `CFO_DATABASE_URL` is set."""

import contextlib
from collections.abc import Generator
from typing import Any, Final, LiteralString
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Engine, create_engine

from cfo_kernel.errors import InvalidSettings, StorageFailed

CATALOG: Final = "cfo_catalog"
LEDGER: Final = "cfo_ledger"
JOURNAL: Final = "cfo_journal"
QUEUE: Final = "cfo_queue"
_PATIENCE = 5  # seconds for which a connection is tried


class Target:
    """The database that a URL names; what it shows of errors never has the password. Raises `InvalidSettings`."""

    def __init__(self, url: str) -> None:
        message = "CFO_DATABASE_URL is wrong: write postgresql://user:password@host/database, and start again."
        if not url.startswith(("postgresql://", "postgres://")):
            raise InvalidSettings(message)
        try:
            parts: dict[str, Any] = {"connect_timeout": _PATIENCE, "application_name": "cfo_kernel"}
            parts |= conninfo_to_dict(url)
        except psycopg.Error:  # its text may hold the password
            raise InvalidSettings(message) from None
        self.conninfo = make_conninfo("", **parts)
        self._password = str(parts.get("password") or "")

    def shown(self, error: BaseException) -> str:
        """The first line of the error."""
        line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        for secret in filter(None, {self._password, quote(self._password), quote(self._password, safe="")}):
            line = line.replace(secret, "***")
        return line

    def engine(self, schema: LiteralString) -> Engine:
        """An engine whose tables are in this schema, which is made. Its times are in UTC. Raises `StorageFailed`."""

        def connect() -> psycopg.Connection[Any]:
            connection = psycopg.connect(self.conninfo, autocommit=True)
            connection.execute(f"SET search_path TO {schema}; SET timezone TO 'UTC'; SET lock_timeout TO '1s'")
            connection.autocommit = False
            return connection

        with self.opening(), psycopg.connect(self.conninfo) as connection:
            connection.execute(schema_alone(schema))
        return create_engine("postgresql+psycopg://", creator=connect, pool_pre_ping=True, pool_size=2)

    @contextlib.contextmanager
    def opening(self) -> Generator[None]:
        """Raises `StorageFailed` for what goes wrong."""
        try:
            yield
        except psycopg.Error as error:
            message = f"The database cannot be opened ({self.shown(error)}). Check CFO_DATABASE_URL and its server."
            raise StorageFailed(message) from error


def schema_alone(schema: LiteralString) -> LiteralString:
    """Makes a schema where it is missing; who else sets one up waits until this transaction has ended."""
    return f"SELECT pg_advisory_xact_lock(hashtext('cfo_kernel'), 0); CREATE SCHEMA IF NOT EXISTS {schema}"
