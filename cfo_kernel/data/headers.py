"""Finds the header row of a table below its title rows, and names the columns.

It works for text files and workbooks. A row is a list of cells, with None for an empty cell.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from cfo_kernel.data import header_names, header_rows, units
from cfo_kernel.data.cell_kinds import CellKind, kind_of
from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind
from cfo_kernel.data.header_rows import HeaderRows
from cfo_kernel.data.read_limits import MAX_NAME
from cfo_kernel.executors.sql_names import unique_names

_SEARCHED_ROWS = 30  # a header further down is not found
_ROWS_BELOW = 50  # how many rows below a candidate are used to measure the table's width
_MIN_FILLED = 0.6  # share of the widest row below: titles fill one or two cells, headers may leave some empty
_SHOWN, _LONGEST = 5, 100


@dataclass(frozen=True)
class Header:
    """The row at which the data begins, and the columns' names.

    `unnamed` are the columns without a header cell, and `values` those of figures, years and dates. `rows` are the rows
    of the header, which may be repeated on each page, and `titles` the rows above it. `in_percent` are the columns that
    are in percent according to the header.
    """

    first_row: int
    names: list[str]
    unnamed: list[int]
    decisions: list[Decision]
    values: frozenset[int] = frozenset()
    rows: Sequence[Sequence[Any]] = ()
    in_percent: frozenset[int] = frozenset()
    titles: Sequence[Sequence[Any]] = ()


def find_header(rows: Sequence[Sequence[Any]], width: int, *, merged: bool = False) -> Header | None:
    """The header of a table whose widest row has `width` cells, or None if the rows are not a table.

    Rows of figures without a header above them also form a table, whose columns are numbered. If the sheet has `merged`
    cells, their values have already been repeated.
    """
    found = header_rows.find_rows(rows, width)
    if found is None:
        top = _header_row(rows)
        found = None if top is None else HeaderRows([top], top + 1)
    if found is None:
        cells = (cell for row in rows for cell in row if cell is not None)
        if len(list(islice(cells, 2))) < 2:
            return None
        note = "No row looks like a header, so the columns are numbered."
        return Header(0, column_names([None] * width), [], [Decision(kind=DecisionKind.LAYOUT, text=note)])
    cells = _joined(rows, found, width, merged=merged)
    names = column_names(cells)
    unnamed = [i for i, cell in enumerate(cells) if not cell]
    repeatable = [row for i in sorted(found.names + found.units) if _may_repeat(row := rows[i], found.values)]
    in_percent = frozenset(i for i in found.values if _is_percent([rows[j] for j in found.names + found.units], i))
    decisions = [*_decisions(rows, found, names), *_about_equal_names(cells, names), *_scales(rows, found, names)]
    titles = [row for row in rows[: min(found.names + found.units)] if any(cell is not None for cell in row)]
    return Header(found.first, names, unnamed, decisions, found.values, repeatable, in_percent, titles)


def _is_percent(rows: Sequence[Sequence[Any]], column: int) -> bool:
    """Whether a header cell in the column consists only of the unit percent."""
    return any(column < len(row) and units.is_percent(str(row[column] or "")) for row in rows)


def _may_repeat(row: Sequence[Any], values: frozenset[int]) -> bool:
    """Whether a row that is equal to this header row can only be a repetition of the header."""
    filled = [i for i, cell in enumerate(row) if cell is not None]
    return len(filled) > 1 or (len(filled) == 1 and filled[0] > 0 and filled[0] in values)


def _joined(rows: Sequence[Sequence[Any]], found: HeaderRows, width: int, *, merged: bool) -> list[str]:
    """The name of each column, joined from all rows of the header. Units are included where names would repeat."""
    positions = sorted(found.names + found.units)
    cells = header_names.spread([rows[i] for i in positions], width, min(found.values, default=0), merged=merged)
    parts = [[_cell_name(cell) for cell in row] for row in cells]
    rows_of_names = [row for i, row in zip(positions, parts, strict=True) if i in found.names]
    names = [header_names.joined([row[i] for row in rows_of_names]) for i in range(width)]
    repeated = {name for name, count in Counter(names).items() if name and count > 1}
    names = [
        header_names.joined([row[i] for row in parts]) if name in repeated or (not name and i in found.values) else name
        for i, name in enumerate(names)
    ]
    names = [name or _label(found, [row[i] for row in parts]) for i, name in enumerate(names)]
    return [clean_name(name, MAX_NAME) for name in names]


def _label(found: HeaderRows, cells: list[str]) -> str:
    """The name of a column of labels if it is written in a row of units."""
    return header_names.joined([cell for cell in cells if not units.is_unit(cell)]) if found.units else ""


def _decisions(rows: Sequence[Sequence[Any]], found: HeaderRows, names: list[str]) -> list[Decision]:
    """Decisions about the rows above the data."""
    decisions: list[Decision] = []
    titles = "; ".join(_line(row) for row in rows[: min(found.names + found.units)] if any(c for c in row))
    if titles:
        decisions.append(_decision(f"Rows above the header were skipped: {titles[:200]}."))
    if len(found.names) > 1:
        decisions.append(_decision(f"The column names were joined from {len(found.names)} rows."))
    for i in found.units:
        cells = [
            (names[column], _cell_name(cell))
            for column, cell in enumerate(rows[i][: len(names)])
            if cell is not None and names[column] != _cell_name(cell)
        ]
        if len({unit for _, unit in cells}) == 1:
            decisions.append(_decision(f"The unit of the figures is in a row of the header: {cells[0][1]}."))
        else:
            listed = ", ".join(f"{name} in {unit}" for name, unit in cells[:20])
            decisions.append(_decision(f"The units of the columns are in a row of the header: {listed}."))
    return decisions


def _scales(rows: Sequence[Sequence[Any]], found: HeaderRows, names: Sequence[str]) -> list[Decision]:
    """Decisions about figures in thousands or millions, which are read as they are written."""
    values = sorted(column for column in found.values if column < len(names))
    written: dict[int, str] = {}
    for i in sorted(found.names + found.units):
        for column, cell in enumerate(rows[i][: len(names)]):
            if cell is not None and units.scale_of(_cell_name(cell)):
                written[column] = _cell_name(cell)
    titles = [_cell_name(cell) for row in rows[: min(found.names + found.units)] for cell in row if cell is not None]
    labels = [text for column, text in written.items() if column not in values]
    whole = next((text for text in [*reversed(titles), *labels] if units.scale_of(text)), None)
    own = {column: written[column] for column in values if column in written}
    if own and len({units.scale_of(text) for text in own.values()}) == 1 and len(own) == len(values):
        whole, own = next(iter(own.values())), {}
    if whole:
        own = {column: text for column, text in own.items() if units.scale_of(text) != units.scale_of(whole)}
    columns = [_scale(names[column], text) for column, text in own.items()]
    return [*([_scale(None, whole)] if whole else []), *columns][:MAX_ROWS]


def _scale(column: str | None, text: str) -> Decision:
    """The decision about the figures of a column, or of all columns if there is no name."""
    subject = f"{column}: the figures" if column else "The figures"
    shown = text[1:-1] if text[:1] + text[-1:] in ("()", "[]") else text
    said = f"{subject} are in {units.scale_of(text)} ({shown[:_LONGEST]}), and were read as written."
    return Decision(kind=DecisionKind.NUMBERS, text=said, column=column, needs_check=True)


def _about_equal_names(cells: Sequence[str], names: Sequence[str]) -> list[Decision]:
    """Decisions about columns with the same name in the file, which were numbered."""
    columns: dict[str, list[str]] = {}
    for cell, name in zip(cells, names, strict=True):
        if cell:
            columns.setdefault(cell.lower(), []).append(name)
    return [
        Decision(
            kind=DecisionKind.LAYOUT,
            text=f"{len(equal)} columns have the same name in the file, and are called {', '.join(equal[:_SHOWN])}"
            f"{', …' if len(equal) > _SHOWN else ''}.",
            column=equal[-1],
            needs_check=True,
        )
        for equal in [found for found in columns.values() if len(found) > 1][:MAX_ROWS]
    ]


def _decision(text: str) -> Decision:
    return Decision(kind=DecisionKind.LAYOUT, text=text)


def _line(row: Sequence[Any]) -> str:
    return " ".join(str(c) for c in row if c is not None)


def repeated(count: int, numbers: Sequence[int]) -> Decision:
    """The decision about rows that repeat the header. `numbers` are their row numbers, counted from zero."""
    rows = "1 row that repeats the header was" if count == 1 else f"{count:,} rows that repeat the header were"
    where = tuple(number + 1 for number in numbers[:MAX_ROWS])
    return Decision(kind=DecisionKind.LAYOUT, text=f"{rows} left out.", rows=where, count=count)


def column_names(cells: Sequence[Any]) -> list[str]:
    """A unique name for each column."""
    return unique_names([_cell_name(cell) or f"column_{i + 1}" for i, cell in enumerate(cells)])


def _header_row(rows: Sequence[Sequence[Any]]) -> int | None:
    """The first row that is as wide as the table below it and whose cells could all be column names."""
    filled = [sum(cell is not None for cell in row) for row in rows[: _SEARCHED_ROWS + _ROWS_BELOW]]
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
    return isinstance(cell, str) and kind_of(cell) not in (CellKind.FIGURE, CellKind.YEAR)


def _could_be_name(cell: Any) -> bool:
    """Whether the cell is text, or a year or date, as in a statement with its periods side by side."""
    return _is_words(cell) or kind_of(cell) in (CellKind.YEAR, CellKind.DATE)


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
