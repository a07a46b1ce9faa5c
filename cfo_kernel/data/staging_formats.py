"""The formats of the columns of `staging`: those stored in their file, or otherwise those that the rows suggest.

A column of months, or one that was written in percent or whose header says that it is in percent, is marked with a
comment.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from cfo_kernel.data.column_blocks import FEW_ROWS, by_type, figures
from cfo_kernel.executors import stored_formats
from cfo_kernel.number_formats import MONTH, MOST_DECIMALS, ColumnValues, Known, NumberFormat, is_number, number_format
from cfo_kernel.sql_text import quoted

_PERCENT, _POINTS, _MONTHS = "written in percent", "in percent", "months"
_KNOWN: dict[str, Known] = {_PERCENT: "percent", _POINTS: "points", _MONTHS: "month"}


def mark_percent(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> None:
    """Marks a column that was written in percent and now contains fractions."""
    connection.execute(f"COMMENT ON COLUMN {table}.{quoted(column)} IS '{_PERCENT}'")


def mark_points(connection: duckdb.DuckDBPyConnection, column: str) -> None:
    """Marks a column of `staging` whose figures are in percent, and stay as they are written."""
    connection.execute(f"COMMENT ON COLUMN staging.{quoted(column)} IS '{_POINTS}'")


def mark_months(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> None:
    """Marks a column whose dates are the first days of months."""
    connection.execute(f"COMMENT ON COLUMN {table}.{quoted(column)} IS '{_MONTHS}'")


def marked_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, Known]:
    """The columns of `staging` that contain percentages or months."""
    marked = "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'staging' AND comment IS NOT NULL"
    marks: list[tuple[str, str]] = connection.execute(marked).fetchall()
    return {name: _KNOWN[comment] for name, comment in marks if comment in _KNOWN}


def number_formats(connection: duckdb.DuckDBPyConnection, file: Path | None = None) -> list[NumberFormat | None]:
    """The formats of all columns, in order. `file` is the file of a result, or None for an upload."""
    stored = stored_formats.read(file) if file and file.suffix.lower() == ".parquet" else {}
    described = [(name, kind) for name, kind, *_ in connection.execute("DESCRIBE staging").fetchall()]
    missing = {name: kind for name, kind in described if is_number(kind) and name not in stored}
    values = _values(connection, missing)
    known = marked_columns(connection)
    return [
        stored[name]
        if name in stored and _fits(stored[name], kind)
        else MONTH
        if known.get(name) == "month" and kind == "DATE"
        else number_format(
            name,
            kind,
            values.get(name, ColumnValues()),
            known.get(name),
            is_source=file is None,
        )
        for name, kind in described
    ]


def _fits(format: NumberFormat, kind: str) -> bool:
    """Whether the format fits the type of the column."""
    return kind == "DATE" if format.role == "month" else is_number(kind)


def _values(connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, str]) -> dict[str, ColumnValues]:
    """Statistics on the values of these columns."""
    [(rows,)] = connection.execute("SELECT count(*) FROM staging").fetchall()
    found: dict[str, tuple[Any, ...]] = {}
    if rows <= FEW_ROWS:
        for kind, names in by_type(list(kinds.items())).items():
            some = figures(connection, names, lambda column, kind=kind: _aggregates(column, kind), rows=rows)
            found |= zip(names, some, strict=True)
    else:
        types = {quoted(name): kind for name, kind in kinds.items()}
        some = figures(connection, list(kinds), lambda column: _aggregates(column, types[column]), rows=rows)
        found |= zip(kinds, some, strict=True)
    return {name: ColumnValues(*(v or 0 for v in row)) for name, row in found.items()}


def _aggregates(column: str, kind: str) -> list[str]:
    """The fields of `ColumnValues` as SQL."""
    finite = f" FILTER (isfinite({column}))" if kind in ("DOUBLE", "FLOAT") else ""
    decimals = "0"
    if kind in ("DOUBLE", "FLOAT") or kind.startswith("DECIMAL"):
        attempt = "TRY" if kind.startswith("DECIMAL(38,") else ""  # the comparison needs a digit more for some values
        most = min(MOST_DECIMALS, int(kind.rstrip(")").partition(",")[2] or MOST_DECIMALS))
        steps = " ".join(f"WHEN {attempt}(round({column}, {n}) = {column}) THEN {n}" for n in range(most))
        decimals = f"max(CASE {steps} ELSE {most} END){finite}" if most else "0"
    double = f"CAST({column} AS DOUBLE)"
    return [f"count({column}){finite}", *(f"{f}({double}){finite}" for f in ("min", "max", "sum")), decimals]
