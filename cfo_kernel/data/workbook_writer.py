"""Writes a result as a new workbook with one sheet: a million rows in half a minute, with little memory.

Runs in the ingest worker. XlsxWriter is three times as fast as openpyxl and holds one row at a time, but it can only
create new workbooks. Sheets are added to existing workbooks with openpyxl (`sheet_writer`). Both write the same cells.
"""

import os
import tempfile
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter  # pyright: ignore[reportMissingTypeStubs]
from typing_extensions import override
from xlsxwriter.format import Format  # pyright: ignore[reportMissingTypeStubs]
from xlsxwriter.worksheet import Worksheet  # pyright: ignore[reportMissingTypeStubs]

from cfo_kernel.data import block_columns, sheet_values, staging, staging_formats
from cfo_kernel.errors import SheetInvalid
from cfo_kernel.number_formats import NumberFormat


def write_workbook(source: str, sheet: str, to: str) -> dict[str, Any]:
    """Writes the table in `source` as the only sheet of a new workbook `to`. Returns the number of rows."""
    path = Path(to)
    with (
        tempfile.TemporaryDirectory(dir=path.parent) as scratch,  # on the disk of `to`: /tmp may be too small
        staging.connect(Path(scratch)) as connection,
    ):
        rows, _ = staging.load(connection, Path(source), Path(scratch))
        block_columns.add_columns(connection, rows)
        columns = sheet_values.column_names(connection)
        [(count,)] = connection.execute("SELECT count(*) FROM staging").fetchall()
        if count >= sheet_values.MAX_ROWS or len(columns) > sheet_values.MAX_COLUMNS:
            raise SheetInvalid(f"{sheet_values.too_large(count + 1, len(columns))} Download the result as CSV.")
        # Next to the target, because a confined process may not move a file from one folder to another.
        partial = path.with_name(f".{path.name}.part")
        options = {"constant_memory": True, "tmpdir": scratch, "use_zip64": True}
        try:
            with xlsxwriter.Workbook(partial, options) as book:
                writer = _SheetWriter(book, sheet, staging_formats.number_formats(connection, Path(source)))
                writer.write_header(columns)
                for number, row in enumerate(sheet_values.rows(connection), start=1):
                    writer.write_row(number, row)
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    return {"rows": count}


class _FullPrecision(float):
    """A number that is written with all its digits: XlsxWriter writes 16 digits, but a double has up to 17."""

    @override
    def __format__(self, spec: str, /) -> str:
        return repr(float(self))


class _SheetWriter:
    """Writes each value to its cell, formatted according to its column, or otherwise its type."""

    def __init__(self, book: xlsxwriter.Workbook, sheet: str, formats: list[NumberFormat | None]) -> None:
        self._book: Any = book  # its types are partly unknown
        self._sheet: Worksheet = self._book.add_worksheet(sheet)
        self._formats: dict[str, Format] = {}
        self._quoted: Format = self._book.add_format({"quote_prefix": True})
        self._numbers = [format and sheet_values.number_pattern(format) for format in formats]
        self._day, self._moment = self._format("yyyy-mm-dd"), self._format("yyyy-mm-dd h:mm:ss")
        month = self._format(sheet_values.MONTH)
        self._days = [month if format and format.role == "month" else self._day for format in formats]
        self._time, self._utc = self._format("h:mm:ss"), self._format(sheet_values.UTC)
        # Looked up by exact type, because XlsxWriter's own `write` would turn some text into formulas and links.
        self._write_by_type: dict[type[Any], Callable[[int, int, Any, Any], object]] = {
            str: self._write_text,
            bool: lambda row, column, cell, _: self._sheet.write_boolean(row, column, cell),
            int: lambda row, column, cell, _: self._write_number(row, column, cell),
            float: lambda row, column, cell, _: self._write_number(row, column, _FullPrecision(cell)),
            Decimal: lambda row, column, cell, _: self._write_number(row, column, float(cell)),
            date: lambda row, column, cell, _: self._sheet.write_datetime(row, column, cell, self._days[column]),
            datetime: self._write_moment,
            time: lambda row, column, cell, _: self._sheet.write_datetime(row, column, cell, self._time),
        }

    def write_header(self, columns: list[str]) -> None:
        bold: Format = self._book.add_format({"bold": True})
        quoted: Format = self._book.add_format({"bold": True, "quote_prefix": True})
        self._sheet.freeze_panes(1, 0)
        for i, name in enumerate(columns):
            self._sheet.set_column(i, i, sheet_values.width(name))
            self._write_string(0, i, name, quoted if name.startswith(sheet_values.FORMULA_SIGNS) else bold)

    def write_row(self, number: int, row: tuple[Any, ...]) -> None:
        for i, value in enumerate(row):
            cell = sheet_values.to_cell(value)
            if cell is not None:
                self._write_by_type[type(cell)](number, i, cell, value)

    def _write_text(self, row: int, column: int, cell: str, _: Any) -> None:
        self._write_string(row, column, cell, self._quoted if cell.startswith(sheet_values.FORMULA_SIGNS) else None)

    def _write_number(self, row: int, column: int, cell: float) -> None:
        numbers = self._numbers[column]
        self._sheet.write_number(row, column, cell, self._format(numbers.of(cell)) if numbers else None)

    def _write_moment(self, row: int, column: int, cell: datetime, value: datetime) -> None:
        self._sheet.write_datetime(row, column, cell, self._moment if value.tzinfo is None else self._utc)

    def _write_string(self, row: int, column: int, text: str, style: Format | None) -> None:
        if text.startswith("<r>") and text.endswith("</r>"):
            # XlsxWriter mistakes such text for its own rich-text markup and would write it as XML. As two parts of a
            # rich string, it is escaped like any other text.
            plain = self._format("General")
            parts = (text[:1], plain, text[1:], *([style] if style else []))
            self._sheet.write_rich_string(row, column, *parts)
        else:
            self._sheet.write_string(row, column, text, style)

    def _format(self, pattern: str) -> Format:
        if pattern not in self._formats:
            self._formats[pattern] = self._book.add_format({"num_format": pattern})
        return self._formats[pattern]
