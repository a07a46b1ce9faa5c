"""Profiles the columns of a table: nulls, distinct values, range, format, and every string if there are few.

Runs in the ingest worker, on the table `staging`.
"""

from collections.abc import Sequence
from typing import Any

import duckdb

from cfo_kernel.data import staging_formats
from cfo_kernel.data.column_blocks import FEW_ROWS, batches, by_type, figures, stacked
from cfo_kernel.data.tables import Column, Kind
from cfo_kernel.sql_text import quoted

_MAX_VALUES = 1000
_LARGE = 200_000  # rows
_MANY = 10  # columns
_EXACT = "count(DISTINCT {0})"
_ESTIMATE = "least(approx_count_distinct({0}), count({0}) - 1)"  # an estimate never makes the values unique
_KEY_TYPES = ("VARCHAR", "BIGINT", "DATE")
_MAX_LENGTH = 200
_MAX_LISTED = 4_000_000  # characters of all values of a table: the engine parses the profile while everything waits


def profile_table(connection: duckdb.DuckDBPyConnection) -> tuple[int, tuple[Column, ...]]:
    """The row count of `staging`, and its columns."""
    described = [(name, kind) for name, kind, *_ in connection.execute("DESCRIBE staging").fetchall()]
    [(rows,)] = connection.execute("SELECT count(*) FROM staging").fetchall()
    figures = _figures(connection, described, rows)
    formats = staging_formats.number_formats(connection)
    texts = [name for name, kind in described if kind == "VARCHAR"]
    of_all = _all_values(connection, texts) if rows <= FEW_ROWS and len(texts) > _MANY else {}
    columns: list[Column] = []
    listed = 0
    for i, (name, kind) in enumerate(described):
        filled, distinct, low, high = figures[name]
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
            values = of_all[name] if name in of_all else _values(connection, quoted(name))
            listed += sum(map(len, values or ()))
            column = column.model_copy(update={"values": values})
        columns.append(column)
    return rows, tuple(columns)


def _figures(
    connection: duckdb.DuckDBPyConnection, described: list[tuple[str, str]], rows: int
) -> dict[str, tuple[Any, ...]]:
    """The number of values and of distinct values in each column, and the minimum and maximum."""
    found: dict[str, tuple[Any, ...]] = {}
    if rows <= FEW_ROWS:
        for names in by_type(described).values():
            some = figures(connection, names, lambda column: _aggregates(column, _EXACT), rows=rows)
            found |= zip(names, some, strict=True)
        return found
    names = [name for name, _ in described]
    exact = _counted_exactly(connection, described) if rows > _LARGE else names
    counts = {quoted(name): _EXACT for name in exact}
    some = figures(connection, names, lambda column: _aggregates(column, counts.get(column, _ESTIMATE)), rows=rows)
    return dict(zip(names, some, strict=True))


def _counted_exactly(connection: duckdb.DuckDBPyConnection, described: list[tuple[str, str]]) -> set[str]:
    """The columns of a large table whose distinct values are counted, not estimated, because the exact number matters.

    These are columns with few distinct values, which may be listed, and columns of text, whole numbers or dates with
    many, which may be unique keys.
    """
    exact: set[str] = set()
    for some in batches(described):
        estimates = ", ".join(f"approx_count_distinct({quoted(name)})" for name, _ in some)
        [found] = connection.execute(f"SELECT {estimates}, count(*) FROM staging").fetchall()  # noqa: S608 - quoted
        for (name, kind), estimate in zip(some, found, strict=False):
            may_be_key = kind in _KEY_TYPES and estimate > 0.8 * found[-1]
            exact |= {name} if estimate <= 10 * _MAX_VALUES or may_be_key else set()
    return exact


def _aggregates(column: str, distinct: str) -> list[str]:
    """SQL for the figures of a column."""
    ends = [f"left(CAST({end}({column}) AS VARCHAR), {_MAX_LENGTH})" for end in ("min", "max")]
    return [f"count({column})", distinct.format(column), *ends]


def _values(connection: duckdb.DuckDBPyConnection, column: str) -> dict[str, int] | None:
    """Each string in the column with its number of rows, most frequent first. None if one of them is long."""
    sql = f"SELECT {column}, count(*) FROM staging WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"  # noqa: S608 - quoted
    values = dict(connection.execute(sql).fetchall())
    return values if all(len(v) <= _MAX_LENGTH for v in values) else None


def _all_values(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> dict[str, dict[str, int] | None]:
    """`_values` for many columns of a small table."""
    found: dict[str, dict[str, int] | None] = {name: {} for name in names}
    cells = f"SELECT i, v, count(*) FROM {stacked(names)} WHERE v IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2"  # noqa: S608
    rows: list[tuple[int, str, int]] = connection.execute(cells).fetchall()
    for i, value, count in rows:
        name = names[i]
        values = found[name]
        if values is not None:
            values[value] = count
        if len(value) > _MAX_LENGTH:
            found[name] = None
    return found
