"""Reads the sheets of a workbook: finds the header below title rows, and gives each column one type.

Runs in the ingest worker. Values are what the workbook last calculated; a formula that was never calculated is empty.
"""

from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from cfo_kernel.errors import UnreadableFile

Rows = list[list[Any]]
_HEADER_WITHIN = 30
_EXACT = 2**53


def sheets(path: Path) -> dict[str, tuple[pa.Table, list[str]]]:
    """Each sheet that holds a table, with its notes."""
    try:
        book = CalamineWorkbook.from_path(path)
        rows = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=True) for name in book.sheet_names}
    except (CalamineError, OSError, ValueError) as error:
        reason = f"{path.name} cannot be opened as a workbook: {error}. Save it again as .xlsx."
        raise UnreadableFile(reason) from error
    found = {name: _table(cells) for name, cells in rows.items()}
    return {name: table for name, table in found.items() if table is not None}


def _table(cells: Rows) -> tuple[pa.Table, list[str]] | None:
    rows = [[None if cell == "" else cell for cell in row] for row in cells]
    rows = [row for row in rows if any(cell is not None for cell in row)]
    top = _header(rows)
    if top is None:
        return None
    notes = [f"Rows above the header were left out: {_said(rows[:top])}."] if top else []
    header, body = rows[top], rows[top + 1 :]
    width = max(i for i, cell in enumerate(header) if cell is not None) + 1
    width = max([width, *(max(i for i, c in enumerate(row) if c is not None) + 1 for row in body)])
    names = _names([*header, *([None] * (width - len(header)))][:width])
    columns: dict[str, pa.Array] = {}
    for i, name in enumerate(names):
        values = [row[i] if i < len(row) else None for row in body]
        if i < len(header) and header[i] is None and all(v is None for v in values):
            continue
        columns[name], note = _column(values)
        if note:
            notes.append(f"{name}: {note}")
    return pa.table(columns), notes


def _header(rows: Rows) -> int | None:
    """The first row that is as wide as the table and all text; a title row fills fewer cells than the rows below."""
    filled = [sum(cell is not None for cell in row) for row in rows]
    for i, row in enumerate(rows[:_HEADER_WITHIN]):
        below = filled[i + 1 : i + 51]
        wide_enough = filled[i] >= 0.6 * max(below, default=0) and (filled[i] > 1 or max(below, default=0) <= 1)
        if below and wide_enough and all(isinstance(cell, str) for cell in row if cell is not None):
            return i
    return None


def _names(header: Sequence[Any]) -> list[str]:
    taken: dict[str, int] = {}
    names: list[str] = []
    for i, cell in enumerate(header):
        name = " ".join(str(cell).split()) if cell is not None else f"column_{i + 1}"
        taken[name.lower()] = count = taken.get(name.lower(), 0) + 1
        names.append(name if count == 1 else f"{name}_{count}")
    return names


def _column(values: list[Any]) -> tuple[pa.Array, str | None]:
    """The values as one type: numbers, dates, booleans, or else text with a note of what was mixed."""
    present = [v for v in values if v is not None]
    kinds = {type(v) for v in present}
    if kinds <= {int, float}:
        if all(float(v).is_integer() and abs(v) < _EXACT for v in present):
            return pa.array([None if v is None else int(v) for v in values], pa.int64()), None
        return pa.array(values, pa.float64(), from_pandas=True), None
    if kinds <= {date, datetime}:
        moments = [v if isinstance(v, datetime) or v is None else datetime(v.year, v.month, v.day) for v in values]
        if all(m is None or m.time() == time() for m in moments):
            return pa.array([m and m.date() for m in moments], pa.date32()), None
        return pa.array(moments, pa.timestamp("us")), None
    if kinds == {bool}:
        return pa.array(values, pa.bool_()), None
    numbers = sum(isinstance(v, int | float) for v in present)
    note = f"{numbers} of {len(present)} values are numbers, the others text; all are kept as text." if numbers else None
    return pa.array([None if v is None else _text(v) for v in values], pa.string()), note


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return value if isinstance(value, str) else str(value)


def _said(rows: Rows) -> str:
    return "; ".join(" ".join(str(cell) for cell in row if cell is not None) for row in rows)[:200]
