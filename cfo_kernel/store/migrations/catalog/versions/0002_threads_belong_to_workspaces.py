"""Changes the key of threads to (workspace, thread id), because a copied workspace has the same thread ids."""

import sqlalchemy as sa
from alembic import op

from cfo_kernel.errors import StorageFailed

revision = "0002"
down_revision = "0001"

_COLUMNS = "workspace_id, id, title, thread_dir, created_at, updated_at"
_IN_SEVERAL = "SELECT id FROM thread GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT 3"


def upgrade() -> None:
    # Copies the rows to a new table and renames it, because SQLite cannot change a table's primary key.
    _create("thread_of_workspace", ["workspace_id", "id"])
    op.execute(f"INSERT INTO thread_of_workspace ({_COLUMNS}) SELECT {_COLUMNS} FROM thread")  # noqa: S608 - constants
    op.drop_table("thread")
    op.rename_table("thread_of_workspace", "thread")
    op.create_index("thread_newest", "thread", ["workspace_id", "updated_at"])


def downgrade() -> None:
    """Raises `StorageFailed` if workspaces share thread ids, because the older schema cannot store both threads."""
    if shared := [str(thread) for (thread,) in op.get_bind().execute(sa.text(_IN_SEVERAL))]:
        raise StorageFailed(
            f"Several workspaces have the same threads ({', '.join(shared)}), which revision 0001 of the catalog cannot"
            " store. Delete the threads in the copied workspace, or the whole copy, then downgrade."
        )
    op.drop_index("thread_newest")
    op.rename_table("thread", "thread_of_workspace")  # frees the name first, since the constraints are named after it
    _create("thread", ["id"])
    op.execute(f"INSERT INTO thread ({_COLUMNS}) SELECT {_COLUMNS} FROM thread_of_workspace")  # noqa: S608 - constants
    op.drop_table("thread_of_workspace")
    op.create_index("thread_newest", "thread", ["workspace_id", "updated_at"])


def _create(name: str, key: list[str]) -> None:
    op.create_table(
        name,
        sa.Column("workspace_id", sa.String, sa.ForeignKey("workspace.id"), nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("title", sa.String),
        sa.Column("thread_dir", sa.String, nullable=False, unique=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(*key),
    )
