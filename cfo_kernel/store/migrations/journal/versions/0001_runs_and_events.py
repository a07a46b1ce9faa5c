"""Adds runs and their events.

The first journal in PostgreSQL already had everything that revision 0002 adds in SQLite, so this revision creates all
of it there.
"""

from alembic import op

revision = "0001"
down_revision = None

# "IF NOT EXISTS", because the first journals in SQLite had no version, and have some or all of these tables.
_SQLITE = (
    """CREATE TABLE IF NOT EXISTS run (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, workspace_id TEXT NOT NULL, thread_id TEXT NOT NULL,
    message TEXT NOT NULL, in_reply_to TEXT, idempotency_key TEXT, owner TEXT NOT NULL, status TEXT NOT NULL,
    accepted_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, ended_at TEXT, UNIQUE (thread_id, idempotency_key))""",
    "CREATE INDEX IF NOT EXISTS run_open ON run (thread_id, n) WHERE ended_at IS NULL",
    "CREATE TABLE IF NOT EXISTS cancel_requested (run TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS event (
    run TEXT NOT NULL, number INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run, number)) WITHOUT ROWID""",
)
_POSTGRES = (
    """CREATE TABLE run (
    n bigint GENERATED ALWAYS AS IDENTITY, id text PRIMARY KEY, workspace_id text NOT NULL, thread_id text NOT NULL,
    message text NOT NULL, in_reply_to text, parent_run_id text, idempotency_key text, owner text NOT NULL,
    attempt integer NOT NULL DEFAULT 1, deaths integer NOT NULL DEFAULT 0, status text NOT NULL DEFAULT 'queued',
    next_event integer NOT NULL DEFAULT 0, accepted_at timestamptz NOT NULL DEFAULT now(), ended_at timestamptz,
    UNIQUE (thread_id, idempotency_key)) WITH (fillfactor = 70)""",
    "CREATE INDEX run_open ON run (thread_id, n) WHERE ended_at IS NULL",
    "CREATE INDEX run_ended ON run (ended_at) WHERE ended_at IS NOT NULL",
    "CREATE TABLE cancel_requested (run text PRIMARY KEY)",
    "CREATE TABLE event (run text NOT NULL, number integer NOT NULL, data text NOT NULL, PRIMARY KEY (run, number))",
    """CREATE TABLE record (
    run text NOT NULL, kind text NOT NULL, key text NOT NULL, data text NOT NULL, event integer NOT NULL,
    PRIMARY KEY (run, kind, key))""",
    "CREATE TABLE owner (name text PRIMARY KEY, beat timestamptz NOT NULL DEFAULT now())",
)


def upgrade() -> None:
    for statement in _POSTGRES if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)


def downgrade() -> None:
    for table in ("event", "cancel_requested", "run"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.drop_table("record")
        op.drop_table("owner")
