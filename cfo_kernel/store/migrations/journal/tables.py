"""The journal's tables. The journal itself uses handwritten SQL, so these are declared only for comparison.

The two databases differ. SQLite stores times as text. PostgreSQL also stores the number of each run's next event and
the heartbeats of the processes; SQLite needs neither, because it has a single writer and file locks.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)


def metadata(dialect: str) -> MetaData:
    """Returns the tables as of the newest revision."""
    made = MetaData()
    run = _run_on_postgres(made) if dialect == "postgresql" else _run_on_sqlite(made)
    is_open, has_ended = text("ended_at IS NULL"), text("ended_at IS NOT NULL")
    Index("run_open", run.c.thread_id, run.c.n, sqlite_where=is_open, postgresql_where=is_open)
    Index("run_ended", run.c.ended_at, sqlite_where=has_ended, postgresql_where=has_ended)
    Table("cancel_requested", made, Column("run", Text, primary_key=True), sqlite_with_rowid=False)
    Table(
        "event",
        made,
        Column("run", Text, nullable=False),
        Column("number", Integer, nullable=False),
        Column("data", Text, nullable=False),
        PrimaryKeyConstraint("run", "number"),
        sqlite_with_rowid=False,
    )
    Table(
        "record",
        made,
        Column("run", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("data", Text, nullable=False),
        Column("event", Integer, nullable=False),
        PrimaryKeyConstraint("run", "kind", "key"),
        sqlite_with_rowid=False,
    )
    if dialect == "postgresql":
        Table("owner", made, Column("name", Text, primary_key=True), _time_now("beat"))
    return made


def _run_on_sqlite(made: MetaData) -> Table:
    return Table(
        "run",
        made,
        Column("n", Integer, primary_key=True, nullable=True),  # SQLite reports the row id as nullable
        Column("id", Text, nullable=False, unique=True),
        *_message_columns(),
        Column("status", Text, nullable=False),
        Column("accepted_at", Text, nullable=False, server_default=func.current_timestamp()),
        Column("ended_at", Text),
        *_attempt_columns(),
        UniqueConstraint("thread_id", "idempotency_key"),
        sqlite_autoincrement=True,
    )


def _run_on_postgres(made: MetaData) -> Table:
    return Table(
        "run",
        made,
        Column("n", BigInteger, Identity(always=True), nullable=False),
        Column("id", Text, primary_key=True),
        *_message_columns(),
        Column("status", Text, nullable=False, server_default="queued"),
        Column("next_event", Integer, nullable=False, server_default="0"),
        _time_now("accepted_at"),
        Column("ended_at", DateTime(timezone=True)),
        *_attempt_columns(),
        UniqueConstraint("thread_id", "idempotency_key"),
        postgresql_with={"fillfactor": 70},
    )


def _message_columns() -> list[Column[str]]:
    required, optional = ("workspace_id", "thread_id", "message", "owner"), ("in_reply_to", "idempotency_key")
    return [Column(n, Text, nullable=False) for n in required] + [Column(n, Text) for n in optional]


def _attempt_columns() -> list[Column[int] | Column[str]]:
    return [
        Column("parent_run_id", Text),
        Column("attempt", Integer, nullable=False, server_default="1"),
        Column("deaths", Integer, nullable=False, server_default="0"),
    ]


def _time_now(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())
