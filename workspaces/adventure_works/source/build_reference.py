"""Builds `data/reference.xlsx` from the CSV files in this folder, in the form in which a controller would keep it.

Each sheet has a title row, an empty row, then the header. Run `python build_reference.py` after changing a CSV file.
"""

import csv
import datetime
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Font, PatternFill

HERE = Path(__file__).parent
TITLES = {
    "departments": "Adventure Works Cycles: department groups",
    "organizations": "Adventure Works Cycles: legal entities and ownership",
    "scenarios": "Adventure Works Cycles: ledger scenarios",
    "currencies": "Adventure Works Cycles: currency codes",
}


def typed(text: str) -> int | float | str | None:
    if not text:
        return None
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def main() -> None:
    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.created = book.properties.modified = datetime.datetime(2026, 1, 1)
    for name, title in TITLES.items():
        sheet = book.create_sheet(name)
        with (HERE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        sheet.append([title])
        sheet.append([])
        sheet.append(header)
        for row in rows:
            sheet.append([typed(cell) for cell in row])
        sheet["A1"].font = Font(bold=True, size=14)
        for cell in sheet[3]:
            cell.font = Font(bold=True)
            cell.fill = PatternFill("solid", fgColor="DDE6F0")
            sheet.column_dimensions[cell.column_letter].width = max(12, len(str(cell.value)) + 2)
        sheet.freeze_panes = "A4"
    book.save(HERE.parent / "data" / "reference.xlsx")


if __name__ == "__main__":
    main()
