"""Balances that close on different days: the figure at the last date tells whom it does not include."""

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


def told(who: str, which: str, period: str = "month") -> str:
    where = f"in the {period} of a date that was read, but none at it"
    return f"1 {who} has rows {where} ({which}): not included."


NORTH, BETA = ("unit", "North, last on 2024-01-30"), ("bank", "Beta, last on 2024-01-30")


@pytest.mark.parametrize(
    ("last", "filters", "notes"),
    [
        ({"grain": "month"}, ["2024-01"], [told(*NORTH), told(*BETA)]),
        ({"grain": "month"}, ["2024-02"], []),
        ({}, ["2024-01", "2024-02"], []),
        ({"grain": "quarter"}, ["2024-Q1"], [told("bank", "Alpha, last on 2024-03-28")]),
        ({"grain": "week"}, ["2024-01"], [told(*NORTH, "week"), told(*BETA, "week")]),
        ({"grain": "day"}, ["2024-01"], []),
    ],
)
def test_who_closes_on_another_day_is_named(
    last: dict[str, Any], filters: list[str], notes: list[str], tmp_path: Path
) -> None:
    company = opened(tmp_path, {"cash": CASH, "units": UNITS})
    fields = {
        "table": "cash",
        "filters": [{"column": "posted", "op": "in period", "value": filters}],
        "last_of": {"column": "posted", **last},
        "select": [{"name": "cash", "expression": {"fn": "sum", "column": "amount"}}],
    }
    ready = prepare(QueryPlan.model_validate(fields), company.tables, GlossaryFile(), {"units": TREE})
    found = ready.evaluate(company.worker.query(ready.probe_sql, 1, None)["rows"][0]) if ready.probe_sql else []
    company.worker.connection.close()
    assert found == notes
