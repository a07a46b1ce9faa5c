"""Writes ledger.xls. Run it in an environment with xlwt 1.3.0, which is too old to be a dependency of this project."""

from datetime import date
from pathlib import Path

import xlwt  # pyright: ignore[reportMissingImports]

HEADER = ["Account", "Name", "Posted", "Amount", "Share", "Flag", "Code", "Ratio"]
ROWS = [
    ["00400", "Sales", date(2024, 1, 31), 1234.5, 0.125, True, 123, 1],
    ["00500", "Rent €", date(2024, 2, 29), -200, 0.5, False, 7, None],
    ["00600", "Café", date(2024, 3, 31), 1034.5, 0, True, 45678, 3],
]
FORMATS = {2: "yyyy-mm-dd", 4: "0.0%", 6: "00000"}
DIVISION_BY_ZERO = 7

book = xlwt.Workbook()
sheet = book.add_sheet("Ledger")
for column, name in enumerate(HEADER):
    sheet.write(0, column, name)
for row, cells in enumerate(ROWS, 1):
    for column, value in enumerate(cells):
        if value is None:
            sheet.row(row).set_cell_error(column, DIVISION_BY_ZERO)
        else:
            sheet.write(row, column, value, xlwt.easyxf(num_format_str=FORMATS.get(column, "General")))
book.add_sheet("Empty")
partly = book.add_sheet("Partly hidden")
for row, cells in enumerate([["Name", "Amount", "Note"], ["A", 1, "x"], ["B", 2, "y"], ["C", 3, "z"]]):
    for column, value in enumerate(cells):
        partly.write(row, column, value)
partly.row(2).hidden = True
partly.col(2).hidden = True
book.save(Path(__file__).with_name("ledger.xls"))
