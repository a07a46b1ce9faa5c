"""Reads the sheets of a workbook: finds the header below title rows, and gives each column one type.

Runs in the ingest worker. A formula is read as its last calculated value, or as empty if it was never calculated.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum

from cfo_kernel.data import headers, workbook_package
from cfo_kernel.data.read_limits import MAX_CELLS, MAX_SHEETS, check_columns
from cfo_kernel.errors import FileTooLarge, UnreadableFile

_MAX_SHEET_NAME = 100
_WITHOUT_CELLS = (  # not a dict, because the kinds are not hashable
    (SheetTypeEnum.ChartSheet, "it is a chart"),
    (SheetTypeEnum.DialogSheet, "it is a dialog"),
    (SheetTypeEnum.MacroSheet, "it holds macros"),
    (SheetTypeEnum.Vba, "it holds macros"),
)
_EXACT = 2**53  # a workbook stores every number as a double, which is exact for whole numbers up to here


@dataclass(frozen=True)
class Sheet:
    """A sheet with its table and notes on it, or with the reason why it has no table."""

    name: str
    table: pa.Table | None = None
    notes: list[str] = field(default_factory=list[str])
    left_out: str | None = None


def read_sheets(path: Path) -> Iterator[Sheet]:
    """The sheets in the order of the workbook, one at a time. Raises `FileTooLarge` or `UnreadableFile`."""
    workbook_package.check_package(path)
    cells = 0
    try:
        with path.open("rb") as file:
            book = CalamineWorkbook.from_filelike(file)
            kinds = book.sheets_metadata
            if len(kinds) > MAX_SHEETS:
                problem = f"{path.name} has {len(kinds):,} sheets, and at most {MAX_SHEETS:,} can be read"
                raise FileTooLarge(f"{problem}. Split the workbook.")
            for position, kind in enumerate(kinds):
                name = headers.clean_name(kind.name, _MAX_SHEET_NAME) or f"sheet {position + 1}"
                if reason := next((reason for known, reason in _WITHOUT_CELLS if known == kind.typ), None):
                    yield Sheet(name, left_out=reason)
                    continue
                sheet = book.get_sheet_by_index(position)
                cells += sheet.height * sheet.width
                if cells > MAX_CELLS:
                    raise workbook_package.too_many_cells(path.name, sheet.height, sheet.width)
                yield _read_sheet(name, path.name, sheet)
    except (CalamineError, OSError, ValueError) as error:
        message = f"{path.name} cannot be opened as a workbook: it is damaged or incomplete. Save it again as .xlsx."
        raise UnreadableFile(message) from error


def _read_sheet(name: str, file: str, sheet: CalamineSheet) -> Sheet:
    rows = [row for cells in sheet.to_python() if (row := _row(cells))]
    if not rows:
        return Sheet(name, left_out="it is empty")
    width = max(i + 1 for row in rows for i, cell in enumerate(row) if cell is not None)
    check_columns(f"The sheet {name} of {file}", width)
    header = headers.find_header(rows, width)
    if header is None:
        return Sheet(name, left_out="it contains a single cell, not a table")
    body = rows[header.first_row :]
    notes = list(header.notes)
    columns: dict[str, pa.Array[Any]] = {}
    for i, column in enumerate(header.names):
        values = [row[i] if i < len(row) else None for row in body]
        if i in header.unnamed and all(v is None for v in values):
            continue
        columns[column], note = _column(values)
        if note:
            notes.append(f"{column}: {note}")
    return Sheet(name, pa.table(columns), notes)


def _row(cells: list[Any]) -> list[Any] | None:
    """The cells of a row up to the last cell with a value, or None if the row is empty."""
    while cells and cells[-1] == "":
        cells.pop()
    return [None if cell == "" else cell for cell in cells] or None


def _column(values: list[Any]) -> tuple["pa.Array[Any]", str | None]:
    """The values as one type: numbers, dates, booleans, or else text, with a note if some of them are numbers.

    Text is examined again later (`type_inference`), like text from a text file.
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
        return str(int(value))  # 5, not 5.0: in a column of codes, it is meant as a code
    return value if isinstance(value, str) else str(value)
