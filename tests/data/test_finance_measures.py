"""Finance measures are found in a company's own tables, explain themselves, and compute right figures."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio

from cfo_kernel.data.measure_expressions import parse
from cfo_kernel.data.plan import Join, Measure, QueryPlan
from cfo_kernel.data.semantics.finance_library import DAYS, finance_library
from cfo_kernel.data.semantics.library_measures import concepts_in
from cfo_kernel.data.semantics.meaning import MeasureMeaning
from cfo_kernel.data.workspace_data import WorkspaceData

MONTHS = ("2024-01-31", "2024-02-29", "2024-03-31")
LEDGER = ["Buchungsdatum,Konto,Betrag"] + [
    f"{month},{account},{amount}"
    for month in MONTHS
    for account, amount in (("4000", "100.00"), ("5000", "-40.00"), ("6000", "-10.50"))
]
ACCOUNTS = ["Konto,Bezeichnung", "4000,Umsatzerlöse", "5000,Herstellungskosten", "6000,Reisekosten"]
TIMES = ["Entry No,Work Date,Hours,Billable"] + [
    f"{n},2024-0{n % 6 + 1}-15,{n % 4 + 1}.50,{'Y' if n % 3 else 'N'}" for n in range(1, 25)
]
INVOICES = ["Order ID,Order Date,Net Sales USD"] + [f"A{n // 2},2024-0{n % 6 + 1}-05,{100 + n}.25" for n in range(24)]
DEBTORS = ["Month End,Customer,Receivables"] + [f"{month},C{n},{50 * n}.00" for month in MONTHS for n in range(1, 5)]


@pytest_asyncio.fixture
async def data(tmp_path: Path) -> AsyncIterator[WorkspaceData]:
    (tmp_path / "data").mkdir()
    data = WorkspaceData(tmp_path, query_timeout=60, ingest_timeout=60)
    yield data
    await data.close()


async def measures(data: WorkspaceData, **files: list[str]) -> dict[str, MeasureMeaning]:
    folder = data.scratch.parent / "data"
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {measure.name: measure for measure in (await data.meaning()).measures}


async def value(data: WorkspaceData, measure: MeasureMeaning, *joins: Join) -> Decimal:
    assert measure.expression is not None
    select = (Measure(name="figure", expression=measure.expression),)
    [[figure]] = (await data.plan(QueryPlan(table=measure.table, joins=joins, select=select), cap=2)).rows
    return round(Decimal(str(figure)), 6)


@pytest.mark.asyncio
async def test_lines_of_a_ledger_are_parts_and_costs_count_as_positive(data: WorkspaceData) -> None:
    found = await measures(data, ledger=LEDGER, accounts=ACCOUNTS)
    join = Join(table="accounts", left="ledger.Konto", right="accounts.Konto")
    assert await value(data, found["gross profit"], join) == Decimal("180.00")
    assert await value(data, found["gross margin"], join) == Decimal("0.6")
    said = "revenue is ledger.Betrag where accounts.Bezeichnung is Umsatzerlöse"
    assert said in (found["gross margin"].description or "")


@pytest.mark.asyncio
async def test_columns_are_parts(data: WorkspaceData) -> None:
    found = await measures(data, times=TIMES, invoices=INVOICES)
    hours = [(n % 4 + 1.5, n % 3 != 0) for n in range(1, 25)]
    expected = sum(h for h, billable in hours if billable) / sum(h for h, _ in hours)
    assert await value(data, found["utilization"]) == round(Decimal(str(expected)), 6)
    net = sum(Decimal(100 + n) + Decimal("0.25") for n in range(24))
    assert await value(data, found["average order value"]) == round(net / 12, 6)


@pytest.mark.asyncio
async def test_parts_in_two_tables_are_separate_figures(data: WorkspaceData) -> None:
    found = await measures(data, invoices=INVOICES, debtors=DEBTORS)
    days = found["days sales outstanding"]
    assert (days.expression, days.text) == (None, "receivables / revenue * days")
    assert [(part.name, part.table) for part in days.parts] == [("receivables", "debtors"), ("revenue", "invoices")]


@pytest.mark.asyncio
async def test_a_measure_with_two_fits_is_left_to_people(data: WorkspaceData) -> None:
    plan = ["Order ID,Order Date,Net Sales USD", *INVOICES[1:20]]
    found = await measures(data, invoices=INVOICES, forecast_orders=plan, debtors=DEBTORS)
    assert "average order value" not in found
    assert "days sales outstanding" not in found
    glossary = "tables:\n  invoices:\n    measures:\n      gross profit: {expression: '\"Net Sales USD\" * 0.5'}\n"
    (data.scratch.parent / "data" / "datasets.yaml").write_text(glossary)
    [own] = (await data.meaning()).measures
    assert (own.name, own.source) == ("gross profit", "glossary")


def test_the_library_is_complete() -> None:
    """Each name in an expression is a concept or a measure, and no word names two concepts of the same kind."""
    library = finance_library()
    for measure in library.measures.values():
        for name in concepts_in(parse(measure.expression)):
            assert name in library.concepts or name in library.measures or name == DAYS
    words = [(word, role) for c in library.concepts.values() for word in c.words for role in c.roles]
    assert len(words) == len(set(words))
    assert all(concept.of in library.concepts for concept in library.concepts.values() if concept.of)
