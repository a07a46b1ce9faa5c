"""Column names are taken from one or several header rows."""

from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from cfo_kernel import display
from cfo_kernel.data import headers, sheet_values, units
from cfo_kernel.data.headers import Header
from cfo_kernel.executors.sql_fractions import fraction_columns
from cfo_kernel.number_formats import NumberFormat
from tests.data.conftest import Ingest

Rows = list[list[Any]]


def header(rows: Rows) -> Header:
    found = headers.find_header(rows, max(map(len, rows)))
    assert found is not None
    return found


ROWS: Rows = [["Cash", 10.5, 20.5], ["Bank", 31.25, 4.75]]


@pytest.mark.parametrize(
    ("above", "names"),
    [
        ([["Account", "Debit", "Credit"]], ["Account", "Debit", "Credit"]),
        ([[None, 2019, 2018]], ["column_1", "2019", "2018"]),
        ([["Account", "202401", "202402"]], ["Account", "202401", "202402"]),
        ([["Customer", 30, 60]], ["Customer", "30", "60"]),
        ([["Account", 1.0, 2.0]], ["Account", "1", "2"]),
        ([["Account", date(2024, 1, 31), date(2024, 2, 29)]], ["Account", "2024-01-31", "2024-02-29"]),
        ([["Report", "TB"], ["Period", "2024-01"], ["Account", "Debit", "Credit"]], ["Account", "Debit", "Credit"]),
        ([["Ledger: Main", "Currency: EUR"], ["Account", "Debit", "Credit"]], ["Account", "Debit", "Credit"]),
        ([["Account", "2024", None], [None, "Actual", "Budget"]], ["Account", "2024 Actual", "2024 Budget"]),
        ([[None, None, "May 31,"], [None, "2019", "2018"]], ["column_1", "May 31, 2019", "May 31, 2018"]),
        ([["($ in millions)"], ["Year ended:", "2019", "2018"]], ["Year ended:", "2019", "2018"]),
        ([["Account", "Actual", "Budget"], [None, "2024", "2023"]], ["Account", "Actual 2024", "Budget 2023"]),
        ([["Account", "Amount", "Rate"], [None, "EUR", "%"]], ["Account", "Amount", "Rate"]),
        ([[None, "2019", "2018"], [None, "€m", "€m"]], ["column_1", "2019", "2018"]),
        ([[None, "2019", "2018"], [None, "(in thousands)"]], ["column_1", "2019", "2018"]),
        ([[None, "2019", "2018"], ["(in thousands)"]], ["column_1", "2019", "2018"]),
        ([["Year", "2019", "2018"], ["(in CAD)", "$", "$"], [None, None, "(new)"]], ["Year", "2019", "2018 (new)"]),
        ([[None, "Change", None], [None, "($)", "(%)"]], ["column_1", "Change ($)", "Change (%)"]),
        ([[" Account ", "Amount", "Amount"]], ["Account", "Amount", "Amount_2"]),
    ],
)  # fmt: skip
def test_the_names_of_columns(above: Rows, names: list[str]) -> None:
    found = header([*above, *ROWS])
    assert found.names == names
    assert found.first_row == len(above)


def test_metadata_with_a_year_is_no_header() -> None:
    rows: Rows = [["Summary", "2024"], [], ["Account", "Amount"], ["Cash", "1,234.50"], ["Bank", "TBD"]]
    assert header(rows).names == ["Account", "Amount"]


DATEV = ["EXTF", 700, 21, None, 20240205101112000, None, "RE", 1001, 20240101, None, "EUR"]


@pytest.mark.parametrize(
    ("above", "names"),
    [
        (DATEV, ["Umsatz", "Kennzeichen", "Konto", "Belegdatum", "Text"]),
        (["H", "1.0", "BANKFILE", "20240131", "000123"], ["Date", "Ref", "Name", "Amount", "Balance"]),
        (["Company", None, None, None, "Acme"], ["Date", "Account", "Text", "Debit", "Credit"]),
        (["Auszug", None, "Muster GmbH", None, "31.12.2023"], ["Tag", "Konto", "Text", "Betrag", "Saldo"]),
        (["Report", 17, "v2", "2024-01-31 10:15"], ["Date", "Account", "Text", "Debit", "Credit"]),
    ],
)
def test_a_row_that_describes_the_file_names_no_columns(above: list[Any], names: list[str]) -> None:
    rows: Rows = [above, names, ["2024-01-05", "4000", "a", 1.5, 20.5], ["2024-01-06", "1200", "b", 2.5, 21.5]]
    found = headers.find_header(rows, len(names))
    assert found is not None
    assert (found.names, found.first_row) == (names, 2)


def test_rows_above_a_header_that_is_repeated_are_data() -> None:
    names = ["Date", "Text", "Debit", "Credit"]
    rows: Rows = [names, ["2024-01-05", "a", 1.5, None], names, ["2024-01-06", "b", None, 2.5]]
    assert header(rows).first_row == 1


def test_columns_of_the_same_name_are_reported() -> None:
    found = header([["Account", "Amount", "Amount"], *ROWS])
    assert [(d.column, d.needs_check) for d in found.decisions] == [("Amount_2", True)]


def test_a_cell_over_several_columns_is_not_repeated_over_columns_of_another_sort() -> None:
    rows: Rows = [
        [None, "Year ended 31 March", None, "Change", None],
        [None, "2019", "2018", "Amount", "Percent"],
        ["Sales", 10.5, 20.5, 1.5, 2.5],
    ]
    assert header(rows).names[1:] == [
        "Year ended 31 March 2019",
        "Year ended 31 March 2018",
        "Change Amount",
        "Change Percent",
    ]
    rows[0] = [None, None, "Year ended 31 March", None, None]
    assert header(rows).names[1:] == ["Year ended 31 March 2019", "Year ended 31 March 2018", "Amount", "Percent"]


@pytest.mark.parametrize(
    "rows",
    [
        [["Cash", 100, 200], ["Bank", 300, 400]],
        [["Cash", 2019.5, 2018.5], ["Bank", 1, 2]],
    ],
)
def test_rows_of_figures_without_names_are_data(rows: Rows) -> None:
    assert header(rows).first_row == 0


@pytest.mark.parametrize(
    "row",
    [
        ["Cash", "TBD", "TBD"],
        ["Sales", 2019, 2020],
        ["Assets", None, None],
        ["Cash", "n/a", None],
    ],
)
def test_a_row_below_complete_names_is_data(row: list[Any]) -> None:
    assert header([["Account", "Plan", "Actual"], row, *ROWS]).first_row == 1


@pytest.mark.parametrize(
    "text", ["EUR", "€m", "$'000", "%", "(in millions)", "RMB’Million", "Tsd. €", "(S$ million)", "千円"]
)
def test_units(text: str) -> None:
    assert units.is_unit(text)


@pytest.mark.parametrize("text", ["Amount", "Total", "Units", "Q1", "in", "Change", "2019", "All", "(Note 3)"])
def test_words_that_are_no_units(text: str) -> None:
    assert not units.is_unit(text)


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("(in thousands of USD except per share)", "thousands"),
        ("Spread (bps)", "basis points"),
        ("in bps", "basis points"),
        ("BP", None),
        ("Balance sheet - in Mio. EUR", "millions"),
        ("Revenue (USD m)", "millions"),
        ("EUR '000", "thousands"),
        ("Valores em milhares de reais", "thousands"),
        ("（単位：百万円）", "millions"),
        ("Amount (EUR)", None),
        ("Miles", None),
        ("Million Dollar Ltd", None),
        ("Price per 1000 units", None),
    ],
)
def test_the_scale_of_figures(text: str, scale: str | None) -> None:
    assert units.scale_of(text) == scale


@pytest.mark.parametrize(
    ("above", "column"),
    [
        ([["Income (in thousands)"], [None, 2019, 2018]], None),
        ([["in TEUR", 2019, 2018]], None),
        ([["Segment", "Revenue", "Costs"], [None, "kEUR", "kEUR"]], None),
        ([["Segment", "Revenue (USD m)", "Staff"]], "Revenue (USD m)"),
        ([["Segment", "Revenue", "Margin"], [None, "kEUR", "%"]], "Revenue"),
    ],
)
def test_a_scale_is_reported_once(above: Rows, column: str | None) -> None:
    found = [d for d in header([*above, *ROWS]).decisions if d.kind == "numbers"]
    assert [(d.column, d.needs_check) for d in found] == [(column, True)]


def test_figures_in_percent_stay_as_they_are_written_and_are_shown_in_percent(ingest: Ingest) -> None:
    [table] = ingest("rates.csv", b"Account,Amount,Rate\n,EUR,%\nSales,100.00,19.00\nRent,20.00,7.50\n")
    assert table.column("Rate") == [Decimal("19.00"), Decimal("7.50")]
    [_, amount, rate] = [column.format for column in table.table.columns]
    assert amount is not None
    assert amount.role != "points"
    assert display.cell(Decimal("19"), rate) == "19.0%"
    assert rate is not None
    assert sheet_values.number_pattern(rate).pattern == '#,##0.0"%"'
    with duckdb.connect() as connection:
        found = {
            sql: fraction_columns(sql, ["Rate"], {"t": str(table.file)}, connection, "points")
            for sql in ("SELECT Rate FROM t", "SELECT avg(Rate) AS Rate FROM t", "SELECT Rate / 2 AS Rate FROM t")
        }
    assert [bool(columns) for columns in found.values()] == [True, True, False]


def test_fractions_below_a_unit_of_percent_are_not_shown_as_points(ingest: Ingest) -> None:
    [table] = ingest("rates.csv", b"Account,Rate\n,%\nSales,0.19\nRent,0.07\n")
    assert table.table.columns[1].format == NumberFormat(role="number", decimals=2)
