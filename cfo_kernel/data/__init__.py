"""The data of a workspace: ingest of its files, glossary, query plans, and sheets of results."""
