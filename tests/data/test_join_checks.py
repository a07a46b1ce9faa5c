"""A plan whose joins repeat rows behind a figure is refused, and rows that joins drop are noted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.prepared_plan import prepare
from cfo_kernel.errors import PlanInvalid
from tests.data.conftest import Company, opened

Json = dict[str, Any]

FILES = {
    "sales": "sale_id,currency,shop_id,amount\n1,EUR,1,100.1\n2,USD,1,50.00\n3,EUR,2,7.00\n4,CHF,9,3\n5,EUR,,2.00\n",
    "rates": "currency,month,kind,rate\nEUR,1,avg,1.00\nEUR,2,avg,1.10\nUSD,1,avg,0.90\nUSD,1,end,0.80\n",
    "shops": "shop_id,town,area\n1,Bern,10\n2,Rome,20\n3,Oslo,30\n",
    "openings": "shop_id,weekday\n1,Monday\n1,Tuesday\n2,Monday\n",
    "quotes": "currency,day,bank\nEUR,2024-01-31,A\nEUR,2024-01-31,B\nEUR,2024-02-29,A\nUSD,2024-02-29,A\n",
    "stock": "item,day,shop_id,pieces\na,2024-01-31,1,1\na,2024-01-31,9,2\na,2024-02-29,1,4\na,2024-02-29,9,8\n"
    "a,2024-02-29,8,16\n",
}
RATES = {"table": "rates", "left": "sales.currency", "right": "rates.currency"}
SHOPS = {"table": "shops", "left": "sales.shop_id", "right": "shops.shop_id"}
OPENINGS = {"table": "openings", "left": "shops.shop_id", "right": "openings.shop_id"}
QUOTES = {"table": "quotes", "left": "sales.currency", "right": "quotes.currency"}
STOCK_TO_SHOPS = {"table": "shops", "left": "stock.shop_id", "right": "shops.shop_id"}
LAST_DAY = {"column": "day"}
MONTH_1 = {"column": "month", "value": 1}
AVERAGE = {"column": "kind", "value": "avg"}


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = opened(tmp_path_factory.mktemp("shops"), FILES)
    yield company
    company.worker.connection.close()


def run_plan(
    company: Company, fn: str, column: str | None, joins: list[Json], **more: Any
) -> tuple[list[Any], list[str]]:
    """The rows and notes of a plan with one figure."""
    over, where = more.pop("over", None), more.pop("where", [])
    figure: Json = {"fn": fn, "where": where, **({"column": column} if column else {})}
    select = [{"name": "x", "expression": {"over": over, "of": figure} if over else figure}]
    plan = QueryPlan.model_validate({"table": "sales", "joins": joins, "select": select, **more})
    ready = prepare(plan, company.tables, GlossaryFile(), {})
    found = ready.evaluate(company.worker.query(ready.probe_sql, 1, None)["rows"][0]) if ready.probe_sql else []
    return company.worker.query(ready.sql, 100, None)["rows"], found


@pytest.mark.parametrize("fn", ["sum", "avg", "median", "count"])
def test_rows_that_a_join_repeats_are_not_added_up(fn: str, shops: Company) -> None:
    with pytest.raises(PlanInvalid, match="x would count rows of sales several times: the join repeats"):
        run_plan(shops, fn, "amount", [RATES])


def test_rows_that_a_join_repeats_are_not_counted(shops: Company) -> None:
    with pytest.raises(PlanInvalid, match="x would count rows of sales several times"):
        run_plan(shops, "count", None, [RATES])


def test_rows_of_the_one_side_are_repeated_by_the_many_side(shops: Company) -> None:
    with pytest.raises(PlanInvalid, match=r"rows of shops several times.* up to 2 rows of sales with the same shop_id"):
        run_plan(shops, "sum", "area", [SHOPS])


def test_a_share_is_checked_over_its_whole_total(shops: Company) -> None:
    month = [{"column": "month"}]
    with pytest.raises(PlanInvalid, match="several times"):
        run_plan(shops, "sum", "amount", [RATES], group_by=month, filters=[AVERAGE], over="share_of_total")


def test_a_repeat_is_found_behind_a_join_that_does_not_repeat(shops: Company) -> None:
    with pytest.raises(PlanInvalid, match="rows of shops several times"):
        run_plan(shops, "sum", "area", [SHOPS, RATES], group_by=[{"column": "sale_id"}])


@pytest.mark.parametrize(("fn", "column"), [("sum", "amount"), ("count", None)])
def test_a_repeat_by_the_second_of_two_joins_is_refused(fn: str, column: str | None, shops: Company) -> None:
    """A sale has one shop, and the shop has two openings."""
    with pytest.raises(PlanInvalid, match=r"rows of sales several times.* up to 2 rows of openings with the same shop"):
        run_plan(shops, fn, column, [SHOPS, OPENINGS])


def test_a_filter_on_the_second_table_avoids_the_repeat(shops: Company) -> None:
    monday = {"column": "weekday", "value": "Monday"}
    assert run_plan(shops, "sum", "amount", [SHOPS, OPENINGS], filters=[monday])[0] == [[157.1]]


def test_a_joined_table_with_one_row_at_the_last_moment_repeats_nothing(shops: Company) -> None:
    """The euro has three quotes, but only one on the last day; the franc has none."""
    rows, notes = run_plan(shops, "sum", "amount", [QUOTES], last_of=LAST_DAY)
    assert rows == [[159.1]]
    assert notes == ["1 row of sales is not in the figures: no row in quotes has this currency."]


@pytest.mark.parametrize(
    "more",
    [
        {"last_of": LAST_DAY, "filters": [{"column": "day", "op": "<", "value": "2024-02-01"}]},
        {"last_of": {**LAST_DAY, "grain": "month"}, "filters": [{"column": "bank", "value": "A"}]},
    ],
    ids=["two_rows_at_the_last_moment", "a_moment_in_each_month_and_no_group_for_it"],
)
def test_a_joined_table_with_several_rows_at_the_moments_read_is_refused(more: Json, shops: Company) -> None:
    with pytest.raises(PlanInvalid, match=r"rows of sales several times.* up to 2 rows of quotes"):
        run_plan(shops, "sum", "amount", [QUOTES], **more)


def test_the_last_moment_of_the_counted_rows_does_not_avoid_a_repeat(shops: Company) -> None:
    openings = {**OPENINGS, "left": "stock.shop_id"}
    with pytest.raises(PlanInvalid, match=r"rows of stock several times.* up to 2 rows of openings"):
        run_plan(shops, "sum", "pieces", [openings], table="stock", last_of=LAST_DAY)


def test_a_group_for_each_moment_avoids_the_repeat(shops: Company) -> None:
    month = {**LAST_DAY, "grain": "month"}
    rows, _ = run_plan(
        shops, "sum", "amount", [QUOTES], filters=[{"column": "bank", "value": "A"}], group_by=[month], last_of=month
    )
    assert rows == [["2024-01", 109.1], ["2024-02", 159.1]]


def test_rows_that_a_left_join_does_not_reach_repeat_nothing(tmp_path: Path) -> None:
    """Two more shops in the north have no sales, so they are not in the result."""
    files = {
        "sales": "sale_id,shop_id\n1,1\n2,2\n",
        "shops": "shop_id,region\n1,North\n2,South\n3,North\n4,North\n",
        "regions": "region,people\nNorth,5\nSouth,7\n",
    }
    regions = {"table": "regions", "left": "shops.region", "right": "regions.region", "kind": "left"}
    company = opened(tmp_path, files)
    joins = [{**SHOPS, "kind": "left"}, regions]
    assert run_plan(company, "sum", "people", joins, group_by=[{"column": "sale_id"}])[0] == [[1, 5], [2, 7]]
    company.worker.connection.close()


def test_dropped_rows_are_counted_at_the_last_moment_only(shops: Company) -> None:
    rows, notes = run_plan(shops, "sum", "pieces", [STOCK_TO_SHOPS], table="stock", last_of=LAST_DAY)
    assert rows == [[4]]
    assert notes == ["2 rows of stock are not in the figures: no row in shops has this shop_id."]


@pytest.mark.parametrize("fn", ["min", "max", "count_distinct"])
def test_minimum_maximum_and_distinct_count_allow_repeated_rows(fn: str, shops: Company) -> None:
    assert run_plan(shops, fn, "amount", [RATES])[0]


@pytest.mark.parametrize(
    ("more", "rows"),
    [
        ({"filters": [MONTH_1, AVERAGE]}, [[159.1]]),
        ({"filters": [MONTH_1], "where": [AVERAGE]}, [[159.1]]),
        ({"filters": [AVERAGE], "group_by": [{"column": "month"}]}, [[1, 159.1], [2, 109.1]]),
        ({"filters": [{"column": "month", "value": 2}]}, [[109.1]]),
    ],
)
def test_a_filter_or_group_that_leaves_one_match_avoids_the_repeat(more: Json, rows: list[Any], shops: Company) -> None:
    assert run_plan(shops, "sum", "amount", [RATES], **more)[0] == rows


def test_a_count_of_rows_counts_the_table_that_is_not_repeated(shops: Company) -> None:
    """Several sales belong to one shop, so the rows of the join are sales."""
    joins = [{"table": "sales", "left": "shops.shop_id", "right": "sales.shop_id"}]
    assert run_plan(shops, "count", None, joins, table="shops") == ([[3]], [])


NOTE = "2 rows of sales are not in the figures: no row in shops has this shop_id."


@pytest.mark.parametrize(
    ("more", "notes"),
    [
        ({}, [NOTE]),
        ({"group_by": [{"column": "town"}]}, [NOTE]),
        ({"filters": [{"column": "currency", "value": "CHF"}]}, [NOTE.replace("2 rows", "1 row").replace("are", "is")]),
        ({"where": [{"column": "currency", "value": "USD"}]}, []),
        ({"filters": [{"column": "town", "value": "Bern"}]}, []),
        ({"where": [{"column": "town", "value": "Bern"}]}, []),
    ],
)
def test_rows_that_an_inner_join_drops_are_noted(more: Json, notes: list[str], shops: Company) -> None:
    assert run_plan(shops, "sum", "amount", [SHOPS], **more)[1] == notes


def test_a_left_join_drops_nothing(shops: Company) -> None:
    assert run_plan(shops, "sum", "amount", [{**SHOPS, "kind": "left"}]) == ([[162.1]], [])


def test_each_of_two_joins_notes_the_rows_that_it_drops(shops: Company) -> None:
    _, notes = run_plan(shops, "sum", "amount", [SHOPS, RATES], group_by=[{"column": "month"}, {"column": "kind"}])
    assert notes == [NOTE, "1 row of sales is not in the figures: no row in rates has this currency."]
