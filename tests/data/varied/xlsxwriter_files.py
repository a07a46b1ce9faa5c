"""Writes plans with XlsxWriter."""

import base64
import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import xlsxwriter
from openpyxl.utils import get_column_letter

from tests.data.varied.plans import Cell, Plan, Sheet, moment_of

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def write(plan: Plan, file: Path) -> None:
    options = {
        "date_1904": "epoch_1904" in plan.options,
        "constant_memory": "inline_strings" in plan.options,
        "strings_to_numbers": False,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "default_date_format": "yyyy-mm-dd",
    }
    book = xlsxwriter.Workbook(str(file), options)
    book.set_properties({"created": datetime(2024, 1, 1)})
    if "macros" in plan.options:
        book.add_vba_project(io.BytesIO(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)), is_stream=True)
    if "defined_name" in plan.options:
        book.define_name("Figures", "=Sheet1!$A$1:$B$3")
        book.define_name("Broken", "=Sheet1!#REF!")
    for number, sheet in enumerate(plan.sheets):
        _write_sheet(book, book.add_worksheet(sheet.name), sheet, number)
    if "chart_sheet" in plan.options:
        chart = book.add_chart({"type": "column"})
        chart.add_series({"values": ["Sheet1", 1, 1, 4, 1]})
        book.add_chartsheet("Chart").set_chart(chart)
    book.close()


def _write_sheet(book: Any, target: Any, sheet: Sheet, number: int) -> None:
    for area in sheet.areas:
        if (
            sheet.options & {"list_object"}
            and len(area.header) == 1
            and area is sheet.areas[0]
            and not area.merged_down
        ):
            last = area.left + len(area.known.columns) - 1
            top = area.first - 1
            columns = [{"header": column.name} for column in area.known.columns]
            target.add_table(
                top, area.left, top + len(area.body), last, {"columns": columns, "name": f"Table_{number}"}
            )
    cells = sorted((cell for area in sheet.areas for cell in area.cells()), key=lambda cell: cell[:2])
    merges = _merges(sheet)
    for row, column, cell in cells:
        if (row, column) in merges:
            last = merges[row, column]
            target.merge_range(row, column, *last, "", _format(book, cell))
        _write_cell(book, target, row, column, cell)
    for row in sheet.hidden_rows:
        target.set_row(row, None, None, {"hidden": True})
    for column in sheet.hidden_columns:
        target.set_column(column, column, None, None, {"hidden": True})
    _set_options(book, target, sheet)


def _merges(sheet: Sheet) -> dict[tuple[int, int], tuple[int, int]]:
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for area in sheet.areas:
        top = area.top + len(area.above)
        for first, left, last, right in area.merged:
            found[top + first, area.left + left] = top + last, area.left + right
        for first, last, column in area.merged_down:
            found[area.first + first, area.left + column] = area.first + last, area.left + column
    return found


def _format(book: Any, cell: Cell) -> Any:
    options: dict[str, Any] = {}
    if cell.format:
        options["num_format"] = cell.format
    if cell.is_bold:
        options |= {"bold": True, "bg_color": "#DDEEFF", "border": 1}
    return book.add_format(options) if options else None


def _write_cell(book: Any, target: Any, row: int, column: int, cell: Cell) -> None:
    value, style = moment_of(cell.value), _format(book, cell)
    if cell.formula:
        formula = cell.formula(get_column_letter(column + 1), row + 1)
        cached: Any = cell.error or value
        if isinstance(cached, timedelta | datetime) or cached is None:
            cached = 0
        if not cell.is_calculated:
            cached = ""
        if cell.is_array:
            target.write_array_formula(row, column, row, column, formula, style, cached)
        else:
            target.write_formula(row, column, formula, style, cached)
    elif cell.is_rich and isinstance(value, str) and len(value) > 3:
        bold = book.add_format({"bold": True})
        target.write_rich_string(row, column, bold, value[:2], value[2:])
    elif cell.link:
        target.write_url(row, column, cell.link, style, str(value))
    elif value is None:
        if style:
            target.write_blank(row, column, None, style)
    elif isinstance(value, bool):
        target.write_boolean(row, column, value, style)
    elif isinstance(value, str):
        target.write_string(row, column, value, style)
    elif isinstance(value, datetime | timedelta):
        target.write_datetime(row, column, value, style)
    else:
        target.write_number(row, column, value, style)
    if cell.comment:
        target.write_comment(row, column, cell.comment)


def _set_options(book: Any, target: Any, sheet: Sheet) -> None:
    options = sheet.options
    if not sheet.areas:
        return
    area = sheet.areas[0]
    last = area.left + len(area.known.columns) - 1
    block = (area.first - 1, area.left, area.first + len(area.body) - 1, last)
    if "auto_filter" in options and "list_object" not in options:
        target.autofilter(*block)
    if "frozen" in options:
        target.freeze_panes(area.first, area.left + 1)
    if "right_to_left" in options:
        target.right_to_left()
    if "print_titles" in options:
        target.repeat_rows(area.first - 1)
        target.print_area(*block)
        target.set_header("&CPage &P of &N")
    if "validation" in options:
        target.data_validation(*block, {"validate": "list", "source": ["open", "paid"]})
    if "conditional" in options:
        target.conditional_format(*block, {"type": "data_bar"})
    if "protected" in options:
        target.protect("secret")
    if "zoomed" in options:
        target.set_zoom(70)
        target.set_tab_color("red")
        target.hide_gridlines(2)
    if "grouped" in options:
        for row in range(area.first, area.first + 3):
            if row not in sheet.hidden_rows:
                target.set_row(row, None, None, {"level": 1})
    if "chart" in options:
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": [target.get_name(), area.first, last, area.first + 3, last]})
        target.insert_chart(area.bottom + 3, 0, chart)
    if "image" in options:
        target.insert_image(area.bottom + 3, 5, "dot.png", {"image_data": io.BytesIO(PICTURE)})
    if "styled_empty_cells" in options:
        style = book.add_format({"bg_color": "#FFFFCC", "num_format": "0.00"})
        for row in range(area.bottom, area.bottom + 20):
            target.write_blank(row, last, None, style)
    if "hidden" in options:
        target.hide()
