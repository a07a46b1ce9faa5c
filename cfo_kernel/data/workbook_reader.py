"""Reads the sheets of a workbook: finds the header below title rows, and gives each column one type.

Runs in the ingest worker. A formula is read as its last calculated value, or as empty if it was never calculated.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from math import isfinite
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

import pyarrow as pa
from python_calamine import CalamineError, CalamineSheet, PasswordError, SheetTypeEnum

from cfo_kernel.data import headers, number_masks, workbook_formats, workbook_package
from cfo_kernel.data.cell_marks import CellMarks
from cfo_kernel.data.date_formats import DAYS
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.read_limits import MAX_CELLS, MAX_SHEETS, check_columns
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.errors import FileTooLarge, UnreadableFile

_MAX_SHEET_NAME = 100
_WITHOUT_CELLS = (  # not a dict, because the kinds are not hashable
    (SheetTypeEnum.ChartSheet, "it is a chart"),
    (SheetTypeEnum.DialogSheet, "it is a dialog"),
    (SheetTypeEnum.MacroSheet, "it contains macros"),
    (SheetTypeEnum.Vba, "it contains macros"),
)
_DURATION = re.compile(r"PT(\d{1,5})H(\d{1,2})M(\d{1,2}(?:\.\d{1,9})?)S")  # as the parser returns those of .ods
_EXACT = 2**53  # a workbook stores every number as a double, which is exact for whole numbers up to here


@dataclass(frozen=True)
class Sheet:
    """A sheet with its table, its rows and the decisions about it, or with the reason why it has no table."""

    name: str
    table: pa.Table | None = None
    rows: SourceRows = field(default_factory=SourceRows)
    decisions: list[Decision] = field(default_factory=list[Decision])
    left_out: str | None = None


def read_sheets(path: Path) -> Iterator[Sheet]:
    """The sheets in the order of the workbook, one at a time. Raises `FileTooLarge` or `UnreadableFile`."""
    cells = 0
    try:
        book, marks = workbook_formats.open_workbook(path)
        with book:
            kinds = book.sheets_metadata
            if len(kinds) > MAX_SHEETS:
                problem = f"{path.name} has {len(kinds):,} sheets, and at most {MAX_SHEETS:,} can be read"
                raise FileTooLarge(f"{problem}. Split the workbook.")
            _check_names(path.name, [kind.name for kind in kinds])
            for position, kind in enumerate(kinds):
                name = headers.clean_name(kind.name, _MAX_SHEET_NAME) or f"sheet {position + 1}"
                if reason := next((reason for known, reason in _WITHOUT_CELLS if known == kind.typ), None):
                    yield Sheet(name, left_out=reason)
                    continue
                sheet = book.get_sheet_by_index(position)
                cells += sheet.height * sheet.width
                if cells > MAX_CELLS:
                    raise workbook_package.too_many_cells(path.name, sheet.height, sheet.width)
                yield _read_sheet(name, path, sheet, kind.name, marks)
    except PasswordError as error:
        raise UnreadableFile(f"{path.name} has a password. Save it without one.") from error
    except CalamineError as error:
        if "Cell limit" in str(error):  # the parser's own, for a sheet whose cells are far apart
            raise FileTooLarge(
                f"The cells of {path.name} are too many or too far apart. Split the workbook."
            ) from error
        raise _damaged(path) from error
    except (ExpatError, KeyError, OSError, ValueError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> UnreadableFile:
    problem = f"{path.name} cannot be opened as a workbook: it is damaged or incomplete"
    return UnreadableFile(f"{problem}. Save it again as .xlsx.")


def _check_names(file: str, names: list[str]) -> None:
    """Refuses a workbook with two sheets of the same name, because the parser finds a sheet by its name."""
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        problem = f"two of its sheets are named {headers.clean_name(twice[0], _MAX_SHEET_NAME)}"
        raise UnreadableFile(f"{file} is damaged: {problem}. Give each sheet its own name.")


def _read_sheet(name: str, path: Path, sheet: CalamineSheet, written_name: str, marks: CellMarks) -> Sheet:
    """Reads a sheet. `written_name` is its name in the workbook."""
    top, left = sheet.start or (0, 0)
    numbered = [(number, row) for number, cells in enumerate(sheet.to_python(), top) if (row := _row(cells))]
    rows = [row for _, row in numbered]
    if not rows:
        return Sheet(name, left_out="it is empty")
    width = max(i + 1 for row in rows for i, cell in enumerate(row) if cell is not None)
    check_columns(f"The sheet {name} of {path.name}", width)
    header = headers.find_header(rows, width)
    if header is None:
        return Sheet(name, left_out="it contains a single cell, not a table")
    body = rows[header.first_row :]
    decisions = list(header.decisions)
    below = numbered[header.first_row - 1][0] if header.first_row else -1
    lost, masks = marks.lost(written_name, below), marks.masks(written_name, below)
    columns: dict[str, pa.Array[Any]] = {}
    for i, column in enumerate(header.names):
        values = [row[i] if i < len(row) else None for row in body]
        decisions += lost.decisions(left + i, column)
        infinite = sum(isinstance(v, float) and not isfinite(v) for v in values)
        if infinite:
            values = [None if isinstance(v, float) and not isfinite(v) else v for v in values]
            cells = "1 cell contains" if infinite == 1 else f"{infinite:,} cells contain"
            text = f"{column}: {cells} no finite number, read as empty."
            decisions.append(Decision(kind=DecisionKind.EMPTY_CELLS, text=text, column=column, count=infinite))
        if i in header.unnamed and all(v is None for v in values):
            continue
        if rounded := sum(isinstance(v, int | float) and abs(v) >= _EXACT for v in values):
            text = f"{column}: {_rounded(rounded)}"
            decisions.append(
                Decision(kind=DecisionKind.CODES, text=text, column=column, count=rounded, needs_check=True)
            )
        columns[column], note = _column(_masked(values, masks[left + i]) if left + i in masks else values)
        if left + i in masks:
            note = f"the numbers were read as text, as the sheet shows them with the format {masks[left + i][:40]}."
        if note:
            decisions.append(Decision(kind=DecisionKind.NUMBERS, text=f"{column}: {note}", column=column))
    numbers = [number + 1 for number, _ in numbered[header.first_row :]]
    return Sheet(name, pa.table(columns), SourceRows(numbers=numbers), decisions)


def _row(cells: list[Any]) -> list[Any] | None:
    """The cells of a row up to the last cell with a value, or None if the row is empty."""
    while cells and cells[-1] == "":
        cells.pop()
    return [_cell(cell) for cell in cells] or None


def _cell(cell: Any) -> Any:
    """The value of a cell. Byte order marks are invisible, and come from text files that were pasted."""
    if isinstance(cell, str):
        if found := _DURATION.fullmatch(cell):
            return timedelta(hours=int(found[1]), minutes=int(found[2]), seconds=float(found[3]))
        return cell.replace("\ufeff", "") or None
    return cell


def _rounded(count: int) -> str:
    """The note for numbers that are perhaps not those that were meant."""
    cells = "1 cell holds a number" if count == 1 else f"{count:,} cells hold numbers"
    problem = "a workbook stores such numbers as doubles, so the last digits may be wrong"
    return f"{cells} of {_EXACT:,} or more: {problem}. Save keys and other codes as text."


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
    if timedelta in kinds and kinds <= {timedelta, time}:
        hours = [None if v is None else _hours(v) for v in values]
        return pa.array(hours, pa.float64()), "durations were read as hours."
    numbers = sum(isinstance(v, int | float) and not _may_be_day(v, kinds) for v in present)
    note = f"{numbers} of {len(present)} cells are stored as numbers, the rest as text."
    return pa.array([None if v is None else _text(v) for v in values], pa.string()), note if numbers else None


def _may_be_day(number: float, kinds: set[type]) -> bool:
    """Whether a number is probably a date that has lost its format."""
    return kinds <= {date, datetime, int, float} and DAYS[0] <= number <= DAYS[1]


def _masked(values: list[Any], mask: str) -> list[Any]:
    """The values with whole numbers as the mask shows them."""
    return [
        number_masks.masked(v, mask) if isinstance(v, int | float) and v >= 0 and float(v).is_integer() else v
        for v in values
    ]


def _hours(value: timedelta | time) -> float:
    clock = (
        timedelta(hours=value.hour, minutes=value.minute, seconds=value.second) if isinstance(value, time) else value
    )
    return clock / timedelta(hours=1)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))  # 5, not 5.0: in a column of codes, it is meant as a code
    return value if isinstance(value, str) else str(value)
