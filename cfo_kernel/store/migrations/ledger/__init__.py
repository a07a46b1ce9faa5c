"""The ledger's schema."""
