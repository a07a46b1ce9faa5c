"""Headings of blocks, such as a cost centre above its rows, become a column."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from tests.data.conftest import Ingest, Ingested

Rows = list[list[Any]]
HEADER = ["Cost element", "Actual", "Plan"]
FIRST: Rows = [["Wages", 50, 48], ["Energy", 12, 13]]
SECOND: Rows = [["Wages", 30, 31], ["Travel", 4, 5]]


def lines(first: list[Any], second: list[Any], *, title: Rows = [], header_again: bool, total: str = "") -> Rows:  # noqa: B006 - read only
    """Two blocks with their headings, below a header each or below one."""
    sums: Rows = [[f"{total}", 62, 61]] if total else []
    last: Rows = [[f"{total}", 34, 36]] if total else []
    if header_again:
        return [*title, first, HEADER, *FIRST, *sums, [None], second, HEADER, *SECOND, *last]
    return [*title, HEADER, first, *FIRST, *sums, second, *SECOND, *last]


CASES = [
    ("Cost centre", lines(["Cost centre: 1000 Make"], ["Cost centre: 2000 Sell"], header_again=False)),
    ("Cost centre", lines(["Cost centre: 1000 Make"], ["Cost centre: 2000 Sell"], header_again=True, total="Total")),
    ("Cost centre", lines(["Cost centre", "1000 Make"], ["Cost centre", "2000 Sell"], header_again=False)),
    ("Centre de coûts", lines(["Centre de coûts", 1000, "Make"], ["Centre de coûts", 2000, "Sell"], header_again=True)),
    ("Kostenstelle", lines(["Kostenstelle 1000 Make"], ["Kostenstelle 2000 Sell"], header_again=False, total="Summe")),
    ("section", lines(["1000 Make"], ["2000 Sell"], title=[["Cost centres"]], header_again=True, total="Total")),
]


@pytest.mark.parametrize(("name", "rows"), CASES)
@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_headings_become_a_column(ingest: Ingest, tmp_path: Path, suffix: str, name: str, rows: Rows) -> None:
    [table] = read(ingest, tmp_path, suffix, rows)
    assert list(table.types) == [*HEADER, name]
    made, sold = [(*row, "1000 Make") for row in FIRST], [(*row, "2000 Sell") for row in SECOND]
    assert [(list(row[:3]), row[3]) for row in table.rows] == [(list(row[:3]), row[3]) for row in [*made, *sold]]
    assert any(d.column == name for d in table.table.decisions)


def read(ingest: Ingest, folder: Path, suffix: str, rows: Rows) -> list[Ingested]:
    if suffix == "csv":
        text = "\n".join(",".join("" if cell is None else str(cell) for cell in [*row, "", ""][:3]) for row in rows)
        return ingest("report.csv", text.encode())
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(folder / "report.xlsx")
    return ingest(folder / "report.xlsx")


def test_headings_above_headings_are_columns_of_their_own(ingest: Ingest) -> None:
    entities = ["Entity: DE\nCentre: 1\n61,5.5\n62,7.5\nCentre: 2\n61,1.5", "Entity: FR\nCentre: 1\n61,3.5\n63,2.5"]
    [table] = ingest("report.csv", ("Account,Actual\n" + "\n".join(entities) + "\n").encode())
    assert list(table.types) == ["Account", "Actual", "Entity", "Centre"]
    assert [row[2:] for row in table.rows] == [("DE", 1), ("DE", 1), ("DE", 2), ("FR", 1), ("FR", 1)]


def test_headings_in_a_column_of_dates(ingest: Ingest) -> None:
    rows = b"Date,Text,Amount\n4000 Sales,,\n2024-01-31,a,1.5\n6100 Wages,,\n2024-01-31,a,2.5\n2024-02-29,b,3\n"
    [table] = ingest("ledger.csv", rows)
    assert table.types["Date"] == "DATE"
    assert [(row[0], row[3]) for row in table.rows][:2] == [
        (date(2024, 1, 31), "4000 Sales"),
        (date(2024, 1, 31), "6100 Wages"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Item,2024\nRevenue,\nProducts,5.5\nServices,7\nCosts,\nWages,3.5\nRent,1\n",
        "Account,Jan,Feb\nCash,5.5,6\nNote: restated,,\nBank,1,2\nNote: unaudited,,\nLoan,2,3\n",
        "Customer,Jan\nAlpha,5.5\nRegion North,\nGamma,1\nRegion South,\nEps,2\n",
        "Account,Actual\nCash:,5.5\nBank:,6\nCash:,7.5\nBank:,8\n",
    ],
)
def test_other_rows_without_figures_stay(ingest: Ingest, text: str) -> None:
    [table] = ingest("report.csv", text.encode())
    assert table.table.row_count == text.count("\n") - 1
    assert len(table.types) == text.splitlines()[0].count(",") + 1
