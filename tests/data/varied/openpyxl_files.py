"""Writes plans with openpyxl, which writes no values of formulas."""

import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.formatting.rule import DataBarRule
from openpyxl.styles import Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.formula import ArrayFormula
from openpyxl.worksheet.table import Table

from tests.data.varied.plans import Cell, Plan, Sheet, moment_of


def write(plan: Plan, file: Path) -> None:
    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.created = book.properties.modified = datetime(2024, 1, 1)
    if "epoch_1904" in plan.options:
        book.epoch = CALENDAR_MAC_1904
    if plan.suffix in ("xltx", "xltm"):
        book.template = True
    if "defined_name" in plan.options:
        book.defined_names["Figures"] = DefinedName("Figures", attr_text="Sheet1!$A$1:$B$3")
        book.defined_names["Broken"] = DefinedName("Broken", attr_text="Sheet1!#REF!")
    for number, sheet in enumerate(plan.sheets):
        _write_sheet(book.create_sheet(sheet.name), sheet, number)
    if "chart_sheet" in plan.options:
        chart = BarChart()
        chart.add_data(Reference(book.worksheets[0], min_col=2, min_row=1, max_row=5))
        book.create_chartsheet("Chart").add_chart(chart)
    content = io.BytesIO()
    book.save(content)
    file.write_bytes(content.getvalue())


def _write_sheet(target: Any, sheet: Sheet, number: int) -> None:
    for area in sheet.areas:
        for row, column, cell in area.cells():
            _write_cell(target, row + 1, column + 1, cell)
        top = area.top + len(area.above) + 1
        for first, left, last, right in area.merged:
            target.merge_cells(
                start_row=top + first,
                end_row=top + last,
                start_column=area.left + left + 1,
                end_column=area.left + right + 1,
            )
        for first, last, column in area.merged_down:
            here = area.left + column + 1
            start, end = area.first + first + 1, area.first + last + 1
            target.merge_cells(start_row=start, end_row=end, start_column=here, end_column=here)
    for row in sheet.hidden_rows:
        target.row_dimensions[row + 1].hidden = True
    for column in sheet.hidden_columns:
        target.column_dimensions[get_column_letter(column + 1)].hidden = True
    if sheet.areas:
        _set_options(target, sheet, number)


def _write_cell(target: Any, row: int, column: int, cell: Cell) -> None:
    value = moment_of(cell.value)
    if cell.formula and cell.error:
        value = cell.error
    elif cell.formula and cell.is_array:
        formula = cell.formula(get_column_letter(column), row)
        value = ArrayFormula(f"{get_column_letter(column)}{row}", formula)
    elif cell.formula:
        value = cell.formula(get_column_letter(column), row)
    if value is None and not cell.format and not cell.is_bold:
        return
    written = target.cell(row, column)
    if cell.is_rich and isinstance(value, str) and len(value) > 3:
        value = CellRichText(TextBlock(InlineFont(b=True), value[:2]), value[2:])
    written.value = value
    if isinstance(value, str) and not cell.formula and value.startswith("="):
        written.data_type = "s"
    if cell.format:
        written.number_format = cell.format
    elif isinstance(value, datetime | timedelta):
        written.number_format = "yyyy-mm-dd"
    if cell.is_bold:
        side = Side(style="thin")
        written.font, written.fill = Font(bold=True), PatternFill("solid", fgColor="DDEEFF")
        written.border = Border(side, side, side, side)
    if cell.link:
        written.hyperlink = cell.link
    if cell.comment:
        written.comment = Comment(cell.comment, "Auditor")


def _set_options(target: Any, sheet: Sheet, number: int) -> None:
    options, area = sheet.options, sheet.areas[0]
    first, last = get_column_letter(area.left + 1), get_column_letter(area.left + len(area.known.columns))
    block = f"{first}{area.first}:{last}{area.first + len(area.body)}"
    if "list_object" in options and len(area.header) == 1 and not area.merged_down:
        target.add_table(Table(displayName=f"T{number}", ref=block))
    elif "auto_filter" in options:
        target.auto_filter.ref = block
        target.auto_filter.add_filter_column(0, ["Rent"])
    if "frozen" in options:
        target.freeze_panes = target.cell(area.first + 1, area.left + 2)
    if "right_to_left" in options:
        target.sheet_view.rightToLeft = True
    if "print_titles" in options:
        target.print_title_rows = f"{area.first}:{area.first}"
        target.print_area = block
        target.oddHeader.center.text = "Page &P of &N"
    if "validation" in options:
        rule = DataValidation(type="list", formula1='"open,paid"')
        rule.add(block)
        target.add_data_validation(rule)
    if "conditional" in options:
        target.conditional_formatting.add(
            block, DataBarRule(start_type="min", end_type="max", color="FF638EC6", showValue=None)
        )
    if "protected" in options:
        target.protection.sheet = True
        target.protection.password = "secret"
    if "zoomed" in options:
        target.sheet_view.zoomScale = 70
        target.sheet_properties.tabColor = "FF0000"
    if "grouped" in options:
        target.row_dimensions.group(area.first + 1, area.first + 3, outline_level=1)
    if "chart" in options:
        chart = BarChart()
        chart.add_data(Reference(target, min_col=area.left + 2, min_row=area.first, max_row=area.first + 4))
        target.add_chart(chart, f"A{area.bottom + 4}")
    if "styled_empty_cells" in options:
        for row in range(area.bottom + 1, area.bottom + 21):
            target[f"{last}{row}"].fill = PatternFill("solid", fgColor="FFFFCC")
    if "hidden" in options:
        target.sheet_state = "veryHidden"
