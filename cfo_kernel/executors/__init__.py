"""Executors: the processes in which SQL that a model wrote, and files that a stranger sent, are touched."""
