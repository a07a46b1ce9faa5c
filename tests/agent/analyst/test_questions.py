"""Questions about a shop without a glossary, where the analyst has only names, keys and dates to rely on."""

from dataclasses import replace

import pytest

from cfo_kernel.agent.analyst.phrases import ASKS, FUNCTIONS, Ask
from cfo_kernel.agent.analyst.question import Reader
from cfo_kernel.agent.analyst.reading import Reading, Refusal, Shape
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.tables import Column, Table, Tables

from .conftest import Company


@pytest.mark.parametrize(
    ("question", "shape", "functions", "by"),
    [
        ("revenue by region in 2023", Shape.FIGURES, ("sum",), ["region"]),
        ("how many sales in 2023 per store", Shape.FIGURES, ("count",), ["store"]),
        ("average revenue by category", Shape.FIGURES, ("avg",), ["category"]),
        ("average list price", Shape.FIGURES, ("avg",), []),
        ("share of revenue by product 2023", Shape.SHARE, ("sum",), ["product"]),
        ("growth of revenue from 2023 to 2024", Shape.COMPARE, ("sum",), []),
        ("revenue growth by quarter", Shape.CHANGE, ("sum",), ["quarter"]),
        ("cumulative revenue by month in 2023", Shape.RUNNING, ("sum",), ["month"]),
        ("ratio of helmet to road bike revenue", Shape.RATIO, ("sum",), []),
        ("list the products", Shape.LIST, (), ["product"]),
        ("how many products are there", Shape.FIGURES, ("count",), []),
        ("how many products had revenue in 2023", Shape.FIGURES, ("count_distinct",), []),
        ("revenue of road bike and helmet in 2023", Shape.FIGURES, ("sum",), ["product"]),
        ("revenue in 2023 and 2024", Shape.FIGURES, ("sum",), ["year"]),
        ("when was the last sale in oslo", Shape.DATES, ("max",), []),
    ],
)
def test_readings(shop: Company, question: str, shape: Shape, functions: tuple[str, ...], by: list[str]) -> None:
    reading = shop.reader.read(question)
    assert isinstance(reading, Reading), reading
    assert (reading.shape, reading.functions, [b.label for b in reading.by]) == (shape, functions, by)


LEAVE_THE_FIGURE = {
    Ask.SUM, Ask.TOGETHER, Ask.BY, Ask.WHICH, Ask.LIST, Ask.COMPARE, Ask.CAME_FROM, Ask.ALL, Ask.AS, Ask.AND, Ask.OR,
    Ask.IN, Ask.OF, Ask.FROM,
}  # fmt: skip
"""The only phrases with which a question still asks for the plain figure."""


def test_other_phrases_are_never_answered_with_the_plain_figure(sample: Company) -> None:
    """An `Ask` that no rule interprets must not be dropped, because the figure would then be a different one."""

    def reading(question: str) -> Reading | None:
        found = sample.reader.read(question)
        return replace(found, question="", when_at=None) if isinstance(found, Reading) else None

    phrases = {ask: phrase for phrase, ask in reversed(ASKS.items())}
    readings = {ask: reading(f"{phrase} Rent in 2012") for ask, phrase in phrases.items()}
    total = reading("Rent in 2012")
    assert {ask for ask, found in readings.items() if found == total} == LEAVE_THE_FIGURE
    assert {ask: found and found.functions for ask, found in readings.items() if ask in FUNCTIONS} == {
        ask: (name,) for ask, name in FUNCTIONS.items()
    }


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("profit 2023", "profit"),
        ("revenue by weekday", "weekday"),
        ("unpaid revenue", "unpaid"),
        ("costs of bikes", "costs"),
        ("delete revenue", "delete"),
        ("revenue for the customers in oslo", "customers"),
        ("sales by region", "quantity"),
        ("top 3 products by store by revenue", "rank"),
        ("revenue last year", "last year"),
        ("revenue in march", "March"),
        ("revenue of bikes in 2023 and gear in 2024", "each period applies to"),
        ("revenue of oslo and quantity", "quantity"),
        ("total list price", "Adding"),
        ("highest revenue", "highest"),
        ("was revenue over 5000 in 2023", "threshold"),
        ("how many products had revenue over 1000", "threshold"),
        ("revenue of road bike in oslo and helmet in bergen", "belong together"),
        ("cumulative share of revenue by month", "combine"),
        ("average share of revenue by product", "combine"),
        ("growth of the ratio of helmet to road bike revenue", "combine"),
        ("revenue 2023 vs 2023", "same"),
        ("ratio of helmet to helmet revenue", "same name"),
        ("bikes and helmet revenue", "list them together"),
        ("products without oslo", "figure"),
        ("word " * 70, "too long"),
        ("x" * 100_000, "too long"),
        ("", "no readable words"),
    ],
)
def test_a_part_that_is_not_understood_is_named(shop: Company, question: str, word: str) -> None:
    refusal = shop.reader.read(question)
    assert isinstance(refusal, Refusal)
    assert word in refusal.message


@pytest.mark.parametrize(
    ("question", "values"),
    [
        ("helmit revenue", ("Helmet",)),
        ("revenue of all products except road bike", ("Road Bike",)),
        ("revenue excluding bikes", ("Bikes",)),
    ],
)
def test_values(shop: Company, question: str, values: tuple[str, ...]) -> None:
    reading = shop.reader.read(question)
    assert isinstance(reading, Reading)
    assert [p.values for p in reading.picks] == [values]


def test_a_correction_is_mentioned(shop: Company) -> None:
    reading = shop.reader.read("helmit revenue")
    assert isinstance(reading, Reading)
    assert reading.remarks == ("'helmit' was read as 'Helmet'.",)


def test_several_dates_of_a_table_are_named() -> None:
    columns = [Column(name="Amount", type="DECIMAL(18,2)"), *(Column(name=n, type="DATE") for n in ("Date", "Due"))]
    invoices = Table(name="invoices", dataset="invoices", columns=tuple(columns), row_count=2)
    found = Reader(Schema(Tables([invoices]), GlossaryFile())).read("total amount by month")
    assert "invoices has several dates to group by month: Date, Due." in str(found)
