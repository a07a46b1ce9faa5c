"""The catalog's tables, as its models declare them."""

from sqlalchemy import MetaData

from cfo_kernel.store.catalog import WorkspaceRow


def metadata(dialect: str) -> MetaData:  # noqa: ARG001 - the same in both
    """The tables as the newest revision leaves them."""
    made = MetaData()
    for name in ("workspace", "thread"):
        WorkspaceRow.metadata.tables[name].to_metadata(made)
    return made
