"""Writes the rows of a result file into a sheet of a workbook that is ours, in a thread's `results/`.

Runs in the ingest worker. A text that begins with `=` stays a text: a value of the data never becomes a formula.
"""

import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from cfo_kernel.errors import SheetInvalid

_MAX_ROWS, _MAX_COLUMNS = 1_048_575, 16_384
_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")


def write_sheet(source: str, workbook: str, sheet: str, mode: str) -> dict[str, Any]:
    """Writes the table in `source` to `sheet` of `workbook`; returns its rows, columns and cell range.

    `mode` is `create` (the sheet must be new), `replace` (its content is replaced) or `append` (below its last row,
    with the same columns). The workbook is replaced in one step: an error leaves it as it was.
    """
    _check_name(sheet)
    table = pa_csv.read_csv(source) if source.endswith(".csv") else pq.read_table(source)
    if table.num_rows > _MAX_ROWS or table.num_columns > _MAX_COLUMNS:
        message = f"{table.num_rows:,} rows do not fit a sheet ({_MAX_ROWS:,} at most). Narrow the result first."
        raise SheetInvalid(message)
    path = Path(workbook)
    book = load_workbook(path) if path.exists() else Workbook()
    if not path.exists():
        book.remove(book.worksheets[0])
    target, first = _place(book, sheet, mode, table.column_names)
    if first == 1:
        target.append([_cell(target, name, bold=True) for name in table.column_names])
        target.freeze_panes = "A2"
    for batch in table.to_batches(max_chunksize=10_000):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            target.append([_cell(target, value) for value in row])
    for i, name in enumerate(table.column_names, start=1):
        target.column_dimensions[get_column_letter(i)].width = min(50, max(12, len(name) + 2))
    partial = path.with_name(f".{path.name}.part")
    book.save(partial)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    last = get_column_letter(max(1, table.num_columns))
    return {"rows": table.num_rows, "columns": table.num_columns, "range": f"A{first}:{last}{target.max_row}"}


def _check_name(sheet: str) -> None:
    if not sheet.strip() or len(sheet) > 31 or _FORBIDDEN.search(sheet) or sheet.startswith("'"):
        raise SheetInvalid(f"{sheet[:40]!r} cannot be a sheet's name: 1 to 31 characters, none of [ ] : * ? / \\.")


def _place(book: Workbook, sheet: str, mode: str, columns: list[str]) -> tuple[Worksheet, int]:
    """The sheet to write to, and the first row that will be written."""
    existing = next((s for s in book.worksheets if s.title.lower() == sheet.lower()), None)
    if existing is None:
        return book.create_sheet(sheet), 1
    if mode == "create":
        raise SheetInvalid(f"There is a sheet {sheet} already. Take another name, or mode replace or append.")
    if mode == "replace":
        existing.delete_rows(1, existing.max_row)
        position = book.worksheets.index(existing)
        book.remove(existing)
        return book.create_sheet(sheet, position), 1
    header = [cell.value for cell in existing[1]]
    if header != columns:
        raise SheetInvalid(f"The columns differ: the sheet has {header}, the result {columns}. Take another sheet.")
    return existing, existing.max_row + 1


def _cell(sheet: Worksheet, value: Any, *, bold: bool = False) -> Cell:
    """A cell that holds the value and can never be a formula."""
    if isinstance(value, str):
        value = ILLEGAL_CHARACTERS_RE.sub("", value)
    elif not isinstance(value, bool | int | float | Decimal | None) and not hasattr(value, "isoformat"):
        value = str(value)
    elif getattr(value, "tzinfo", None) is not None:
        value = value.replace(tzinfo=None)  # a sheet knows no zones; results are in UTC
    cell = WriteOnlyCell(sheet, value=value)
    if isinstance(value, str):
        cell.data_type = "s"
        if value[:1] in "=+-@":
            cell.style = "Normal"
            cell.quotePrefix = True  # pyright: ignore[reportAttributeAccessIssue]
    elif isinstance(value, Decimal):
        cell.number_format = "#,##0.00;(#,##0.00)" if value.as_tuple().exponent else "#,##0;(#,##0)"
    if bold:
        cell.font = Font(bold=True)
    return cell
