"""Reads the sheets of a workbook: finds the header below title rows, and gives each column one type.

Runs in the ingest worker. A formula counts with the value that was last calculated for it; one that was never
calculated is empty.
"""

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from cfo_kernel.data import headers
from cfo_kernel.errors import UnreadableFile

Rows = list[list[Any]]
_EXACT = 2**53  # a workbook stores every number as a double, which holds whole numbers exactly up to here


def read_sheets(path: Path) -> dict[str, tuple[pa.Table, list[str]]]:
    """The table of each sheet that contains one, with its notes."""
    try:
        with path.open("rb") as file:
            book = CalamineWorkbook.from_filelike(file)
            rows = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=True) for name in book.sheet_names}
    except (CalamineError, OSError, ValueError) as error:
        message = f"{path.name} cannot be opened as a workbook: it is damaged or incomplete. Save it again as .xlsx."
        raise UnreadableFile(message) from error
    found = {name: _table(cells) for name, cells in rows.items()}
    return {name: table for name, table in found.items() if table is not None}


def _table(cells: Rows) -> tuple[pa.Table, list[str]] | None:
    rows = [[None if cell == "" else cell for cell in row] for row in cells]
    rows = [row for row in rows if any(cell is not None for cell in row)]
    width = max((i + 1 for row in rows for i, cell in enumerate(row) if cell is not None), default=0)
    header = headers.find_header(rows, width)
    if header is None:
        return None
    body = rows[header.first_row :]
    notes = list(header.notes)
    columns: dict[str, pa.Array[Any]] = {}
    for i, name in enumerate(header.names):
        values = [row[i] if i < len(row) else None for row in body]
        if i in header.unnamed and all(v is None for v in values):
            continue
        columns[name], note = _column(values)
        if note:
            notes.append(f"{name}: {note}")
    return pa.table(columns), notes


def _column(values: list[Any]) -> tuple["pa.Array[Any]", str | None]:
    """The values as one type: numbers, dates, booleans, or else text, with a note if some of them are numbers.

    Text is looked at again later (`type_inference`), as that of a text file is.
    """
    present = [v for v in values if v is not None]
    kinds: set[type] = {type(v) for v in present}
    if not present:
        return pa.array(values, pa.string()), None
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
    note = f"{numbers} of {len(present)} cells are stored as numbers, the rest as text."
    return pa.array([None if v is None else _text(v) for v in values], pa.string()), note if numbers else None


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))  # 5, not 5.0: in a column of codes it is meant as a code
    return value if isinstance(value, str) else str(value)
