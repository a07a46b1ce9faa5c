"""Writes the rows of a result file into a sheet of a workbook that is ours, in a thread's `results/`.

Runs in the ingest worker. A text that begins with `=` stays a text: a value of the data never becomes a formula. A
number with more digits than a sheet shows is written as text, exactly; a time with a zone is UTC, and its cell says so.
"""

import math
import os
import re
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet

from cfo_kernel.data import raw
from cfo_kernel.errors import SheetInvalid
from cfo_kernel.executors import sql_worker_results, wire

_MAX_ROWS, _MAX_COLUMNS = 1_048_576, 16_384
_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")
_BATCH = 10_000
_EARLIEST = 1900  # a sheet has no dates before
_DIGITS = 15  # a sheet shows zeros for the digits after these, though a double holds a few more
_UTC = 'yyyy-mm-dd h:mm:ss "UTC"'


def write_sheet(source: str, workbook: str, sheet: str, mode: str, to: str) -> dict[str, Any]:
    """Writes the table in `source` to `sheet` of `workbook`, as a new workbook `to`; returns rows, columns, cell range.

    `mode` is `create` (the sheet must be new), `replace` (its content is replaced) or `append` (below its last row,
    with the same columns). `to` appears in one step, and may be `workbook`: an error leaves that as it was.
    """
    _check_name(sheet)
    path = Path(workbook)
    with duckdb.connect(config=raw.CONFIG) as connection, tempfile.TemporaryDirectory() as scratch:
        raw.load(connection, Path(source), Path(scratch))
        columns = [_clean(name) for name, *_ in connection.execute("DESCRIBE raw").fetchall()]
        [(count,)] = connection.execute("SELECT count(*) FROM raw").fetchall()
        _check_size(count + 1, len(columns))
        book = _opened(path)
        target, first = _place(book, sheet, mode, columns)
        _check_size(first + count - (first > 1), len(columns))
        if first == 1:
            target.append([_cell(target, name, bold=True) for name in columns])
            target.freeze_panes = "A2"
        for row in _rows(connection):
            target.append([_cell(target, value) for value in row])
    for i, name in enumerate(columns, start=1):
        target.column_dimensions[get_column_letter(i)].width = _width(name)
    _save(book, Path(to))
    return {
        "rows": count,
        "columns": len(columns),
        "range": f"A{first}:{get_column_letter(len(columns))}{target.max_row}",
    }


def write_workbook(source: str, sheet: str, to: str) -> dict[str, Any]:
    """Writes the table in `source` as the only sheet of a new workbook `to`; answers how many rows.

    Rows go to the file as they come: a million of them would not fit the memory as cells.
    """
    with duckdb.connect(config=raw.CONFIG) as connection, tempfile.TemporaryDirectory() as scratch:
        raw.load(connection, Path(source), Path(scratch))
        columns = [_clean(name) for name, *_ in connection.execute("DESCRIBE raw").fetchall()]
        [(count,)] = connection.execute("SELECT count(*) FROM raw").fetchall()
        if count >= _MAX_ROWS or len(columns) > _MAX_COLUMNS:
            raise SheetInvalid(f"{_too_large(count, len(columns))} Download it as CSV.")
        book = Workbook(write_only=True)
        target = book.create_sheet(sheet)
        target.freeze_panes = "A2"
        for i, name in enumerate(columns, start=1):
            target.column_dimensions[get_column_letter(i)].width = _width(name)
        target.append([_cell(target, name, bold=True) for name in columns])
        for row in _rows(connection):
            target.append([_cell(target, value) for value in row])
        _save(book, Path(to))
    return {"rows": count}


def _width(name: str) -> int:
    return min(50, max(12, len(name) + 2))


def _check_name(sheet: str) -> None:
    hidden = any(unicodedata.category(c)[0] == "C" for c in sheet)
    if not sheet.strip() or len(sheet) > 31 or _FORBIDDEN.search(sheet) or sheet.strip("'") != sheet or hidden:
        shown = sheet[:40].encode("ascii", "replace").decode()
        message = (
            f"{shown!r} cannot be a sheet's name: take 1 to 31 characters, none of [ ] : * ? / \\ and no quote around."
        )
        raise SheetInvalid(message)


def _check_size(rows: int, columns: int) -> None:
    if rows > _MAX_ROWS or columns > _MAX_COLUMNS:
        raise SheetInvalid(f"{_too_large(rows, columns)} Narrow the result first.")


def _too_large(rows: int, columns: int) -> str:
    return f"{rows:,} rows and {columns:,} columns do not fit a sheet ({_MAX_ROWS:,} and {_MAX_COLUMNS:,} at most)."


def _opened(path: Path) -> Workbook:
    if not path.exists():
        book = Workbook()
        book.remove(book.worksheets[0])
        return book
    try:
        return load_workbook(path)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise SheetInvalid(f"{path.name} cannot be opened as a workbook. Write to a new one.") from error


def _place(book: Workbook, sheet: str, mode: str, columns: list[str]) -> tuple[Worksheet, int]:
    """The sheet to write to, and the first row that will be written."""
    existing = next((s for s in book.worksheets if s.title.lower() == sheet.lower()), None)
    if existing is None:
        return book.create_sheet(sheet), 1
    if mode == "create":
        raise SheetInvalid(f"There is a sheet {sheet} already. Take another name, or mode replace or append.")
    if mode == "replace":
        position = book.worksheets.index(existing)
        book.remove(existing)
        return book.create_sheet(sheet, position), 1
    header = [cell.value for cell in existing[1]]
    if header != columns:
        raise SheetInvalid(f"The columns differ: the sheet has {header}, the result {columns}. Take another sheet.")
    return existing, existing.max_row + 1


def _rows(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    kinds = [kind for _, kind, *_ in connection.execute("DESCRIBE raw").fetchall()]
    columns = ", ".join(sql_worker_results.readable(i, kind) for i, kind in enumerate(kinds, 1))
    result = connection.execute(f"SELECT {columns} FROM raw")  # noqa: S608 - positions and types
    while batch := result.fetchmany(_BATCH):
        yield from batch


def _cell(sheet: Worksheet, value: Any, *, bold: bool = False) -> Cell:
    """A cell that holds the value and can never be a formula."""
    shown = _shown(value)
    cell = WriteOnlyCell(sheet)
    cell.value = shown
    if isinstance(shown, str):
        cell.data_type = "s"
        if shown[:1] in ("=", "+", "-", "@"):
            cell.quotePrefix = True  # pyright: ignore[reportAttributeAccessIssue] - the stubs do not know it
    elif isinstance(shown, Decimal):
        cell.number_format = _money(shown)
    elif isinstance(value, datetime) and value.tzinfo is not None:
        cell.number_format = _UTC
    if bold:
        cell.font = Font(bold=True)
    return cell


def _money(value: Decimal) -> str:
    """The format with all decimals of the column, two at least: a rate of 1.23456 is not shown as 1.23."""
    decimals = -int(value.as_tuple().exponent)
    digits = f"#,##0.{'0' * max(2, decimals)}" if decimals > 0 else "#,##0"
    return f"{digits};({digits})"


def _shown(value: Any) -> str | bool | int | float | Decimal | date | datetime | time | None:
    """The value as a sheet can hold it."""
    match value:
        case str():
            return _clean(value)
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
            return _clean(str(wire.plain(value)))


def _is_long(value: int | Decimal) -> bool:
    """Whether a sheet would not show all digits of the number."""
    return len(str(abs(value)).replace(".", "").strip("0")) > _DIGITS


def _clean(text: str) -> str:
    return ILLEGAL_CHARACTERS_RE.sub("", text)


def _save(book: Workbook, path: Path) -> None:
    partial = path.with_name(f".{path.name}.part")
    try:
        book.save(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
