"""Loads a file that holds one table into the DuckDB table `staging`.

Both ingestion and the writers of sheets start from this table. Its database belongs to the ingest worker and exists
only for one request, so types can be settled over whole columns before anything is written.
"""

import shutil
from pathlib import Path

import duckdb

from cfo_kernel.data import (
    clean_csv,
    column_blocks,
    csv_reader,
    exact_types,
    file_formats,
    parquet_reader,
    type_inference,
)
from cfo_kernel.data.decisions import Decision
from cfo_kernel.data.file_formats import Content
from cfo_kernel.data.read_limits import MAX_UNPACKED
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.errors import CfoError, UnsupportedFile
from cfo_kernel.executors.duckdb_config import duckdb_config

_MEMORY = "2GB"


def connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    """An empty in-memory database that spills to the folder `scratch` if it runs out of memory."""
    spill = min(MAX_UNPACKED, shutil.disk_usage(scratch).free // 2)
    places = {"temp_directory": str(scratch / "spill"), "max_temp_directory_size": f"{spill}B"}
    return duckdb.connect(config=duckdb_config(_MEMORY) | places)


def load(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> tuple[SourceRows, list[Decision]]:
    """Creates `staging` with final column types. Returns the rows' positions in the file, and decisions.

    `scratch` is a temporary folder.
    """
    file_formats.check_content(path)
    match file_formats.content_of(path):
        case Content.PARQUET:
            decisions = parquet_reader.load(connection, path)
            return SourceRows(), decisions + settle_types(connection, SourceRows(), is_typed=True)
        case Content.TEXT:
            clean = _load_clean(connection, path, scratch)
            return clean or load_text(connection, csv_reader.open_table(path, scratch), scratch)
        case _:
            raise UnsupportedFile(f"{path.name} may contain several tables. Send CSV or Parquet.")


def _load_clean(
    connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path
) -> tuple[SourceRows, list[Decision]] | None:
    """Loads a file if it is large and needs no decisions. Otherwise, returns None."""
    sample = clean_csv.write_sample(path, scratch / "sample")
    if sample is None:
        return None
    with connect(scratch) as own:
        try:
            rows, decisions = load_text(own, csv_reader.open_table(sample, sample.parent), sample.parent)
        except CfoError:  # the whole file may not raise it, or with other line numbers
            return None
        if decisions or rows != SourceRows(2) or not clean_csv.load(connection, own, path):
            return None
    return rows, []


def load_text(
    connection: duckdb.DuckDBPyConnection, table: csv_reader.TextTable, scratch: Path
) -> tuple[SourceRows, list[Decision]]:
    """Creates `staging` with final column types from a table in a text file.

    Returns the rows' positions, and decisions.
    """
    rows, decisions = csv_reader.load(connection, table, scratch)
    return rows, decisions + settle_types(connection, rows)


def settle_types(connection: duckdb.DuckDBPyConnection, rows: SourceRows, *, is_typed: bool = False) -> list[Decision]:
    """Gives the columns of `staging` their final types. If `is_typed`, text stays text."""
    with column_blocks.divided(connection) as tables:
        decisions = [] if is_typed else type_inference.infer_types(connection, rows, tables)
        return decisions + [d for table in tables for d in exact_types.make_types_exact(connection, table)]
