"""Executors: the processes that run a model's SQL and Python, and that open uploaded files."""
