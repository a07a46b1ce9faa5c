"""Reads a Parquet file into DuckDB. Its types are what its author meant, so texts stay texts."""

from pathlib import Path

import duckdb

from cfo_kernel.data import headers
from cfo_kernel.errors import UnreadableFile, without_paths
from cfo_kernel.sql_text import quoted


def load(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """Creates the table `raw` from the file; returns notes."""
    try:
        described = connection.execute("DESCRIBE FROM read_parquet(?)", [str(path)]).fetchall()
        names = ", ".join(quoted(name) for name in headers.names([name for name, *_ in described]))
        connection.execute(f"CREATE TABLE raw AS FROM read_parquet(?) AS file({names})", [str(path)])
    except duckdb.Error as error:
        reason = without_paths(str(error).splitlines()[0])
        raise UnreadableFile(f"{path.name} cannot be read as Parquet: {reason}. Write it anew.") from error
    return []
