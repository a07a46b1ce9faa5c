"""Loads a file that holds one table into the DuckDB table `staging`.

Both ingestion and the writers of sheets start from this table. Its database belongs to the ingest worker and exists
only for one request, so types can be settled over whole columns before anything is written.
"""

import shutil
from pathlib import Path

import duckdb

from cfo_kernel.data import csv_reader, exact_types, file_formats, parquet_reader, type_inference
from cfo_kernel.data.read_limits import MAX_UNPACKED
from cfo_kernel.executors.duckdb_config import duckdb_config

_MEMORY = "2GB"


def connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    """An empty in-memory database that spills to the folder `scratch` if it runs out of memory."""
    spill = min(MAX_UNPACKED, shutil.disk_usage(scratch).free // 2)
    places = {"temp_directory": str(scratch / "spill"), "max_temp_directory_size": f"{spill}B"}
    return duckdb.connect(config=duckdb_config(_MEMORY) | places)


def load(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> list[str]:
    """Creates `staging` with final column types. Returns notes. `scratch` is a folder for temporary files."""
    file_formats.check_content(path)
    if path.suffix.lower() == ".parquet":
        notes = parquet_reader.load(connection, path)
    else:
        delimiter, notes = csv_reader.load(connection, path, scratch)
        notes += type_inference.infer_types(connection, semicolons=delimiter == ";")
    return notes + exact_types.make_types_exact(connection)
