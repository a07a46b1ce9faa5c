"""The journal's schema."""
