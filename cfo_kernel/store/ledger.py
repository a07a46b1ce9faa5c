"""The ledger: one capsule for each finished run, which records the run's usage.

It is append-only: the database itself refuses to change or remove a capsule. It refers to workspaces and threads only
by id, so their usage remains after their folders are gone.

Costs are stored in billionths of a dollar, because integers add up exactly in every database.

The methods block only briefly, like the catalog's, and may be called from any thread.
"""

import contextlib
from collections.abc import Generator
from datetime import datetime
from typing import Any, cast

from sqlalchemy import BigInteger, DateTime, Engine, Index, Table, func, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Field, Session, SQLModel, col

from cfo_kernel.errors import StorageFailed
from cfo_kernel.events import MOST_COST, MOST_TOKENS, Usage, UsageTotals
from cfo_kernel.store.catalog import now
from cfo_kernel.store.schemas import LEDGER, bring_up_to_date

_NANO = 1_000_000_000
_TIME: Any = DateTime(timezone=True)


class Capsule(SQLModel, table=True):
    """The audit record of a finished run. For a child run it includes the parent, and for a failed run the error."""

    __tablename__ = "capsule"  # pyright: ignore[reportAssignmentType]
    run_id: str = Field(primary_key=True)
    workspace_id: str
    thread_id: str
    parent_run_id: str | None = None
    status: str
    error_code: str | None = None
    model: str | None = None
    accepted_at: datetime | None = Field(None, sa_type=_TIME)
    ended_at: datetime = Field(default_factory=now, sa_type=_TIME)
    requests: int = 0
    tool_calls: int = 0
    input_tokens: int = Field(0, sa_type=BigInteger)
    cached_tokens: int = Field(0, sa_type=BigInteger)
    output_tokens: int = Field(0, sa_type=BigInteger)
    cost_nano: int | None = Field(None, sa_type=BigInteger)


_COUNTS = ("requests", "tool_calls", "input_tokens", "cached_tokens", "output_tokens")
_MOST = {name: MOST_TOKENS if name.endswith("_tokens") else 2**31 - 1 for name in _COUNTS}
_TABLE: Table = SQLModel.metadata.tables["capsule"]

Index("capsule_thread", _TABLE.c.workspace_id, _TABLE.c.thread_id)


class Ledger:
    """Adds capsules and computes totals. Every method raises `StorageFailed` if the database cannot be used."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        bring_up_to_date(engine, LEDGER)

    def close(self) -> None:
        self._engine.dispose()

    def seal(self, capsule: Capsule) -> None:
        """Adds a capsule. Does nothing if its run already has one."""
        try:
            with self._session() as session:  # a plain INSERT is faster than the ORM's unit of work
                session.connection().execute(_TABLE.insert(), capsule.model_dump())
        except IntegrityError:
            if self.capsule(capsule.run_id) is None:
                raise

    def capsule(self, run_id: str) -> Capsule | None:
        """Returns the capsule of a run, or None if the run has not ended."""
        with self._session() as session:
            return session.get(Capsule, run_id)

    def totals(self, workspace_id: str, thread_id: str | None = None) -> UsageTotals:
        """Returns the total usage of the finished runs in a workspace or in one of its threads."""
        sums = [func.sum(getattr(Capsule, name)) for name in _COUNTS]
        costs = [func.count(), func.count(col(Capsule.cost_nano)), func.sum(col(Capsule.cost_nano))]
        wanted = select(*costs, *sums).select_from(_TABLE).where(col(Capsule.workspace_id) == workspace_id)
        if thread_id is not None:
            wanted = wanted.where(col(Capsule.thread_id) == thread_id)
        with self._session() as session:
            row = session.connection().execute(wanted).one()
        # A sum over no rows is NULL, and PostgreSQL returns some sums as Decimal.
        runs, priced, cost, *counts = [int(number or 0) for number in cast("list[int | None]", list(row))]
        known = None if runs and not priced else cost / _NANO
        totals = UsageTotals(runs=runs, unpriced_runs=runs - priced, cost=known)
        return totals.model_copy(update=dict(zip(_COUNTS, counts, strict=True)))

    @contextlib.contextmanager
    def _session(self) -> Generator[Session]:
        try:
            with Session(self._engine, expire_on_commit=False) as session:
                yield session
                session.commit()
        except IntegrityError:
            raise  # the run already has a capsule; `seal` handles this
        except (DBAPIError, OverflowError) as error:
            # SQLite's driver raises an `OverflowError`, which SQLAlchemy passes on.
            reason = error.orig if isinstance(error, DBAPIError) else error
            message = (
                f"The ledger cannot be used ({reason}). Fix the cause, or wait for the other program to finish,"
                " then try again."
            )
            raise StorageFailed(message) from error


def usage_columns(usage: Usage) -> dict[str, Any]:
    """Returns a run's usage as column values for its capsule. Numbers that are too large for a column are capped."""
    counts = {name: min(max(getattr(usage, name), 0), _MOST[name]) for name in _COUNTS}
    cost = usage.cost if usage.cost is not None and 0 <= usage.cost <= MOST_COST else None  # also excludes NaN
    return {**counts, "model": usage.model, "cost_nano": None if cost is None else round(cost * _NANO)}
