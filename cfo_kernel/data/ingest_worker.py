"""The ingest worker: the process in which files from outside are opened, and workbooks written.

Run as `python -m cfo_kernel.data.ingest_worker`. A file that crashes a parser ends this process and nothing else.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from cfo_kernel.data import (
    csv_writer,
    exact_types,
    file_formats,
    profile,
    sheet_writer,
    staging,
    total_rows,
    type_inference,
    workbook_reader,
    workbook_writer,
)
from cfo_kernel.errors import UnreadableFile
from cfo_kernel.executors.worker_server import serve

_MEMORY = 6 << 30


def file_version(path: str) -> dict[str, Any]:
    """The content hash of a file, after the check that it is what its name says."""
    file_formats.check_content(Path(path))
    return {"version": file_formats.content_hash(Path(path))}


def ingest(path: str, folder: str) -> dict[str, Any]:
    """Writes each table of a file as a Parquet file into `folder`; returns a description of each, with its profile."""
    source, target = Path(path), Path(folder)
    file_formats.check_content(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Everything is written beside the target first: an ingest that fails leaves nothing that could pass for a result.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".ingest-") as name:
        scratch = Path(name)
        tables = _tables(source, scratch)
        if not tables:
            raise UnreadableFile(f"{source.name} contains no table: no row looks like a header. Add one header row.")
        target.mkdir(exist_ok=True)
        for file in scratch.iterdir():
            shutil.move(file, target / file.name)
    return {"tables": tables}


def _tables(source: Path, scratch: Path) -> list[dict[str, Any]]:
    if source.suffix.lower() not in file_formats.BOOK_SUFFIXES:
        with duckdb.connect(config=staging.DUCKDB_CONFIG) as connection:
            notes = staging.load(connection, source, scratch)
            return [_store(connection, scratch / "0.parquet", None, notes)]
    found: list[dict[str, Any]] = []
    for sheet, (arrow, notes) in workbook_reader.read_sheets(source).items():
        with duckdb.connect(config=staging.DUCKDB_CONFIG) as connection:
            connection.register("sheet", arrow)
            connection.execute("CREATE TABLE staging AS FROM sheet")
            notes += type_inference.infer_types(connection) + exact_types.make_types_exact(connection)
            found.append(_store(connection, scratch / f"{len(found)}.parquet", sheet, notes))
    return found


def _store(connection: duckdb.DuckDBPyConnection, file: Path, sheet: str | None, notes: list[str]) -> dict[str, Any]:
    """Writes the table `staging` to a Parquet file; returns its description."""
    notes = notes + total_rows.remove_total_rows(connection)
    rows, columns = profile.profile_table(connection)
    connection.execute("COPY staging TO ? (FORMAT parquet, COMPRESSION zstd)", [str(file)])
    return {
        "sheet": sheet,
        "file": file.name,
        "row_count": rows,
        "columns": [c.model_dump(mode="json") for c in columns],
        "notes": notes,
    }


if __name__ == "__main__":
    handlers = {
        "file_version": file_version,
        "ingest": ingest,
        "write_sheet": sheet_writer.write_sheet,
        "write_workbook": workbook_writer.write_workbook,
        "write_csv": csv_writer.write_csv,
    }
    serve(handlers, _MEMORY)
