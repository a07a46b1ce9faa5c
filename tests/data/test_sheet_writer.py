"""Result files as sheets: data never becomes a formula, no digit is lost, and no workbook is left half written."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook

from cfo_kernel.data import sheet_values, sheet_writer, workbook_writer
from cfo_kernel.errors import FileProblem, SheetInvalid
from cfo_kernel.executors import stored_formats
from cfo_kernel.number_formats import NumberFormat


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "out.xlsx"


def source(folder: Path, sql: str = "SELECT 'Sales' AS dept, CAST(1.5 AS DECIMAL(18, 2)) AS amount") -> str:
    file = folder / "result.parquet"
    duckdb.sql(f"COPY ({sql}) TO '{file}' (FORMAT parquet)")
    return str(file)


def write_sheet(source: str, book: str, sheet: str, mode: str) -> dict[str, Any]:
    return sheet_writer.write_sheet(source, book, sheet, mode, to=book)


def write_workbook(source: str, book: str, sheet: str, mode: str) -> dict[str, Any]:
    """Writes a new workbook like `write_sheet`, but with the writer for whole results."""
    assert mode == "create"
    return workbook_writer.write_workbook(source, sheet, book)


Write = Callable[[str, str, str, str], dict[str, Any]]


def cells(book: Path, sheet: str) -> list[list[Any]]:
    return [list(row) for row in openpyxl.load_workbook(book)[sheet].iter_rows(values_only=True)]


def test_a_sheet_is_created(tmp_path: Path, book: Path) -> None:
    made = write_sheet(source(tmp_path), str(book), "By dept", "create")
    assert made == {"rows": 1, "columns": 2, "range": "A1:B2"}
    assert cells(book, "By dept") == [["dept", "amount"], ["Sales", 1.5]]
    sheet = openpyxl.load_workbook(book)["By dept"]
    assert sheet.freeze_panes == "A2"
    assert sheet["A1"].font.bold
    assert sheet["B2"].number_format == "#,##0.00;(#,##0.00)"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.xlsx", "result.parquet"]


def test_both_writers_make_workbooks_that_look_the_same(tmp_path: Path, book: Path) -> None:
    rows = source(tmp_path, "SELECT 1.5::DECIMAL(9, 1) AS n, 'x' AS \"=a name of many letters\", NULL AS nothing")
    made = {}
    for write, file in ((write_sheet, book), (write_workbook, tmp_path / "whole.xlsx")):
        write(rows, str(file), "Result", "create")
        sheet = openpyxl.load_workbook(file)["Result"]
        head = [(c.value, c.font.bold, c.quotePrefix, c.data_type) for c in sheet[1]]
        widths = [int(sheet.column_dimensions[letter].width) for letter in "ABC"]
        made[file] = (head, widths, sheet.freeze_panes, sheet.dimensions)
    [first, second] = made.values()
    assert first == second
    assert second[1:] == ([12, 25, 12], "A2", "A1:C2")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.xlsx", "result.parquet", "whole.xlsx"]


def test_the_workbook_writer_keeps_all_digits_and_texts_that_look_escaped(tmp_path: Path, book: Path) -> None:
    write_workbook(source(tmp_path, "SELECT 1::DOUBLE / 3 + 0.1 AS n, '_x0041_' AS text"), str(book), "One", "create")
    sheet = CalamineWorkbook.from_path(book).get_sheet_by_index(0).to_python()
    assert sheet[1] == [0.43333333333333335, "_x0041_"]


def test_a_second_sheet_is_added(tmp_path: Path, book: Path) -> None:
    write_sheet(source(tmp_path), str(book), "One", "create")
    write_sheet(source(tmp_path), str(book), "Two", "append")
    assert openpyxl.load_workbook(book).sheetnames == ["One", "Two"]


def test_create_refuses_an_existing_name(tmp_path: Path, book: Path) -> None:
    write_sheet(source(tmp_path), str(book), "One", "create")
    with pytest.raises(SheetInvalid, match="There is already a sheet named ONE"):
        write_sheet(source(tmp_path), str(book), "ONE", "create")


def test_replace_removes_the_old_content(tmp_path: Path, book: Path) -> None:
    write_sheet(source(tmp_path, "SELECT i AS n, i AS m, i AS k FROM range(5) t(i)"), str(book), "One", "create")
    write_sheet(source(tmp_path), str(book), "Two", "create")
    assert write_sheet(source(tmp_path), str(book), "One", "replace")["range"] == "A1:B2"
    assert cells(book, "One") == [["dept", "amount"], ["Sales", 1.5]]
    assert openpyxl.load_workbook(book).sheetnames == ["One", "Two"]


def test_append_goes_below_the_last_row(tmp_path: Path, book: Path) -> None:
    write_sheet(source(tmp_path), str(book), "One", "create")
    made = write_sheet(
        source(tmp_path, "SELECT 'Rent' AS dept, CAST(2 AS DECIMAL(18, 2)) AS amount"), str(book), "One", "append"
    )
    assert made == {"rows": 1, "columns": 2, "range": "A3:B3"}
    assert cells(book, "One") == [["dept", "amount"], ["Sales", 1.5], ["Rent", 2]]


def test_append_needs_the_same_columns(tmp_path: Path, book: Path) -> None:
    write_sheet(source(tmp_path), str(book), "One", "create")
    with pytest.raises(SheetInvalid, match="The columns differ"):
        write_sheet(source(tmp_path, "SELECT 1 AS other"), str(book), "One", "append")


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 32, "a/b", "a\\b", "a[b]", "a:b", "a*b", "a?b", "'a", "a'", "a\0b", "a\nb", "\ud800"]
)
def test_a_bad_name_is_refused(tmp_path: Path, book: Path, name: str) -> None:
    with pytest.raises(SheetInvalid, match="is not a valid sheet name"):
        write_sheet(source(tmp_path), str(book), name, "create")
    assert not book.exists()


@pytest.mark.parametrize(
    "text",
    ["=1+1", '=HYPERLINK("http://x")', "+1", "-1+2", "@SUM(A1)", "\t=1", "#N/A", "#REF!", "'=1", "=", "TRUE", "1e5"],
)
@pytest.mark.parametrize("write", [write_sheet, write_workbook])
def test_a_text_is_never_a_formula(tmp_path: Path, book: Path, text: str, write: Write) -> None:
    pq.write_table(pa.table({text: [text]}), tmp_path / "result.parquet")
    write(str(tmp_path / "result.parquet"), str(book), "One", "create")
    sheet = openpyxl.load_workbook(book)["One"]
    assert [(cell.value, cell.data_type) for cell in (sheet["A1"], sheet["A2"])] == [(text.strip(), "s"), (text, "s")]
    assert sheet["A2"].quotePrefix is (text[0] in "=+-@")


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("CAST(1234.50 AS DECIMAL(18, 2))", 1234.5),
        ("CAST('12345678901234567.89' AS DECIMAL(38, 2))", "12345678901234567.89"),
        ("9007199254740993", "9007199254740993"),
        ("1234567890123456", "1234567890123456"),  # a double holds it, and Excel shows 1234567890123450
        ("CAST(12345678901234.56 AS DECIMAL(18, 2))", "12345678901234.56"),
        ("CAST(1234567890123.40 AS DECIMAL(18, 2))", 1234567890123.4),
        ("120000000000000000", 120000000000000000),
        ("42", 42),
        ("CAST(0.1 AS DOUBLE)", 0.1),
        ("CAST(0.123456789012345 AS DOUBLE)", 0.123456789012345),
        ("CAST('nan' AS DOUBLE)", None),
        ("CAST('inf' AS DOUBLE)", None),
        ("true", True),
        ("DATE '2024-01-31'", datetime(2024, 1, 31)),
        ("DATE '1492-10-12'", "1492-10-12"),
        ("TIMESTAMP '2024-01-31 10:30:00'", datetime(2024, 1, 31, 10, 30)),
        ("TIMESTAMPTZ '2024-01-31 10:30:00+02'", datetime(2024, 1, 31, 8, 30)),
        ("TIME '10:30:00'", datetime(2024, 1, 1, 10, 30).time()),
        ("'a\x0bb' || chr(7)", "ab"),
        ("'two\nlines'", "two\nlines"),
        ("'00123'", "00123"),
        ("'\\xFF'::BLOB", "ff"),
        ("[1, 2]", "[1, 2]"),
        ("'x'", "x"),
        ("'a' || chr(13) || chr(10) || 'b' || chr(13) || chr(65535)", "a\nb\n"),
        ("' <b> & '' '", " <b> & ' "),
        ("'<r><t>bold</t></r>'", "<r><t>bold</t></r>"),  # rich-text markup of XlsxWriter
        ("CAST(1e300 AS DOUBLE)", 1e300),
        ("-0.05::DECIMAL(4, 2)", -0.05),
        ("false", False),
        ("TIMESTAMP '1900-01-01 00:00:00'", datetime(1900, 1, 1)),
        ("NULL", None),
    ],
)
@pytest.mark.parametrize("write", [write_sheet, write_workbook])
def test_a_value_is_exact_in_the_cell(tmp_path: Path, book: Path, sql: str, value: Any, write: Write) -> None:
    write(source(tmp_path, f"SELECT {sql} AS v, 1 AS one"), str(book), "One", "create")
    assert cells(book, "One")[1] == [value, 1]


@pytest.mark.parametrize("text", ["x" * 40_000, "\U0001f600" * 20_000, "<r>" + "x" * 40_000 + "</r>"])
@pytest.mark.parametrize("write", [write_sheet, write_workbook])
def test_a_text_that_is_too_long_for_a_cell_ends_in_a_notice(
    tmp_path: Path, book: Path, text: str, write: Write
) -> None:
    pq.write_table(pa.table({"v": [text, text[:100]]}), tmp_path / "result.parquet")
    write(str(tmp_path / "result.parquet"), str(book), "One", "create")
    [[cut], [kept]] = cells(book, "One")[1:]
    assert cut.endswith("(too long for a cell; the CSV has the whole text)")
    assert text.startswith(cut.rpartition(" … ")[0])
    assert 32_700 < len(cut.encode("utf-16-le")) / 2 <= 32_767
    assert kept == text[:100]


def test_a_csv_file_is_read_as_ingest_reads_it(tmp_path: Path, book: Path) -> None:
    (tmp_path / "result.csv").write_text("code,amount,posted\n00123,0.10,2024-01-31\n00124,0.25,2024-02-29\n")
    write_sheet(str(tmp_path / "result.csv"), str(book), "One", "create")
    assert cells(book, "One")[1:] == [["00123", 0.1, datetime(2024, 1, 31)], ["00124", 0.25, datetime(2024, 2, 29)]]


def test_a_result_without_rows_is_a_header(tmp_path: Path, book: Path) -> None:
    assert write_sheet(source(tmp_path, "SELECT 1 AS n WHERE false"), str(book), "One", "create")["range"] == "A1:A1"
    assert cells(book, "One") == [["n"]]


def test_more_rows_than_a_sheet_has_are_refused(tmp_path: Path, book: Path) -> None:
    with pytest.raises(SheetInvalid, match=r"1,048,577 rows .* too many for a sheet"):
        write_sheet(source(tmp_path, "SELECT i AS n FROM range(1048576) t(i)"), str(book), "One", "create")
    assert not book.exists()


def test_more_rows_than_fit_below_the_last_are_refused(
    tmp_path: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet_values, "MAX_ROWS", 5)
    rows = source(tmp_path, "SELECT i AS n FROM range(2) t(i)")
    write_sheet(rows, str(book), "One", "create")
    write_sheet(rows, str(book), "One", "append")
    before = book.read_bytes()
    with pytest.raises(SheetInvalid, match="7 rows"):
        write_sheet(rows, str(book), "One", "append")
    assert book.read_bytes() == before


def test_a_failed_write_leaves_the_workbook_unchanged(
    tmp_path: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sheet(source(tmp_path), str(book), "One", "create")
    before = book.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_sheet(source(tmp_path), str(book), "Two", "create")
    assert book.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.xlsx", "result.parquet"]


@pytest.mark.parametrize("content", [b"", b"no workbook", b"PK\x03\x04" + bytes(50)])
def test_a_file_that_is_not_a_workbook_is_not_overwritten(tmp_path: Path, book: Path, content: bytes) -> None:
    book.write_bytes(content)
    with pytest.raises(SheetInvalid, match="cannot be opened as a workbook"):
        write_sheet(source(tmp_path), str(book), "One", "create")
    assert book.read_bytes() == content


def test_a_damaged_result_file_is_refused(tmp_path: Path, book: Path) -> None:
    (tmp_path / "result.parquet").write_bytes(b"PAR1" + bytes(50))
    with pytest.raises(FileProblem, match=r"result\.parquet"):
        write_sheet(str(tmp_path / "result.parquet"), str(book), "One", "create")


def test_money_of_a_month_adds_up_in_the_sheet(tmp_path: Path, book: Path) -> None:
    amounts = [Decimal("0.10"), Decimal("0.20"), Decimal("-0.30")] * 100
    pq.write_table(pa.table({"d": [date(2024, 1, 31)] * 300, "amount": amounts}), tmp_path / "result.parquet")
    write_sheet(str(tmp_path / "result.parquet"), str(book), "One", "create")
    assert sum(Decimal(str(row[1])) for row in cells(book, "One")[1:]) == 0


@pytest.mark.parametrize("write", [write_sheet, write_workbook])
def test_a_cell_that_rounds_to_zero_shows_no_sign(tmp_path: Path, book: Path, write: Write) -> None:
    """The second part of a format is for negative numbers, and shows only what it contains."""
    values = "(-0.0::DOUBLE), (-0.0049), (-0.005), (0.0049), (-12.345)"
    file = tmp_path / "result.parquet"
    format = stored_formats.to_text({"v": NumberFormat(role="amount", decimals=2)})
    duckdb.sql(f"COPY (FROM (VALUES {values}) t(v)) TO '{file}' (KV_METADATA {{'{stored_formats.KEY}': '{format}'}})")
    write(str(file), str(book), "One", "create")
    shown = [(cell.value, cell.number_format) for (cell,) in openpyxl.load_workbook(book)["One"].iter_rows(min_row=2)]
    usual = "#,##0.00;(#,##0.00)"
    assert shown == [(0, usual), (-0.0049, "#,##0.00;#,##0.00"), (-0.005, usual), (0.0049, usual), (-12.345, usual)]
    assert "-" not in str(shown[0][0])


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("CAST(1.5 AS DECIMAL(18, 1))", "#,##0.00;(#,##0.00)"),
        ("CAST(1.23456 AS DECIMAL(18, 5))", "#,##0.00000;(#,##0.00000)"),
        ("CAST(1 AS DECIMAL(18, 0))", "#,##0;(#,##0)"),
        ("TIMESTAMPTZ '2024-01-31 10:30:00+02'", 'yyyy-mm-dd h:mm:ss "UTC"'),
        ("TIMESTAMP '2024-01-31 10:30:00'", "yyyy-mm-dd h:mm:ss"),
        ("DATE '2024-01-31'", "yyyy-mm-dd"),
        ("TIME '10:30:00'", "h:mm:ss"),
        ("1", "#,##0;(#,##0)"),
        ("'x'", "General"),
    ],
)
@pytest.mark.parametrize("write", [write_sheet, write_workbook])
def test_a_cell_shows_all_decimals_and_the_zone(tmp_path: Path, book: Path, sql: str, shown: str, write: Write) -> None:
    write(source(tmp_path, f"SELECT {sql} AS v"), str(book), "One", "create")
    assert openpyxl.load_workbook(book)["One"]["A2"].number_format == shown
