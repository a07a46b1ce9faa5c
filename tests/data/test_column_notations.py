"""Known columns, written in every notation and with random faults, are read as what they were."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal as D
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cfo_kernel.data import type_inference
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.data.vocabulary import MONTHS

GROUPS = {",": ".", ".": ",", " ": ",", "\u00a0": ",", "\u202f": ",", "'": ".", "’": ".", "": "."}
NEGATIVES = ("-{}", "({})", "{}-", "−{}", "–{}", "- {}", "{} -")
CURRENCIES = ("{}", "${}", "{} €", "EUR {}", "{} CHF", "₹{}", "R$ {}", "kr {}", "{} zł", "Rs. {}")
FEW = settings(max_examples=15, deadline=None)


def read(*columns: tuple[str, Sequence[str | None]]) -> tuple[list[list[Any]], list[Decision]]:
    """The columns with these names and cells after inference, and the decisions."""
    with duckdb.connect() as connection:
        names = ", ".join(f'"{name}" VARCHAR' for name, _ in columns)
        connection.execute(f"CREATE TABLE staging ({names})")
        marks = ", ".join("?" * len(columns))
        rows = [list(row) for row in zip(*(cells for _, cells in columns), strict=True)]
        connection.executemany(f"INSERT INTO staging VALUES ({marks})", rows)
        decisions = type_inference.infer_types(connection, SourceRows(2))
        found = connection.execute("FROM staging").fetchall()
        return [list(column) for column in zip(*found, strict=True)], decisions


def written(value: D, group: str, point: str, negative: str, currency: str) -> str:
    text = f"{abs(value):,.2f}".replace(".", "\0").replace(",", group).replace("\0", point)
    shown = currency.format(text)
    return negative.format(shown) if value < 0 else shown


AMOUNTS = st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=2, max_size=12)


@FEW
@given(AMOUNTS, st.sampled_from(sorted(GROUPS)), st.sampled_from(NEGATIVES), st.sampled_from(CURRENCIES))
@example([D("1234567.50"), D(-5)], " ", "({})", "{} zł")
def test_amounts_in_every_notation(values: list[D], group: str, negative: str, currency: str) -> None:
    cells = [written(value, group, GROUPS[group], negative, currency) for value in values]
    [column], _ = read(("amount", cells))
    assert column == values


@FEW
@given(
    AMOUNTS, st.sampled_from(["#N/A", "(null)", "TBD", "offen", "n/a", "#BEZUG!", "keine", "xx"]), st.integers(0, 19)
)
def test_an_odd_cell_is_null_and_named(values: list[D], odd: str, place: int) -> None:
    cells: list[str | None] = [f"{v:.2f}" for v in (values * 20)[:20]]
    cells[place] = odd
    [column], decisions = read(("v", cells))
    assert column == [None if i == place else D(cell or 0) for i, cell in enumerate(cells)]
    [empty] = [d for d in decisions if d.kind is DecisionKind.EMPTY_CELLS]
    assert (empty.rows, empty.count) == ((place + 2,), 1)
    assert odd in empty.text


DAYS = st.lists(st.dates(date(1970, 1, 1), date(2060, 12, 31)), min_size=1, max_size=8)
FORMS: dict[str, Callable[[date], str]] = {
    "iso": lambda d: d.isoformat(),
    "german": lambda d: f"{d:%d.%m.%Y}",
    "british": lambda d: f"{d:%d/%m/%Y}",
    "mixed years": lambda d: f"{d:%d/%m/%Y}" if d.day % 2 else f"{d.day}/{d.month}/{d:%y}",
    "american": lambda d: f"{d:%m/%d/%Y}",
    "compact": lambda d: f"{d:%Y%m%d}",
    "serial": lambda d: str((d - date(1899, 12, 30)).days),
    "japanese": lambda d: f"{d.year}年{d.month}月{d.day}日",
}


@FEW
@given(DAYS, st.sampled_from(sorted(FORMS)))
@example([date(2027, 9, 30), date(2031, 3, 15)], "mixed years")
def test_dates_in_every_form(days: list[date], form: str) -> None:
    days = [day.replace(year=max(day.year, 1970)) for day in (*days, date(2024, 1, 31))]
    [column], _ = read(("posting date", [FORMS[form](day) for day in days]))
    assert column == days


@pytest.mark.parametrize("form", ["{d}. {m} {y}", "{d} de {m} de {y}", "{m} {d}, {y}", "{d}-{m}-{y}", "{y} {m} {d}"])
def test_the_names_of_months_in_ten_languages(form: str) -> None:
    cells = [form.format(d=28, m=word.upper() if number % 2 else word, y=2024) for word, number in MONTHS.items()]
    [column], _ = read(("v", cells))
    assert column == [date(2024, number, 28) for number in MONTHS.values()]


MARCH = date(2024, 3, 1)


@pytest.mark.parametrize(
    "cell", ["Mar-24", "März 2024", "mars 2024", "2024-03", "03/2024", "Mar '24", "2024年3月", "MRZ 24"]
)
def test_a_month_is_its_first_day(cell: str) -> None:
    [column], decisions = read(("v", [cell]))
    assert column == [MARCH]
    assert [d.kind for d in decisions] == [DecisionKind.DATES]


def test_all_date_columns_of_a_file_decide_the_order_of_day_and_month() -> None:
    [first, second], decisions = read(("a", ["03/04/2024"]), ("b", ["01/31/2024"]))
    assert (first, second) == ([date(2024, 3, 4)], [date(2024, 1, 31)])
    assert not any(d.needs_check for d in decisions)


KEPT: dict[str, tuple[str, list[str]]] = {
    "leading zeros": ("v", ["00123", "4"]),
    "sort codes": ("Sort code", ["10-01-20", "11-02-21"]),
    "segments": ("v", ["10-01-20", "11-02-21"]),
    "periods": ("v", ["2024.1", "2024.10"]),
    "accounts with a point": ("Konto", ["1.100", "4.010"]),
    "telephone numbers": ("Phone", ["5551234567", "5559876543"]),
    "telephone numbers of other countries": ("v", ["+49 301 234", "+44 207 946"]),
    "postal codes": ("PLZ", ["10115", "80331"]),
    "abbreviated ids": ("v", ["4.53E+15", "4530000000012345"]),
    "quantities": ("v", ["5 kg", "7 kg"]),
    "one side only": ("v", ["5 H", "7 H"]),
    "placeholders alone": ("v", ["-", "n/a"]),
    "two words": ("v", ["a", "TBD"]),
    "figures and many words": ("v", ["1.5", "2.5", "see note", "see file"]),
    "whole numbers and a rare word": ("v", ["1"] * 30 + ["see note"]),
    "fiscal periods": ("v", ["P03", "P12"]),
}


@pytest.mark.parametrize("name", KEPT)
def test_codes_and_words_keep_their_text(name: str) -> None:
    header, cells = KEPT[name]
    [column], _ = read((header, cells))
    assert column == cells


READ: dict[str, tuple[str, list[str | None], list[Any]]] = {
    "debit and credit": ("v", ["1,234.50 Dr", "5.00 CR", "0"], [D("1234.5"), D(-5), D(0)]),
    "Soll and Haben": ("v", ["1.234,50 S", "5,00 H"], [D("1234.5"), D(-5)]),
    "Indian groups": ("v", ["1,23,456.00", "1,00,00,000.00"], [D(123456), D(10**7)]),
    "dollars in brackets": ("v", ["$(200.00)", "$ (15.25)", "($1.00)"], [D(-200), D("-15.25"), D(-1)]),
    "accounting zeros": ("v", ["$1.50", "$-", " -   ", "-"], [D("1.5"), D(0), D(0), None]),
    "protected signs": ("v", ["'-75.63", "'=12.5", "1.0"], [D("-75.63"), D("12.5"), D(1)]),
    "protected codes": ("v", ['="00123"', '="00124"'], ["00123", "00124"]),
    "codes with an apostrophe": ("v", ["'00123", "'00124"], ["00123", "00124"]),
    "percents and zero": ("v", ["12.5%", "0", "7 %"], [D("0.125"), D(0), D("0.07")]),
    "outer spaces": ("v", ["Sales", "Sales ", "\u00a0Sales"], ["Sales"] * 3),
    "open dates": ("v", ["2024-01-31", "open", "00.00.0000"], [date(2024, 1, 31), None, None]),
    "a serial number among dates": ("v", ["31.01.2024", "45351"], [date(2024, 1, 31), date(2024, 2, 29)]),
    "hours": ("Hours", ["36:00", "6:30"], [D(36), D("6.5")]),
    "scales": ("v", ["$1.2m", "$350k", "($2bn)"], [D(1200000), D(350000), D(-2000000000)]),
    "German scales": ("v", ["1,5 Mio. €", "-350 Tsd. €", "2,25 Mrd. €"], [D(1500000), D(-350000), D(2250000000)]),
    "millions of money": ("Revenue", ["1.25m", "0.5m"], [D(1250000), D(500000)]),
    "metres": ("Length", ["1.2 m", "3 m"], ["1.2 m", "3 m"]),
    "weights with a price": ("v", ["$5 kg", "$3 kg"], ["$5 kg", "$3 kg"]),
    "scales in several currencies": ("v", ["$1.2m", "€3k"], ["$1.2m", "€3k"]),
    "twice negative": ("v", ["-(1.00)", "3.00", "(2.50)"], [D(-1), D(3), D("-2.5")]),
    "a currency without a space": ("Amount", ["EUR500", "EUR1200"], [D(500), D(1200)]),
    "Japanese losses": ("v", ["△1,234", "5円"], [D(-1234), D(5)]),
}


@pytest.mark.parametrize("name", READ)
def test_cells_are_read_as_they_are_meant(name: str) -> None:
    header, cells, values = READ[name]
    [column], _ = read((header, cells))
    assert column == values


@pytest.mark.parametrize(
    ("header", "cells", "kind", "is_doubtful"),
    [
        ("Posting date", ["20240131", "20240229"], date, False),
        ("Buchungsdatum", ["20240131", "20240229"], date, False),
        ("v", ["20240131", "20240229"], date, True),
        ("v", ["20240131", "20240230"], int, False),
        ("Invoice", ["20240131", "20240229"], int, False),
        ("Amount", ["20240131", "20240229"], int, False),
        ("Datum", ["45322", "45351"], date, False),
        ("Start", ["45322", "45351"], int, False),
        ("Due amount", ["45322", "45351"], int, False),
    ],
)
def test_numbers_are_dates_where_the_header_says_so(
    header: str, cells: list[str], kind: type, is_doubtful: bool
) -> None:
    [column], decisions = read((header, cells))
    assert {type(value) for value in column} == {kind}
    assert [d.needs_check for d in decisions] == ([is_doubtful] if kind is date else [])


@pytest.mark.parametrize(
    ("header", "cells", "said"),
    [
        ("Revenue", ["1.25m", "3", "0"], "1 cell has no scale, unlike the others, and was read as written"),
        ("Revenue", ["1.250m", "2m"], "the separator in 1.250m was read as a decimal separator"),
        ("Revenue", ["1.250 million", "2 million"], "The file does not show whether the separator is a decimal one"),
        ("v", ["-(1.00)", "3.00"], "1 cell has a minus sign and parentheses (-(1.00)), and was read as negative"),
    ],
)
def test_figures_that_may_mean_something_else_are_named(header: str, cells: list[str], said: str) -> None:
    _, decisions = read((header, cells))
    [doubt] = [decision for decision in decisions if decision.needs_check]
    assert said in doubt.text


def test_dates_with_points_begin_with_the_day() -> None:
    columns, decisions = read(("a", ["05.02.2024", "06.03.2024"]), ("b", ["05/02/2024", "06/03/2024"]))
    assert columns == [[date(2024, 2, 5), date(2024, 3, 6)]] * 2
    assert [(d.column, d.needs_check) for d in decisions] == [("b", False)]


def test_a_currency_column_follows_its_amounts() -> None:
    columns, _ = read(("v", ["EUR 1.50", "USD 2.50"]), ("n", ["1", "2"]), ("t", ["a", " b"]))
    assert columns == [[D("1.5"), D("2.5")], ["EUR", "USD"], [1, 2], ["a", "b"]]


@pytest.mark.parametrize(
    ("name", "cells", "why", "rows"),
    [
        ("Amount", ["1,200.50", "5,000.00 CR", "12.50-", "3.00"], "1 cell is not a figure (5,000.00 CR; row 3)", (3,)),
        ("Amount", ["1.200,50", "5,000.25", "3,10"], "it has figures in different notations", ()),
        ("Booked", ["2024-01-05", "31/31/2024", "2024-02-01"], "it has dates in different notations", ()),
        ("Size", [*map(str, range(40)), "14x"], "1 cell is not a figure (14x; row 42)", (42,)),
        ("Fees", ["USD 5.00", "USD 7.50", "USD 8.10", "USD 9/10"], "1 cell is not a figure (USD 9/10; row 5)", (5,)),
        ("Due", ["14. März 2024", "3. Mai 2024", "1. Juni 2024", "x7"], "1 cell is not a date (x7; row 5)", (5,)),
        ("Due", ["45322", "45351", "45400", "x7"], "1 cell is not a date (x7; row 5)", (5,)),
    ],
)
def test_a_column_that_stays_text_although_most_of_it_are_figures_says_why(
    name: str, cells: list[str], why: str, rows: tuple[int, ...]
) -> None:
    [column], [decision] = read((name, cells))
    assert column == cells
    assert f"{name}: the column stays text, because {why}" in decision.text
    assert (decision.needs_check, decision.rows) == (True, rows)


@pytest.mark.parametrize("cells", [["A1", "B2", "7"], ["i1", "i2", "i3"], ["10", "12", "14x", "15"], ["5 kg", "7 kg"]])
def test_a_column_of_names_stays_text_without_a_word(cells: list[str]) -> None:
    assert read(("Name", cells)) == ([cells], [])


@pytest.mark.parametrize("cells", [["10.01.001", "10.01.002", "20.01.001"], ["1.01.001", "1.02.000"]])
@pytest.mark.parametrize("name", ["Account", "Conto", "Item"])
def test_codes_with_points_are_no_amounts_in_indian_groups(name: str, cells: list[str]) -> None:
    [column], _ = read((name, cells))
    assert column == cells
