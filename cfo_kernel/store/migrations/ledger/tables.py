"""The ledger's table, as its model declares it."""

from sqlalchemy import MetaData

from cfo_kernel.store.ledger import Capsule


def metadata(dialect: str) -> MetaData:  # noqa: ARG001 - the same in both
    """The tables as the newest revision leaves them."""
    made = MetaData()
    Capsule.metadata.tables["capsule"].to_metadata(made)
    return made
