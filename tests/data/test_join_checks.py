"""What joins do to the rows that are added up: repeated ones are refused, dropped ones are told."""

from collections.abc import Iterator
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


def asked(company: Company, fn: str, column: str | None, joins: list[Json], **more: Any) -> tuple[list[Any], list[str]]:
    """Rows and notes of a plan with one figure."""
    over, where = more.pop("over", None), more.pop("where", [])
    figure: Json = {"fn": fn, "where": where, **({"column": column} if column else {})}
    select = [{"name": "x", "expression": {"over": over, "of": figure} if over else figure}]
    plan = QueryPlan.model_validate({"table": "sales", "joins": joins, "select": select, **more})
    ready = prepare(plan, company.tables, GlossaryFile(), {})
    found = ready.evaluate(company.worker.query(ready.probe_sql, 1, None)["rows"][0]) if ready.probe_sql else []
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


@pytest.mark.parametrize(("fn", "column"), [("sum", "amount"), ("count", None)])
def test_rows_that_the_second_join_repeats_are_refused(fn: str, column: str | None, shops: Company) -> None:
    """A sale meets one shop, and the shop meets two openings."""
    with pytest.raises(PlanInvalid, match=r"rows of sales several times.* up to 2 rows of openings with the same shop"):
        asked(shops, fn, column, [SHOPS, OPENINGS])


def test_the_second_join_may_repeat_nothing(shops: Company) -> None:
    monday = {"column": "weekday", "value": "Monday"}
    assert asked(shops, "sum", "amount", [SHOPS, OPENINGS], filters=[monday])[0] == [[157.1]]


def test_one_moment_of_the_other_table_repeats_nothing(shops: Company) -> None:
    """The euro has three quotes, and one at the last day; the franc has none."""
    rows, notes = asked(shops, "sum", "amount", [QUOTES], last_of=LAST_DAY)
    assert rows == [[159.1]]
    assert notes == ["1 row of sales is not in the figures: no row of quotes has the currency."]


@pytest.mark.parametrize(
    "more",
    [
        {"last_of": LAST_DAY, "filters": [{"column": "day", "op": "<", "value": "2024-02-01"}]},
        {"last_of": {**LAST_DAY, "grain": "month"}, "filters": [{"column": "bank", "value": "A"}]},
    ],
    ids=["two_rows_at_the_last_moment", "a_moment_in_each_month_and_no_group_for_it"],
)
def test_moments_of_the_other_table_that_repeat_rows_are_refused(more: Json, shops: Company) -> None:
    with pytest.raises(PlanInvalid, match=r"rows of sales several times.* up to 2 rows of quotes"):
        asked(shops, "sum", "amount", [QUOTES], **more)


def test_one_moment_of_the_rows_that_are_taken_repeats_them_all_the_same(shops: Company) -> None:
    openings = {**OPENINGS, "left": "stock.shop_id"}
    with pytest.raises(PlanInvalid, match=r"rows of stock several times.* up to 2 rows of openings"):
        asked(shops, "sum", "pieces", [openings], table="stock", last_of=LAST_DAY)


def test_a_group_for_each_of_the_moments_repeats_nothing(shops: Company) -> None:
    month = {**LAST_DAY, "grain": "month"}
    rows, _ = asked(
        shops, "sum", "amount", [QUOTES], filters=[{"column": "bank", "value": "A"}], group_by=[month], last_of=month
    )
    assert rows == [["2024-01", 109.1], ["2024-02", 159.1]]


def test_rows_that_a_join_drops_are_counted_at_the_last_moment_only(shops: Company) -> None:
    rows, notes = asked(shops, "sum", "pieces", [STOCK_TO_SHOPS], table="stock", last_of=LAST_DAY)
    assert rows == [[4]]
    assert notes == ["2 rows of stock are not in the figures: no row of shops has the shop_id."]


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
