"""Profiles the columns of a table: nulls, distinct values, range, format, and every string if there are few.

Runs in the ingest worker, on the table `staging`.
"""

from typing import Any

import duckdb

from cfo_kernel.data import staging_formats
from cfo_kernel.data.column_blocks import batches
from cfo_kernel.data.tables import Column, Kind
from cfo_kernel.sql_text import quoted

_MAX_VALUES = 1000
_MAX_LENGTH = 200
_MAX_LISTED = 4_000_000  # characters of all values of a table: the engine parses the profile while everything waits


def profile_table(connection: duckdb.DuckDBPyConnection) -> tuple[int, tuple[Column, ...]]:
    """The row count of `staging`, and its columns."""
    described = [(name, kind) for name, kind, *_ in connection.execute("DESCRIBE staging").fetchall()]
    [(rows,)] = connection.execute("SELECT count(*) FROM staging").fetchall()
    figures: list[Any] = []
    for some in batches(described):  # many columns in one query, so that the table is read few times
        aggregates = [aggregate for name, _ in some for aggregate in _aggregates(quoted(name))]
        [found] = connection.execute(f"SELECT {', '.join(aggregates)} FROM staging").fetchall()  # noqa: S608 - quoted
        figures += found
    formats = staging_formats.number_formats(connection)
    columns: list[Column] = []
    listed = 0
    for i, (name, kind) in enumerate(described):
        filled, distinct, low, high = figures[4 * i : 4 * i + 4]
        column = Column(
            name=name,
            type=kind,
            nulls=rows - filled,
            distinct=distinct,
            minimum=low,
            maximum=high,
            format=formats[i],
        )
        if column.kind is Kind.TEXT and distinct <= _MAX_VALUES and listed <= _MAX_LISTED:
            values = _values(connection, quoted(name))
            listed += sum(map(len, values or ()))
            column = column.model_copy(update={"values": values})
        columns.append(column)
    return rows, tuple(columns)


def _aggregates(column: str) -> list[str]:
    """The figures of a column."""
    ends = [f"left(CAST({end}({column}) AS VARCHAR), {_MAX_LENGTH})" for end in ("min", "max")]
    return [f"count({column})", f"count(DISTINCT {column})", *ends]


def _values(connection: duckdb.DuckDBPyConnection, column: str) -> dict[str, int] | None:
    """Each string in the column with its number of rows, most frequent first. None if one of them is long."""
    sql = f"SELECT {column}, count(*) FROM staging WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"  # noqa: S608 - quoted
    values = dict(connection.execute(sql).fetchall())
    return values if all(len(v) <= _MAX_LENGTH for v in values) else None
