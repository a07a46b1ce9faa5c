"""Finds the header row of a table below its title rows, and names the columns.

It works for text files and workbooks. A row is a list of cells, with None for an empty cell.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.read_limits import MAX_NAME
from cfo_kernel.executors.sql_names import unique_names

_SEARCHED_ROWS = 30  # a header further down is not found
_ROWS_BELOW = 50  # how many rows below a candidate are used to measure the table's width
_MIN_FILLED = 0.6  # share of the widest row below: titles fill one or two cells, headers may leave some empty
_NUMBER = re.compile(r"[-+(]?\s*[$€£¥]?\s*[-+]?\d[\d.,]*\s*[$€£¥]?\)?-?\s*%?")
_YEAR = re.compile(r"(19|20)\d\d")


@dataclass(frozen=True)
class Header:
    """The row at which the data begin, and the columns' names. `unnamed` are the columns without a header cell."""

    first_row: int
    names: list[str]
    unnamed: list[int]
    decisions: list[Decision]


def find_header(rows: Sequence[Sequence[Any]], width: int) -> Header | None:
    """The header of a table whose widest row has `width` cells, or None if the rows are not a table.

    Rows of figures without a header above them also form a table, whose columns are numbered.
    """
    filled = [sum(cell is not None for cell in row) for row in rows]
    top = _header_row(rows, filled)
    if top is None:
        if sum(count > 1 for count in filled) == 0 and sum(filled) < 2:
            return None
        note = "No row looks like a header, so the columns are numbered."
        return Header(0, column_names([None] * width), [], [Decision(kind=DecisionKind.LAYOUT, text=note)])
    cells = [rows[top][i] if i < len(rows[top]) else None for i in range(width)]
    unnamed = [i for i, cell in enumerate(cells) if not _cell_name(cell)]
    titles = "; ".join(" ".join(str(c) for c in row if c is not None) for row in rows[:top] if any(c for c in row))
    skipped = f"Rows above the header were skipped: {titles[:200]}."
    decisions = [Decision(kind=DecisionKind.LAYOUT, text=skipped)] if titles else []
    return Header(top + 1, column_names(cells), unnamed, decisions)


def column_names(cells: Sequence[Any]) -> list[str]:
    """A unique name for each column."""
    return unique_names([_cell_name(cell) or f"column_{i + 1}" for i, cell in enumerate(cells)])


def _header_row(rows: Sequence[Sequence[Any]], filled: list[int]) -> int | None:
    """The first row that is as wide as the table below it and whose cells could all be column names."""
    for i, row in enumerate(rows[:_SEARCHED_ROWS]):
        widest = max(filled[i + 1 : i + 1 + _ROWS_BELOW], default=0)
        if not filled[i] or filled[i] < _MIN_FILLED * widest or (filled[i] == 1 and widest != 1):
            continue  # an empty row or a title
        cells = [cell for cell in row if cell is not None]
        if all(_could_be_name(cell) for cell in cells) and any(_is_words(cell) for cell in cells):
            return i
        if any(not _could_be_name(cell) for cell in cells):
            return None  # the data has begun: a row of words further down is not a header
    return None


def _is_words(cell: Any) -> bool:
    return isinstance(cell, str) and not _NUMBER.fullmatch(cell.strip())


def _could_be_name(cell: Any) -> bool:
    """Whether the cell is text, or a year or date, as in a statement with its periods side by side."""
    return _is_words(cell) or isinstance(cell, date) or _YEAR.fullmatch(_cell_name(cell)) is not None


def _cell_name(cell: Any) -> str:
    """The cell's value as a column name."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    elif isinstance(cell, datetime):
        cell = cell.date()
    return clean_name(str(cell if cell is not None else ""), MAX_NAME)


def clean_name(text: str, length: int) -> str:
    """The text as a name of at most `length` characters on one line, without invisible characters."""
    spaced = " ".join(text[: 10 * length].split())
    return "".join(c for c in spaced if unicodedata.category(c)[0] != "C").strip()[:length].strip()
