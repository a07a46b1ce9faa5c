"""Balances that close on different days: a note names the entities without rows on the last date."""

from pathlib import Path
from typing import Any

import pytest

from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.hierarchies import Node, Tree
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.prepared_plan import prepare
from tests.data.conftest import opened

CASH = """unit_key,bank,posted,amount
1,Alpha,2024-01-31,100.00
2,Beta,2024-01-30,200.00
1,Alpha,2024-02-29,110.00
2,Beta,2024-02-29,210.00
1,Alpha,2024-03-28,120.00
1,Beta,2024-03-31,5.00
2,Beta,2024-03-31,220.00
"""
UNITS = "unit_key,parent,unit\n1,,Group\n2,1,North\n"
NODES = [Node(key="1", parent=None, name="Group"), Node(key="2", parent="1", name="North")]
TREE = Tree("units", "unit_key", "unit", NODES, noun="unit", signed=False)


def note(who: str, which: str, period: str = "month") -> str:
    where = f"in the same {period} as a date that was read, but none on that date"
    return f"1 {who} has rows {where} ({which}): not included."


NORTH, BETA = ("unit", "North, last on 2024-01-30"), ("bank", "Beta, last on 2024-01-30")


def notes(folder: Path, files: dict[str, str], trees: dict[str, Tree], **fields: Any) -> list[str]:
    """The notes on a plan that reads the last amounts in `cash`."""
    company = opened(folder, files)
    select = [{"name": "cash", "expression": {"fn": "sum", "column": "amount"}}]
    plan = QueryPlan.model_validate({"table": "cash", "select": select, **fields})
    ready = prepare(plan, company.tables, GlossaryFile(), trees)
    found = ready.evaluate(company.worker.query(ready.probe_sql, 1, None)["rows"][0]) if ready.probe_sql else []
    company.worker.connection.close()
    return found


@pytest.mark.parametrize(
    ("last", "periods", "expected"),
    [
        ({"grain": "month"}, ["2024-01"], [note(*NORTH), note(*BETA)]),
        ({"grain": "month"}, ["2024-02"], []),
        ({}, ["2024-01", "2024-02"], []),
        ({"grain": "quarter"}, ["2024-Q1"], [note("bank", "Alpha, last on 2024-03-28")]),
        ({"grain": "week"}, ["2024-01"], [note(*NORTH, "week"), note(*BETA, "week")]),
        ({"grain": "day"}, ["2024-01"], []),
    ],
)
def test_an_entity_that_closes_on_another_day_is_named(
    last: dict[str, Any], periods: list[str], expected: list[str], tmp_path: Path
) -> None:
    filters = [{"column": "posted", "op": "in period", "value": periods}]
    files = {"cash": CASH, "units": UNITS}
    assert notes(tmp_path, files, {"units": TREE}, filters=filters, last_of={"column": "posted", **last}) == expected


def test_rows_after_the_date_that_a_filter_allows_do_not_count(tmp_path: Path) -> None:
    """At the end of March Alpha is present again, but the plan reads the 28th."""
    cash = "bank,posted,amount\nAlpha,2024-03-10,1.00\nBeta,2024-03-28,2.00\nAlpha,2024-03-31,4.00\n"
    until = {"column": "posted", "op": "<=", "value": "2024-03-29"}
    found = notes(tmp_path, {"cash": cash}, {}, filters=[until], last_of={"column": "posted"})
    assert found == [note("bank", "Alpha, last on 2024-03-10")]


def test_an_account_of_a_tree_with_operators_is_not_missed(tmp_path: Path) -> None:
    """Rent was booked only on the 10th, which does not make it a unit that closes on another day."""
    cash = "account_key,posted,amount\n1,2024-03-10,1.00\n2,2024-03-28,2.00\n"
    chart = "account_key,account\n1,Rent\n2,Wages\n"
    nodes = [
        Node(key="1", parent=None, name="Rent", booked=True),
        Node(key="2", parent=None, name="Wages", booked=True),
    ]
    tree = Tree("chart", "account_key", "account", nodes, noun="account", signed=True)
    join = {"table": "chart", "left": "cash.account_key", "right": "chart.account_key"}
    fields = {"joins": [join], "group_by": [{"column": "account"}], "last_of": {"column": "posted"}}
    assert notes(tmp_path, {"cash": cash, "chart": chart}, {"chart": tree}, **fields) == []


def test_a_text_column_with_a_single_value_does_not_name_entities(tmp_path: Path) -> None:
    cash = "remark,posted,amount\ncorrected,2024-03-10,1.00\n,2024-03-28,2.00\n"
    assert notes(tmp_path, {"cash": cash}, {}, last_of={"column": "posted"}) == []
