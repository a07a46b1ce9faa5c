"""Old, binary and OpenDocument workbooks become the same tables as the .xlsx version of the workbook."""

import gzip
import io
import struct
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter

from cfo_kernel.data import biff_cells, compound_file, open_document_cells
from cfo_kernel.errors import EmptyFile, FileTooLarge, UnreadableFile
from cfo_kernel.number_formats import NumberFormat
from tests.data import hostile_files, open_documents
from tests.data.conftest import Ingest
from tests.data.open_documents import cell, error, row

WORKBOOKS = Path(__file__).parent / "workbooks"
OLD, BINARY = (WORKBOOKS / "ledger.xls").read_bytes(), (WORKBOOKS / "ledger.xlsb").read_bytes()
REPEATED = 'table:number-columns-repeated="2"'
CODE = 'table:style-name="code"'
OPEN_DOCUMENT = open_documents.book(
    row(*map(cell, ("Account", "Name", "Posted", "Amount", "Share", "Flag", "Code", "Ratio"))),
    row(
        *(cell("00400"), cell("Sales"), cell("2024-01-31", "date"), cell(1234.5, "currency")),
        *(cell(0.125, "percentage"), cell("true", "boolean"), cell(123, more=CODE), cell(1)),
    ),
    row(
        *(cell("00500"), cell("Rent €"), cell("2024-02-29", "date"), cell(-200, "currency")),
        *(cell(0.5, "percentage"), cell("false", "boolean"), cell(7, more=CODE), error("#DIV/0!")),
    ),
    row(
        *(cell("00600"), cell("Café"), cell("2024-03-31", "date"), cell(1034.5, "currency")),
        *(cell(0, "percentage"), cell("true", "boolean"), cell(45678, more=CODE), cell(3)),
    ),
    row(cell(None, more='table:number-columns-repeated="16384"'), more='table:number-rows-repeated="1048572"'),
)


@pytest.mark.parametrize("name", ["ledger.xls", "ledger.xlsb", "ledger.ods"])
def test_another_format_is_read_like_a_new_workbook(ingest: Ingest, name: str) -> None:
    content = {"ledger.xls": OLD, "ledger.xlsb": BINARY, "ledger.ods": OPEN_DOCUMENT}[name]
    table, *_ = ingest(name, content)
    assert table.rows == [
        ("00400", "Sales", date(2024, 1, 31), Decimal("1234.5"), Decimal("0.125"), True, "00123", 1),
        ("00500", "Rent €", date(2024, 2, 29), Decimal(-200), Decimal("0.5"), False, "00007", None),
        ("00600", "Café", date(2024, 3, 31), Decimal("1034.5"), Decimal(0), True, "45678", 3),
    ]
    assert [decision.column for decision in table.table.decisions] == ["Code", "Ratio", "Share"]
    share = table.table.column("Share")
    assert share
    assert share.format == NumberFormat(role="percent", decimals=1)
    assert "as the sheet shows them with the format 00000" in table.notes[0]
    assert "1 cell has an error (such as #DIV/0!) and was read as empty" in table.notes[1]


def test_the_number_format_of_a_column_says_whether_its_figures_are_fractions(ingest: Ingest, tmp_path: Path) -> None:
    path = tmp_path / "rates.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Item", "Margin", "VAT", "Net", "Mixed"])
        formats = ["0.0%", '0.0"%"', "#,##0;[Red]-#,##0_%", "0%"]
        for row_number, figures in enumerate([(0.125, 19, 1000, 0.5), (0.5, 7, 250, 12), (-0.25, 0, 30, 3)], start=1):
            sheet.write(row_number, 0, f"A{row_number}")
            for column, (figure, code) in enumerate(zip(figures, formats, strict=True), start=1):
                is_plain = column == 4 and row_number > 1
                sheet.write(row_number, column, figure, None if is_plain else book.add_format({"num_format": code}))
    [table] = ingest(path)
    roles = {column.name: column.format.role for column in table.table.columns if column.format}
    assert roles == {"Margin": "percent", "VAT": "points", "Net": "number", "Mixed": "amount"}


HIDDEN = open_documents.book(
    f'<table:table-column {REPEATED}/><table:table-column table:visibility="collapse"/>',
    row(*map(cell, ("Name", "Amount", "Note"))),
    row(cell("A"), cell(1), cell("x")),
    row(cell("B"), cell(2), cell("y"), more='table:visibility="collapse"'),
    row(cell("C"), cell(3), cell("z")),
)


@pytest.mark.parametrize("name", ["ledger.xls", "ledger.xlsb", "hidden.ods"])
def test_hidden_rows_and_columns_are_read_and_named(ingest: Ingest, name: str) -> None:
    content = {"ledger.xls": OLD, "ledger.xlsb": BINARY, "hidden.ods": HIDDEN}[name]
    *_, table = ingest(name, content)
    assert table.rows == [("A", 1, "x"), ("B", 2, "y"), ("C", 3, "z")]
    rows, column = table.table.decisions
    assert (rows.kind, rows.rows, column.column) == ("hidden", (3,), "Note")


def _with_merged(binary: bytes) -> bytes:
    """The .xlsb workbook, with the first two names in its first sheet merged into one cell."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(binary)) as old, zipfile.ZipFile(file, "w") as new:
        for entry in old.namelist():
            part = old.read(entry)
            if entry.endswith("sheet1.bin"):
                end = part.rindex(b"\x82\x01\x00")  # the end of the sheet
                part = part[:end] + b"\xb0\x01\x10" + struct.pack("<4I", 1, 2, 1, 1) + part[end:]
            new.writestr(entry, part)
    return file.getvalue()


MERGED = open_documents.book(
    row(*map(cell, ("Code", "Name", "Plan"))),
    row(cell("a"), cell("Sales", more='table:number-rows-spanned="2"'), cell(1.5)),
    row(cell("b"), "<table:covered-table-cell/>", cell(5.5)),
    row(cell("c"), cell("Rent"), cell(1.25)),
)


@pytest.mark.parametrize("name", ["ledger.xlsb", "merged.ods"])
def test_merged_cells_stand_for_the_rows_that_they_cover(ingest: Ingest, name: str) -> None:
    content = {"ledger.xlsb": _with_merged(BINARY), "merged.ods": MERGED}[name]
    table, *_ = ingest(name, content)
    names = table.column("Name")
    assert (names[0], names[1] == names[0], names[2] == names[0]) == ("Sales", True, False)
    assert any("the values of merged cells were repeated" in note for note in table.notes)


def test_times_above_a_day_and_formulas_without_a_value(ingest: Ingest) -> None:
    formula = cell(None, more='table:formula="of:=A2"')
    content = open_documents.book(
        row(cell("Name"), cell("Hours"), cell("Sum")),
        row(cell("A"), cell("PT36H30M00S", "time"), formula),
        row(cell("B"), cell("PT01H15M00S", "time"), cell(2)),
    )
    [table] = ingest("hours.ods", content)
    assert table.rows == [("A", Decimal("36.5"), None), ("B", Decimal("1.25"), "2")]
    assert any("1 formula was never calculated" in note for note in table.notes)


def test_a_file_named_xls_is_read_as_what_it_is(ingest: Ingest) -> None:
    [text] = ingest("export.xls", "Konto\tBetrag\n00400\t1.234,50\n00500\t-2,00\n")
    assert text.rows == [("00400", Decimal("1234.50")), ("00500", Decimal("-2.00"))]
    [wide] = ingest("wide.xls", "Konto\tBetrag\n00400\t1.234,50\n00500\t-2,00\n".encode("utf-16"))
    assert wide.rows == text.rows
    [new] = ingest("new.xls", hostile_files.book(hostile_files.sheet()))
    assert new.rows == [(1, 2)]


def streams(*names: str) -> bytes:
    """The skeleton of a compound file with these streams, without the rest."""
    entries = [name.encode("utf-16-le").ljust(64, b"\0") + bytes(64) for name in names]
    return compound_file.SIGNATURE + bytes(504) + b"".join(entries)


def with_password(old: bytes) -> bytes:
    """The .xls workbook with the record of a password in front of its first sheet's name."""
    at = old.index(struct.pack("<HH", 0x809, 16))
    length = struct.unpack_from("<H", old, at + 22)[0]
    return old[: at + 20] + struct.pack("<HH", 0x2F, length) + old[at + 24 :]


REFUSED = {
    "encrypted.xlsx": (streams("EncryptionInfo", "EncryptedPackage"), "encrypted with a password.*without a password"),
    "encrypted.xlsb": (streams("EncryptedPackage"), "encrypted with a password"),
    "encrypted.ods": (open_documents.book(manifest="<manifest:encryption-data/>"), "encrypted with a password"),
    "password.xls": (with_password(OLD), "is password-protected"),
    "letter.xls": (streams("WordDocument"), "an old Word document"),
    "mail.xls": (streams("__properties_version1.0"), "an Outlook message"),
    "only_a_shape.xls": (streams("Workbook"), "damaged or incomplete"),
    "cut.xls": (OLD[:2000], "is not a workbook"),
    "endless.xls": (OLD.replace(struct.pack("<I", 0xFFFFFFFE), bytes(4)), "damaged or incomplete"),
    "web.xls": (b"\xef\xbb\xbf <HTML><table><tr><td>1</td></tr></table>", "a web page"),
    "packed.xls": (gzip.compress(b"a,b\n1,2\n"), "a gzip archive"),
    "text.ods": (b"a,b\n1,2\n", "is not a workbook"),
    "cut.xlsb": (BINARY[:-30], "damaged or incomplete"),
    "new.ods": (hostile_files.book(hostile_files.sheet()), "not in the format that its name indicates"),
    "binary.ods": (BINARY, "not in the format that its name indicates"),
    "open.xlsb": (OPEN_DOCUMENT, "not in the format that its name indicates"),
    "entity.ods": (OPEN_DOCUMENT.replace(b"<office:body>", b"<!DOCTYPE a>", 1), "damaged"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_for_its_reason(ingest: Ingest, name: str) -> None:
    content, says = REFUSED[name]
    with pytest.raises(UnreadableFile, match=says) as refused:
        ingest(name, content)
    assert name in refused.value.message


def test_cells_that_are_repeated_beyond_any_memory_are_refused(ingest: Ingest) -> None:
    repeated = row(cell(1, more='table:number-columns-repeated="16384"'), more='table:number-rows-repeated="1048576"')
    with pytest.raises(FileTooLarge, match=r"far\.ods"):
        ingest("far.ods", open_documents.book(repeated))


def test_many_repeated_formulas_without_a_value_are_refused(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_document_cells, "_MOST_UNCALCULATED", 1_500)
    formulas = '<table:table-cell table:formula="of:=1" table:number-columns-repeated="1000"/>'
    many = open_documents.book(row(cell("a"), cell("b")), row(formulas), row(formulas))
    with pytest.raises(FileTooLarge, match="more than 1,500 formulas that were never calculated"):
        ingest("many.ods", many)


def test_a_sheet_that_is_listed_many_times_is_read_at_most_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def record(kind: int, body: bytes = b"") -> bytes:
        return struct.pack("<HH", kind, len(body)) + body

    begin, end = record(0x809, struct.pack("<H", 0x600).ljust(16, b"\0")), record(0x0A)
    size = len(begin) + 50 * len(record(0x85, bytes(9))) + len(end)
    listed = [record(0x85, struct.pack("<IBBB", size, 0, 0, 1) + b"\0" + bytes([65 + n])) for n in range(50)]
    numbers = record(0x203, bytes(14)) * 1000
    data = begin + b"".join(listed) + end + begin + numbers + end
    monkeypatch.setattr(compound_file, "stream", lambda *_: data)
    with pytest.raises(UnreadableFile, match="damaged or incomplete"):
        biff_cells.examine(tmp_path / "twice.xls")


def test_an_empty_workbook_is_called_empty(ingest: Ingest) -> None:
    with pytest.raises(EmptyFile):
        ingest("empty.xls", b"")
