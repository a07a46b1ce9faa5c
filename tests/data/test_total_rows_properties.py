"""Totals that were inserted at random are removed from tables, and no other row is lost."""

import random
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfo_kernel.data import total_rows
from cfo_kernel.data.source_rows import SourceRows

WORDS = {
    "en": ("Subtotal", "Total", "Grand total"),
    "de": ("Zwischensumme", "Summe", "Gesamtsumme"),
    "fr": ("Sous-total", "Total", "Total général"),
    "es": ("Subtotal", "Suma", "Total general"),
    "it": ("Subtotale", "Totale", "Totale complessivo"),
    "pt": ("Subtotal", "Soma", "Total geral"),
    "nl": ("Subtotaal", "Totaal", "Eindtotaal"),
    "sv": ("Delsumma", "Summa", "Totalsumma"),
    "pl": ("Suma częściowa", "Razem", "Ogółem"),
    "ja": ("小計", "計", "合計"),
}


@dataclass
class Table:
    """Lines of a name and two amounts, and whether each of them is a total."""

    lines: list[tuple[str | None, Decimal, Decimal]] = field(default_factory=list)
    totals: list[bool] = field(default_factory=list)

    def add(self, name: str | None, amounts: tuple[Decimal, Decimal], *, is_total: bool) -> None:
        self.lines.append((name, *amounts))
        self.totals.append(is_total)


def amounts(chance: random.Random) -> tuple[Decimal, Decimal]:
    """Amounts of several digits, because a sum of small amounts may be a coincidence."""
    first, second = (chance.choice([1, 1, -1]) * Decimal(chance.randint(10_000, 900_000)) / 100 for _ in range(2))
    return first, second


def summed(parts: list[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    return sum((a for a, _ in parts), Decimal(0)), sum((b for _, b in parts), Decimal(0))


def grouped(chance: random.Random, words: tuple[str, str, str] | None, *, above: bool, suffix: bool) -> Table:
    """Groups with a subtotal each, and a grand total, all above or all below their parts."""
    table, subtotals = Table(), []
    blocks: list[tuple[tuple[Decimal, Decimal], list[tuple[Decimal, Decimal]], str | None]] = []
    for g in range(chance.randint(2, 4)):
        parts = [amounts(chance) for _ in range(chance.randint(2, 6))]
        name = None if words is None else f"Group {chr(65 + g)} {words[0].lower()}" if suffix else words[0]
        blocks.append((summed(parts), parts, name))
        subtotals.append(summed(parts))
    grand = None if words is None else words[2]
    if above:
        table.add(grand, summed(subtotals), is_total=True)
    for g, (whole, parts, name) in enumerate(blocks):
        if above:
            table.add(name, whole, is_total=True)
        for i, part in enumerate(parts):
            table.add(f"Item {chr(65 + g)}{chr(97 + i)}", part, is_total=False)
        if not above:
            table.add(name, whole, is_total=True)
    if not above:
        table.add(grand, summed(subtotals), is_total=True)
    return table


CONNECTION = duckdb.connect()  # a new one for each example takes longer than the search


def kept(lines: list[tuple[str | None, Decimal, Decimal]]) -> list[tuple[str | None, Decimal, Decimal]]:
    CONNECTION.execute("CREATE OR REPLACE TABLE staging (name VARCHAR, a DECIMAL(18, 2), b DECIMAL(18, 2))")
    values = ", ".join(["(?, ?, ?)"] * len(lines))
    CONNECTION.execute(f"INSERT INTO staging VALUES {values}", [cell for line in lines for cell in line])
    total_rows.remove_total_rows(CONNECTION, SourceRows())
    return CONNECTION.execute("FROM staging ORDER BY rowid").fetchall()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    language=st.sampled_from([*WORDS, None]),
    above=st.booleans(),
    suffix=st.booleans(),
)
def test_nested_totals_are_left_out(seed: int, language: str | None, above: bool, suffix: bool) -> None:
    table = grouped(random.Random(seed), WORDS[language] if language else None, above=above, suffix=suffix)
    expected = [line for line, is_total in zip(table.lines, table.totals, strict=True) if not is_total]
    assert kept(table.lines) == expected


@settings(max_examples=15, deadline=None)
@given(chance=st.randoms(use_true_random=False), count=st.integers(2, 40))
def test_a_total_of_rounded_figures_is_left_out(chance: random.Random, count: int) -> None:
    exact = [Decimal(chance.randint(10**6, 10**9)) / 10_000 for _ in range(count)]
    cent = Decimal("0.01")
    lines: list[tuple[str | None, Decimal, Decimal]] = [
        (f"Item {i}", x.quantize(cent, ROUND_HALF_UP), (2 * x).quantize(cent, ROUND_HALF_UP))
        for i, x in enumerate(exact)
    ]
    total = sum(exact)
    whole = (total.quantize(cent, ROUND_HALF_UP), (2 * total).quantize(cent, ROUND_HALF_UP))
    assert kept([*lines, ("Total", *whole)]) == lines


@settings(max_examples=30, deadline=None)
@given(chance=st.randoms(use_true_random=False), count=st.integers(1, 60), most=st.sampled_from([3, 100, 10**6]))
def test_no_line_of_a_list_is_left_out(chance: random.Random, count: int, most: int) -> None:
    """Chance sums occur among small numbers, and some lines have no name."""
    lines: list[tuple[str | None, Decimal, Decimal]] = [
        (
            chance.choice(["Rent", "Pay", "Fees", None]) if chance.random() < 0.1 else f"Line {i}",
            Decimal(chance.randint(0, most)),
            Decimal(chance.randint(0, most)),
        )
        for i in range(count)
    ]
    assert kept(lines) == lines


@pytest.mark.parametrize("wrong", [Decimal("0.50"), Decimal(-100), Decimal(12345)])
def test_a_total_that_is_wrong_is_kept(wrong: Decimal) -> None:
    chance = random.Random(7)
    table = grouped(chance, WORDS["en"], above=False, suffix=False)
    name, a, b = table.lines[-1]
    assert kept([*table.lines[:-1], (name, a + wrong, b)])[-1] == (name, a + wrong, b)


def test_totals_of_a_large_table_are_found_in_sql() -> None:
    types = "day DATE, account VARCHAR, amount DECIMAL(18, 2), quantity INTEGER"
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE staging ({types})")
        body = "SELECT DATE '2024-01-01' + i::INT, 'no. ' || i, i * 1.25, i FROM range({}, {}) t(i)"
        for low, high in ((0, 2000), (2000, 5000)):
            connection.execute(f"INSERT INTO staging {body.format(low, high)}")
            rows = f"FROM staging WHERE quantity >= {low} AND account <> 'Total'"
            connection.execute(f"INSERT INTO staging SELECT NULL, 'Total', sum(amount), sum(quantity) {rows}")
        rows = "FROM staging WHERE account = 'Total'"
        connection.execute(f"INSERT INTO staging SELECT NULL, NULL, sum(amount), sum(quantity) {rows}")
        connection.execute("INSERT INTO staging VALUES (NULL, 'Total', 1, 99999999)")
        decisions = total_rows.remove_total_rows(connection, SourceRows())
        assert connection.execute("SELECT count(*), sum(quantity) FROM staging").fetchall() == [
            (5001, 4999 * 2500 + 99999999)
        ]
    assert [decision.rows for decision in decisions] == [(2001, 5002, 5003), (5004,)]
