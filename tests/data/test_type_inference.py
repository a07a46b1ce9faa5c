"""The types inferred for text columns. Each case is a whole column, because its last cell counts as much as its first."""

# ruff: noqa: E501 - one case a line reads best

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfo_kernel.data.source_rows import SourceRows
from tests.data.conftest import Ingested

Csv = Callable[..., Ingested]
US = "v: amounts were read in the style of 1,234.56."
EU = "v: amounts were read in the style of 1.234,56."
US_PERCENT = "v: percentages were read in the style of 1,234.56 and stored as fractions (5% as 0.05)."
EU_PERCENT = "v: percentages were read in the style of 1.234,56 and stored as fractions (5% as 0.05)."
DAY_FIRST = "were read day first; the file does not show whether the day or the month comes first. Check one of them."
TEXT: list[Any] = []  # expected values of a column that stays text

COLUMNS: dict[str, tuple[list[str], str, list[Any]]] = {
    "whole numbers": (["1", "-20", "+3"], "BIGINT", [1, -20, 3]),
    "whole numbers beyond BIGINT": (["12345678901234567890", "2"], "DECIMAL(20,0)", [D("12345678901234567890"), D(2)]),
    "whole numbers beyond DECIMAL": (["1" * 45, "2"], "VARCHAR", TEXT),
    "plain decimals": (["0.1", "-0.25", ".5", "3."], "DECIMAL(18,2)", [D("0.10"), D("-0.25"), D("0.50"), D("3.00")]),
    "long decimals": (["12345678901234567890123.45"], "DECIMAL(25,2)", [D("12345678901234567890123.45")]),
    "float noise": (["657203.80000000005", "1.5"], "DECIMAL(18,1)", [D("657203.8"), D("1.5")]),
    "rates": (["0.123456789012345", "0.2"], "DOUBLE", [0.123456789012345, 0.2]),
    "small floats": (["1e-05", "2.5"], "DECIMAL(18,5)", [D("0.00001"), D("2.5")]),
    "huge floats": (["1e+35", "2.5"], "DOUBLE", [1e35, 2.5]),
    "floats of other languages": (["1.5E3", "2.5"], "DECIMAL(18,1)", [D("1500.0"), D("2.5")]),
    "infinity": (["inf", "2.5"], "DOUBLE", [float("inf"), 2.5]),
    "leading zeros": (["00123", "00124"], "VARCHAR", TEXT),
    "codes like floats": (["12E4", "13E5"], "VARCHAR", TEXT),
    "codes like currencies": (["R1", "R2", "R12"], "VARCHAR", TEXT),
    "numbers and a word": (["1", "2", "two"], "VARCHAR", TEXT),
    "american amounts": (["(1,234.56)", "$5", "-$6.5", "7-", "1,000"], "DECIMAL(18,2)", [D("-1234.56"), D(5), D("-6.5"), D(-7), D(1000)]),
    "european amounts": (["1.234,56", "-2,5", "€ 3", "1.000.000"], "DECIMAL(18,2)", [D("1234.56"), D("-2.5"), D(3), D(1000000)]),
    "percents": (["12.5%", "-7 %", "(1%)"], "DECIMAL(18,3)", [D("0.125"), D("-0.07"), D("-0.01")]),
    "some percents": (["12.5%", "7"], "VARCHAR", TEXT),
    "a percentage among amounts": (["1,250.5", "300", "12.5%"], "DECIMAL(18,1)", [D("1250.5"), D(300), D("12.5")]),
    "nil amounts": (["$ —", "$1,250.5", "-300", "n.m."], "DECIMAL(18,1)", [D(0), D("1250.5"), D(-300), None]),
    "nil percentages": (["—%", "12.5%", "(2)%"], "DECIMAL(18,3)", [D(0), D("0.125"), D("-0.02")]),
    "amounts with a zero in front": (["01,234.50", "5"], "VARCHAR", TEXT),
    "neither style": (["1,234.50", "1.234,50"], "VARCHAR", TEXT),
    "telephone numbers": (["555-1234", "555-9876"], "VARCHAR", TEXT),
    "booleans": (["true", "FALSE"], "BOOLEAN", [True, False]),
    "yes and no": (["Y", "N"], "VARCHAR", TEXT),
    "iso dates": (["2024-01-31", "2024-2-1"], "DATE", [date(2024, 1, 31), date(2024, 2, 1)]),
    "iso dates with slashes": (["2024/01/31"], "DATE", [date(2024, 1, 31)]),
    "german dates": (["31.01.2024", "1.2.2024"], "DATE", [date(2024, 1, 31), date(2024, 2, 1)]),
    "american dates": (["03/04/2024", "01/31/2024"], "DATE", [date(2024, 3, 4), date(2024, 1, 31)]),
    "ambiguous dates": (["03/04/2024", "05/06/2024"], "DATE", [date(2024, 4, 3), date(2024, 6, 5)]),
    "short years": (["31/01/24"], "DATE", [date(2024, 1, 31)]),
    "named months": (["31-Mar-2024", "01-MAY-2024"], "DATE", [date(2024, 3, 31), date(2024, 5, 1)]),
    "long months": (["March 31, 2024", "May 1, 2024"], "DATE", [date(2024, 3, 31), date(2024, 5, 1)]),
    "no dates": (["31/02/2024", "01/02/2024"], "VARCHAR", TEXT),
    "no iso dates": (["2024-02-31", "2024-01-01"], "VARCHAR", TEXT),
    "times": (["2024-01-31 10:00", "2024-02-01T11:30:05.5"], "TIMESTAMP", [datetime(2024, 1, 31, 10), datetime(2024, 2, 1, 11, 30, 5, 500000)]),
    "dates and times": (["2024-01-31", "2024-02-01 11:30"], "TIMESTAMP", [datetime(2024, 1, 31), datetime(2024, 2, 1, 11, 30)]),
    "midnights": (["2024-01-31 00:00:00", "2024-02-01 00:00"], "DATE", [date(2024, 1, 31), date(2024, 2, 1)]),
    "american times": (["3/31/2024 1:30 PM", "4/1/2024 12:00 AM"], "TIMESTAMP", [datetime(2024, 3, 31, 13, 30), datetime(2024, 4, 1)]),
    "zoned times": (["2024-01-31T10:00:00Z", "2024-01-31T12:00:00+02:00"], "TIMESTAMP WITH TIME ZONE", [datetime(2024, 1, 31, 10, tzinfo=UTC)] * 2),
}  # fmt: skip


def csv(cells: list[str]) -> str:
    return "k,v\n" + "".join(f'{i},"{cell}"\n' for i, cell in enumerate(cells))


@pytest.mark.parametrize("name", COLUMNS)
def test_the_type_of_a_column(name: str, ingest_csv: Csv) -> None:
    cells, kind, values = COLUMNS[name]
    table = ingest_csv(csv(cells))
    assert table.types["v"] == kind
    assert table.column("v") == (values or cells)


@pytest.mark.parametrize(
    ("late", "kind", "last"),
    [
        ("2.75", "DECIMAL(18,2)", D("2.75")),
        ("00124", "VARCHAR", "00124"),
        ("see note", "VARCHAR", "see note"),
        ("1,234.5", "DECIMAL(18,1)", D("1234.5")),
        ("n/a", "BIGINT", None),
        ("12345678901234567890", "DECIMAL(20,0)", D("12345678901234567890")),
    ],
)
def test_one_cell_decides_below_thirty_thousand_others(ingest_csv: Csv, late: str, kind: str, last: object) -> None:
    table = ingest_csv(csv(["1"] * 30_000 + [late]))
    assert table.types["v"] == kind
    assert table.column("v")[-1] == last
    assert table.table.row_count == 30_001


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["(1,234.56)"], US),
        (["1.234,56"], EU),
        (["1,5"], EU),
        (["5%"], US_PERCENT),
        (
            ["657203.80000000005", "1.5"],
            "v: floating-point noise was rounded off in 1 value (such as 657203.80000000005).",
        ),
        (["03/04/2024"], f"v: dates such as 03/04/2024 {DAY_FIRST}"),
        (["01/02/24 10:00"], f"v: dates such as 01/02/24 10:00 {DAY_FIRST}"),
        (["1", "-", "N/A", "nan"], "v: 3 cells were read as empty (-, N/A, nan; rows 3, 4, 5)."),
        (["1", "-"], "v: 1 cell was read as empty (-; row 3)."),
        (["13/04/2024", "03/04/2024"], None),
        (["2024-03-04"], None),
        (["0.1", "0.25"], None),
        (["-", "n/a"], None),
    ],
)
def test_a_note_says_how_a_column_was_read(ingest_csv: Csv, cells: list[str], note: str | None) -> None:
    assert ingest_csv(csv(cells)).notes == ((note,) if note else ())


THOUSANDS = (
    "v: the separator in {} was read as a decimal separator; "
    "the file does not show whether it is a thousands separator. Check one value."
)
COMMAS = (
    "v: the separator in {} was read as a thousands separator; "
    "the file does not show whether it is a decimal separator. Check one value."
)


@pytest.mark.parametrize(
    ("delimiter", "cells", "other", "values", "note"),
    [
        # nothing decides, not even the delimiter
        (";", ["1.234", "12.500", "3.700"], "x", ["1.234", "12.500", "3.700"], THOUSANDS.format("1.234")),
        (";", ["1.234", "7", "-12.500"], "x", ["1.234", "7", "-12.500"], THOUSANDS.format("-12.500")),
        (";", ["€ 1.234", "2 €"], "x", ["1.234", "2"], f"{US} {THOUSANDS.format('€ 1.234')}"),
        (";", ["12.500%"], "x", ["0.125"], f"{US_PERCENT} {THOUSANDS.format('12.500%')}"),
        (";", ["1,234", "12,500"], "x", ["1234", "12500"], f"{US} {COMMAS.format('1,234')}"),
        (",", ["1.234", "12.500", "3.700"], "x", ["1.234", "12.500", "3.700"], THOUSANDS.format("1.234")),
        (",", ["7", "$12.500"], "x", ["7", "12.5"], f"{US} {THOUSANDS.format('$12.500')}"),
        (",", ["1,234", "12,500"], "x", ["1234", "12500"], f"{US} {COMMAS.format('1,234')}"),
        (",", ["1"] * 3000 + ["1.234"], "x", ["1"] * 3000 + ["1.234"], THOUSANDS.format("1.234")),
        # another column decides
        (",", ["1.234"], "2,5", ["1234"], EU),
        (",", ["1,234"], "2,5", ["1.234"], EU),
        (",", ["1,234"], "2.5", ["1234"], US),
        (",", ["1.234"], "2.5", ["1.234"], ""),
        (";", ["1.234"], "2.5", ["1.234"], ""),
        (";", ["1,234"], "(1,234.50)", ["1234"], US),
        # a cell of the column decides
        (";", ["1.234", "0.500"], "x", ["1.234", "0.5"], ""),
        (";", ["1.234", "1.5"], "x", ["1.234", "1.5"], ""),
        (",", ["1.234", "1.234.567"], "x", ["1234", "1234567"], EU),
        (",", ["1,234", "1,234,567"], "x", ["1234", "1234567"], US),
        (";", ["1234", "7"], "x", ["1234", "7"], ""),
    ],
)
def test_points_and_commas_are_read_as_the_file_uses_them(
    ingest_csv: Csv, delimiter: str, cells: list[str], other: str, values: list[str], note: str
) -> None:
    rows = "".join(f'"{other}"{delimiter}"{cell}"\n' for cell in cells)
    table = ingest_csv(f"o{delimiter}v\n{rows}")
    assert [D(str(value)) for value in table.column("v")] == [D(value) for value in values]
    assert " ".join(n for n in table.notes if n.startswith("v:")) == note


def test_columns_that_disagree_decide_nothing(ingest_csv: Csv) -> None:
    table = ingest_csv('a;b;v\n"1,5";1.5;1.234\n')
    assert table.column("v") == [D("1.234")]
    assert table.notes == (EU.replace("v:", "a:"), THOUSANDS.format("1.234"))


def test_another_column_of_iso_dates_is_not_called_ambiguous(ingest_csv: Csv) -> None:
    table = ingest_csv("a,b\n2024-01-01,03/04/2024\n2024-01-02,04/04/2024\n")
    assert [note.split(":")[0] for note in table.notes] == ["b"]


def test_an_empty_column_stays_text(ingest_csv: Csv) -> None:
    assert ingest_csv("a,b\n1,\n2,\n").types == {"a": "BIGINT", "b": "VARCHAR"}


@settings(max_examples=20)
@given(st.lists(st.decimals(-(10**12), 10**12, places=2), min_size=1, max_size=20))
def test_money_is_never_changed(values: list[D]) -> None:
    """An amount with two decimals keeps its value, however it is written."""
    import duckdb

    from cfo_kernel.data import type_inference

    for write in ("{:.2f}", "{:,.2f}", "${:,.2f}"):
        with duckdb.connect() as connection:
            connection.execute("CREATE TABLE staging (v VARCHAR)")
            connection.executemany("INSERT INTO staging VALUES (?)", [[write.format(v)] for v in values])
            type_inference.infer_types(connection, SourceRows())
            assert [v for (v,) in connection.execute("FROM staging").fetchall()] == values


@pytest.mark.parametrize("zone", ["+99:99", "+16:00", "-24", "+05:60"])
def test_an_impossible_time_zone_stays_text(ingest_csv: Csv, zone: str) -> None:
    assert ingest_csv(f"at,n\n2024-01-01T00:00:00{zone},1\n").types["at"] == "VARCHAR"


@pytest.mark.parametrize("zone", ["+14:00", "-12", "+0545", "Z", "-15:59"])
def test_a_possible_time_zone_is_read(ingest_csv: Csv, zone: str) -> None:
    assert ingest_csv(f"at,n\n2024-01-01T00:00:00{zone},1\n").types["at"] == "TIMESTAMP WITH TIME ZONE"


@pytest.mark.parametrize(
    ("cells", "amounts", "currencies"),
    [
        (("$1.00", "€1.00", "-"), [D(1), D(1), None], ["USD", "EUR", None]),
        (('"1.000,50 €"', '"2,00 £"', ""), [D("1000.5"), D(2), None], ["EUR", "GBP", None]),
        (("USD 1.50", "CHF -2.25", "kr 3"), [D("1.5"), D("-2.25"), D(3)], ["USD", "CHF", "kr"]),
    ],
)
def test_amounts_in_different_currencies_become_two_columns(
    ingest_csv: Csv, cells: tuple[str, ...], amounts: list[D | None], currencies: list[str | None]
) -> None:
    table = ingest_csv("d,v\n" + "".join(f"a,{cell}\n" for cell in cells))
    assert table.column("v") == amounts
    assert table.column("Currency") == currencies
    assert any("the amounts are in different currencies" in note for note in table.notes)


def test_amounts_with_and_without_one_currency_are_numbers(ingest_csv: Csv) -> None:
    assert ingest_csv("d,v\na,$1.00\nb,2.50\n").types["v"] == "DECIMAL(18,2)"


def test_abbreviated_numbers_are_no_noise(ingest_csv: Csv) -> None:
    table = ingest_csv("order,amount\n1.00E+05,0.30000000000000004\n2.00E+05,1\n")
    [note] = table.notes
    assert note == "amount: floating-point noise was rounded off in 1 value (such as 0.30000000000000004)."
