"""What joins do to the rows that are added up: repeated ones are refused, dropped ones are told."""

from collections.abc import Iterator
from typing import Any

import pytest

from cfo_kernel.data.glossary import Glossary
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.prepare import prepare
from cfo_kernel.errors import PlanInvalid
from tests.data.conftest import Company, opened

Json = dict[str, Any]

FILES = {
    "sales": "sale_id,currency,shop_id,amount\n1,EUR,1,100.1\n2,USD,1,50.00\n3,EUR,2,7.00\n4,CHF,9,3\n5,EUR,,2.00\n",
    "rates": "currency,month,kind,rate\nEUR,1,avg,1.00\nEUR,2,avg,1.10\nUSD,1,avg,0.90\nUSD,1,end,0.80\n",
    "shops": "shop_id,town,area\n1,Bern,10\n2,Rome,20\n3,Oslo,30\n",
}
RATES = {"table": "rates", "left": "sales.currency", "right": "rates.currency"}
SHOPS = {"table": "shops", "left": "sales.shop_id", "right": "shops.shop_id"}
MONTH_1 = {"column": "month", "value": 1}
AVERAGE = {"column": "kind", "value": "avg"}


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = opened(tmp_path_factory.mktemp("shops"), FILES)
    yield company
    company.worker.connection.close()


def asked(company: Company, fn: str, column: str | None, joins: list[Json], **more: Any) -> tuple[list[Any], list[str]]:
    """Rows and notes of a plan with one figure."""
    over, where = more.pop("over", None), more.pop("where", [])
    figure: Json = {"fn": fn, "where": where, **({"column": column} if column else {})}
    select = [{"name": "x", "expression": {"over": over, "of": figure} if over else figure}]
    plan = QueryPlan.model_validate({"table": "sales", "joins": joins, "select": select, **more})
    ready = prepare(plan, company.tables, Glossary(), {})
    found = ready.judge(company.worker.query(ready.asked, 1, None)["rows"][0]) if ready.asked else []
    return company.worker.query(ready.sql, 100, None)["rows"], found


@pytest.mark.parametrize("fn", ["sum", "avg", "median", "count"])
def test_rows_that_a_join_repeats_are_not_added_up(fn: str, shops: Company) -> None:
    with pytest.raises(PlanInvalid, match="x would take rows of sales several times: the join repeats"):
        asked(shops, fn, "amount", [RATES])


def test_rows_that_a_join_repeats_are_not_counted(shops: Company) -> None:
    with pytest.raises(PlanInvalid, match="x would take rows of sales several times"):
        asked(shops, "count", None, [RATES])


def test_a_figure_of_the_one_side_is_repeated_by_the_many(shops: Company) -> None:
    with pytest.raises(PlanInvalid, match=r"rows of shops several times.* up to 2 rows of sales with the same shop_id"):
        asked(shops, "sum", "area", [SHOPS])


def test_a_share_is_of_a_total_that_repeats_nothing(shops: Company) -> None:
    month = [{"column": "month"}]
    with pytest.raises(PlanInvalid, match="several times"):
        asked(shops, "sum", "amount", [RATES], group_by=month, filters=[AVERAGE], over="share_of_total")


def test_what_repeats_through_a_second_join_is_seen_from_the_first(shops: Company) -> None:
    with pytest.raises(PlanInvalid, match="rows of shops several times"):
        asked(shops, "sum", "area", [SHOPS, RATES], group_by=[{"column": "sale_id"}])


@pytest.mark.parametrize("fn", ["min", "max", "count_distinct"])
def test_the_least_the_greatest_and_the_distinct_may_be_of_repeated_rows(fn: str, shops: Company) -> None:
    assert asked(shops, fn, "amount", [RATES])[0]


@pytest.mark.parametrize(
    ("more", "rows"),
    [
        ({"filters": [MONTH_1, AVERAGE]}, [[159.1]]),
        ({"filters": [MONTH_1], "where": [AVERAGE]}, [[159.1]]),
        ({"filters": [AVERAGE], "group_by": [{"column": "month"}]}, [[1, 159.1], [2, 109.1]]),
        ({"filters": [{"column": "month", "value": 2}]}, [[109.1]]),
    ],
)
def test_one_row_for_each_is_added_up(more: Json, rows: list[Any], shops: Company) -> None:
    assert asked(shops, "sum", "amount", [RATES], **more)[0] == rows


def test_a_count_counts_the_rows_that_nothing_repeats(shops: Company) -> None:
    """Seen from the shops the sales are the rows."""
    joins = [{"table": "sales", "left": "shops.shop_id", "right": "sales.shop_id"}]
    assert asked(shops, "count", None, joins, table="shops") == ([[3]], [])


TOLD = "2 rows of sales are not in the figures: no row of shops has the shop_id."


@pytest.mark.parametrize(
    ("more", "notes"),
    [
        ({}, [TOLD]),
        ({"group_by": [{"column": "town"}]}, [TOLD]),
        ({"filters": [{"column": "currency", "value": "CHF"}]}, [TOLD.replace("2 rows", "1 row").replace("are", "is")]),
        ({"where": [{"column": "currency", "value": "USD"}]}, []),
        ({"filters": [{"column": "town", "value": "Bern"}]}, []),
        ({"where": [{"column": "town", "value": "Bern"}]}, []),
    ],
)
def test_rows_that_an_inner_join_drops_are_told(more: Json, notes: list[str], shops: Company) -> None:
    assert asked(shops, "sum", "amount", [SHOPS], **more)[1] == notes


def test_a_left_join_drops_nothing(shops: Company) -> None:
    assert asked(shops, "sum", "amount", [{**SHOPS, "kind": "left"}]) == ([[162.1]], [])


def test_rows_that_two_joins_drop_are_told_by_both(shops: Company) -> None:
    _, notes = asked(shops, "sum", "amount", [SHOPS, RATES], group_by=[{"column": "month"}, {"column": "kind"}])
    assert notes == [TOLD, "1 row of sales is not in the figures: no row of rates has the currency."]
