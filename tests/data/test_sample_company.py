"""The sample company through `WorkspaceData`: trees, balances and refusals, compared with hand-written SQL.

The gold SQL reads the CSV files with plain DuckDB and names accounts by their keys, so it shares nothing with the
trees.
"""

# ruff: noqa: E501 - SQL reads best as it is
import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from cfo_kernel.agent.table_descriptions import described_table
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.workspace_data import SchemaContext, WorkspaceData
from cfo_kernel.errors import PlanInvalid
from cfo_kernel.replies import ResultTable
from tests.conftest import COMPANY

Json = dict[str, Any]
LEDGER = "general_ledger"
JOINS = [
    {"table": t, "left": f"{LEDGER}.{k}", "right": f"{t}.{k}"}
    for t, k in (("accounts", "account_key"), ("scenarios", "scenario_key"), ("organizations", "organization_key"))
]
ACTUAL = {"column": "scenario_name", "value": "Actual"}
YEAR, QUARTER = ({"column": "date", "grain": grain} for grain in ("year", "quarter"))

OPEX = "60,61,62,63,65,66,67,68,69,71,72,73,74,76,77,78,80,81,82,83,84,85,87"
NET_SALES = "sum(CASE WHEN account_key IN (52, 101) THEN amount WHEN account_key IN (53, 54) THEN -amount END)"
MARGIN = f"{NET_SALES} - sum(amount) FILTER (account_key IN (56, 57))"
NET_INCOME = f"""{MARGIN} - sum(amount) FILTER (account_key IN ({OPEX}))
    + sum(amount) FILTER (account_key IN (89, 91, 92, 93)) - coalesce(sum(amount) FILTER (account_key IN (90, 94)), 0)"""


def account(name: str) -> Json:
    return {"column": "account_description", "value": name}


def within(period: str) -> Json:
    return {"column": f"{LEDGER}.date", "op": "in period", "value": period}


def total(*where: Json) -> Json:
    return {"fn": "sum", "column": "amount", "where": list(where)}


def plan(*filters: Json, **fields: Any) -> QueryPlan:
    select = fields.pop("select", {"total": total()})
    measures = [{"name": name, "expression": e} for name, e in select.items()]
    return QueryPlan.model_validate({"table": LEDGER, "joins": JOINS, "filters": filters, "select": measures, **fields})


QUESTIONS: dict[str, tuple[QueryPlan, str, str]] = {
    "operating expenses and net income by year": (
        plan(
            ACTUAL,
            group_by=[YEAR],
            select={"opex": total(account("Operating Expenses")), "net": total(account("Net Income"))},
        ),
        f"""SELECT year(date), sum(amount) FILTER (account_key IN ({OPEX})), {NET_INCOME}
            FROM general_ledger WHERE scenario_key = 1 GROUP BY 1 ORDER BY 1""",
        "Operating Expenses is the roll-up of 23 accounts.",
    ),
    "gross margin as a percent of net sales per year": (
        plan(
            ACTUAL,
            group_by=[YEAR],
            select={"x": {"op": "/", "left": total(account("Gross Margin")), "right": total(account("Net Sales"))}},
        ),
        f"SELECT year(date), ({MARGIN}) / ({NET_SALES}) FROM general_ledger WHERE scenario_key = 1 GROUP BY 1 ORDER BY 1",
        "Net Sales is the roll-up of 4 accounts (2 added, 2 subtracted).",
    ),
    "trade sales of USA Operations in 2013": (
        plan(ACTUAL, account("Trade Sales"), {"column": "organization_name", "value": "USA Operations"}, within("2013")),
        """SELECT sum(amount) FROM general_ledger WHERE scenario_key = 1 AND account_key = 101 AND year(date) = 2013
           AND organization_key IN (3, 4, 5, 6, 7)""",
        "USA Operations is the roll-up of 5 organizations.",
    ),
    "cash at the end of each quarter of 2012": (
        plan(account("Cash"), within("2012"), group_by=[QUARTER], last_of={"column": "date", "grain": "quarter"}),
        """SELECT year(date) || '-Q' || quarter(date), sum(amount) FROM general_ledger WHERE account_key = 4
           AND scenario_key = 1 AND date IN ('2012-03-30', '2012-06-30', '2012-09-28', '2012-12-28') GROUP BY 1 ORDER BY 1""",
        "Read at the last date with rows: 2012-03-30, 2012-06-30, 2012-09-28, 2012-12-28.",
    ),
    "headcount by organization in November 2013": (
        plan(account("Headcount"), within("2013-11"), group_by=[{"column": "general_ledger.organization_key"}]),
        """SELECT organization_key, sum(amount) FROM general_ledger WHERE account_key = 96 AND date = '2013-11-29'
           GROUP BY 1 ORDER BY 1""",
        "All rows belong to Actual (scenarios.scenario_name).",
    ),
    "the balance sheet at the end of each year, which is even": (
        plan(ACTUAL, account("Balance Sheet"), group_by=[YEAR], last_of={"column": "date", "grain": "year"}),
        "FROM (VALUES (2010, 0), (2011, 0), (2012, 0), (2013, 0))",
        "2013-12-28 has 1 department and 3 organizations, while the previous date (2013-11-29) has 3 and 9, so it may contain only adjustments.",
    ),
    "assets at the end of 2013, the last close that has any": (
        plan(ACTUAL, account("Assets"), within("2013"), last_of={"column": "date"}),
        "SELECT sum(amount) FROM general_ledger WHERE account_key BETWEEN 2 AND 24 AND date = '2013-11-29'",
        "Read at the last date with rows: 2013-11-29.",
    ),
    "operating expenses of 2012 by account group": (
        plan(ACTUAL, within("2012"), group_by=[{"column": "account_description", "within": "Operating Expenses"}]),
        f"""WITH groups AS (FROM (VALUES (60, 'Labor Expenses'), (61, 'Labor Expenses'), (62, 'Labor Expenses'),
            (65, 'Travel Expenses'), (66, 'Travel Expenses'), (67, 'Travel Expenses'), (68, 'Travel Expenses'),
            (69, 'Travel Expenses'), (71, 'Marketing'), (72, 'Marketing'), (76, 'Telephone and Utilities'),
            (77, 'Telephone and Utilities'), (80, 'Depreciation'), (81, 'Depreciation'), (82, 'Depreciation'),
            (83, 'Depreciation'), (84, 'Depreciation'), (85, 'Depreciation'), (63, 'Commissions'),
            (73, 'Office Supplies'), (74, 'Professional Services'), (78, 'Other Expenses'), (87, 'Rent')) g(k, name))
            SELECT name, sum(amount) FROM general_ledger JOIN groups ON k = account_key
            WHERE scenario_key = 1 AND year(date) = 2012 AND account_key IN ({OPEX}) GROUP BY 1 ORDER BY 1""",
        "Operating Expenses is the roll-up of 23 accounts.",
    ),
    "salaries against budget by quarter of 2011": (
        plan(
            account("Salaries"),
            within("2011"),
            group_by=[QUARTER],
            select={"x": {"percent_change": total(ACTUAL), "base": total({**ACTUAL, "value": "Budget"})}},
        ),
        """SELECT year(date) || '-Q' || quarter(date),
           sum(amount) FILTER (scenario_key = 1) / sum(amount) FILTER (scenario_key = 2) - 1
           FROM general_ledger WHERE account_key = 60 AND year(date) = 2011 GROUP BY 1 ORDER BY 1""",
        "",
    ),
}  # fmt: skip
REFUSED: list[tuple[QueryPlan, str]] = [
    (plan(account("Cash"), within("2012")), "would add a balance over several dates (2012-01-29 and 2012-12-28)"),
    (plan(account("Assets"), within("2012"), ACTUAL), "a balance is never summed over time"),
    (plan(account("Salaries"), within("2011")), "different values of scenarios.scenario_name (Actual and Budget)"),
    (plan(ACTUAL, account("Other Assets"), within("2012-06")), "different values of accounts.account_type (Assets and Expenditures)"),
    (plan(ACTUAL, account("Statistical Accounts")), "Name one of: Headcount, Units, Average Unit Price, Square Footage."),
]  # fmt: skip


class Answers:
    """The schema of the company, and the result of each plan."""

    def __init__(self, folder: Path) -> None:
        self.described: Json = {}
        self.results: dict[str, ResultTable] = {}
        self.refusals: list[str] = []
        asyncio.run(self._ask(folder))

    async def _ask(self, folder: Path) -> None:
        workspace_data = WorkspaceData(folder, query_timeout=30, ingest_timeout=60)
        self.schema: SchemaContext = await workspace_data.schema()
        for name, (plan, _, _) in QUESTIONS.items():
            self.results[name] = await workspace_data.plan(plan, cap=100)
        for plan, _ in REFUSED:
            with pytest.raises(PlanInvalid) as caught:
                await workspace_data.plan(plan, cap=100)
            self.refusals.append(caught.value.message)
        self.is_read_once = await workspace_data.schema() is self.schema
        await workspace_data.close()


@pytest.fixture(scope="module")
def answers(company_root: Path) -> Answers:
    return Answers(company_root / COMPANY.name)


@pytest.fixture(scope="module")
def gold() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        file = COMPANY / "data" / "general_ledger.csv"
        connection.execute(f"CREATE VIEW {LEDGER} AS SELECT * REPLACE (date::DATE AS date) FROM read_csv('{file}')")
        yield connection


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_figure_equals_that_of_hand_written_sql(
    name: str, answers: Answers, gold: duckdb.DuckDBPyConnection
) -> None:
    _, sql, note = QUESTIONS[name]
    wanted = gold.execute(sql).fetchall()
    rows = answers.results[name].rows
    assert [[_figure(cell) for cell in row] for row in rows] == [[pytest.approx(_figure(c)) for c in r] for r in wanted]
    assert len(rows) > 0
    assert note in ("", *answers.results[name].notes)


def _figure(cell: Any) -> Any:
    return cell if isinstance(cell, str | None) else float(cell)


def test_sums_that_mean_nothing_are_refused(answers: Answers) -> None:
    for (_, says), message in zip(REFUSED, answers.refusals, strict=True):
        assert says in message


def test_the_trees_are_read_once(answers: Answers) -> None:
    assert answers.is_read_once
    assert {name: len(tree.nodes) for name, tree in answers.schema.trees.items()} == {
        "accounts": 99, "departments": 7, "organizations": 14
    }  # fmt: skip


def test_trees_and_balances_are_described_to_a_model(answers: Answers) -> None:
    tables = answers.schema.tables
    chart = described_table(tables["accounts"], answers.schema, [])["hierarchy"]
    [net_income] = [row["Net Income"] for row in chart["tree"] if "Net Income" in row]
    assert [row if isinstance(row, str) else next(iter(row)) for row in net_income] == [
        "Operating Profit",
        "Other Income and Expense",
        "(-) Taxes",
    ]
    assert "(-) Operating Expenses" in next(iter(net_income[0].values()))[1]
    assert "roll-up" in chart["use"]
    assert described_table(tables["departments"], answers.schema, [])["hierarchy"]["own_rows"] == ["Corporate"]
    ledger = described_table(tables[LEDGER], answers.schema, [])
    assert ledger["defaults_to_filter_by"] == {"scenarios.scenario_name": "Actual"}
    assert ledger["balances_never_summed_over_time"] == {"accounts.account_type": ["Assets", "Liabilities", "Balances"]}
    assert ledger["never_added_across"] == ["accounts.account_type", "scenarios.scenario_name"]
    assert "last_of" in ledger["balances_are_read_with"]


@pytest.mark.parametrize(
    ("row", "line", "says"),
    [
        ("4,9,Lost,+", 5, "Lost has the parent 9, which does not occur in account_key"),
        ("4,4,Ring,+", 5, "a cycle in the tree: Ring > Ring"),
        ("4,1,Odd,*", 7, "Odd has the operator '*'; the operators are + - ~"),
        (",1,Nothing,+", 4, "a row of accounts has no account_key"),
    ],
)
def test_rows_that_form_no_tree_are_an_error_with_a_line_of_the_glossary(
    tmp_path: Path, row: str, line: int, says: str
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "accounts.csv").write_text(f"account_key,parent_key,name,sign\n1,,Top,+\n2,1,Low,-\n{row}\n")
    keys = {"key": "account_key", "parent": "parent_key", "label": "name", "operator": "sign"}
    text = yaml.safe_dump({"tables": {"accounts": {"hierarchy": keys}}}, sort_keys=False)
    (tmp_path / "data" / "datasets.yaml").write_text(text)

    async def schema() -> SchemaContext:
        workspace_data = WorkspaceData(tmp_path, query_timeout=30, ingest_timeout=60)
        try:
            return await workspace_data.schema()
        finally:
            await workspace_data.close()

    found = asyncio.run(schema())
    [problem] = found.glossary_problems
    assert problem.startswith(f"datasets.yaml, line {line}: ")
    assert says in problem
    assert (found.glossary.table("accounts").hierarchy, found.trees) == (None, {})
