"""Loads a file that holds one table into the DuckDB table `staging`.

Both ingestion and the writers of sheets start from this table. Its database belongs to the ingest worker and exists
only for one request, so types can be settled over whole columns before anything is written.
"""

import shutil
from pathlib import Path

import duckdb

from cfo_kernel.data import column_blocks, csv_reader, exact_types, file_formats, parquet_reader, type_inference
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
        return parquet_reader.load(connection, path) + settle_types(connection, is_typed=True)
    delimiter, notes = csv_reader.load(connection, path, scratch)
    return notes + settle_types(connection, semicolons=delimiter == ";")


def settle_types(
    connection: duckdb.DuckDBPyConnection, *, is_typed: bool = False, semicolons: bool = False
) -> list[str]:
    """Gives the columns of `staging` their final types. Returns notes.

    In a table that `is_typed`, text stays text. For `semicolons`, see `type_inference.infer_types`.
    """
    with column_blocks.divided(connection) as tables:
        notes = [] if is_typed else type_inference.infer_types(connection, tables, semicolons=semicolons)
        return notes + [note for table in tables for note in exact_types.make_types_exact(connection, table)]
