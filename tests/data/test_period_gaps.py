"""A period is compared with the previous calendar period, even if only an earlier one has rows."""

from collections.abc import Iterator
from typing import Any

import pytest

from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.prepared_plan import prepare
from tests.data.conftest import Company, opened

Json = dict[str, Any]

BOOKS = """unit,posted,amount
A,2021-12-27,10.50
A,2022-01-03,20.00
A,2022-02-15,30.00
A,2022-07-01,40.00
A,2024-01-31,50.00
B,2022-01-05,1.00
B,2024-01-31,2.00
B,,7.00
"""


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = opened(tmp_path_factory.mktemp("gaps"), {"books": BOOKS})
    yield company
    company.worker.connection.close()


def run_plan(company: Company, over: str, *groups: Json, **more: Any) -> tuple[list[Any], list[str]]:
    """The rows and notes of a plan with one window, for unit A alone unless `unit` is a group."""
    expression = {"over": over, "of": {"fn": "sum", "column": "amount"}}
    filters = [] if any(g["column"] == "unit" for g in groups) else [{"column": "unit", "value": "A"}]
    fields = {"filters": filters, "group_by": groups, "select": [{"name": "x", "expression": expression}], **more}
    ready = prepare(QueryPlan.model_validate({"table": "books", **fields}), company.tables, GlossaryFile(), {})
    notes = ready.evaluate(company.worker.query(ready.probe_sql, 1, None)["rows"][0]) if ready.probe_sql else []
    return company.worker.query(ready.sql, 100, None)["rows"], notes


def by(grain: str) -> Json:
    return {"column": "posted", "grain": grain}


def after(rows: str, grain: str, them: str = "it") -> list[str]:
    return [f"{rows} a {grain} without rows, so there is no {grain} directly before to compare {them} with."]


@pytest.mark.parametrize(
    ("grain", "befores", "notes"),
    [
        ("week", [None, 10.5, None, None, None], after("2022-02-14 and 2 more rows follow", "week", "them")),
        ("month", [None, 10.5, 20.0, None, None], after("2022-07 and 1 more row follow", "month", "them")),
        ("quarter", [None, 10.5, None, None], after("2022-Q3 and 1 more row follow", "quarter", "them")),
        ("year", [None, 10.5, None], after("2024 follows", "year")),
        ("day", [None, 10.5, 20.0, 30.0, 40.0], []),
    ],
)
def test_the_period_before_is_that_of_the_calendar(
    grain: str, befores: list[Any], notes: list[str], books: Company
) -> None:
    rows, found = run_plan(books, "previous", by(grain))
    assert [row[1] for row in rows] == befores
    assert found == notes


@pytest.mark.parametrize("over", ["change", "change_percent"])
def test_there_is_no_change_over_a_gap(over: str, books: Company) -> None:
    rows, _ = run_plan(books, over, by("year"))
    assert [row[1] is None for row in rows] == [True, False, True]


def test_each_unit_has_its_own_gaps(books: Company) -> None:
    """B has no rows in February, and a row without a date has no predecessor."""
    rows, notes = run_plan(books, "previous", {"column": "unit"}, by("month"))
    assert [row[2] for row in rows if row[0] == "B"] == [None, None, None]
    assert notes == after("2022-07 and 2 more rows follow", "month", "them")


@pytest.mark.parametrize("over", ["running_total", "share_of_total"])
def test_a_window_that_compares_no_periods_has_no_note(over: str, books: Company) -> None:
    rows, notes = run_plan(books, over, by("year"))
    assert all(row[1] for row in rows)
    assert notes == []


def test_the_helper_column_of_a_period_does_not_clash_with_a_figure(books: Company) -> None:
    fields = {"name": "month_number", "expression": {"fn": "count"}}
    change = {"name": "x", "expression": {"over": "change", "of": {"fn": "count"}}}
    rows, _ = run_plan(books, "change", by("month"), select=[fields, change])
    assert rows[1] == ["2022-01", 1, 0]


def test_arithmetic_without_groups_has_no_gaps(books: Company) -> None:
    half = {"op": "/", "left": {"fn": "count"}, "right": {"constant": 2}}
    assert run_plan(books, "change", select=[{"name": "x", "expression": half}]) == ([[2.5]], [])
