"""A new aggregate is refused wherever its figure could be wrong, unless its entry allows it."""

from collections.abc import Iterator
from statistics import stdev
from typing import Any

import pytest
from pydantic import ValidationError

from cfo_kernel.data.aggregates import AGGREGATES, AggregateFunction, Needs
from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.hierarchies import Node, Tree
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.prepared_plan import prepare
from cfo_kernel.errors import PlanInvalid
from tests.data.conftest import Company, opened

Json = dict[str, Any]

BOOKS = """scenario,kind,posted,currency,account_key,amount
Actual,Flow,2024-01-31,EUR,2,10.00
Actual,Flow,2024-02-29,EUR,3,30.00
Actual,Flow,2024-02-29,USD,2,50.00
Budget,Flow,2024-02-29,CHF,2,99.00
Actual,Stock,2024-01-31,CHF,4,5.00
Actual,Stock,2024-02-29,CHF,4,8.00
"""
RATES = "currency,month,rate\nEUR,1,1.00\nEUR,2,1.10\nUSD,1,0.90\n"
CHART = "account_key,account\n1,Profit\n2,Sales\n3,Costs\n4,Cash\n"
GLOSSARY = GlossaryFile.model_validate({
    "tables": {
        "books": {
            "date": "posted",
            "defaults": {"books.scenario": "Actual"},
            "balances": {"books.kind": ["Stock"]},
        },
    }
})  # fmt: skip
NODES = [
    Node(key="1", parent=None, name="Profit"),
    Node(key="2", parent="1", name="Sales", booked=True),
    Node(key="3", parent="1", name="Costs", sign=-1, booked=True),
    Node(key="4", parent=None, name="Cash", booked=True),
]
TREES = {"chart": Tree("chart", "account_key", "account", NODES, noun="account", signed=True)}

ACTUAL = {"column": "scenario", "value": "Actual"}
FLOW = {"column": "kind", "value": "Flow"}
STOCK = {"column": "kind", "value": "Stock"}
TO_RATES = {"table": "rates", "left": "books.currency", "right": "rates.currency"}
TO_CHART = {"table": "chart", "left": "books.account_key", "right": "chart.account_key"}
PROFIT = {"column": "account", "value": "Profit"}
MONTH = {"column": "posted", "grain": "month"}


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = opened(tmp_path_factory.mktemp("books"), {"books": BOOKS, "rates": RATES, "chart": CHART})
    yield company
    company.worker.connection.close()


@pytest.fixture
def stddev(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adds an aggregate whose entry gives only its name."""
    monkeypatch.setitem(AGGREGATES, "stddev", AggregateFunction("stddev"))


def ask(company: Company, fn: str, *filters: Json, column: str | None = "amount", **fields: Any) -> list[list[Any]]:
    """The rows of a plan with one figure, after all checks."""
    figure = {"fn": fn, "column": column, **fields.pop("figure", {})}
    over = fields.pop("over", None)
    select = [{"name": "x", "expression": {"over": over, "of": figure} if over else figure}]
    plan = QueryPlan.model_validate({"table": "books", "filters": filters, "select": select, **fields})
    ready = prepare(plan, company.tables, GLOSSARY, TREES)
    if ready.probe_sql:
        ready.evaluate(company.worker.query(ready.probe_sql, 1, None)["rows"][0])
    return [list(row) for row in company.worker.query(ready.sql, 100, None)["rows"]]


def test_an_expression_is_computed_over_the_rows_of_its_own_filters(
    books: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(AGGREGATES, "mean", AggregateFunction("mean", sql="exp(avg(ln({})))"))

    [[mean]] = ask(books, "mean", ACTUAL, FLOW, figure={"where": [{"column": "account_key", "value": 2}]})

    assert mean == pytest.approx((10 * 50) ** 0.5)


GUARDED = ["stddev", "sum", "avg", "median"]


@pytest.mark.usefixtures("stddev")
@pytest.mark.parametrize("fn", GUARDED)
def test_a_guarded_aggregate_is_refused_over_two_scenarios(fn: str, books: Company) -> None:
    with pytest.raises(
        PlanInvalid, match=r"x would add rows with different values of books.scenario \(Actual and Budget\)"
    ):
        ask(books, fn, FLOW)


@pytest.mark.usefixtures("stddev")
@pytest.mark.parametrize("fn", GUARDED)
def test_a_guarded_aggregate_is_refused_over_a_balance_at_two_dates(fn: str, books: Company) -> None:
    with pytest.raises(PlanInvalid, match=r"x would add a balance over several dates \(2024-01-31 and 2024-02-29\)"):
        ask(books, fn, ACTUAL, STOCK)


@pytest.mark.usefixtures("stddev")
@pytest.mark.parametrize("fn", GUARDED)
def test_a_guarded_aggregate_is_refused_over_rows_that_a_join_repeats(fn: str, books: Company) -> None:
    with pytest.raises(PlanInvalid, match="x would count rows of books several times: the join repeats"):
        ask(books, fn, ACTUAL, FLOW, joins=[TO_RATES])


@pytest.mark.usefixtures("stddev")
@pytest.mark.parametrize("fn", ["stddev", "avg", "median"])
def test_a_guarded_aggregate_is_refused_over_rows_that_are_subtracted(fn: str, books: Company) -> None:
    with pytest.raises(
        PlanInvalid, match=f"{fn} over Profit is not meaningful, because some accounts in it are subtracted"
    ):
        ask(books, fn, ACTUAL, PROFIT, joins=[TO_CHART])


@pytest.mark.usefixtures("stddev")
@pytest.mark.parametrize("over", ["share_of_total", "running_total"])
def test_a_new_aggregate_has_no_share_and_no_running_total(over: str, books: Company) -> None:
    with pytest.raises(PlanInvalid, match=f"{over} adds up the rows of the result, but figures of stddev cannot"):
        ask(books, "stddev", ACTUAL, FLOW, over=over, group_by=[MONTH])


@pytest.mark.usefixtures("stddev")
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"column": "currency"}, "stddev needs numbers, but currency is VARCHAR"),
        ({"column": None}, "stddev needs a column"),
        (
            {"column": "posted", "figure": {"grain": "month"}},
            "stddev does not take a grain: only count_distinct counts periods",
        ),
    ],
)
def test_a_new_aggregate_takes_a_column_of_numbers(fields: Json, says: str, books: Company) -> None:
    with pytest.raises(PlanInvalid, match=says):
        ask(books, "stddev", ACTUAL, FLOW, **fields)


@pytest.mark.usefixtures("stddev")
def test_a_new_aggregate_is_computed_where_no_guard_applies(books: Company) -> None:
    [[found]] = ask(books, "stddev", ACTUAL, FLOW)
    assert found == pytest.approx(stdev([10, 30, 50]))


def test_a_guarded_aggregate_of_rows_without_a_column_is_refused_too(
    monkeypatch: pytest.MonkeyPatch, books: Company
) -> None:
    monkeypatch.setitem(AGGREGATES, "row_count", AggregateFunction("row_count", sql="count({})", needs=Needs.ROWS))
    assert ask(books, "row_count", ACTUAL, FLOW, column=None) == [[3]]
    with pytest.raises(
        PlanInvalid, match=r"x would add rows with different values of books.scenario \(Actual and Budget\)"
    ):
        ask(books, "row_count", FLOW, column=None)


def test_an_entry_states_the_freedoms_that_it_takes(monkeypatch: pytest.MonkeyPatch, books: Company) -> None:
    free = AggregateFunction("all_positive", sql="bool_and({} > 0)", adds_rows=False, is_changed_by_repeats=False)
    monkeypatch.setitem(AGGREGATES, "all_positive", free)
    assert ask(books, "all_positive", joins=[TO_RATES]) == [[True]]


def test_the_json_schema_lists_the_aggregates_of_the_table() -> None:
    schema = QueryPlan.model_json_schema()["$defs"]["Aggregate"]["properties"]["fn"]
    assert schema == {"enum": list(AGGREGATES), "title": "Fn", "type": "string"}


def test_an_unknown_aggregate_is_refused_with_the_list_of_known_ones(books: Company) -> None:
    first, *_, other, last = AGGREGATES
    with pytest.raises(ValidationError, match=f"Input should be '{first}', .*'{other}' or '{last}'"):
        ask(books, "no_such_function")
