"""Adds child runs, attempts, and the records that an attempt stores for later attempts."""

from alembic import op

revision = "0002"
down_revision = "0001"

_UPGRADE = (
    "ALTER TABLE run ADD COLUMN parent_run_id TEXT",
    "ALTER TABLE run ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE run ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0",
    """CREATE TABLE record (
    run TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, data TEXT NOT NULL, event INTEGER NOT NULL,
    PRIMARY KEY (run, kind, key)) WITHOUT ROWID""",
    "CREATE INDEX run_ended ON run (ended_at) WHERE ended_at IS NOT NULL",
)
# Revision 0001 would mistake a child run for a message and answer it. The parent will recreate its children.
_CHILDREN = "SELECT id FROM run WHERE parent_run_id IS NOT NULL"
_DOWNGRADE = (
    f"DELETE FROM event WHERE run IN ({_CHILDREN})",  # noqa: S608 - constants
    f"DELETE FROM cancel_requested WHERE run IN ({_CHILDREN})",  # noqa: S608 - constants
    "DELETE FROM run WHERE parent_run_id IS NOT NULL",
    "DROP INDEX run_ended",
    "DROP TABLE record",
    "ALTER TABLE run DROP COLUMN deaths",
    "ALTER TABLE run DROP COLUMN attempt",
    "ALTER TABLE run DROP COLUMN parent_run_id",
)


def upgrade() -> None:
    _execute(_UPGRADE)


def downgrade() -> None:
    _execute(_DOWNGRADE)


def _execute(statements: tuple[str, ...]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        return  # there, revision 0001 has already created all of this
    for statement in statements:
        op.execute(statement)
