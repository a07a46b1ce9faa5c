"""Converts values to cells of a sheet, within a sheet's limits, replacing values that a cell cannot hold.

A number with more digits than a sheet shows is written as text, with all its digits. A time with a zone is written in
UTC, which the format of its cell shows.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb

from cfo_kernel.executors import json_cells, sql_worker_results
from cfo_kernel.number_formats import NumberFormat

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
FORMULA_SIGNS = ("=", "+", "-", "@")
"""Text that begins with one of these is marked as text, because editing the cell would make it a formula."""
MONTH = "yyyy-mm"
UTC = 'yyyy-mm-dd h:mm:ss "UTC"'

_BATCH = 10_000
_EARLIEST_YEAR = 1900  # a sheet has no earlier dates
_MAX_TEXT = 32_767  # UTF-16 code units in a cell
_CUT = " … (too long for a cell; the CSV has the whole text)"
_DIGITS = 15  # a sheet shows zeros for any digits beyond these, although a double holds a few more
_ILLEGAL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # characters that XML cannot contain

Cell = str | bool | int | float | Decimal | date | datetime | time | None


def to_cell(value: Any) -> Cell:
    """The value in a form that a sheet can hold."""
    match value:
        case str():
            return clean_text(value)
        case None | bool() | time():
            return value
        case float():
            return value + 0.0 if math.isfinite(value) else None  # -0.0 becomes 0.0
        case int() | Decimal():
            return str(value) if _is_long(value) else value
        case datetime() if value.year >= _EARLIEST_YEAR:
            return value.replace(tzinfo=None)  # a sheet has no time zones; results are in UTC
        case date() if value.year >= _EARLIEST_YEAR:
            return value
        case _:
            return clean_text(str(json_cells.to_json(value)))


def column_names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The columns of the table `staging`, as text that a cell can hold."""
    return [clean_text(name) for name, *_ in connection.execute("DESCRIBE staging").fetchall()]


def rows(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    """The rows of the table `staging`."""
    kinds = [kind for _, kind, *_ in connection.execute("DESCRIBE staging").fetchall()]
    columns = ", ".join(sql_worker_results.readable_column(i, kind) for i, kind in enumerate(kinds, 1))
    result = connection.execute(f"SELECT {columns} FROM staging")  # noqa: S608 - positions and types
    while batch := result.fetchmany(_BATCH):
        yield from batch


@dataclass(frozen=True)
class NumberPattern:
    """The number format for the cells of a column. The cells keep all the digits of their values.

    A spreadsheet keeps the sign of a negative number that it rounds to zero, so that number gets the pattern
    `without_sign`. Such numbers are above `-half`.
    """

    pattern: str
    without_sign: str
    half: Decimal

    def of(self, value: float | Decimal) -> str:
        return self.without_sign if self.loses_sign(value) else self.pattern

    def loses_sign(self, value: float | Decimal) -> bool:
        return value < 0 and -self.half < value


def number_pattern(format: NumberFormat) -> NumberPattern:
    """The pattern for a column with this format."""
    decimals = f".{'0' * format.decimals}" if format.decimals else ""
    match format.role:
        case "percent":
            shown = pattern = f"0{decimals}%"
        case "points":
            shown = pattern = f'#,##0{decimals}"%"'
        case "year" | "code":
            shown = pattern = "0"
        case _:
            shown = f"#,##0{decimals}"
            pattern = f"{shown};({shown})"
    places = format.decimals + 2 * (format.role == "percent")
    return NumberPattern(pattern, f"{shown};{shown}", Decimal(5).scaleb(-places - 1))


def clean_text(text: str) -> str:
    """The text without characters that no sheet can hold, with LF line endings.

    Text that is too long is cut, with a note at its end.
    """
    legal = _ILLEGAL.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    # The quick check comes first, because encoding every string of a million rows would take most of the time.
    if len(legal) <= _MAX_TEXT // 2 or len(legal.encode("utf-16-le")) <= 2 * _MAX_TEXT:
        return legal
    limit = 2 * (_MAX_TEXT - len(_CUT))
    return legal.encode("utf-16-le")[:limit].decode("utf-16-le", "ignore") + _CUT


def width(name: str) -> int:
    """The width of the column with that name, in characters."""
    return min(50, max(12, len(name) + 2))


def too_large(rows: int, columns: int) -> str:
    limits = f"at most {MAX_ROWS:,} and {MAX_COLUMNS:,}"
    return f"The result has {rows:,} rows with its header and {columns:,} columns, too many for a sheet ({limits})."


def _is_long(value: int | Decimal) -> bool:
    """Whether a sheet would not show all digits of the number."""
    return len(str(abs(value)).replace(".", "").strip("0")) > _DIGITS
