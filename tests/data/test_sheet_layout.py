"""Merged and hidden cells, several tables in a sheet, and lines below a table."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from tests.data.conftest import Ingest, Ingested

Rows = list[list[Any]]


class Book:
    """Creates a workbook with one sheet and ingests it."""

    def __init__(self, ingest: Ingest, folder: Path) -> None:
        self.workbook = Workbook()
        self.sheet: Worksheet = self.workbook.worksheets[0]
        self._ingest, self._path = ingest, folder / "book.xlsx"

    def read(self, rows: Rows, *merged: str) -> list[Ingested]:
        for row in rows:
            self.sheet.append(row)
        for area in merged:
            self.sheet.merge_cells(area)
        self.workbook.save(self._path)
        return self._ingest(self._path)


@pytest.fixture
def book(ingest: Ingest, tmp_path: Path) -> Book:
    return Book(ingest, tmp_path)


def test_cells_merged_in_the_header_name_all_their_columns(book: Book) -> None:
    rows: Rows = [
        ["Trial balance"],
        ["Account", "2024", None, None, "Status"],
        [None, "Jan", "Feb", "Mar", None],
        ["Cash", 1.5, 2.5, 3.5, "open"],
    ]
    [table] = book.read(rows, "A1:E1", "A2:A3", "B2:D2", "E2:E3")
    assert list(table.types) == ["Account", "2024 Jan", "2024 Feb", "2024 Mar", "Status"]
    assert table.rows[0][0] == "Cash"


def test_cells_merged_downwards_name_each_row_but_figures_count_once(book: Book) -> None:
    rows: Rows = [
        ["Region", "Year", "Item", "Paid"],
        ["East", 2024, "a", 10.5],
        [None, None, "b"],
        ["West", 2023, "c", 5],
    ]
    [table] = book.read(rows, "A2:A3", "B2:B3", "D2:D3")
    assert [row[:3] for row in table.rows] == [("East", 2024, "a"), ("East", 2024, "b"), ("West", 2023, "c")]
    assert [row[3] for row in table.rows][1] is None
    assert any("Paid: figures in cells merged over several rows" in note for note in table.notes)


def test_hidden_rows_and_columns_are_read_and_named(book: Book) -> None:
    book.sheet.row_dimensions[3].hidden = True
    book.sheet.column_dimensions["C"].hidden = True
    [table] = book.read([["Account", "Amount", "Tax"], ["A", 1, 2], ["B", 3, 4]])
    assert table.rows == [("A", 1, 2), ("B", 3, 4)]
    [row, column] = [d for d in table.table.decisions if d.kind == "hidden"]
    assert (row.rows, row.count, column.column) == ((3,), 1, "Tax")


STACKED: Rows = [
    ["Account", "Amount"],
    ["Cash", 100],
    ["Bank", 50],
    [None],
    ["Customers"],
    ["Customer", "Days"],
    ["A", 30],
]


def test_tables_below_one_another(book: Book) -> None:
    first, second = book.read(STACKED)
    assert (first.table.sheet, first.rows) == ("Sheet", [("Cash", 100), ("Bank", 50)])
    assert (second.table.sheet, second.rows) == ("Sheet 2", [("A", 30)])


def test_tables_side_by_side(book: Book) -> None:
    rows: Rows = [
        ["Asset", "Amount", None, "Liability", "Amount"],
        ["Cash", 100, None, "Loan", 70],
        ["Bank", 50, None, "Equity", 60],
        [None, None, None, "Other", 20],
    ]
    first, second = book.read(rows)
    assert first.rows == [("Cash", 100), ("Bank", 50)]
    assert second.rows == [("Loan", 70), ("Equity", 60), ("Other", 20)]


SIDES: list[Rows] = [
    [["Assets", "Amount", "Liabilities", "Amount"], ["Cash", 1, "Loan", 3], ["Bank", 2, "Tax", 4]],
    [["2023"], ["Aktiva", "EUR", None, "Passiva", "EUR"], ["Cash", 1, None, "Loan", 3], ["Bank", 2, None, "Tax", 4]],
    [["Item", "Paid", "Item", "Paid"], ["Cash", 1, "Loan", 3], ["Bank", 2, "Tax", 4]],
    [["Left", "Paid", "Right", "Paid"], ["Cash", 1, "Loan", 3], ["Bank", 2, "Tax", 4], ["Total", 3, "Total", 7]],
]  # fmt: skip


@pytest.mark.parametrize("rows", SIDES)
def test_tables_side_by_side_in_a_sheet_and_in_text(book: Book, ingest: Ingest, rows: Rows) -> None:
    text = "\n".join(",".join("" if cell is None else str(cell) for cell in [*row, *[""] * 3][:5]) for row in rows)
    for first, second in (book.read(rows), ingest("sides.csv", text.encode())):
        assert (first.rows, second.rows) == ([("Cash", 1), ("Bank", 2)], [("Loan", 3), ("Tax", 4)])


def test_tables_side_by_side_that_begin_with_numbers(book: Book, ingest: Ingest) -> None:
    rows: Rows = [["No", "Name", "Paid", None] * 2, [1, "Cash", 5, None, 2, "Loan", 7], [3, "Bank", 6]]
    text = "\n".join(",".join("" if cell is None else str(cell) for cell in row) for row in rows)
    for first, second in (book.read(rows), ingest("sides.csv", text.encode())):
        assert (first.rows, second.rows) == ([(1, "Cash", 5), (3, "Bank", 6)], [(2, "Loan", 7)])


@pytest.mark.parametrize(
    "text",
    [
        "Item,Plan,Actual,Plan,Actual\na,1,2,3,4\nb,1,2,3,4\n",
        "From,Amount,To,Amount\nA,1,X,3\nB,2,Y,4\n",
        "Item,Qty,,Note,Price\na,1,,x,2\nb,2,,,3\nc,3,,z,4\n",
    ],
)
def test_columns_of_one_table(ingest: Ingest, text: str) -> None:
    assert len(ingest("report.csv", text.encode())) == 1


@pytest.mark.parametrize(
    "rows",
    [
        [["Account", "Amount"], ["Assets"], ["Cash", 100], [None], ["Liabilities"], ["Loan", 70]],
        [["Account", "Amount"], ["Cash", 100], [None], ["Bank", "TBD"], ["Loan", 70]],
        [["Account", None, "Actual", None, "Budget"], ["Cash", None, 100, None, 90], ["Bank", None, 1, None, 2]],
        [["Date", "Amount"], [date(2024, 1, 1), 5], [None], [date(2024, 2, 1), 6]],
    ],
)
def test_empty_rows_and_columns_within_one_table(book: Book, rows: Rows) -> None:
    assert len(book.read(rows)) == 1


def test_a_header_repeated_on_each_page_is_no_row(book: Book) -> None:
    header: Rows = [["Account", "2024", None], [None, "Actual", "Budget"]]
    rows: Rows = [*header, ["Cash", 1, 2], [None], *header, ["Bank", 3, 4], *header, ["Loan", 5, 6]]
    [table] = book.read(rows)
    assert table.rows == [("Cash", 1, 2), ("Bank", 3, 4), ("Loan", 5, 6)]


@pytest.mark.parametrize(
    "below",
    [
        [[None], ["Acme Ltd, Berlin"]],
        [["* unaudited"]],
        [["(1) Restated"]],
        [["Quelle: SAP"]],
        [[None], ["Prepared by", "Smith"], ["Page 1 of 1"]],
    ],
)
def test_lines_below_a_table_are_left_out(book: Book, below: Rows) -> None:
    [table] = book.read([["Account", "Amount"], ["Cash", 100.5], ["Bank", 50], *below])
    assert [row[0] for row in table.rows] == ["Cash", "Bank"]
    assert any("below the table" in note for note in table.notes)


@pytest.mark.parametrize("last", [["Alpha Ltd"], ["Alpha Ltd", "TBD"], ["Alpha", 0]])
def test_a_last_row_that_may_be_data_stays(book: Book, last: list[Any]) -> None:
    [table] = book.read([["Customer", "Amount"], ["Cash", 100.5], ["Bank", 50], last])
    assert table.table.row_count == 3


def test_the_lines_below_a_text_file_are_named_by_their_numbers(ingest: Ingest) -> None:
    body = "".join(f"2024-01-{day:02},{day}.50\n" for day in range(1, 29)) * 60
    [table] = ingest("bank.csv", f"Bank\nDate,Amount\n{body}\nPrinted on Friday\n".encode())
    assert table.types == {"Date": "DATE", "Amount": "DECIMAL(18,1)"}
    [decision] = [d for d in table.table.decisions if "below the table" in d.text]
    assert decision.rows == (2 + 28 * 60 + 2,)


def test_a_file_that_ends_in_a_cell_of_several_lines_is_not_cut(ingest: Ingest) -> None:
    [table] = ingest("notes.csv", b'amount,text\n1,a\n2,"b\n\nNote: c"\n')
    assert table.rows == [(1, "a"), (2, "b\n\nNote: c")]


def test_labels_that_repeat_below_headings_get_a_column_with_the_heading(ingest: Ingest) -> None:
    text = b"Item,2019,2018\nAssets:,,\nCash,1.5,2\nOther,3,4\nLiabilities:,,\nLoans,5,6\nOther,7,8\n"
    [table] = ingest("report.csv", text)
    assert list(table.types) == ["Item", "2019", "2018", "section"]
    assert [(row[0], row[3]) for row in table.rows if row[0] == "Other"] == [
        ("Other", "Assets"),
        ("Other", "Liabilities"),
    ]
    assert table.table.row_count == 6


def test_headings_above_headings_tell_rows_apart(book: Book) -> None:
    block: Rows = [["Finite"], ["Customers", 1.5], ["Other", 2], ["Indefinite"], ["Marks", 3.5]]
    [table] = book.read([["Item", "Net"], ["June 2019"], *block, ["June 2018"], *block])
    found = [row[2] for row in table.rows if row[0] == "Marks"]
    assert found == ["June 2019 Indefinite", "June 2018 Indefinite"]


@pytest.mark.parametrize(
    "text",
    [
        "Item,2019\nAssets,\nCash,1.5\nLiabilities,\nLoans,5\n",  # other labels below each heading
        "Customer,Amount\nAlpha,\nBeta,1.5\nGamma,\nBeta,5\nAlpha,3\n",  # names without amounts
        "Customer,Amount\nBeta,1.5\nAlpha,\nBeta,5\nGamma,\nBeta,3\n",
    ],
)
def test_other_rows_without_values_need_no_column(ingest: Ingest, text: str) -> None:
    [table] = ingest("report.csv", text.encode())
    assert len(table.types) == 2


def test_merged_cells_below_a_repeated_header(book: Book) -> None:
    header = ["Region", "Item", "Paid"]
    rows: Rows = [header, ["East", "a", 1.5], header, ["West", "b", 2.5], [None, "c", 3.5]]
    [table] = book.read(rows, "A4:A5")
    assert table.rows == [("East", "a", Decimal("1.5")), ("West", "b", Decimal("2.5")), ("West", "c", Decimal("3.5"))]


HEADINGS: Rows = [
    ["Item", "2019", "2018"],
    [None, "Operations:", None],
    ["Sales", 1.5, 2],
    [None, "Balance:"],
    ["Cash", 3, 4],
]


def test_headings_among_figures_move_to_the_labels(book: Book, ingest: Ingest) -> None:
    [sheet] = book.read(HEADINGS)
    text = "\n".join(",".join("" if cell is None else str(cell) for cell in row) for row in HEADINGS)
    [file] = ingest("report.csv", text.encode())
    for table in (sheet, file):
        assert [row[0] for row in table.rows] == ["Operations:", "Sales", "Balance:", "Cash"]
        assert table.types["2019"].startswith("DECIMAL")
        assert any(d.rows == (2, 4) for d in table.table.decisions)


def test_an_error_in_the_second_table_is_not_counted_in_the_first(book: Book) -> None:
    below: Rows = [["Customer", "Days"], ["A", 30], ["B", "#N/A"], ["C", 5]]
    first, second = book.read([["Account", "Amount"], ["Cash", 100], [None], *below])
    assert not any("error" in note for note in first.notes)
    assert any("error" in note for note in second.notes)
