"""Reads a Parquet file into the staging table. The file's author chose the types, so text stays text.

A struct becomes a column for each of its fields, and a list or map becomes JSON text, because sums and filters need
plain columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from duckdb.sqltypes import DuckDBPyType

from cfo_kernel.data import headers
from cfo_kernel.data.column_blocks import batches
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.read_limits import MAX_UNPACKED, check_columns
from cfo_kernel.errors import EmptyFile, FileTooLarge, UnreadableFile
from cfo_kernel.executors.nested_types import MAX_DEPTH, nesting_depth
from cfo_kernel.sql_text import quoted, text_literal

_NO_COLUMNS = "at least one non-root column"
_VALUE_BYTES = 8
_LISTED = 10  # columns that a note names
_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


def load(connection: duckdb.DuckDBPyConnection, path: Path) -> list[Decision]:
    """Creates the table `staging` from the file, and returns decisions."""
    try:
        described = connection.execute("DESCRIBE FROM read_parquet(?)", [str(path)]).fetchall()
        check_columns(path.name, len(described))
        for name, kind, *_ in described:
            _check_depth(path.name, name, kind)
        _check_size(connection, path, {name: kind for name, kind, *_ in described})
        columns = _plain_columns(connection, path)
        check_columns(path.name, len(columns))
        names = headers.column_names([column.name for column in columns])
        selected = ", ".join(f"{c.sql} AS {quoted(name)}" for c, name in zip(columns, names, strict=True))
        connection.execute(f"CREATE TABLE staging AS SELECT {selected} FROM read_parquet(?)", [str(path)])  # noqa: S608 - quoted
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except duckdb.Error as error:
        if _NO_COLUMNS in str(error):
            raise EmptyFile(f"{path.name} has no columns. Export it again and send the new file.") from error
        advice = "Export it again from the program that created it, then send the new file."
        raise UnreadableFile(f"{path.name} is damaged or incomplete. {advice}") from error
    durations = _durations(path) if any(kind == "BIGINT" for _, kind, *_ in described) else []
    return durations + _nested(dict(zip(names, columns, strict=True)))


@dataclass(frozen=True)
class _PlainColumn:
    """A column of the table, as SQL over the file. `source` says what it was in the file, unless it was plain there."""

    name: str
    sql: str
    source: Literal["struct", "list"] | None = None


def _plain_columns(connection: duckdb.DuckDBPyConnection, path: Path) -> list[_PlainColumn]:
    relation = connection.from_parquet(str(path))
    return [
        column
        for name, kind in zip(relation.columns, relation.types, strict=True)
        for column in _fields(name, quoted(name), kind)
    ]


def _fields(name: str, sql: str, kind: DuckDBPyType) -> Iterator[_PlainColumn]:
    """The plain columns of a column, in the order of its fields."""
    if kind.id == "struct":
        for field, inner in cast("list[tuple[str, DuckDBPyType]]", kind.children):
            for column in _fields(f"{name}_{field}", f"struct_extract({sql}, {text_literal(field)})", inner):
                yield replace(column, source=column.source or "struct")
    elif kind.id in ("list", "array", "map", "union"):
        yield _PlainColumn(name, f"CAST(to_json({sql}) AS VARCHAR)", "list")
    else:
        yield _PlainColumn(name, sql)


def _nested(columns: dict[str, _PlainColumn]) -> list[Decision]:
    """Decisions about columns that were nested in the file."""
    fields = [name for name, column in columns.items() if column.source == "struct"]
    lists = [name for name, column in columns.items() if column.source == "list"]
    decisions: list[Decision] = []
    if fields:
        text = f"Structs became columns of their own: {', '.join(fields[:_LISTED])[:300]}."
        decisions.append(Decision(kind=DecisionKind.LAYOUT, text=text, count=len(fields)))
    for name in lists:
        text = f"{name}: lists were kept as text in JSON."
        decisions.append(Decision(kind=DecisionKind.LAYOUT, text=text, column=name))
    return decisions


def _durations(path: Path) -> list[Decision]:
    """A decision about each column of durations, which DuckDB reads as numbers. Only Arrow's schema knows the unit."""
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
