"""Reads a Parquet file into the staging table. The file's author chose the types, so text stays text."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from cfo_kernel.data import headers
from cfo_kernel.data.column_blocks import batches
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.read_limits import MAX_UNPACKED, check_columns
from cfo_kernel.errors import EmptyFile, FileTooLarge, UnreadableFile
from cfo_kernel.executors.nested_types import MAX_DEPTH, nesting_depth
from cfo_kernel.sql_text import quoted

_NO_COLUMNS = "at least one non-root column"
_VALUE_BYTES = 8
_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


def load(connection: duckdb.DuckDBPyConnection, path: Path) -> list[Decision]:
    """Creates the table `staging` from the file, and returns decisions."""
    try:
        described = connection.execute("DESCRIBE FROM read_parquet(?)", [str(path)]).fetchall()
        check_columns(path.name, len(described))
        for name, kind, *_ in described:
            _check_depth(path.name, name, kind)
        _check_size(connection, path, {name: kind for name, kind, *_ in described})
        names = ", ".join(quoted(name) for name in headers.column_names([name for name, *_ in described]))
        connection.execute(f"CREATE TABLE staging AS FROM read_parquet(?) AS file({names})", [str(path)])
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except duckdb.Error as error:
        if _NO_COLUMNS in str(error):
            raise EmptyFile(f"{path.name} has no columns. Export it again and send the new file.") from error
        advice = "Export it again from the program that created it, then send the new file."
        raise UnreadableFile(f"{path.name} is damaged or incomplete. {advice}") from error
    return _durations(path) if any(kind == "BIGINT" for _, kind, *_ in described) else []


def _durations(path: Path) -> list[Decision]:
    """A decision about each column of durations, which DuckDB reads as numbers.

    Only Arrow's schema contains the unit.
    """
    parquet: Any = pq  # its stubs are incomplete
    types: Any = pa.types
    try:
        fields: list[Any] = list(parquet.read_schema(str(path)))
    except (OSError, ValueError, NotImplementedError):  # a file that only DuckDB can read has no such columns
        return []
    found = [(str(each.name), _UNITS[str(each.type.unit)]) for each in fields if types.is_duration(each.type)]
    texts = {name: f"{name}: durations were read as whole numbers of {unit}." for name, unit in found}
    return [Decision(kind=DecisionKind.DATES, text=text, column=name) for name, text in texts.items()]


def _check_depth(file: str, column: str, kind: str) -> None:
    """Refuses a column whose type is nested deeply: each level doubles the time for reading it."""
    if nesting_depth(kind) > MAX_DEPTH:
        problem = f"The column {column[:80]} of {file} is nested more than {MAX_DEPTH} levels deep"
        raise UnreadableFile(f"{problem}. Unnest it before you export it.")


def _check_size(connection: duckdb.DuckDBPyConnection, path: Path, columns: dict[str, str]) -> None:
    """Refuses a file whose values are too large when unpacked: a few kilobytes can hold billions of characters.

    The file's own metadata is not enough, because repeated strings are packed to almost nothing.
    """
    [(rows,)] = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall()
    size = rows * _VALUE_BYTES * len(columns)
    length_of = {"VARCHAR": "strlen", "BLOB": "octet_length"}
    lengths = [f"coalesce(sum({length_of[kind]}({quoted(n)})), 0)" for n, kind in columns.items() if kind in length_of]
    for some in batches(lengths):
        if size <= MAX_UNPACKED:
            total = f"SELECT {' + '.join(some)} FROM read_parquet(?)"  # noqa: S608 - quoted
            size += connection.execute(total, [str(path)]).fetchall()[0][0]
    if size > MAX_UNPACKED:
        problem = f"{path.name} unpacks to {rows:,} rows of {size / 1e9:,.1f} GB in all"
        raise FileTooLarge(f"{problem}, and at most {MAX_UNPACKED / 1e9:.0f} GB can be read. Split the file.")
