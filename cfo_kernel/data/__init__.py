"""The data of a workspace: ingestion of its files, glossary, query plans, and sheets with results."""
