"""Reads a file that is one table into the DuckDB table `raw`, from which ingest and the sheet writer go on."""

from pathlib import Path

import duckdb

from cfo_kernel.data import csv_files, exact, files, parquet_files, texts
from cfo_kernel.executors.duckdb_config import duckdb_config

CONFIG = duckdb_config("2GB")


def load(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> list[str]:
    """Creates `raw` with the type of each column settled; returns notes. `scratch` is a folder for what it needs."""
    files.check_content(path)
    if path.suffix.lower() == ".parquet":
        notes = parquet_files.load(connection, path)
    else:
        delimiter, notes = csv_files.load(connection, path, scratch)
        notes += texts.type_texts(connection, semicolons=delimiter == ";")
    return notes + exact.make_exact(connection)
