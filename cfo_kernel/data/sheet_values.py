"""What a sheet holds of a value: its widest, its longest, and what it cannot show as it is.

A number with more digits than a sheet shows is a text, exactly; a time with a zone is UTC, and its cell says so.
"""

import math
import re
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb

from cfo_kernel.executors import json_cells, sql_worker_results

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
FORMULA_SIGNS = ("=", "+", "-", "@")
"""A text that begins with one is marked as a text, or it would be a formula once somebody edits its cell."""
UTC = 'yyyy-mm-dd h:mm:ss "UTC"'

_BATCH = 10_000
_EARLIEST = 1900  # a sheet has no dates before
_LONGEST = 32_767  # UTF-16 units of a text in a cell
_CUT = " … (longer than a sheet's cell holds; the CSV has all of it)"
_DIGITS = 15  # a sheet shows zeros for the digits after these, though a double holds a few more
_ILLEGAL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # what XML cannot hold

Shown = str | bool | int | float | Decimal | date | datetime | time | None


def shown(value: Any) -> Shown:
    """The value as a sheet can hold it."""
    match value:
        case str():
            return clean(value)
        case None | bool() | time():
            return value
        case float():
            return value if math.isfinite(value) else None
        case int() | Decimal():
            return str(value) if _is_long(value) else value
        case datetime() if value.year >= _EARLIEST:
            return value.replace(tzinfo=None)  # a sheet knows no zones; results are in UTC
        case date() if value.year >= _EARLIEST:
            return value
        case _:
            return clean(str(json_cells.to_json(value)))


def rows(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    """The rows of the table `staging`."""
    kinds = [kind for _, kind, *_ in connection.execute("DESCRIBE staging").fetchall()]
    columns = ", ".join(sql_worker_results.readable(i, kind) for i, kind in enumerate(kinds, 1))
    result = connection.execute(f"SELECT {columns} FROM staging")  # noqa: S608 - positions and types
    while batch := result.fetchmany(_BATCH):
        yield from batch


def money(value: Decimal) -> str:
    """The format with all decimals of the column, two at least: a rate of 1.23456 is not shown as 1.23."""
    decimals = -int(value.as_tuple().exponent)
    digits = f"#,##0.{'0' * max(2, decimals)}" if decimals > 0 else "#,##0"
    return f"{digits};({digits})"


def clean(text: str) -> str:
    """The text without what no sheet holds, its lines ended as a sheet ends them; one that was cut says so."""
    held = _ILLEGAL.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    if len(held) <= _LONGEST // 2 or len(held.encode("utf-16-le")) <= 2 * _LONGEST:
        return held
    limit = 2 * (_LONGEST - len(_CUT))
    return held.encode("utf-16-le")[:limit].decode("utf-16-le", "ignore") + _CUT


def width(name: str) -> int:
    """How wide the column of that name is, in characters."""
    return min(50, max(12, len(name) + 2))


def too_large(rows: int, columns: int) -> str:
    most = f"{MAX_ROWS:,} and {MAX_COLUMNS:,} at most"
    return f"{rows:,} rows with the header, and {columns:,} columns, do not fit a sheet ({most})."


def _is_long(value: int | Decimal) -> bool:
    """Whether a sheet would not show all digits of the number."""
    return len(str(abs(value)).replace(".", "").strip("0")) > _DIGITS
