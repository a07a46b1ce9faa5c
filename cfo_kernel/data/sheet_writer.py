"""Writes the rows of a result file into a sheet of a workbook that the engine created, in a thread's `results/`.

Runs in the ingest worker. Text that begins with `=` stays text: a value in the data never becomes a formula.
"""

import os
import tempfile
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import Cell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet

from cfo_kernel.data import block_columns, sheet_values, staging, staging_formats
from cfo_kernel.data.sheet_names import check_sheet_name
from cfo_kernel.data.sheet_values import NumberPattern
from cfo_kernel.errors import SheetInvalid


def write_sheet(source: str, workbook: str, sheet: str, mode: str, to: str) -> dict[str, Any]:
    """Writes a result file to a sheet of the workbook, and saves the workbook as `to`.

    Returns the row count, the column count and the cell range. `mode` is `create` (the sheet must be new), `replace`
    (its content is replaced) or `append` (below its last row, with the same columns). `to` is written atomically, and
    may be `workbook` itself: an error leaves it unchanged.
    """
    check_sheet_name(sheet)
    path = Path(workbook)
    with (
        tempfile.TemporaryDirectory(dir=Path(to).parent) as scratch,  # on the disk of `to`: /tmp may be too small
        staging.connect(Path(scratch)) as connection,
    ):
        rows, _ = staging.load(connection, Path(source), Path(scratch))
        block_columns.add_columns(connection, rows)
        columns = sheet_values.column_names(connection)
        [(count,)] = connection.execute("SELECT count(*) FROM staging").fetchall()
        _check_size(count + 1, len(columns))
        book = _open(path)
        target, first = _target(book, sheet, mode, columns)
        _check_size(first + count - (first > 1), len(columns))
        if first == 1:
            target.append([_cell(target, name, bold=True) for name in columns])
            target.freeze_panes = "A2"
        formats = staging_formats.number_formats(connection, Path(source))
        numbers = [f and sheet_values.number_pattern(f) for f in formats]
        months = [f is not None and f.role == "month" for f in formats]
        for row in sheet_values.rows(connection):
            cells = zip(row, numbers, months, strict=True)
            target.append([_cell(target, value, numbers=n, is_month=is_month) for value, n, is_month in cells])
    for i, name in enumerate(columns, start=1):
        target.column_dimensions[get_column_letter(i)].width = sheet_values.width(name)
    _save(book, Path(to))
    return {
        "rows": count,
        "columns": len(columns),
        "range": f"A{first}:{get_column_letter(len(columns))}{target.max_row}",
    }


def _check_size(rows: int, columns: int) -> None:
    if rows > sheet_values.MAX_ROWS or columns > sheet_values.MAX_COLUMNS:
        raise SheetInvalid(f"{sheet_values.too_large(rows, columns)} Reduce the result first.")


def _open(path: Path) -> Workbook:
    if not path.exists():
        book = Workbook()
        book.remove(book.worksheets[0])
        return book
    try:
        return load_workbook(path)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise SheetInvalid(f"{path.name} cannot be opened as a workbook. Write to a new one.") from error


def _target(book: Workbook, sheet: str, mode: str, columns: list[str]) -> tuple[Worksheet, int]:
    """The sheet to write to, and the first row that will be written."""
    # Excel ignores case when it compares sheet names.
    existing = next((s for s in book.worksheets if s.title.lower() == sheet.lower()), None)
    if existing is None:
        return book.create_sheet(sheet), 1
    if mode == "create":
        raise SheetInvalid(f"There is already a sheet named {sheet}. Use another name, or mode replace or append.")
    if mode == "replace":
        position = book.worksheets.index(existing)
        book.remove(existing)
        return book.create_sheet(sheet, position), 1
    header = [cell.value for cell in existing[1]]
    if header != columns:
        raise SheetInvalid(
            f"The columns differ: the sheet has {header}, and the result has {columns}. Use another sheet."
        )
    return existing, existing.max_row + 1


def _cell(
    sheet: Worksheet, value: Any, *, numbers: NumberPattern | None = None, is_month: bool = False, bold: bool = False
) -> Cell:
    """A cell that contains the value and can never be a formula."""
    content = sheet_values.to_cell(value)
    cell = WriteOnlyCell(sheet)
    cell.value = content
    if isinstance(content, str):
        cell.data_type = "s"  # openpyxl has set "f" for text that begins with =
        if content.startswith(sheet_values.FORMULA_SIGNS):
            cell.quotePrefix = True  # pyright: ignore[reportAttributeAccessIssue] - missing from the stubs
    elif numbers and isinstance(content, int | float | Decimal):
        cell.number_format = numbers.of(content)
    elif is_month and isinstance(content, date):
        cell.number_format = sheet_values.MONTH
    elif isinstance(value, datetime) and value.tzinfo is not None:
        cell.number_format = sheet_values.UTC
    if bold:
        cell.font = Font(bold=True)
    return cell


def _save(book: Workbook, path: Path) -> None:
    """Saves the workbook atomically: a crash leaves the old file, never half a new one."""
    partial = path.with_name(f".{path.name}.part")
    try:
        book.save(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
