"""Executors: the processes that run SQL and Python of a model, and open files from outside."""
