"""Joins by several columns, by a range and by validity, and anti joins: SQL, rows, checks and refusals."""

# ruff: noqa: E501 - a case a line reads best
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfo_kernel.data.compiler import compile_plan
from cfo_kernel.data.hierarchies import Node, Tree
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.tables import Column, Table, Tables
from cfo_kernel.errors import PlanInvalid, QueryError, UnknownColumn
from tests.data.conftest import Company, opened
from tests.data.golden_plans import Json, ask, golden, names_in

FILES = {
    "sales": "sale_id,day,at,customer_id,item,currency,amount\n"
    "1,2024-01-15,2024-01-15 23:30:00,1,a,EUR,100.1\n"
    "2,2024-02-10,2024-02-10 00:00:00,1,b,GBP,50\n"
    "3,2024-03-05,2024-03-05 09:00:00,2,a,GBP,20\n"
    "4,2024-03-31,2024-03-31 23:59:00,2,a,EUR,7\n"
    "5,2024-04-02,2024-04-02 10:00:00,9,c,USD,3\n",
    "rates": "code,month,kind,rate\nEUR,2024-01,avg,1\nEUR,2024-03,avg,1\nGBP,2024-02,avg,1.2\nGBP,2024-03,avg,1.3\nGBP,2024-03,end,1.4\nUSD,2024-04,avg,0.9\n",
    "months": "day,month\n2024-01-15,2024-01\n2024-02-10,2024-02\n2024-03-05,2024-03\n2024-03-31,2024-03\n2024-04-02,2024-04\n",
    "prices": "item,price_list,valid_from,valid_to,price\na,web,2024-01-01,2024-03-31,10\na,web,2024-04-01,,11\nb,web,2024-02-01,2024-12-31,20\n",
    "lists": "item,shop,since,price\na,web,2024-01-01,1\na,shop,2024-02-01,2\na,web,2024-03-10,4\nb,web,2024-01-01,8\nc,web,2024-05-01,9\n",
    "customers": "customer_id,name\n1,Ada\n2,Bo\n3,Cy\n",
    "bands": "band,low,high\nsmall,,19.99\nmiddle,20,99.99\nlarge,100,\n",
    "steps": "step,at_least,at_most\nlow,0,50\nhigh,50,1000\n",
}
FROM_DAY = {"column": "sales.day", "low": "prices.valid_from", "high": "prices.valid_to"}
PRICES = {"table": "prices", "left": "sales.item", "right": "prices.item", "between": FROM_DAY}
LISTS = {"table": "lists", "left": "item", "right": "item", "between": {"column": "day", "low": "since"}}
MONTHS = {"table": "months", "left": "sales.day", "right": "months.day"}
RATES = {"table": "rates", "left": ["sales.currency", "months.month"], "right": ["rates.code", "rates.month"]}
BANDS = {"table": "bands", "between": {"column": "amount", "low": "low", "high": "high"}}
STEPS = {"table": "steps", "between": {"column": "amount", "low": "at_least", "high": "at_most"}}
CUSTOMERS = {"table": "customers", "left": "sales.customer_id", "right": "customers.customer_id"}
NO_SALES = {"table": "sales", "left": "customers.customer_id", "right": "sales.customer_id", "kind": "anti"}
MARCH = {"column": "sales.day", "op": "in period", "value": "2024-03"}
AVG = {"column": "rates.kind", "value": "avg"}
WEB = {"column": "shop", "value": "web"}
ID = {"column": "sale_id"}


def total(column: str = "amount", **more: Any) -> list[Json]:
    return [{"name": "x", "expression": {"fn": "sum", "column": column, **more}}]


CASES: dict[str, tuple[Json, list[list[Any]], list[str]]] = {
    "by_several_columns": (
        {"joins": [MONTHS, RATES], "filters": [AVG], "group_by": [ID, {"column": "rate"}], "select": total()},
        [[1, 1, 100.1], [2, 1.2, 50], [3, 1.3, 20], [4, 1, 7], [5, 0.9, 3]],
        [],
    ),
    "by_validity": (
        {"joins": [PRICES], "group_by": [ID], "select": total("price")},
        [[1, 10], [2, 20], [3, 10], [4, 10]],
        [],
    ),
    "by_validity_of_a_time": (
        {
            "joins": [{**PRICES, "between": {**FROM_DAY, "column": "sales.at"}}],
            "select": [{"name": "n", "expression": {"fn": "count", "column": "sale_id"}}],
        },
        [[4]],
        ["1 row of sales is not in the figures: no row in prices holds for this item and at."],
    ),
    "until_the_next_row": (
        {"joins": [LISTS], "filters": [WEB], "group_by": [ID, {"column": "price"}], "select": total()},
        [[1, 1, 100.1], [2, 8, 50], [3, 1, 20], [4, 4, 7]],
        [],
    ),
    "by_a_range_with_open_ends": (
        {"joins": [BANDS], "group_by": [{"column": "band"}], "select": total()},
        [["large", 100.1], ["middle", 70], ["small", 10]],
        [],
    ),
    "a_range_of_the_first_table": (
        {
            "table": "bands",
            "joins": [{"table": "sales", "between": {"column": "sales.amount", "low": "low", "high": "high"}}],
            "group_by": [{"column": "band"}],
            "select": total(),
        },
        [["large", 100.1], ["middle", 70], ["small", 10]],
        [],
    ),
    "without_a_match": ({"table": "customers", "joins": [NO_SALES], "group_by": [{"column": "name"}]}, [["Cy"]], []),
    "without_a_match_in_march": (
        {"table": "customers", "joins": [NO_SALES], "filters": [MARCH], "group_by": [{"column": "name"}]},
        [["Ada"], ["Cy"]],
        [],
    ),
    "without_a_match_behind_a_join": (
        {
            "table": "customers",
            "joins": [NO_SALES, PRICES],
            "filters": [{"column": "price", "value": 10}, {"column": "customers.customer_id", "op": "<", "value": 3}],
            "select": [{"name": "n", "expression": {"fn": "count"}}],
        },
        [[0]],
        [],
    ),
    "without_a_match_in_a_range": (
        {"joins": [{**PRICES, "kind": "anti"}], "group_by": [ID], "select": total()},
        [[5, 3]],
        [],
    ),
    "without_a_match_beside_a_join": (
        {"joins": [CUSTOMERS, {**LISTS, "kind": "anti"}], "filters": [WEB], "select": total()},
        [[None]],
        ["1 row of sales is not in the figures: no row in customers has this customer_id."],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = opened(tmp_path_factory.mktemp("shop"), FILES)
    yield company
    company.worker.connection.close()


@pytest.mark.parametrize("name", CASES)
def test_the_sql_is_the_golden_one_and_the_rows_are_those_worked_out_by_hand(name: str, shop: Company) -> None:
    fields, rows, notes = CASES[name]
    fields = {"table": "sales", **fields}
    sql = compile_plan(QueryPlan.model_validate(fields), shop.tables)
    assert sql == golden("golden_joins", name, sql)
    assert ask(shop, fields) == (rows, notes)


def test_there_is_no_golden_file_without_a_case() -> None:
    assert names_in("golden_joins") == set(CASES)


REFUSED: list[tuple[Json, type[QueryError], str]] = [
    (
        {"joins": [MONTHS, RATES], "select": total()},
        PlanInvalid,
        "x would count rows of sales several times: the join repeats each for up to 2 rows of rates with the same code and month.",
    ),
    (
        {"joins": [STEPS], "select": total()},
        PlanInvalid,
        "up to 2 rows of steps that hold for the same amount. Filter steps to one of them, leave out `high` (a row then holds until the next at_least)",
    ),
    (
        {"joins": [{**LISTS, "between": {"column": "amount", "low": "lists.price"}, "left": [], "right": []}, BANDS], "table": "sales", "select": [{"name": "n", "expression": {"fn": "sum", "column": "price"}}]},
        PlanInvalid,
        "n would count rows of lists several times: the join repeats each for up to 3 rows of sales",
    ),
    ({"joins": [LISTS], "select": total(where=[WEB])}, PlanInvalid, "Move that filter from the figure to the plan's filters."),
    ({"joins": [{**RATES, "left": "currency"}], "select": total()}, PlanInvalid, "pairs 1 and 2 columns. Name as many in `left` as in `right`."),
    ({"joins": [{"table": "rates"}], "select": total()}, PlanInvalid, "names no columns. Give it `left` and `right`, or `between`."),
    ({"joins": [{**BANDS, "between": {"column": "item", "low": "low", "high": "high"}}], "select": total()}, PlanInvalid, "so their values cannot be compared"),
    ({"joins": [{**BANDS, "between": {"column": "amount", "low": "lw", "high": "high"}}], "select": total()}, UnknownColumn, "There is no column lw."),
    ({"joins": [{**BANDS, "between": {"column": "low", "low": "low", "high": "high"}}], "select": total()}, PlanInvalid, "Name a column of sales in `column`, and two of bands as `low` and `high`."),
    ({"table": "bands", "joins": [{"table": "sales", "between": {"column": "amount", "low": "low"}}], "select": total()}, PlanInvalid, "bands.low has no end. Name `high`, or join bands to sales."),
    ({"table": "customers", "joins": [NO_SALES], "select": total()}, PlanInvalid, "amount is a column of sales, which an anti join leaves out of the result. Use it only in the plan's filters, as sales.amount."),
    ({"table": "customers", "joins": [NO_SALES, {**PRICES, "kind": "anti"}], "select": total()}, PlanInvalid, "prices cannot be joined to the rows that an anti join leaves out."),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "kind", "says"), REFUSED)
def test_a_join_that_means_nothing_is_refused_with_the_repair(
    fields: Json, kind: type[QueryError], says: str, shop: Company
) -> None:
    with pytest.raises(kind) as caught:
        ask(shop, {"table": "sales", **fields})
    assert says in caught.value.message


def test_two_rows_with_the_same_start_repeat_a_row(tmp_path: Path) -> None:
    lists = FILES["lists"] + "a,shop,2024-01-01,3\n"
    company = opened(tmp_path, {**FILES, "lists": lists})
    with pytest.raises(PlanInvalid, match="up to 2 rows of lists that hold for the same item and day"):
        ask(company, {"table": "sales", "joins": [LISTS], "select": total()})
    assert ask(company, {"table": "sales", "joins": [LISTS], "filters": [WEB], "select": total()})[0] == [[177.1]]
    company.worker.connection.close()


def test_checks_see_the_rows_of_a_new_join(shop: Company) -> None:
    """Balances and scenarios are found whichever way a table is joined, and anti joins change no sign."""
    glossary = {
        "tables": {"sales": {"kept_apart": ["sales.currency"], "date": "day", "balances": {"sales.item": ["a"]}}}
    }
    for joins in ([BANDS], [PRICES], [{**PRICES, "kind": "anti"}], [LISTS]):
        everything = joins[0].get("kind") == "anti"
        kept = [] if everything else [{"column": "currency", "value": "EUR"}]
        refused = "kept apart" if everything else "add a balance over several dates"
        filters = [{"column": "sales.item", "op": "!=", "value": "x"}, *kept]
        plan = {"table": "sales", "joins": joins, "filters": filters, "select": total()}
        if everything:
            assert ask(shop, plan, glossary)[0] == [[3]]
            continue
        with pytest.raises(PlanInvalid, match=refused):
            ask(shop, plan, glossary)


def test_a_parent_in_an_anti_join_means_all_below_it_and_changes_no_sign(shop: Company) -> None:
    nodes = [Node(key="7", parent=None, name="All"), Node(key="2", parent="7", name="Bo", sign=-1, booked=True)]
    nodes += [Node(key="3", parent="7", name="Cy", booked=True)]
    trees = {"customers": Tree("customers", "customer_id", "name", nodes, noun="customer", signed=True)}
    plan = {
        "table": "sales",
        "joins": [{**CUSTOMERS, "kind": "anti"}],
        "filters": [{"column": "name", "value": "All"}],
        "select": total(),
    }
    assert ask(shop, plan, trees=trees)[0] == [[153.1]]


days = st.integers(1, 9)
keyed = st.tuples(st.sampled_from("ab"), days)


@settings(max_examples=40, deadline=None)
@given(
    facts=st.lists(keyed, min_size=1, max_size=6),
    rows=st.lists(st.tuples(st.sampled_from("ab"), days | st.none(), days | st.none()), max_size=5),
    kind=st.sampled_from(["inner", "left", "anti"]),
    has_end=st.booleans(),
)
def test_ranges_equal_hand_written_sql(
    facts: list[tuple[str, int]], rows: list[tuple[str, int | None, int | None]], kind: str, has_end: bool
) -> None:
    """The product's joins find what a comparison of each pair of rows finds."""

    def holds(fact: tuple[str, int], row: tuple[str, int | None, int | None]) -> bool:
        (key, day), (other, low, high) = fact, row
        if key != other:
            return False
        if has_end:
            return (low is None or low <= day) and (high is None or day <= high)
        later = [n for k, n, _ in rows if k == other and n is not None and low is not None and n > low]
        return low is not None and low <= day and (not later or day < min(later))

    found = [(fact, [row for row in rows if holds(fact, row)]) for fact in facts]
    expected = sorted(
        [(*fact, -1) for fact, matches in found if kind != "inner" and not matches]
        + [(*fact, -1 if row[1] is None else row[1]) for fact, matches in found if kind != "anti" for row in matches]
    )
    columns = [Column(name=name, type=kind) for name, kind in (("k", "VARCHAR"), ("d", "BIGINT"))]
    ends = [Column(name=name, type="BIGINT", nulls=1) for name in ("low", "high")]
    known = Tables(
        [
            Table(name="f", dataset="f", columns=tuple(columns), row_count=len(facts)),
            Table(name="r", dataset="r", columns=(columns[0], *ends), row_count=len(rows)),
        ]
    )
    between = {"column": "f.d", "low": "low", **({"high": "high"} if has_end else {})}
    plan = {
        "table": "f",
        "joins": [{"table": "r", "left": "f.k", "right": "r.k", "between": between, "kind": kind}],
        "select": [{"name": "n", "expression": {"fn": "count"}}],
        "group_by": [{"column": "f.k"}, {"column": "d"}, *([] if kind == "anti" else [{"column": "low"}])],
    }
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE f (k VARCHAR, d BIGINT); CREATE TABLE r (k VARCHAR, low BIGINT, high BIGINT)")
        connection.executemany("INSERT INTO f VALUES (?, ?)", facts)
        for row in rows:
            connection.execute("INSERT INTO r VALUES (?, ?, ?)", row)
        sql = compile_plan(QueryPlan.model_validate(plan), known)
        result = [
            (row[0], row[1], -1 if kind == "anti" or row[2] is None else row[2], row[-1])
            for row in connection.execute(sql).fetchall()
        ]
    assert sorted(row[:3] for row in result for _ in range(row[3])) == expected
