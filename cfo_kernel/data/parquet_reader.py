"""Reads a Parquet file into the staging table. Its author chose the types, so text stays text."""

from pathlib import Path

import duckdb

from cfo_kernel.data import headers
from cfo_kernel.data.read_limits import check_columns
from cfo_kernel.errors import UnreadableFile
from cfo_kernel.sql_text import quoted


def load(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """Creates the table `staging` from the file, and returns notes."""
    try:
        described = connection.execute("DESCRIBE FROM read_parquet(?)", [str(path)]).fetchall()
        check_columns(path.name, len(described))
        names = ", ".join(quoted(name) for name in headers.column_names([name for name, *_ in described]))
        connection.execute(f"CREATE TABLE staging AS FROM read_parquet(?) AS file({names})", [str(path)])
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except duckdb.Error as error:
        advice = "Export it again from the program that made it, then send the new file."
        raise UnreadableFile(f"{path.name} is damaged or incomplete. {advice}") from error
    return []
