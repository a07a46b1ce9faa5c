"""Checks how cells are separated and quoted, and where aligned columns begin."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.data.conftest import Ingest, Ingested

Csv = Callable[..., Ingested]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("a^b^c\n1^x^2.5\n2^y^3.5\n", [(1, "x", 2.5), (2, "y", 3.5)]),
        ('a, b, c\n1, x, 2.5\n2, "y, z", 3.5\n', [(1, "x", 2.5), (2, "y, z", 3.5)]),
        ('date amount note\n2024-01-01 5.25 "rent paid"\n2024-01-02 7.00 food\n', None),
        ("'a','b','c'\n'1','it''s, ok','2.5'\n'2','y','3.5'\n", [(1, "it's, ok", 2.5), (2, "y", 3.5)]),
        ("a;b\n'tis;1\n'twas;2\n", [("'tis", 1), ("'twas", 2)]),
        ("day;amount\n2024-01-01;1,50\n2024-01-02;2,25\n", None),
        ("2024-01-01;1,50\n2024-01-02;2,25\n", None),
        (
            'a,b,c\n1,"say \\"hi\\", ok",C:\\new\\temp\n2,x,D:\\a\n',
            [(1, 'say "hi", ok', "C:\\new\\temp"), (2, "x", "D:\\a")],
        ),
        ('a,b\n1,"48" wide"\n2,"6" by 4""\n', [(1, '48" wide'), (2, '6" by 4"')]),
        ('a,b,c\n1, "x, y" ,2\n3,"z" , 4\n', [(1, "x, y", 2), (3, "z", 4)]),
        ("name\nAnn Smith\nBob Jones\n", [("Ann Smith",), ("Bob Jones",)]),
        ("name\nSmith, John\nDoe, Jane\n", [("Smith, John",), ("Doe, Jane",)]),
        (
            "|Code|Text  |Sum |\n|----|------|----|\n|A   |Oak, 2| 1.5|\n|B   |Elm   |12.5|\n",
            [("A", "Oak, 2", 1.5), ("B", "Elm", 12.5)],
        ),
        ("+---+---+\n| a | b |\n+---+---+\n| 1 | x |\n| 2 | y |\n+---+---+\n", [(1, "x"), (2, "y")]),
        ("moment\n2024-01-01 10:00\n2024-01-02 11:00\n", None),
    ],
)
def test_separators_and_quotation_marks(ingest_csv: Csv, content: str, rows: list[tuple[Any, ...]] | None) -> None:
    table = ingest_csv(content)
    read = [tuple(float(v) if isinstance(v, Decimal) else v for v in row) for row in table.rows]
    if rows is not None:
        assert read == rows
    elif "moment" in content:
        assert list(table.types.values()) == ["TIMESTAMP"]
    else:
        assert read[0][0] == date(2024, 1, 1)
        assert isinstance(read[0][1], float)


def test_aligned_columns_are_read_by_their_positions(ingest_csv: Csv) -> None:
    table = ingest_csv(
        "Trial balance as of 31 December 2024\n\n"
        "Account  Name of account        Debit      Credit\n"
        "-------  --------------- ------------ -----------\n"
        "1000     Cash at bank        1,234.00\n"
        "1100     Receivables        12,500.50\n"
        "2000     Payables                          500.00\n"
        "3000     Equity                         13,234.50\n",
        "balance.txt",
    )
    assert list(table.types) == ["Account", "Name of account", "Debit", "Credit"]
    assert table.rows[0] == (1000, "Cash at bank", Decimal("1234.00"), None)
    assert table.rows[3] == (3000, "Equity", None, Decimal("13234.50"))
    assert "The columns are aligned with spaces, and were read by their positions." in table.notes


def test_cells_with_two_spaces_between_them_are_columns(ingest_csv: Csv) -> None:
    table = ingest_csv("Code  Name  Qty\nA1  Bolt  5\nA100   Nut   17\nB2  Long screw  3\n", "parts.txt")
    assert table.rows == [("A1", "Bolt", 5), ("A100", "Nut", 17), ("B2", "Long screw", 3)]


@pytest.mark.parametrize(
    ("content", "names", "note"),
    [
        ("day,,amount\n2024-01-01,5.5\n2024-01-02,6.5\n", ["day", "amount"], "has an extra empty cell"),
        (
            "date,amount,account\n1,2024-01-01,5.5,A-1\n2,2024-01-02,6.5,A-2\n3,2024-01-03,7.5,B-1\n",
            ["column_1", "date", "amount", "account"],
            "has 3 names for 4 columns; column 1 was read without a name (row 1). Check it.",
        ),
        (
            "date,amount,text\n2024-01-01,5.5,x,\n2024-01-02,6.5,y,\n",
            ["date", "amount", "text"],
            "column 4, which is empty, has none",
        ),
        (
            'date;amount;"text\n2024-01-01;5.5;x\n2024-01-02;6.5;y\n',
            ["date", "amount", '"text'],
            "stray quotation mark",
        ),
        ("date,amount,text\n2024-01-01;5.5;x\n2024-01-02;6.5;y\n", ["date", "amount", "text"], "a different separator"),
    ],
)
def test_names_stand_above_the_columns_that_they_fit(
    ingest_csv: Csv, content: str, names: list[str], note: str
) -> None:
    table = ingest_csv(content)
    assert list(table.types) == names
    assert any(note in text for text in table.notes)


def test_a_cell_too_many_at_the_end_does_not_make_money_text(ingest_csv: Csv) -> None:
    rows = "".join(f"2024-01-{i:02},{i}.50,rent\n" for i in range(1, 20))
    table = ingest_csv(f"date,amount,text\n{rows}2024-01-31,,99.50,rent,\n")
    assert table.types["amount"].startswith("DECIMAL")
    assert table.rows[-1] == (date(2024, 1, 31), Decimal("99.50"), "rent")
    assert "1 row had an extra empty cell and was realigned (row 21)." in table.notes


def test_rows_are_named_by_their_lines_behind_empty_ones(ingest_csv: Csv) -> None:
    table = ingest_csv('a,b\n\n1,2\n\n"x\ny",3\n4,5,6\n')
    assert any("(row 7)" in note for note in table.notes)


JOURNAL = [
    ("01/13/2024", "000101", "4000", "Sale Muller", "", "1,200.00"),
    ("01/14/2024", "000102", "6100", "Office rent", "500.00", ""),
    ("01/15/2024", "000103", "6200", "Fees, other", "80.25", ""),
    ("01/20/2024", "000104", "4000", "Sale Klein", "", "900.00"),
]
RULE = "----------  -------  --------  ---------------  ---------  ---------"


@pytest.mark.parametrize(
    "head",
    [
        ["ACME GmbH                      Journal                     Page {page}"],
        ["ACME S.A.      Diario          Página {page}", "Impresión: 01/02/2024      10:1{page}"],
        ["Muster GmbH     Buchungsjournal     Seite: {page}", "", RULE],
    ],
)
@pytest.mark.parametrize("has_names_again", [True, False])
def test_a_journal_printed_in_pages(ingest: Ingest, head: list[str], *, has_names_again: bool) -> None:
    def line(cells: Sequence[str]) -> str:
        return "{:<12}{:<9}{:<10}{:<15}{:>11}{:>11}".format(*cells).rstrip()

    names = line(("Date", "Doc", "Account", "Text", "Debit", "Credit"))
    pages = [
        [*(text.format(page=page) for text in head), *([names] if page == 1 or has_names_again else []), *rows]
        for page, rows in enumerate((map(line, JOURNAL[:2]), map(line, JOURNAL[2:])), 1)
    ]
    [table] = ingest("journal.txt", "\n".join(text for page in pages for text in page).encode())
    assert [row[3] for row in table.rows] == [cells[3] for cells in JOURNAL]
    assert [table.types[name][:4] for name in ("Date", "Debit", "Credit")] == ["DATE", "DECI", "DECI"]
    assert table.rows[0][5] == 1200
    assert any("of page headers or footers were left out" in note for note in table.notes)
