"""The stores of a root: the catalog, the ledger, the folders, and the message history of each thread."""
