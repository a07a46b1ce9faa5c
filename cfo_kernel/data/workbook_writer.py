"""Writes a whole result as a new workbook of one sheet: a million rows in half a minute, in little memory.

Runs in the ingest worker. XlsxWriter writes three times as fast as openpyxl, and holds one row at a time; it can only
make new workbooks, so that sheets beside others are written with openpyxl (`sheet_writer`). What a cell holds is the
same in both.
"""

import os
import tempfile
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter  # pyright: ignore[reportMissingTypeStubs]
from typing_extensions import override
from xlsxwriter.format import Format  # pyright: ignore[reportMissingTypeStubs]
from xlsxwriter.worksheet import Worksheet  # pyright: ignore[reportMissingTypeStubs]

from cfo_kernel.data import sheet_values, staging
from cfo_kernel.errors import SheetInvalid


def write_workbook(source: str, sheet: str, to: str) -> dict[str, Any]:
    """Writes the table in `source` as the only sheet of a new workbook `to`; answers how many rows."""
    path = Path(to)
    with (
        tempfile.TemporaryDirectory(dir=path.parent) as scratch,  # beside `to`, or it might have another disk's room
        duckdb.connect(config=staging.CONFIG) as connection,
    ):
        staging.load(connection, Path(source), Path(scratch))
        columns = [sheet_values.clean(name) for name, *_ in connection.execute("DESCRIBE staging").fetchall()]
        [(count,)] = connection.execute("SELECT count(*) FROM staging").fetchall()
        if count >= sheet_values.MAX_ROWS or len(columns) > sheet_values.MAX_COLUMNS:
            raise SheetInvalid(f"{sheet_values.too_large(count + 1, len(columns))} Download it as CSV.")
        partial = Path(scratch) / "whole.xlsx"
        options = {"constant_memory": True, "tmpdir": scratch, "use_zip64": True}
        with xlsxwriter.Workbook(partial, options) as book:
            writer = _Writer(book, sheet)
            writer.header(columns)
            for number, row in enumerate(sheet_values.rows(connection), start=1):
                writer.row(number, row)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    return {"rows": count}


class _Exact(float):
    """XlsxWriter writes 16 digits of a number; a double has up to 17."""

    @override
    def __format__(self, spec: str, /) -> str:
        return repr(float(self))


class _Writer:
    """Puts each value into its cell, with the format that its kind has."""

    def __init__(self, book: xlsxwriter.Workbook, sheet: str) -> None:
        self._book: Any = book  # its types are in part unknown
        self._sheet: Worksheet = self._book.add_worksheet(sheet)
        self._formats: dict[str, Format] = {}
        self._quoted: Format = self._book.add_format({"quote_prefix": True})
        self._day, self._moment = self._format("yyyy-mm-dd"), self._format("yyyy-mm-dd h:mm:ss")
        self._time, self._utc = self._format("h:mm:ss"), self._format(sheet_values.UTC)
        self._puts: dict[type[Any], Callable[[int, int, Any, Any], object]] = {
            str: self._put_text,
            bool: lambda row, column, shown, _: self._sheet.write_boolean(row, column, shown),
            int: lambda row, column, shown, _: self._sheet.write_number(row, column, shown),
            float: lambda row, column, shown, _: self._sheet.write_number(row, column, _Exact(shown)),
            Decimal: self._put_decimal,
            date: lambda row, column, shown, _: self._sheet.write_datetime(row, column, shown, self._day),
            datetime: self._put_moment,
            time: lambda row, column, shown, _: self._sheet.write_datetime(row, column, shown, self._time),
        }

    def header(self, columns: list[str]) -> None:
        bold: Format = self._book.add_format({"bold": True})
        quoted: Format = self._book.add_format({"bold": True, "quote_prefix": True})
        self._sheet.freeze_panes(1, 0)
        for i, name in enumerate(columns):
            self._sheet.set_column(i, i, sheet_values.width(name))
            self._text(0, i, name, quoted if name.startswith(sheet_values.FORMULA_SIGNS) else bold)

    def row(self, number: int, row: tuple[Any, ...]) -> None:
        for i, value in enumerate(row):
            shown = sheet_values.shown(value)
            if shown is not None:
                self._puts[type(shown)](number, i, shown, value)

    def _put_text(self, row: int, column: int, shown: str, _: Any) -> None:
        self._text(row, column, shown, self._quoted if shown.startswith(sheet_values.FORMULA_SIGNS) else None)

    def _put_decimal(self, row: int, column: int, shown: Decimal, _: Any) -> None:
        self._sheet.write_number(row, column, float(shown), self._format(sheet_values.money(shown)))

    def _put_moment(self, row: int, column: int, shown: datetime, value: datetime) -> None:
        self._sheet.write_datetime(row, column, shown, self._moment if value.tzinfo is None else self._utc)

    def _text(self, row: int, column: int, text: str, style: Format | None) -> None:
        if text.startswith("<r>") and text.endswith("</r>"):
            # XlsxWriter takes such a text for its own markup, and would write it as it is.
            plain = self._format("General")
            parts = (text[:1], plain, text[1:], *([style] if style else []))
            self._sheet.write_rich_string(row, column, *parts)
        else:
            self._sheet.write_string(row, column, text, style)

    def _format(self, pattern: str) -> Format:
        if pattern not in self._formats:
            self._formats[pattern] = self._book.add_format({"num_format": pattern})
        return self._formats[pattern]
