"""Adds capsules, which the database itself refuses to change or remove."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_APPEND_ONLY = "the ledger is append-only"


def upgrade() -> None:
    op.create_table(
        "capsule",
        sa.Column("run_id", sa.String, primary_key=True),
        sa.Column("workspace_id", sa.String, nullable=False),
        sa.Column("thread_id", sa.String, nullable=False),
        sa.Column("parent_run_id", sa.String),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("error_code", sa.String),
        sa.Column("model", sa.String),
        sa.Column("accepted_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requests", sa.Integer, nullable=False),
        sa.Column("tool_calls", sa.Integer, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("cached_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost_nano", sa.BigInteger),
    )
    op.create_index("capsule_thread", "capsule", ["workspace_id", "thread_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION capsule_is_sealed() RETURNS trigger LANGUAGE plpgsql"
            f" AS $$ BEGIN RAISE EXCEPTION '{_APPEND_ONLY}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER capsule_is_sealed BEFORE UPDATE OR DELETE OR TRUNCATE ON capsule"
            " FOR EACH STATEMENT EXECUTE FUNCTION capsule_is_sealed()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER capsule_no_{change.lower()} BEFORE {change} ON capsule"
            f" BEGIN SELECT RAISE(ABORT, '{_APPEND_ONLY}'); END"
        )


def downgrade() -> None:
    op.drop_table("capsule")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION capsule_is_sealed()")
