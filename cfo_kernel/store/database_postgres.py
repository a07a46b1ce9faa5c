"""The PostgreSQL database for several machines, and engines for its schemas.

This module is loaded only if `CFO_DATABASE_URL` is set.
"""

import contextlib
from collections.abc import Generator
from typing import Any, Final, LiteralString
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Engine, create_engine

from cfo_kernel.errors import InvalidSettings, StorageFailed

QUEUE: Final = "cfo_queue"
"""The schema for Procrastinate. The schemas of the stores are in `schemas`."""
_CONNECT_TIMEOUT = 5  # seconds


class Target:
    """The database at a URL. Hides the password in errors. Raises `InvalidSettings` if the URL is not valid."""

    def __init__(self, url: str) -> None:
        message = "CFO_DATABASE_URL is not valid. Set it to postgresql://user:password@host/database, and restart."
        if not url.startswith(("postgresql://", "postgres://")):
            raise InvalidSettings(message)
        try:
            parts: dict[str, Any] = {"connect_timeout": _CONNECT_TIMEOUT, "application_name": "cfo_kernel"}
            parts |= conninfo_to_dict(url)
        except psycopg.Error:  # its text may contain the password
            raise InvalidSettings(message) from None
        self.conninfo = make_conninfo("", **parts)
        self._password = str(parts.get("password") or "")

    def redacted(self, error: BaseException) -> str:
        """Returns the first line of the error, without the password."""
        line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        for secret in filter(None, {self._password, quote(self._password), quote(self._password, safe="")}):
            line = line.replace(secret, "***")
        return line

    def engine(self, schema: LiteralString) -> Engine:
        """Returns an engine for this schema, which need not exist yet. Times are in UTC."""

        def connect() -> psycopg.Connection[Any]:
            connection = psycopg.connect(self.conninfo, autocommit=True)
            connection.execute(f"SET search_path TO {schema}; SET timezone TO 'UTC'; SET lock_timeout TO '1s'")
            connection.autocommit = False
            return connection

        return create_engine("postgresql+psycopg://", creator=connect, pool_pre_ping=True, pool_size=2)

    @contextlib.contextmanager
    def connecting(self) -> Generator[None]:
        """Raises driver errors as `StorageFailed`."""
        try:
            yield
        except psycopg.Error as error:
            raise self.cannot_open(error) from error

    def cannot_open(self, error: BaseException) -> StorageFailed:
        message = f"The database cannot be opened ({self.redacted(error)}). Check CFO_DATABASE_URL and its server."
        return StorageFailed(message)


def create_schema(schema: LiteralString) -> LiteralString:
    """Returns SQL that creates a schema if it is missing. Other processes that run it wait for this transaction."""
    return f"SELECT pg_advisory_xact_lock(hashtext('cfo_kernel'), 0); CREATE SCHEMA IF NOT EXISTS {schema}"
