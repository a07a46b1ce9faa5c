"""Reads workbooks in the form in which finance departments keep them."""

import struct
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from cfo_kernel.data import ingest_worker, workbook_reader
from cfo_kernel.errors import FileTooLarge, UnreadableFile
from tests.data.conftest import Ingest, Ingested
from tests.data.hostile_files import book as book_of
from tests.data.hostile_files import sheet

Book = Callable[..., list[Ingested]]


@pytest.fixture
def book(ingest: Ingest, tmp_path: Path) -> Book:
    """Ingests a workbook with these sheets, given as rows of cells."""

    def run(**sheets: list[list[Any]]) -> list[Ingested]:
        workbook = Workbook()
        workbook.remove(workbook.worksheets[0])
        for name, rows in sheets.items():
            sheet = workbook.create_sheet(name)
            for row in rows:
                sheet.append(row)
        workbook.save(tmp_path / "book.xlsx")
        return ingest(tmp_path / "book.xlsx")

    return run


def test_title_rows_and_types(book: Book) -> None:
    [table] = book(
        Departments=[
            ["Adventure Works"],
            ["as of", date(2024, 1, 31)],
            [],
            ["key", "department", "share", "amount", "since", "seen", "open", "mixed", "text"],
            [1, "Sales", 0.123456789012345, 10.5, date(2024, 1, 31), datetime(2024, 1, 31, 10), True, 5, "00123"],
            [],
            [2, "Finance", 0.5, 657203.80000000005, date(2024, 2, 1), None, False, "B7", "00124"],
        ]
    )
    assert table.table.sheet == "Departments"
    assert table.types == {
        "key": "BIGINT",
        "department": "VARCHAR",
        "share": "DOUBLE",
        "amount": "DECIMAL(18,1)",
        "since": "DATE",
        "seen": "TIMESTAMP",
        "open": "BOOLEAN",
        "mixed": "VARCHAR",
        "text": "VARCHAR",
    }
    assert table.rows == [
        (
            1,
            "Sales",
            0.123456789012345,
            Decimal("10.5"),
            date(2024, 1, 31),
            datetime(2024, 1, 31, 10),
            True,
            "5",
            "00123",
        ),
        (2, "Finance", 0.5, Decimal("657203.8"), date(2024, 2, 1), None, False, "B7", "00124"),
    ]
    assert table.notes == (
        "Rows above the header were skipped: Adventure Works; as of 2024-01-31.",
        "mixed: 1 of 2 cells are stored as numbers, the rest as text. The numbers are in row 5.",
    )


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        ([1.0, 2.0, None], "BIGINT", [1, 2, None]),
        ([1234567890123456], "BIGINT", [1234567890123456]),
        ([0.1 + 0.2, 1], "DECIMAL(18,1)", [Decimal("0.3"), Decimal("1.0")]),
        ([19.99, 1e6], "DECIMAL(18,2)", [Decimal("19.99"), Decimal("1000000.00")]),
        (["1,234.50", "(5)"], "DECIMAL(18,2)", [Decimal("1234.50"), Decimal("-5.00")]),
        (["5", 6], "BIGINT", [5, 6]),
        (["2024-01-31", date(2024, 2, 1)], "DATE", [date(2024, 1, 31), date(2024, 2, 1)]),
        ([datetime(2024, 1, 31, 0, 0)], "DATE", [date(2024, 1, 31)]),
        ([time(10, 30)], "VARCHAR", ["10:30:00"]),
        ([True, False], "BOOLEAN", [True, False]),
        ([None, None], "VARCHAR", [None, None]),
        (["=1+1", "=2+2"], "VARCHAR", [None, None]),
    ],
)
def test_the_type_of_a_column(book: Book, cells: list[Any], kind: str, values: list[Any]) -> None:
    [table] = book(S=[["k", "v"], *([i, cell] for i, cell in enumerate(cells))])
    assert table.types["v"] == kind
    assert table.column("v") == values


def test_a_formula_counts_with_its_last_calculated_value(book: Book, ingest: Ingest, tmp_path: Path) -> None:
    book(S=[["k", "v"], [1, "=20+1"]])
    with zipfile.ZipFile(tmp_path / "book.xlsx") as source, zipfile.ZipFile(tmp_path / "c.xlsx", "w") as target:
        for item in source.namelist():
            data = source.read(item)
            if item.endswith("sheet1.xml"):
                assert b"<v></v>" in data or b"<v />" in data
                data = data.replace(b"<v></v>", b"<v>21</v>").replace(b"<v />", b"<v>21</v>")
            target.writestr(item, data)
    [table] = ingest(tmp_path / "c.xlsx")
    assert table.rows == [(1, 21)]


def test_periods_side_by_side_are_names(book: Book) -> None:
    [table] = book(S=[["account", 2023, date(2024, 1, 31)], ["Cash", 1, 2], ["Bank", 3, 4]])
    assert list(table.types) == ["account", "2023", "2024-01-31"]
    assert table.rows == [("Cash", 1, 2), ("Bank", 3, 4)]


def test_headers_with_invisible_characters_and_of_great_length(book: Book) -> None:
    [table] = book(S=[["am\u200bount\n(USD)", "x" * 300, "x" * 300, "a\u00a0b"], [1, 2, 3, 4]])
    assert list(table.types) == ["amount (USD)", "x" * 300, "x" * 300 + "_2", "a b"]
    assert table.rows == [(1, 2, 3, 4)]


def test_a_numbered_name_does_not_equal_another(book: Book) -> None:
    [table] = book(S=[["a", "a", "a_2"], [1, 2, 3]])
    assert table.rows == [(1, 2, 3)]


def test_a_table_may_begin_anywhere_in_the_sheet(book: Book) -> None:
    [table] = book(S=[[None, None, None], [None, "a", "b"], [None, 1, 2], [None, 3, None]])
    assert table.types == {"a": "BIGINT", "b": "BIGINT"}
    assert table.rows == [(1, 2), (3, None)]


def test_rows_without_a_header_are_not_lost(book: Book) -> None:
    [table] = book(S=[[100, 200], [300, 400]])
    assert table.rows == [(100, 200), (300, 400)]
    assert table.notes == ("No row looks like a header, so the columns are numbered.",)


def test_a_row_of_words_below_the_data_is_not_the_header(book: Book) -> None:
    [table] = book(S=[["account", 7, 20], ["Cash", 100, 200], ["Total", "n/a", "n/a"]])
    assert table.table.row_count == 3


def test_sheets_without_a_table_are_skipped(book: Book) -> None:
    tables = book(Cover=[["Trial balance"]], Empty=[], Data=[["a", "b"], [1, 2]], Head=[["a", "b"]])
    assert [(t.table.sheet, t.table.row_count) for t in tables] == [("Data", 1), ("Head", 0)]


def test_a_chart_sheet_is_skipped(ingest: Ingest, tmp_path: Path) -> None:
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    sheet.append(["a", "b"])
    sheet.append([1, 2])
    workbook.create_chartsheet("Chart")
    workbook.save(tmp_path / "chart.xlsx")
    [table] = ingest(tmp_path / "chart.xlsx")
    assert table.rows == [(1, 2)]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("text.xlsx", b"a,b\n1,2\n", "is not a workbook"),
        ("cut.xlsx", b"PK\x03\x04" + b"x" * 100, "damaged or incomplete"),
        ("old.xlsx", b"\xd0\xcf\x11\xe0" + bytes(600), r"an old \.xls"),
    ],
)
def test_a_file_that_is_not_a_workbook_is_refused(ingest: Ingest, name: str, content: bytes, says: str) -> None:
    with pytest.raises(UnreadableFile, match=says):
        ingest(name, content)


def test_a_zip_archive_that_is_not_a_workbook_is_refused(ingest: Ingest, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zip.xlsx", "w") as file:
        file.writestr("a.txt", "hello")
    with pytest.raises(UnreadableFile, match="cannot be opened as a workbook"):
        ingest(tmp_path / "zip.xlsx")


def test_the_cells_of_all_sheets_are_limited(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_reader, "MAX_CELLS", 7)
    assert len(book(One=[["a", "b"], [1, 2]], Two=[["a"], [1]])) == 2
    with pytest.raises(
        FileTooLarge, match=r"The cells of book\.xlsx are spread over 2 rows and 2 columns, and at most"
    ):
        book(One=[["a", "b"], [1, 2]], Two=[["a", "b"], [1, 2]])


def test_sheets_that_were_left_out_are_named_with_the_reason(tmp_path: Path) -> None:
    workbook = Workbook()
    workbook.worksheets[0].append(["Trial balance"])
    workbook.worksheets[0].title = "Cover"
    workbook.create_sheet("Empty")
    workbook.create_sheet("Data").append(["a", "b"])
    workbook.create_chartsheet("Chart")
    workbook.save(tmp_path / "book.xlsx")
    made = ingest_worker.ingest(str(tmp_path / "book.xlsx"), str(tmp_path / "made"))
    assert [table["sheet"] for table in made["tables"]] == ["Data"]
    assert made["notes"] == [
        "The sheet Cover was left out: it contains a single cell, not a table.",
        "The sheet Empty was left out: it is empty.",
        "The sheet Chart was left out: it is a chart.",
    ]


def test_a_workbook_without_a_table_says_so(book: Book) -> None:
    with pytest.raises(UnreadableFile, match="Add one header row"):
        book(Cover=[["Trial balance"]])


@pytest.mark.parametrize(("parts", "is_read"), [(None, True), (1 << 40, False)])
def test_the_long_record_at_the_end_of_an_archive_is_read(
    ingest: Ingest, tmp_path: Path, parts: int | None, is_read: bool
) -> None:
    content = book_of(sheet())
    at = content.rfind(b"PK\5\6")
    count, size, offset = struct.unpack_from("<HII", content, at + 10)
    numbers = (parts or count, parts or count, size, offset)
    long = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, *numbers) + struct.pack(
        "<IIQI", 0x07064B50, 0, at, 1
    )
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path = tmp_path / "long.xlsx"
    path.write_bytes(content[:at] + long + end)
    if is_read:
        assert ingest(path)[0].table.row_count
    else:
        with pytest.raises(FileTooLarge, match="more than 10,000 parts"):
            ingest(path)


@pytest.mark.parametrize(
    ("cells", "count"),
    [
        ([1, 2**53 - 1], 0),
        ([1, 2**53], 1),
        ([-(2**53) - 1, 9007199254740993, 1.5], 2),
        (["x", 9007199254740993], 1),
        (["9007199254740993", "1"], 0),
    ],
)
def test_numbers_that_a_workbook_cannot_hold_are_noted(book: Book, cells: list[Any], count: int) -> None:
    [table] = book(S=[["key", "n"], *[[cell, 1] for cell in cells]])
    noted = [note for note in table.notes if note.startswith("key: ") and "last digits may be wrong" in note]
    assert len(noted) == (count > 0)
    assert all(note.startswith(f"key: {count} cell") for note in noted)
    if not count and isinstance(cells[0], str):
        assert table.rows[0][0] == 9007199254740993


def test_byte_order_marks_in_cells_are_left_out(book: Book) -> None:
    [table] = book(S=[["\ufeffregion", "n"], ["\ufeffNorth", 1], ["\ufeff", 2]])
    assert (list(table.types), table.rows) == (["region", "n"], [("North", 1), (None, 2)])
