"""The catalog's schema."""
