"""Checks which text files contain several tables, and which only seem to."""

import pytest

from tests.data.conftest import Ingest

JANUARY = "date,item,amount\n2024-01-01,rent,5.5\n2024-01-02,food,6.5\n2024-01-03,gas,7.5\n"


@pytest.mark.parametrize(
    ("content", "names", "counts"),
    [
        (
            JANUARY + JANUARY.replace("\n", ",x\n"),
            [["date", "item", "amount"], ["date", "item", "amount", "x"]],
            [3, 3],
        ),
        (
            JANUARY + "date,amount\n2024-02-01,1.5\n2024-02-02,2.5\n2024-02-03,3.5\n",
            [["date", "item", "amount"], ["date", "amount"]],
            [3, 3],
        ),
        (
            JANUARY + "\nBalances,\nbank,balance\nFirst,100\nSecond,200\nThird,250\n",
            [["date", "item", "amount"], ["bank", "balance"]],
            [3, 3],
        ),
        (JANUARY + "\n" + JANUARY.replace("2024", "2025"), [["date", "item", "amount"]], [6]),
        ("Company,Example\nYear,2024\nNumber,17\n\n" + JANUARY, [["date", "item", "amount"]], [3]),
        (JANUARY + "\n2024-02-01,open,pending\n2024-02-02,food,1.5\n2024-02-03,gas,2.5\n", None, [6]),
        (JANUARY + "\n\n\n" + JANUARY.split("\n", 1)[1], None, [6]),
    ],
)
def test_a_table_below_another_has_a_header_of_its_own(
    ingest: Ingest, content: str, names: list[list[str]] | None, counts: list[int]
) -> None:
    tables = ingest("report.csv", content)
    assert [table.table.row_count for table in tables] == counts
    if names is not None:
        assert [list(table.types) for table in tables] == names


def test_rows_of_a_lower_table_are_named_by_their_lines_in_the_file(ingest: Ingest) -> None:
    lower = "bank,balance\nFirst,100\nSecond,200\nThird,300\nFourth,350\nFifth,360,7\n"
    _, table = ingest("report.csv", JANUARY + "\n" + lower)
    assert "The file has 2 tables, one below the other. This one begins at row 6." in table.notes
    assert "1 row had more cells than columns and was kept as it stands (row 11). Check it." in table.notes


def test_the_same_rows_below_the_same_header_count_once(ingest: Ingest) -> None:
    [table] = ingest("report.csv", JANUARY * 3)
    assert table.table.row_count == 3
    assert table.notes == (
        "The same rows occur 2 more times below a repeated header (row 5), and were left out. Check them.",
    )


def test_a_header_in_two_equal_rows_is_one_header(ingest: Ingest) -> None:
    [table] = ingest("report.csv", JANUARY.split("\n")[0] + "\n" + JANUARY)
    assert list(table.types) == ["date date", "item item", "amount amount"]
    assert table.table.row_count == 3
