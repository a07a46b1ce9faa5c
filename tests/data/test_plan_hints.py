"""Tests the notes on names and filters that may be misunderstood, and on figures that do not add up."""

from pathlib import Path
from typing import Any

import pytest

from cfo_kernel.data.compiler import compile_plan
from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.hierarchies import Node, Tree
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.prepared_plan import prepare
from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.errors import PlanInvalid
from tests.data.conftest import Company

Json = dict[str, Any]

TO_ACCOUNTS = {"table": "accounts", "left": "ledger.account_key", "right": "accounts.account_key"}
NODES = [
    Node(key="1", parent=None, name="Staff costs", booked=True),
    Node(key="2", parent="1", name="Rent", booked=True),
    Node(key="3", parent="1", name="Rent", booked=True),
]
TREES = {"accounts": Tree("accounts", "account_key", "account", NODES, noun="account", signed=False)}


def plan(*filters: Json, of: Json | None = None, **fields: Any) -> QueryPlan:
    select = [{"name": "x", "expression": of or {"fn": "sum", "column": "amount"}}]
    return QueryPlan.model_validate({"table": "ledger", "filters": filters, "select": select, **fields})


def notes(company: Company, tested: QueryPlan, trees: Any = None) -> list[str]:
    return list(prepare(tested, company.tables, GlossaryFile(), trees or {}).notes)


WITHOUT = "ledger.dept is empty in 1 row of ledger: '{}' excludes them too."


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("=", "Sales", []),
        ("=", "sales", ["ledger.dept is never sales. Did you mean Sales?"]),
        ("in", ["Sales", "Marketing"], ["ledger.dept is never Marketing."]),
        ("!=", "sales", ["ledger.dept is never sales. Did you mean Sales?", WITHOUT.format("!=")]),
        ("not in", ["Sales"], [WITHOUT.format("not in")]),
        ("like", "sales", []),
        ("is not null", None, []),
    ],
)
def test_values_and_rows_that_a_filter_misses_are_noted(
    op: str, value: Any, expected: list[str], company: Company
) -> None:
    assert notes(company, plan({"column": "dept", "op": op, "value": value})) == expected
    figure = {"fn": "sum", "column": "amount", "where": [{"column": "dept", "op": op, "value": value}]}
    assert notes(company, plan(of=figure)) == expected


@pytest.mark.parametrize(("pattern", "is_noted"), [("%costs", True), ("Sta__ costs", True), ("Rent%", False)])
def test_like_does_not_match_a_roll_up_and_a_note_says_so(pattern: str, is_noted: bool, company: Company) -> None:
    tested = plan({"column": "account", "op": "like", "value": pattern}, joins=[TO_ACCOUNTS])
    expected = "'like' matches accounts by their own names, not what is below Staff costs. Use = for a roll-up."
    assert notes(company, tested, TREES) == [expected] * is_noted


ROLL_UP = "Staff costs is the roll-up of 2 accounts and its own rows; filter by accounts.account_key to get only those."
SHARED = "2 accounts are called Rent, and they are one group here: group by accounts.account_key too."


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"group_by": [{"column": "account"}]}, [SHARED]),
        ({"group_by": [{"column": "account"}, {"column": "accounts.account_key"}]}, []),
        ({"group_by": [{"column": "account"}, {"column": "ledger.account_key"}]}, []),
        ({"group_by": [{"column": "account", "within": "Staff costs"}]}, [ROLL_UP]),
        ({}, []),
    ],
)
def test_two_accounts_with_the_same_name_are_noted(fields: Json, expected: list[str], company: Company) -> None:
    assert notes(company, plan(joins=[TO_ACCOUNTS], **fields), TREES) == expected


def test_the_name_of_a_roll_up_is_not_reported_as_misspelt(company: Company) -> None:
    """No row of the chart is called Staff costs, but a node of the tree is."""
    assert notes(company, plan({"column": "account", "value": "Staff costs"}, joins=[TO_ACCOUNTS]), TREES) == [ROLL_UP]


def test_a_shared_name_is_not_noted_if_a_filter_leaves_one_of_the_two(company: Company) -> None:
    nodes = [*NODES[:2], Node(key="3", parent=None, name="Rent", booked=True)]
    trees = {"accounts": Tree("accounts", "account_key", "account", nodes, noun="account", signed=False)}
    staff = {"column": "account", "value": "Staff costs"}
    found = notes(company, plan(staff, joins=[TO_ACCOUNTS], group_by=[{"column": "account"}]), trees)
    assert found == [ROLL_UP.replace("2 accounts", "1 account")]


def test_a_booked_parent_whose_children_are_all_left_out_means_its_own_rows(company: Company) -> None:
    nodes = [NODES[0], Node(key="2", parent="1", name="Rent", sign=0, booked=True)]
    trees = {"accounts": Tree("accounts", "account_key", "account", nodes, noun="account", signed=True)}
    tested = plan({"column": "account", "value": "Staff costs"}, joins=[TO_ACCOUNTS])
    assert company.worker.query(compile_plan(tested, company.tables, trees), 10, None)["rows"] == [[630.3]]
    assert notes(company, tested, trees) == [
        "Staff costs includes only its own rows: everything below it is excluded (~)."
    ]


def test_two_children_with_the_same_name_are_two_groups(company: Company) -> None:
    tested = plan(joins=[TO_ACCOUNTS], group_by=[{"column": "account", "within": "Staff costs"}])
    sql = compile_plan(tested, company.tables, TREES)
    assert [part.split("'")[1] for part in sql.split(" THEN ")[1:4]] == ["Staff costs", "Rent (2)", "Rent (3)"]


@pytest.mark.parametrize("over", ["share_of_total", "running_total"])
@pytest.mark.parametrize(
    ("of", "what"),
    [
        ({"fn": "avg", "column": "amount"}, "averages"),
        ({"fn": "median", "column": "amount"}, "medians"),
        ({"fn": "max", "column": "amount"}, "extremes"),
        ({"op": "/", "left": {"fn": "sum", "column": "amount"}, "right": {"fn": "count"}}, "ratios"),
        ({"percent_change": {"fn": "sum", "column": "amount"}, "base": {"fn": "count"}}, "ratios"),
        ({"ratio": {"fn": "sum", "column": "amount"}, "base": {"fn": "count"}}, "ratios"),
        ({"op": "-", "left": {"fn": "count"}, "right": {"fn": "avg", "column": "amount"}}, "averages"),
    ],
)
def test_a_figure_that_does_not_add_up_has_no_running_total_and_no_share(
    over: str, of: Json, what: str, company: Company
) -> None:
    tested = plan(of={"over": over, "of": of}, group_by=[{"column": "posted", "grain": "month"}])
    with pytest.raises(PlanInvalid, match=f"{over} adds up the rows of the result, but {what} cannot be added up"):
        compile_plan(tested, company.tables)


def test_a_sum_divided_by_a_constant_adds_up(company: Company) -> None:
    half = {"op": "/", "left": {"fn": "sum", "column": "amount"}, "right": {"constant": 2}}
    tested = plan(of={"over": "running_total", "of": half}, group_by=[{"column": "posted", "grain": "year"}])
    assert company.rows(tested) == [[2024, 312.625]]


async def test_a_default_limit_that_cuts_rows_is_noted(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    lines = "".join(f"C{i:03},99999999999999999.99\n" for i in range(300))
    (tmp_path / "data" / "ledger.csv").write_text("customer,amount\n" + lines)
    workspace_data = WorkspaceData(tmp_path, query_timeout=30, ingest_timeout=60)
    try:
        by, top = [{"column": "customer"}], [{"by": "x", "direction": "desc"}]
        expected = ["The plan's limit shows 200 of 300 rows. Raise it to get all of them."]
        assert list((await workspace_data.plan(plan(group_by=by), cap=5)).notes[-1:]) == expected
        assert not [n for n in (await workspace_data.plan(plan(group_by=by, limit=300), cap=5)).notes if "limit" in n]
        assert not [
            n
            for n in (await workspace_data.plan(plan(group_by=by, limit=5, order_by=top), cap=5)).notes
            if "limit" in n
        ]
        squared = {"op": "*", "left": {"fn": "sum", "column": "amount"}, "right": {"fn": "sum", "column": "amount"}}
        with pytest.raises(PlanInvalid, match="A figure has more than 38 digits"):
            await workspace_data.plan(plan(of=squared), cap=5)
        bounded = {"having": [{"measure": "x", "op": ">", "value": 1}]}
        with pytest.raises(PlanInvalid, match="A figure has more than 38 digits"):
            await workspace_data.plan(plan(of={"ratio": squared, "base": {"fn": "count"}}, **bounded), cap=5)
    finally:
        await workspace_data.close()
