"""An additivity check looks at exactly the rows that a figure adds up."""

from collections.abc import Iterator
from typing import Any

import pytest

from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.hierarchies import Node, Tree
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.prepared_plan import prepare
from cfo_kernel.errors import PlanInvalid
from tests.data.conftest import Company, opened

Json = dict[str, Any]

CASH = """kind,unit,posted,account_key,scenario,amount
Stock,North,2024-01-31,3,Actual,1.00
Stock,South,2024-01-31,3,Actual,2.00
Stock,North,2024-02-28,3,Actual,4.00
Stock,South,2024-02-28,3,Actual,8.00
Flow,North,2024-02-29,2,Actual,16.00
Flow,South,2024-02-29,2,Budget,
Flow,West,2024-02-29,2,,32.00
"""
CHART = "account_key,account\n1,Costs\n2,Wages\n3,Cash\n"
NODES = [
    Node(key="1", parent=None, name="Costs"),
    Node(key="2", parent="1", name="Wages", booked=True),
    Node(key="3", parent=None, name="Cash", booked=True),
]
TREES = {"chart": Tree("chart", "account_key", "account", NODES, noun="account", signed=False)}
BALANCES = {"date": "posted", "balances": {"cash.kind": ["Stock"]}}
SCENARIOS = {"defaults": {"cash.scenario": "Actual"}}
TO_CHART = {"table": "chart", "left": "cash.account_key", "right": "chart.account_key"}
STOCK, FLOW = {"column": "kind", "value": "Stock"}, {"column": "kind", "value": "Flow"}
MONTH = {"column": "posted", "grain": "month"}
TOTAL = {"fn": "sum", "column": "amount"}


@pytest.fixture(scope="module")
def cash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = opened(tmp_path_factory.mktemp("cash"), {"cash": CASH, "chart": CHART})
    yield company
    company.worker.connection.close()


def ask(company: Company, notes: Json, *filters: Json, of: Json = TOTAL, **fields: Any) -> tuple[list[Any], list[str]]:
    """The rows and notes of a plan with one figure, for a table with these notes."""
    select = [{"name": "x", "expression": of}]
    plan = QueryPlan.model_validate({"table": "cash", "filters": filters, "select": select, **fields})
    glossary = GlossaryFile.model_validate({"tables": {"cash": notes}})
    ready = prepare(plan, company.tables, glossary, TREES)
    found = ready.evaluate(company.worker.query(ready.probe_sql, 1, None)["rows"][0]) if ready.probe_sql else []
    return [list(row) for row in company.worker.query(ready.sql, 100, None)["rows"]], found


def test_a_running_total_adds_along_the_group_that_it_names(cash: Company) -> None:
    """Across the units it adds balances of one date; across the months it would add balances of several dates."""
    by = [MONTH, {"column": "unit"}]
    rows, _ = ask(cash, BALANCES, STOCK, of={"over": "running_total", "of": TOTAL, "along": "unit"}, group_by=by)
    assert rows == [["2024-01", "North", 1], ["2024-01", "South", 3], ["2024-02", "North", 4], ["2024-02", "South", 12]]
    with pytest.raises(PlanInvalid, match="x would add a balance over several dates for each unit"):
        ask(cash, BALANCES, STOCK, of={"over": "running_total", "of": TOTAL}, group_by=by)


def test_a_row_without_a_figure_does_not_count_as_a_scenario(cash: Company) -> None:
    """The budget has no amounts, so nothing is added to the actual amounts."""
    known = {"column": "unit", "op": "in", "value": ["North", "South"]}
    assert ask(cash, SCENARIOS, FLOW, known) == ([[16]], ["All rows belong to Actual (cash.scenario)."])


def test_a_share_is_checked_over_the_rows_that_its_groups_keep(cash: Company) -> None:
    """The balance is not below Costs, so a share of Costs does not include it."""
    share = {"over": "share_of_total", "of": TOTAL}
    by = [{"column": "account", "within": "Costs"}]
    rows, _ = ask(cash, BALANCES, of=share, joins=[TO_CHART], group_by=by)
    assert rows == [["Wages", 1]]


def test_rows_without_a_scenario_are_not_all_of_one(cash: Company) -> None:
    """Each unit has rows of one kind only, so nothing is refused, although West has no scenario."""
    flows = [{"column": "unit"}]
    filled = {"column": "amount", "op": "is not null"}
    assert ask(cash, SCENARIOS, FLOW, filled, group_by=flows) == ([["North", 16], ["West", 32]], [])


def test_a_balance_is_checked_at_the_moments_that_the_plan_reads(cash: Company) -> None:
    """February ends without a balance, so only January's is read."""
    last = {"column": "posted", "grain": "month"}
    rows, _ = ask(cash, BALANCES, last_of=last)
    assert rows == [[51]]
