"""Measures that name other measures, figures over groups, and totals rows: SQL, rows, checks and refusals."""

# ruff: noqa: E501 - a case a line reads best
from collections.abc import Iterator
from statistics import mean, median
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cfo_kernel.data.compiler import compile_plan
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.tables import Column, Table, Tables
from cfo_kernel.errors import PlanInvalid
from tests.data.conftest import Company, opened
from tests.data.golden_plans import Json, ask, golden, names_in

FILES = {
    "books": "kind,unit,posted,scenario,currency,amount,customer\n"
    "Flow,North,2024-01-10,Actual,EUR,1,a\nFlow,North,2024-01-20,Actual,EUR,2,b\nFlow,South,2024-01-31,Actual,EUR,4,a\n"
    "Flow,North,2024-02-10,Actual,EUR,8,a\nFlow,South,2024-03-10,Actual,EUR,16,c\nFlow,North,2024-03-10,Budget,GBP,32,a\n"
    "Stock,North,2024-01-31,Actual,EUR,100,\nStock,South,2024-01-31,Actual,EUR,200,\nStock,North,2024-02-29,Actual,EUR,400,\n",
    "rates": "currency,month,rate\nEUR,1,1\nEUR,2,2\nGBP,1,3\n",
}
GLOSSARY = {
    "tables": {
        "books": {
            "date": "posted",
            "defaults": {"books.scenario": "Actual"},
            "balances": {"books.kind": ["Stock"]},
            "kept_apart": ["books.currency"],
        }
    }
}
FLOW = [{"column": "kind", "value": "Flow"}, {"column": "scenario", "value": "Actual"}]
STOCK = [{"column": "kind", "value": "Stock"}]
MONTH, UNIT = {"column": "posted", "grain": "month"}, {"column": "unit"}
SUM = {"fn": "sum", "column": "amount"}
MONTH_END = {"column": "posted", "grain": "month"}
RATES = {"table": "rates", "left": "currency", "right": "currency"}


def over(fn: str, of: Any = SUM, *per: Json) -> Json:
    return {"fn": fn, "of": of, "per": list(per) or [MONTH]}


def select(**figures: Any) -> list[Json]:
    return [{"name": name, "expression": expression} for name, expression in figures.items()]


TWO = "is computed from 2 values, one for each month that has rows."
CASES: dict[str, tuple[Json, list[list[Any]], list[str]]] = {
    "measures_by_name": (
        {"filters": FLOW, "group_by": [UNIT], "select": select(part={"ratio": "Total", "base": "rows"}, total=SUM, rows={"fn": "count"}, twice={"op": "+", "left": "total", "right": {"measure": "part"}})},
        [["North", 11 / 3, 11, 3, 11 + 11 / 3], ["South", 10, 20, 2, 30]],
        [],
    ),
    "average_of_month_totals": (
        {"filters": FLOW, "select": select(mean=over("avg"), middle=over("median"), months=over("count"))},
        [[31 / 3, 8, 3]],
        [f"{name} is computed from 3 values, one for each month that has rows." for name in ("mean", "middle", "months")],
    ),
    "average_of_month_totals_by_unit_beside_a_total": (
        {"filters": FLOW, "group_by": [UNIT], "select": select(total=SUM, mean=over("avg"), share={"over": "share_of_total", "of": SUM}, off={"op": "-", "left": SUM, "right": "mean"})},
        [["North", 11, 5.5, 11 / 31, 5.5], ["South", 20, 10, 20 / 31, 10]],
        [f"mean {TWO}", f"off {TWO}"],
    ),
    "average_of_month_end_balances": (
        {"filters": STOCK, "last_of": MONTH_END, "select": select(x=over("avg"))},
        [[350]],
        ["All rows belong to Actual (books.scenario).", f"x {TWO}"],
    ),
    "figures_over_two_kinds_of_groups": (
        {"filters": FLOW, "select": select(x=over("max"), y=over("avg", {"fn": "count_distinct", "column": "customer"}, UNIT))},
        [[16, 2]],
        ["x is computed from 3 values, one for each month that has rows.", "y is computed from 2 values, one for each unit that has rows."],
    ),
    "totals": (
        {"filters": FLOW, "group_by": [UNIT], "select": select(total=SUM, customers={"fn": "count_distinct", "column": "customer"}, mean={"fn": "avg", "column": "amount"}, share={"over": "share_of_total", "of": SUM}, before={"over": "previous", "of": SUM, "along": "unit"}), "totals": True},
        [["North", 11, 2, 11 / 3, 11 / 31, None, False], ["South", 20, 2, 10, 20 / 31, 11, False], [None, 31, 3, 31 / 5, 1, None, True]],
        [],
    ),
    "totals_beyond_the_limit": (
        {"filters": FLOW, "group_by": [MONTH], "select": select(is_total=SUM, mean=over("avg", SUM, UNIT)), "order_by": [{"by": "is_total", "direction": "desc"}], "limit": 1, "totals": True},
        [["2024-03", 16, 16, False], [None, 31, 15.5, True]],
        ["mean is computed from 1 to 2 values, one for each unit that has rows."],
    ),
    "totals_with_a_threshold": (
        {"filters": FLOW, "group_by": [MONTH], "select": select(x={"over": "running_total", "of": SUM}), "having": [{"measure": "x", "op": ">", "value": 20}], "totals": True},
        [["2024-03", 31, False], [None, None, True]],
        [],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = opened(tmp_path_factory.mktemp("books"), FILES)
    yield company
    company.worker.connection.close()


@pytest.mark.parametrize("name", CASES)
def test_the_sql_is_the_golden_one_and_the_rows_are_those_worked_out_by_hand(name: str, books: Company) -> None:
    fields, rows, notes = CASES[name]
    fields = {"table": "books", **fields}
    sql = compile_plan(QueryPlan.model_validate(fields), books.tables)
    assert sql == golden("golden_nested", name, sql)
    found, said = ask(books, fields, GLOSSARY)
    assert found == [[pytest.approx(cell) if isinstance(cell, float) else cell for cell in row] for row in rows]
    assert said == notes


def test_there_is_no_golden_file_without_a_case() -> None:
    assert names_in("golden_nested") == set(CASES)


REFUSED: list[tuple[Json, str]] = [
    ({"filters": STOCK, "last_of": MONTH_END, "select": select(x=over("sum"))}, "x would add a balance over several dates"),
    ({"filters": STOCK, "last_of": MONTH_END, "select": select(x=over("sum", {"fn": "max", "column": "amount"}))}, "x would add a balance over several dates"),
    ({"filters": STOCK, "select": select(x=over("avg", SUM, UNIT))}, "x would add a balance over several dates for each unit"),
    ({"filters": STOCK, "last_of": MONTH_END, "group_by": [MONTH], "select": select(x=SUM), "totals": True}, "x would add a balance over several dates"),
    ({"filters": STOCK, "select": select(x={"op": "*", "left": "y", "right": {"constant": 2}}, y=SUM)}, "would add a balance over several dates"),
    ({"filters": FLOW[:1], "select": select(x=over("avg", SUM, {"column": "scenario"}, {"column": "currency"}))}, "x would add rows with different values of books.scenario (Actual and Budget)"),
    ({"filters": FLOW[:1], "select": select(x=over("median", {"fn": "min", "column": "amount"}, {"column": "currency"}))}, "x would add different values of books.currency (EUR and GBP)"),
    ({"filters": FLOW[:1], "group_by": [{"column": "scenario"}, {"column": "currency"}], "select": select(x=SUM), "totals": True}, "x would add rows with different values of books.scenario"),
    ({"filters": FLOW, "joins": [RATES], "select": select(x=over("avg", SUM, UNIT))}, "x would count rows of books several times"),
    ({"filters": FLOW, "joins": [RATES], "select": select(x=over("sum", SUM, {"column": "month"}))}, "x would count rows of books several times"),
    ({"filters": FLOW, "joins": [RATES], "group_by": [{"column": "month"}], "select": select(x=SUM), "totals": True}, "x would count rows of books several times"),
    ({"filters": FLOW, "select": select(x=over("avg", {"over": "running_total", "of": SUM}))}, "running_total cannot be part of another window"),
    ({"filters": FLOW, "select": select(x=over("avg", over("avg", SUM, UNIT)))}, "avg `per` group cannot be part of another one. Make it a separate measure."),
    ({"filters": FLOW, "group_by": [UNIT], "select": select(x={"over": "share_of_total", "of": over("avg")})}, "share_of_total adds up the rows of the result, but averages cannot be added up"),
    ({"filters": FLOW, "select": select(x=over("avg", SUM, {**UNIT, "within": "North"}))}, "Filter unit to North instead."),
    ({"filters": FLOW, "select": select(x=over("avg", {"fn": "max", "column": "unit"}))}, "avg needs numbers, but unit is VARCHAR"),
    ({"filters": FLOW, "select": select(x={"fn": "avg", "of": SUM, "per": []})}, "names none in `per`"),
    ({"filters": FLOW, "group_by": [UNIT], "totals": True}, "Add figures to select, or leave `totals` out."),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "says"), REFUSED)
def test_a_guard_sees_through_names_groups_and_totals(fields: Json, says: str, books: Company) -> None:
    with pytest.raises(PlanInvalid) as caught:
        ask(books, {"table": "books", **fields}, GLOSSARY)
    assert says in caught.value.message


def test_an_average_over_the_groups_that_distinguish_repeated_rows_is_allowed(books: Company) -> None:
    """Each month of the rates has every row once."""
    plan = {
        "table": "books",
        "filters": FLOW,
        "joins": [RATES],
        "select": select(x=over("avg", SUM, {"column": "month"})),
    }
    assert ask(books, plan, GLOSSARY)[0] == [[31]]


@pytest.mark.parametrize(
    ("figures", "says"),
    [
        (select(x="y", y="X"), "'X' refers to itself."),
        (select(x={"op": "+", "left": "reveneu", "right": SUM}, revenue=SUM), "The plan has no measure 'reveneu'."),
        (select(m0=SUM, **{f"m{i}": {"op": "+", "left": f"m{i - 1}", "right": f"m{i - 1}"} for i in range(1, 60)}), "is made of more than 1000 parts"),
        (select(x={"measure": "{y}"}), "The plan has no measure '{y}'."),
    ],
)  # fmt: skip
def test_a_name_that_leads_nowhere_is_refused(figures: list[Json], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        QueryPlan.model_validate({"table": "books", "select": figures})
    [error] = caught.value.errors()
    assert says in error["msg"]


def test_a_plan_is_the_same_after_it_was_stored() -> None:
    plan = QueryPlan.model_validate({"table": "books", "select": select(x=over("avg", "y"), y=SUM)})
    assert QueryPlan.model_validate_json(plan.model_dump_json()) == plan
    assert QueryPlan.model_validate(plan.model_dump(mode="json", exclude_defaults=True)) == plan


rows = st.lists(st.tuples(st.sampled_from("ab") | st.none(), st.integers(1, 3), st.integers(-5, 5)), max_size=9)


@settings(max_examples=40, deadline=None)
@given(rows)
def test_figures_over_groups_and_totals_equal_those_worked_out_in_python(
    rows: list[tuple[str | None, int, int]],
) -> None:
    columns = (("k", "VARCHAR"), ("p", "BIGINT"), ("x", "BIGINT"))
    known = Tables(
        [Table(name="t", dataset="t", columns=tuple(Column(name=n, type=t) for n, t in columns), row_count=9)]
    )
    total = {"fn": "sum", "column": "x"}
    plan = {
        "table": "t",
        "group_by": [{"column": "k"}],
        "select": select(n={"fn": "count"}, mean=over("avg", total, {"column": "p"}), middle=over("median", total, {"column": "p"})),
        "totals": True,
    }  # fmt: skip
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (k VARCHAR, p BIGINT, x BIGINT)")
        for row in rows:
            connection.execute("INSERT INTO t VALUES (?, ?, ?)", row)
        found = connection.execute(compile_plan(QueryPlan.model_validate(plan), known)).fetchall()
    keys = sorted({k for k, _, _ in rows}, key=lambda k: (k is None, k or ""))
    expected = [(k, *figures([r for r in rows if r[0] == k]), False) for k in keys]
    expected.append((None, *figures(rows), True))
    assert found == [tuple(pytest.approx(c) if isinstance(c, float) else c for c in row) for row in expected]


def figures(rows: list[tuple[str | None, int, int]]) -> tuple[int, float | None, float | None]:
    totals = [sum(x for _, p, x in rows if p == part) for part in {p for _, p, _ in rows}]
    return len(rows), float(mean(totals)) if totals else None, float(median(totals)) if totals else None
