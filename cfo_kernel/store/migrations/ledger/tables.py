"""The ledger's table, taken from its model."""

from sqlalchemy import MetaData

from cfo_kernel.store.ledger import Capsule


def metadata(dialect: str) -> MetaData:  # noqa: ARG001 - both databases have the same table
    """Returns the table as of the newest revision."""
    made = MetaData()
    Capsule.metadata.tables["capsule"].to_metadata(made)
    return made
