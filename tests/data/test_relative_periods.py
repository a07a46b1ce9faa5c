"""The same period of the year before, the last periods with data, and days between dates: SQL, rows, notes, refusals."""

# ruff: noqa: E501 - a case a line reads best
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfo_kernel.data.compiler import compile_plan
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.tables import Column, Table, Tables
from cfo_kernel.errors import PlanInvalid, QueryError, UnknownColumn
from tests.data.conftest import Company, opened
from tests.data.golden_plans import Json, ask, golden, names_in

FILES = {
    "bills": "bill,client,scenario,kind,issued,paid,at,amount\n"
    "1,a,Actual,Flow,2023-01-10,2023-01-20,2023-01-10 10:00:00,1\n2,b,Actual,Flow,2023-02-10,2023-03-10,2023-02-10 23:00:00,2\n"
    "3,a,Actual,Flow,2024-01-05,2024-01-06,2024-01-05 00:00:00,4\n4,a,Actual,Flow,2024-02-05,,2024-02-05 12:00:00,8\n"
    "5,b,Actual,Flow,2024-03-05,2024-03-25,2024-03-05 12:00:00,16\n6,a,Budget,Flow,2025-12-31,,2025-12-31 12:00:00,32\n"
    "7,a,Actual,Stock,2024-01-31,,2024-01-31 12:00:00,64\n8,a,Actual,Stock,2023-01-31,,2023-01-31 12:00:00,128\n",
    "clients": "client,name\na,Ada\nb,Bo\nc,Cy\n",
}
GLOSSARY = {
    "tables": {
        "bills": {"date": "issued", "defaults": {"bills.scenario": "Actual"}, "balances": {"bills.kind": ["Stock"]}}
    }
}
ACTUAL = [{"column": "scenario", "value": "Actual"}, {"column": "kind", "value": "Flow"}]
MONTH = {"column": "issued", "grain": "month"}
SUM = {"fn": "sum", "column": "amount"}
YEAR_BEFORE = {"over": "previous_year", "of": SUM}


def select(**figures: Any) -> list[Json]:
    return [{"name": name, "expression": expression} for name, expression in figures.items()]


def last(value: Any, column: str = "issued") -> Json:
    return {"column": column, "op": "in period", "value": value}


CASES: dict[str, tuple[Json, list[list[Any]], list[str]]] = {
    "the_month_of_the_year_before": (
        {"filters": ACTUAL, "group_by": [MONTH], "select": select(x=SUM, before=YEAR_BEFORE, growth={"percent_change": "x", "base": "before"}, change={"op": "-", "left": "x", "right": "before"})},
        [["2023-01", 1, None, None, None], ["2023-02", 2, None, None, None], ["2024-01", 4, 1, 3, 3], ["2024-02", 8, 2, 3, 6], ["2024-03", 16, None, None, None]],
        [],
    ),
    "the_quarter_of_the_year_before_by_client": (
        {"filters": ACTUAL, "group_by": [{"column": "client"}, {"column": "issued", "grain": "quarter"}], "select": select(before=YEAR_BEFORE)},
        [["a", "2023-Q1", None], ["a", "2024-Q1", 1], ["b", "2023-Q1", None], ["b", "2024-Q1", 2]],
        [],
    ),
    "the_week_of_the_year_before": (
        {"filters": ACTUAL, "group_by": [{"column": "issued", "grain": "week"}], "select": select(before=YEAR_BEFORE)},
        [["2023-01-09", None], ["2023-02-06", None], ["2024-01-01", None], ["2024-02-05", 2], ["2024-03-04", None]],
        [],
    ),
    "a_year_before_that_the_filters_leave_out": (
        {"filters": [*ACTUAL, last("2024")], "group_by": [{"column": "issued", "grain": "year"}], "select": select(before=YEAR_BEFORE)},
        [[2024, None]],
        ["No year of the year before is in the result. Let the filters include that year too."],
    ),
    "the_last_two_months": (
        {"filters": [*ACTUAL, last("last 2 months")], "select": select(x=SUM)},
        [[24]],
        ["The last 2 months (issued) are those from 2024-02-01 to 2024-03-05."],
    ),
    "the_last_quarter_to_a_date": (
        {"filters": [*ACTUAL, last(["Last quarter to 2024-02-10"], "at")], "select": select(x=SUM)},
        [[28]],
        [],
    ),
    "the_last_week_of_a_figure": (
        {"select": select(x={**SUM, "where": [*ACTUAL, last("last week", "at")]}, n={"fn": "count"})},
        [[16, 8]],
        ["The last week (at) are those from 2024-03-04 to 2024-03-05."],
    ),
    "without_a_match_in_the_last_days": (
        {"table": "clients", "joins": [{"table": "bills", "left": "clients.client", "right": "bills.client", "kind": "anti"}], "filters": [*ACTUAL, last("past_30_days")], "group_by": [{"column": "name"}]},
        [["Cy"]],
        ["The past_30_days (issued) are those from 2024-02-05 to 2024-03-05."],
    ),
    "days_between_dates": (
        {"filters": ACTUAL, "group_by": [{"column": "client"}], "select": select(mean={"fn": "avg", "column": "paid", "since": "issued"}, most={"fn": "max", "column": "at", "since": "2024-01-01"})},
        [["a", 5.5, 35], ["b", 24, 64]],
        [],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = opened(tmp_path_factory.mktemp("bills"), FILES)
    yield company
    company.worker.connection.close()


@pytest.mark.parametrize("name", CASES)
def test_the_sql_is_the_golden_one_and_the_rows_are_those_worked_out_by_hand(name: str, bills: Company) -> None:
    fields, rows, notes = CASES[name]
    fields = {"table": "bills", **fields}
    sql = compile_plan(QueryPlan.model_validate(fields), bills.tables)
    assert sql == golden("golden_periods", name, sql)
    assert ask(bills, fields, GLOSSARY) == (rows, notes)


def test_there_is_no_golden_file_without_a_case() -> None:
    assert names_in("golden_periods") == set(CASES)


REFUSED: list[tuple[Json, type[QueryError], str]] = [
    ({"filters": ACTUAL, "group_by": [{"column": "issued", "grain": "day"}], "select": select(x=YEAR_BEFORE)}, PlanInvalid, "previous_year needs a group by week, month, quarter or year."),
    ({"filters": ACTUAL[1:], "group_by": [{"column": "issued", "grain": "year"}], "select": select(x={"over": "previous_year", "of": {"fn": "avg", "column": "amount"}}), "totals": True}, PlanInvalid, "x would add rows with different values of bills.scenario"),
    ({"filters": [ACTUAL[0], {"column": "kind", "value": "Stock"}], "group_by": [{"column": "client"}], "select": select(x={"over": "previous_year", "of": SUM, "along": "client"})}, PlanInvalid, "previous_year needs a group"),
    ({"filters": [ACTUAL[0], {"column": "kind", "value": "Stock"}, last("last 24 months")], "select": select(x=SUM)}, PlanInvalid, "x would add a balance over several dates"),
    ({"filters": [last("last 3 months", "client")], "select": select(x=SUM)}, PlanInvalid, "client is VARCHAR, not a date"),
    ({"filters": [last("last 3 months to June")], "select": select(x=SUM)}, PlanInvalid, "'June' is not a valid period for bills.issued"),
    ({"select": select(x={"fn": "avg", "column": "paid", "since": "amount"})}, PlanInvalid, "amount is BIGINT, not a date"),
    ({"select": select(x={"fn": "avg", "column": "paid", "since": "isued"})}, UnknownColumn, "Did you mean bills.issued?"),
    ({"select": select(x={"fn": "avg", "since": "issued"})}, PlanInvalid, "Name the later date in `column`."),
    ({"select": select(x={"fn": "count_distinct", "column": "paid", "since": "issued", "grain": "month"})}, PlanInvalid, "Remove the grain."),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "kind", "says"), REFUSED)
def test_a_guard_sees_through_periods_and_days(fields: Json, kind: type[QueryError], says: str, bills: Company) -> None:
    with pytest.raises(kind) as caught:
        ask(bills, {"table": "bills", **fields}, GLOSSARY)
    assert says in caught.value.message


days = st.dates(date(2022, 12, 1), date(2024, 3, 31))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(days, st.integers(-5, 5)), min_size=1, max_size=12), st.integers(1, 15))
def test_periods_equal_those_worked_out_in_python(rows: list[tuple[date, int]], count: int) -> None:
    columns = (Column(name="d", type="DATE"), Column(name="x", type="BIGINT"))
    known = Tables([Table(name="t", dataset="t", columns=columns, row_count=len(rows))])
    total = {"fn": "sum", "column": "x"}
    by_month = {
        "table": "t",
        "group_by": [{"column": "d", "grain": "month"}],
        "select": select(x=total, y={"over": "previous_year", "of": total}),
    }
    recent = {
        "table": "t",
        "filters": [last(f"last {count} months", "d")],
        "select": select(n={"fn": "count"}, age={"fn": "sum", "column": "d", "since": "2024-01-01"}),
    }
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (d DATE, x BIGINT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
        months, [(n, age)] = (
            connection.execute(compile_plan(QueryPlan.model_validate(p), known)).fetchall() for p in (by_month, recent)
        )
    sums: dict[tuple[int, int], int] = {}
    for day, x in rows:
        sums[day.year, day.month] = sums.get((day.year, day.month), 0) + x
    assert months == [(f"{y}-{m:02}", x, sums.get((y - 1, m))) for (y, m), x in sorted(sums.items())]
    newest = max(day for day, _ in rows)
    kept = [day for day, _ in rows if (newest.year - day.year) * 12 + newest.month - day.month < count]
    assert (n, age) == (len(kept), sum((day - date(2024, 1, 1)) // timedelta(1) for day in kept))
