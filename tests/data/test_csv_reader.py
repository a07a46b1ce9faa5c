"""Checks which of the text files that people export are read, which lead to notes, and which are refused."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from cfo_kernel.data import text_encoding
from cfo_kernel.data.decisions import DecisionKind
from cfo_kernel.errors import EmptyFile, UnreadableFile
from tests.data.conftest import Ingested

Csv = Callable[..., Ingested]
MANY = 30_000  # more rows than DuckDB's sniffer samples


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("name,city\nJörg,Köln\n".encode(), None),
        ("name,city\nJörg,Köln\n".encode("utf-8-sig"), None),
        ("name,city\nJörg,Köln\n".encode("utf-16"), "The file is UTF-16."),
        ("name,city\nJörg,Köln\n".encode("cp1252"), "The file is not UTF-8; it was read as Windows-1252."),
        ("name,city\nJörg,Köln\n".encode("utf-16-le"), "The file is UTF-16 without a byte order mark."),
        ("name,city\nJörg,Köln\n".encode("utf-16-be"), "The file is UTF-16 without a byte order mark."),
        ("name,city\nJörg,Köln\n".encode("utf-32"), "The file is UTF-32."),
        (b"name,city\nJ\xc3\xb6rg,K\xf6ln\n", "The file is UTF-8, but 1 byte was read as Windows-1252 (row 2)."),
        (b"name,city\nJ\xc3\xb6rg\0,K\xc3\xb6ln\n", "A NUL was left out (row 2)."),
        (b"name,city\r\nJ\xc3\xb6rg,K\xc3\xb6ln\r\n", None),
        (b"name,city\rJ\xc3\xb6rg,K\xc3\xb6ln\r", None),
        ("name;city\nJörg;Köln\n".encode(), None),
        ("name\tcity\nJörg\tKöln\n".encode(), None),
        ("name|city\nJörg|Köln".encode(), None),
        ("\n\nname,city\n\nJörg,Köln\n\n,\n".encode(), None),
    ],
)
def test_encodings_delimiters_and_line_ends(ingest_csv: Csv, content: bytes, note: str | None) -> None:
    table = ingest_csv(content)
    assert table.types == {"name": "VARCHAR", "city": "VARCHAR"}
    assert table.rows == [("Jörg", "Köln")]
    assert table.notes == ((note,) if note else ())


def test_japanese_text_without_utf8_is_shift_jis(ingest_csv: Csv) -> None:
    table = ingest_csv("日付,摘要\n2024-01-01,売上\n2024-01-02,家賃の支払い\n".encode("cp932"))
    assert table.column("摘要") == ["売上", "家賃の支払い"]
    assert table.notes == ("The file is not UTF-8; it was read as Shift JIS.",)


def test_a_byte_that_is_not_utf8_is_found_far_down_the_file(ingest_csv: Csv) -> None:
    table = ingest_csv(b"name,n\n" + b"Ann,1\n" * 200_000 + "Jörg,2\n".encode("cp1252"))
    assert table.rows[-1] == ("Jörg", 2)
    assert table.table.row_count == 200_001


@pytest.mark.parametrize(
    "above",
    [
        "Adventure Works\nAll amounts in USD\n\n",
        "Adventure Works,,\nAll amounts in USD,,\n,,\n",
        '"Adventure\nWorks",,\nAll amounts in USD\n',
    ],
)
def test_title_rows_are_skipped_with_a_note(ingest_csv: Csv, above: str) -> None:
    table = ingest_csv(above + "account,amount,posted\nCash,1.50,2024-01-31\nBank,2.25,2024-01-31\n")
    assert table.types == {"account": "VARCHAR", "amount": "DECIMAL(18,2)", "posted": "DATE"}
    assert table.rows[0] == ("Cash", Decimal("1.50"), date(2024, 1, 31))
    [note] = table.notes
    assert note.startswith("Rows above the header were skipped: Adventure")
    assert "All amounts in USD" in note


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("a,a,b", ["a", "a_2", "b"]),
        ("a,A,a_2", ["a", "A_3", "a_2"]),
        (" a , b\u00a0c ,am\u200bount", ["a", "b c", "amount"]),
        ('a,"two\nlines",\ufeffb', ["a", "two lines", "b"]),
        ("a,,c", ["a", "column_2", "c"]),
        ('say ""hi"",it\'s,"x ""y"""', ['say ""hi""', "it's", 'x "y"']),
        (f"{'x' * 300}1,{'x' * 300}2,b", ["x" * 300 + "1", "x" * 300 + "2", "b"]),
        ("account,2023,2024", ["account", "2023", "2024"]),
    ],
)
def test_column_names_are_cleaned_and_made_unique(ingest_csv: Csv, header: str, names: list[str]) -> None:
    table = ingest_csv(header + "\nx,100,7\ny,200,8\n")
    assert list(table.types) == names
    assert table.rows == [("x", 100, 7), ("y", 200, 8)]


def test_a_column_without_name_and_value_is_dropped(ingest_csv: Csv) -> None:
    table = ingest_csv("a,,b,\n1,,2,\n3,,4,\n")
    assert table.rows == [(1, 2), (3, 4)]


@pytest.mark.parametrize("content", ["Cash,100,200\nBank,300,400\n", "1,100,200\n2,300,400\n"])
def test_without_a_header_the_columns_are_numbered(ingest_csv: Csv, content: str) -> None:
    table = ingest_csv(content)
    assert list(table.types) == ["column_1", "column_2", "column_3"]
    assert table.table.row_count == 2
    assert table.notes == ("No row looks like a header, so the columns are numbered.",)


@pytest.mark.parametrize(
    ("body", "rows", "note"),
    [
        (
            "1,2\n1\n3,4\n",
            [(1, 2), (1, None), (3, 4)],
            "1 row had fewer cells than columns and was kept as it stands (row 3). Check it.",
        ),
        (
            "1,2\n1,2,9\n3,4\n",
            [(1, 2, None), (1, 2, 9), (3, 4, None)],
            "1 row had more cells than columns and was kept as it stands (row 3). Check it.",
        ),
        (
            "1,2\n" * MANY + "1,2,,5\n",
            None,
            "1 row had more cells than columns and was kept as it stands (row 30,002). Check it.",
        ),
    ],
)
def test_ragged_rows_are_padded_and_named(
    ingest_csv: Csv, body: str, rows: list[tuple[int, ...]] | None, note: str
) -> None:
    table = ingest_csv("a,b\n" + body)
    if rows is not None:
        assert table.rows == rows
    else:
        assert table.rows[-1] == (1, 2, 5)
        assert list(table.types) == ["a", "b", "column_4"]
    assert note in table.notes


def test_quoted_cells_may_contain_anything(ingest_csv: Csv) -> None:
    table = ingest_csv('a,b\n"x\ny","say ""hi"", now"\n"1,5",""\n')
    assert table.rows == [("x\ny", 'say "hi", now'), ("1,5", None)]


def test_a_quote_that_is_never_closed_is_a_letter_of_its_cell(ingest_csv: Csv) -> None:
    table = ingest_csv('a,b\n1,"open\n' + "2,x\n" * 50)
    assert table.rows == [(1, '"open'), *[(2, "x")] * 50]
    assert table.notes == ("1 row had a stray quotation mark and was realigned (row 2).",)


def test_a_quote_that_is_never_closed_is_refused_if_its_row_cannot_be_read_without(ingest_csv: Csv) -> None:
    with pytest.raises(UnreadableFile, match="never closed, on line 2 "):
        ingest_csv('a,b\n1,"open,2,3,4\n' + "2,x\n" * 50)


@pytest.mark.parametrize("content", ["a,b\n", "a,b", "\n\na,b\n\n"])
def test_a_header_alone_is_a_table_without_rows(ingest_csv: Csv, content: str) -> None:
    table = ingest_csv(content)
    assert list(table.types) == ["a", "b"]
    assert table.table.row_count == 0
    assert table.rows == []


def test_a_file_may_have_one_column(ingest_csv: Csv) -> None:
    assert ingest_csv("amount\n1\n2.5\n").rows == [(Decimal("1.0"),), (Decimal("2.5"),)]
    assert ingest_csv("name\nAnn\nBob\n", "other.csv").rows == [("Ann",), ("Bob",)]


def test_a_very_long_cell_is_read_whole(ingest_csv: Csv) -> None:
    assert ingest_csv("a,b\n1," + "x" * 3_000_000 + "\n").column("b") == ["x" * 3_000_000]


@pytest.mark.parametrize("name", ["[1].csv", "a*b?.csv", "it's.csv", "sp ace.TXT", "{x}.tsv"])
def test_a_file_name_is_not_read_as_a_pattern(ingest_csv: Csv, name: str) -> None:
    assert ingest_csv("a,b\n1,2\n", name).rows == [(1, 2)]


@pytest.mark.parametrize(
    ("name", "content", "kind", "says"),
    [
        ("empty.csv", b"", EmptyFile, "empty"),
        ("blank.csv", b"\n  \n\n", EmptyFile, "empty"),
        ("nul.csv", b"a,b\n1,%b\n" % bytes(20), UnreadableFile, "binary"),
        ("line-of-nuls.csv", b"a,b\n%b\n" % bytes(2 << 20), UnreadableFile, "NUL"),
        ("late-nul.csv", b"a,b\n" + b"1,2\n" * MANY + b"1,%b\n" % bytes(1000), UnreadableFile, "NUL"),
        ("controls.csv", bytes(range(1, 256)) * 9, UnreadableFile, "control characters"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(100), UnreadableFile, "a picture"),
        ("book.csv", b"PK\x03\x04" + bytes(100), UnreadableFile, "a ZIP archive or workbook"),
        ("word.csv", b"hello", UnreadableFile, "no row looks like a header"),
    ],
)
def test_a_file_that_is_not_a_text_table_is_refused(
    ingest_csv: Csv, name: str, content: bytes, kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says) as caught:
        ingest_csv(content, name)
    assert name in str(caught.value)


def test_a_stray_quotation_mark_far_down_the_file_loses_no_row(ingest_csv: Csv) -> None:
    table = ingest_csv(b"name,n\n" + b"Ann,1\n" * 20_000 + b'"Bob,2\n' + b"Ann,1\n" * 30_000)
    assert table.table.row_count == 50_001
    assert table.rows[20_000] == ('"Bob', 2)
    assert table.notes == ("1 row had a stray quotation mark and was realigned (row 20,002).",)


ROWS = [f"acc{i},{i}" for i in range(100)]


@pytest.mark.parametrize(("at", "row"), [(60, '"acc60,60'), (60, 'acc60,"60'), (0, '"acc0,0'), (99, '"acc99,99')])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_stray_quotation_mark_is_named_with_its_row(ingest_csv: Csv, at: int, row: str, end: str) -> None:
    lines = ["account,amount", *ROWS[:at], row, *ROWS[at + 1 :]]
    table = ingest_csv("\n".join(lines) + end)
    assert [(name.strip('"'), n) for name, n in table.rows] == [(f"acc{i}", i) for i in range(100)]
    [note] = [d.text for d in table.table.decisions if d.kind is DecisionKind.ROWS]
    assert note == f"1 row had a stray quotation mark and was realigned (row {at + 2})."


@pytest.mark.parametrize("last", [80, 61])
def test_rows_that_stray_quotation_marks_join_are_separated(ingest_csv: Csv, last: int) -> None:
    lines = ["account,amount", *ROWS[:60], '"acc60,60', *ROWS[61:last], f'acc{last}",{last}', *ROWS[last + 1 :]]
    table = ingest_csv("\n".join(lines))
    assert [(name.strip('"'), n) for name, n in table.rows] == [(f"acc{i}", i) for i in range(100)]
    assert (
        "1 row had a stray quotation mark, which joined it to the next one, and was separated (row 62)." in table.notes
    )


def test_rows_in_one_cell_are_noted_if_nothing_proves_that_they_are_rows(ingest_csv: Csv) -> None:
    [note] = ingest_csv('name,city\nAnn,Rome\n"Bob,Paris\nEve",Bonn\nJan,Oslo\n').notes
    assert note.startswith("1 row has a cell of several lines that look like rows (up to 2 lines; the first begins on")
    assert "line 3)" in note


def test_line_breaks_and_marks_in_cells_lose_no_row(ingest_csv: Csv) -> None:
    table = ingest_csv('name,note,n\nAnn,"one\ntwo",1\n5" pipe,"say ""a"", b",2\nBob\n"Eve",x "y" z,3\n')
    assert table.rows == [
        ("Ann", "one\ntwo", 1),
        ('5" pipe', 'say "a", b', 2),
        ("Bob", None, None),
        ("Eve", 'x "y" z', 3),
    ]
    assert table.notes == ("1 row had fewer cells than columns and was kept as it stands (row 5). Check it.",)


def test_the_widest_table_is_read_in_batches(ingest_csv: Csv) -> None:
    width = 120
    names = ",".join(f"c{i}" for i in range(width))
    lines = [",".join([f"x{row}", *(str(i + row) for i in range(1, width))]) for row in range(3)]
    total = ",".join(["Total", *(str(3 * i + 3) for i in range(1, width))])
    table = ingest_csv("\n".join([names, *lines, total]))
    assert list(table.types.values()) == ["VARCHAR"] + ["BIGINT"] * (width - 1)
    assert table.rows == [(f"x{row}", *(i + row for i in range(1, width))) for row in range(3)]
    assert table.table.columns[-1].maximum == str(width + 1)
    assert table.notes[0].startswith("1 row is the total of other rows (Total).")


def test_percentages_of_a_wide_table_keep_their_format(ingest_csv: Csv) -> None:
    names = ",".join(f"c{i}" for i in range(60))
    table = ingest_csv(f"{names},share\n{'x,' * 60}5%\n")
    assert table.table.columns[-1].format is not None
    assert table.table.columns[-1].format == ingest_csv("c,share\nx,5%\n").table.columns[-1].format


@pytest.mark.parametrize(
    "above",
    ['"Report,\naccount,amount\na,1\nb",2\n', '"Report\naccount,amount\na,1\nb"\nname,n\n', 'x\n"name\na,1",n\n'],
)
def test_rows_in_a_cell_of_the_header_or_a_title_are_noted(ingest_csv: Csv, above: str) -> None:
    notes = ingest_csv(above + "c,3\nd,4\n").notes
    assert any("several lines that look like rows" in note for note in notes)


def test_two_rows_around_a_stray_quotation_mark_are_separated(ingest_csv: Csv) -> None:
    table = ingest_csv('account,amount\na,"1\nb,2"\nc,3\n')
    assert table.rows == [("a", 1), ("b", 2), ("c", 3)]
    assert "2 rows had a stray quotation mark and were realigned (rows 2, 3)." in table.notes


_MANY_ROWS = "".join(f"North,{i},x{i}\n" for i in range(8_000))  # more than is searched for the header


@pytest.mark.parametrize("rows", ["North,1,x\n", _MANY_ROWS], ids=["few", "many"])
@pytest.mark.parametrize(
    ("above", "line"),
    [
        ('"region,amount,name\n', 1),
        ('region,"amount,name\n', 1),
        ('region,amount,"name\n', 1),
        ('"Report\nregion,amount,name\n', 0),
        ('Report\n\n"region",amount,"name\n', 3),
        ('"Report\nof 2024"\nregion,"amount,name\n', 3),
        ('"a\nb",amount,"name\n', 2),
    ],
)
def test_a_quotation_mark_that_the_header_does_not_close_is_a_letter_of_its_name(
    ingest_csv: Csv, above: str, line: int, rows: str
) -> None:
    table = ingest_csv(above + rows)
    assert [name.strip('"') for name in table.types][1:] == ["amount", "name"]
    assert table.table.row_count == rows.count("\n")
    if line:
        assert f"The header has a stray quotation mark (row {line})." in table.notes


def test_a_quotation_mark_at_the_very_end_is_named(ingest_csv: Csv) -> None:
    table = ingest_csv('region,amount\nNorth,1\nSouth,"')
    assert table.rows == [("North", 1), ("South", None)]
    assert table.notes == ("1 row had a stray quotation mark and was realigned (row 3).",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("id,name\n1,Jörg\n\ufeff2,Ann\n", 1),
        ("\ufeffid,name\n1,Jörg\n2,Ann\n", 1),
        ("id,\ufeffname\n1,Jörg\n2,\ufeffAnn\ufeff\n", 3),
        ('\ufeff"id","name"\n\ufeff"1","Jörg"\n\ufeff"2","Ann"\n', 3),
    ],
)
def test_byte_order_marks_inside_a_file_are_left_out(ingest_csv: Csv, text: str, count: int, encoding: str) -> None:
    content = text.encode(encoding) if encoding != "cp1252" else text.encode().replace("ö".encode(), b"\xf6")
    table = ingest_csv(content)
    assert table.rows == [(1, "Jörg"), (2, "Ann")]
    assert list(table.types) == ["id", "name"]
    is_first = text.startswith("\ufeff") and encoding == "utf-8"  # the mark of the whole file
    noted = [note for note in table.notes if "byte order mark" in note.lower()]
    assert len(noted) == (count > is_first)
    assert "\ufeff" not in str(table) + str(table.rows)


def test_a_byte_order_mark_between_two_pieces_of_a_file_is_found(
    ingest_csv: Csv, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in (1, 2, 3, 4, 5):
        monkeypatch.setattr(text_encoding, "_CHUNK", size)
        for encoding in ("utf-8", "utf-16"):
            table = ingest_csv("id,name\n\ufeff1,Ann\n\ufeff\ufeff2,\u00efBob\n".encode(encoding))
            assert table.rows == [(1, "Ann"), (2, "\u00efBob")]
            assert "3 byte order marks were left out." in table.notes


@pytest.mark.parametrize("again", ["region,amount\n", '"region", "amount"\n', "\ufeffregion,amount\r\n"])
def test_a_header_in_the_middle_of_a_file_is_left_out(ingest_csv: Csv, again: str) -> None:
    table = ingest_csv(f"region,amount\nNorth,1\n{again}South,2\n{again}{again}region,3\n")
    assert table.rows == [("North", 1), ("South", 2), ("region", 3)]
    assert "3 rows that repeat the header were left out." in table.notes


def test_a_value_may_be_the_name_of_its_only_column(ingest_csv: Csv) -> None:
    assert ingest_csv("word\nsome\nword\n").rows == [("some",), ("word",)]
