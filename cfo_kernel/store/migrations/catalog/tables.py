"""The catalog's tables, taken from its models."""

from sqlalchemy import MetaData

from cfo_kernel.store.catalog import WorkspaceRow


def metadata(dialect: str) -> MetaData:  # noqa: ARG001 - both databases have the same tables
    """Returns the tables as of the newest revision."""
    made = MetaData()
    for name in ("workspace", "thread"):
        WorkspaceRow.metadata.tables[name].to_metadata(made)
    return made
