"""Tests plans over trees: their SQL, rows and notes, and the sums that are refused.

The company has a chart with every operator, two accounts called Other, and a group of units with rows of its own. The
expected rows were worked out by hand. After an intended change, rewrite the golden files and read the diff:

    .venv/bin/python -m tests.data.test_rollups
"""

# ruff: noqa: E501 - a case a line reads best
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfo_kernel.data import hierarchies
from cfo_kernel.data.compiler import compile_plan
from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.hierarchies import Node, Tree
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.prepared_plan import prepare
from cfo_kernel.data.tables import Column, Table, Tables
from cfo_kernel.errors import PlanInvalid
from cfo_kernel.replies import Query, ResultTable
from tests.data.conftest import Company, opened

GOLDEN = Path(__file__).parent / "golden_rollups"
Json = dict[str, Any]

CHART = """account_key,parent_key,account,operator,kind
1,,Profit,~,Flow
2,1,Sales,+,Flow
3,1,Costs,-,Flow
4,3,Wages,+,Flow
5,3,Refunds,-,Flow
6,1,Memo,~,Flow
7,,Statistics,~,
8,7,Heads,~,Stock
9,,Cash,+,Stock
10,2,Other,+,Flow
11,3,Other,+,Cost
12,,Twin,+,Flow
13,12,Twin,+,Flow
14,13,Leaf,+,Flow
"""
UNITS = """unit_key,parent_unit,unit
1,,Group
2,1,North
3,1,South
4,3,Deep
"""
VERSIONS = "version_key,version\n1,Actual\n2,Budget\n"
BOOKS = """account_key,unit_key,version_key,posted,amount
10,2,1,2024-01-31,100.00
4,3,1,2024-01-31,30.00
5,3,1,2024-01-31,4.00
6,1,1,2024-01-31,7.00
8,2,1,2024-01-31,5.00
9,2,1,2024-01-31,50.00
9,4,1,2024-01-31,20.00
10,4,1,2024-02-29,200.00
11,1,1,2024-02-29,11.00
4,2,1,2024-02-29,40.00
9,2,1,2024-02-29,60.00
10,2,2,2024-02-29,150.00
"""
GLOSSARY = GlossaryFile.model_validate({
    "tables": {
        "books": {
            "date": "posted",
            "defaults": {"versions.version": "Actual"},
            "balances": {"chart.kind": ["Stock"]},
            "kept_apart": ["chart.kind"],
        },
        "chart": {"hierarchy": {"key": "account_key", "parent": "parent_key", "label": "account", "operator": "operator"}},
        "units": {"hierarchy": {"key": "unit_key", "parent": "parent_unit", "label": "unit"}},
    }
})  # fmt: skip
FILES = {"books": BOOKS, "chart": CHART, "units": UNITS, "versions": VERSIONS}


class BooksCompany:
    """The company, and plans run on it in the same way as `WorkspaceData.plan` runs them."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.trees: dict[str, Tree] = {}
        for name, sql in hierarchies.tree_queries(GLOSSARY, company.tables).items():
            result = ResultTable.model_validate(
                {**company.worker.query(sql, 100, None), "query": Query(mode="sql", sql=sql)}
            )
            self.trees[name] = hierarchies.tree_from_result(name, result, GLOSSARY, None, company.tables)

    def sql(self, plan: QueryPlan) -> str:
        return prepare(plan, self.company.tables, GLOSSARY, self.trees).sql

    def ask(self, plan: QueryPlan) -> tuple[list[list[Any]], list[str]]:
        """The rows and notes of a plan."""
        ready = prepare(plan, self.company.tables, GLOSSARY, self.trees)
        notes = list(ready.notes)
        if ready.probe_sql:
            notes += ready.evaluate(self._rows(ready.probe_sql)[0])
        if ready.closing_dates:
            notes += ready.closing_dates.notes(self._rows(ready.closing_dates.sql))
        return self._rows(ready.sql), notes

    def _rows(self, sql: str) -> list[list[Any]]:
        return [list(row) for row in self.company.worker.query(sql, 1000, None)["rows"]]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BooksCompany]:
    company = opened(tmp_path_factory.mktemp("books"), FILES)
    yield BooksCompany(company)
    company.worker.connection.close()


def join(table: str, key: str) -> Json:
    return {"table": table, "left": f"books.{key}", "right": f"{table}.{key}"}


JOINS = [join("chart", "account_key"), join("units", "unit_key"), join("versions", "version_key")]
ACTUAL = {"column": "version", "value": "Actual"}
MONTH = {"column": "posted", "grain": "month"}


def account(value: Any, op: str = "=") -> Json:
    return {"column": "account", "op": op, "value": value}


def unit(value: Any, op: str = "=") -> Json:
    return {"column": "unit", "op": op, "value": value}


def total(*where: Json, fn: str = "sum", column: str | None = "amount") -> Json:
    return {"fn": fn, "where": list(where), **({"column": column} if column else {})}


def plan(*filters: Json, **fields: Any) -> QueryPlan:
    select = [{"name": name, "expression": e} for name, e in fields.pop("select", {"total": total()}).items()]
    given = {"table": "books", "joins": JOINS, "filters": filters, "select": select, **fields}
    return QueryPlan.model_validate(given)


PROFIT = "Profit is the roll-up of 4 accounts (2 added, 2 subtracted)."
COSTS = "Costs is the roll-up of 3 accounts (2 added, 1 subtracted)."
SALES = "Sales is the roll-up of 1 account."
GROUP = "Group is the roll-up of 2 units and its own rows; filter by units.unit_key to get only those."
SOUTH = "South is the roll-up of 1 unit and its own rows; filter by units.unit_key to get only those."
ALL_ACTUAL = "All rows belong to Actual (versions.version)."

CASES: dict[str, tuple[QueryPlan, list[list[Any]], list[str]]] = {
    "a_parent": (plan(ACTUAL, account("Profit"), group_by=[MONTH]), [["2024-01", 74.0], ["2024-02", 149.0]], [PROFIT]),
    "a_parent_that_is_subtracted_further_up": (plan(ACTUAL, account("Costs")), [[77.0]], [COSTS]),
    "a_parent_in_a_figure": (
        plan(ACTUAL, group_by=[MONTH], select={"costs": total(account("Costs")), "share": {"op": "/", "left": total(account("Costs")), "right": total(account("Sales"))}}),
        [["2024-01", 26.0, 0.26], ["2024-02", 51.0, 0.255]],
        [COSTS, SALES],
    ),
    "the_narrower_name_gives_the_sign": (
        plan(ACTUAL, account("Profit"), select={"profit": total(), "costs": total(account("Costs")), "wages": total(account("Wages"))}),
        [[223.0, 77.0, 70.0]],
        [PROFIT, COSTS],
    ),
    "names_that_overlap_each_in_its_figure": (
        plan(ACTUAL, account(["Profit", "Costs"], "in"), select={"rows": total(fn="count", column=None), "profit": total(account("Profit")), "costs": total(account("Costs"))}),
        [[6, 223.0, 77.0]],
        [PROFIT, COSTS],
    ),
    "leaves_with_their_signs": (
        plan(ACTUAL, account("Profit"), group_by=[{"column": "account"}, {"column": "chart.account_key"}]),
        [["Other", 10, 300.0], ["Other", 11, -11.0], ["Refunds", 5, 4.0], ["Wages", 4, -70.0]],
        [PROFIT],
    ),
    "several_names": (plan(ACTUAL, account(["Sales", "Costs"], "in"), group_by=[{"column": "kind"}]), [["Cost", 11.0], ["Flow", 366.0]], [SALES, COSTS]),
    "names_that_overlap_alike_count_once": (plan(ACTUAL, account(["Costs", "Wages"], "in")), [[77.0]], [COSTS]),
    "rows_of_a_roll_up_are_counted": (
        plan(account("Profit"), select={"rows": total(fn="count", column=None), "units": total(fn="count_distinct", column="books.unit_key"), "first": total(fn="min", column="posted")}),
        [[7, 4, "2024-01-31"]],
        [PROFIT],
    ),
    "an_average_of_added_rows": (plan(unit("South"), account("Sales"), select={"mean": total(fn="avg")}), [[200.0]], [SOUTH, SALES, ALL_ACTUAL]),
    "a_tree_without_operators": (plan(ACTUAL, unit("Group"), account("Wages")), [[70.0]], [GROUP]),
    "a_key_names_one_row_of_the_tree": (plan(ACTUAL, {"column": "units.unit_key", "value": 1}, account("Profit")), [[-11.0]], [PROFIT]),
    "all_but_a_parent": (
        plan(ACTUAL, account("Costs", "!="), {"column": "kind", "value": "Flow"}),
        [[307.0]],
        ["Costs is left out, along with the 3 accounts below."],
    ),
    "all_but_several": (
        plan(ACTUAL, account(["Costs", "Memo"], "not in"), {"column": "kind", "value": "Flow"}),
        [[300.0]],
        ["Costs and Memo are left out, along with the 4 accounts below."],
    ),
    "what_is_left_out_counts_by_its_name": (plan(ACTUAL, account("Memo")), [[7.0]], []),
    "children_of_a_parent": (
        plan(ACTUAL, group_by=[{"column": "account", "within": "Profit", "name": "line"}]),
        [["Costs", -77.0], ["Sales", 300.0]],
        [PROFIT],
    ),
    "children_by_month_and_a_share": (
        plan(
            ACTUAL,
            account("Wages"),
            group_by=[MONTH, {"column": "unit", "within": "Group"}],
            select={"total": total(), "share": {"over": "share_of_total", "of": total()}},
        ),
        [["2024-01", "South", 30.0, 3 / 7], ["2024-02", "North", 40.0, 4 / 7]],
        [GROUP],
    ),
    "own_rows_beside_the_children": (
        plan(ACTUAL, account("Profit"), group_by=[{"column": "unit", "within": "Group"}]),
        [["Group", -11.0], ["North", 60.0], ["South", 174.0]],
        [PROFIT, GROUP],
    ),
    "the_tree_itself": (plan(account("Costs"), table="chart", joins=[], select={}, group_by=[{"column": "account_key"}]), [[3]], []),
    "a_balance_at_its_last_dates": (
        plan(account("Cash"), group_by=[MONTH], last_of={"column": "posted", "grain": "month"}),
        [["2024-01", 70.0], ["2024-02", 60.0]],
        [
            ALL_ACTUAL,
            "Read at the last date with rows: 2024-01-31, 2024-02-29.",
            "2024-02-29 has 1 unit, while the previous date (2024-01-31) has 2, so it may contain only adjustments.",
        ],
    ),
    "a_balance_at_one_date": (plan(account("Cash"), {"column": "posted", "op": "in period", "value": "2024-01"}), [[70.0]], [ALL_ACTUAL]),
    "scenarios_beside_each_other": (
        plan(account("Sales"), select={"actual": total(ACTUAL), "budget": total({**ACTUAL, "value": "Budget"}), "over": {"percent_change": total(ACTUAL), "base": total({**ACTUAL, "value": "Budget"})}}),
        [[300.0, 150.0, 1.0]],
        [SALES],
    ),
    "no_scenario_is_named_and_there_is_one": (plan(account("Wages")), [[70.0]], [ALL_ACTUAL]),
    "no_join_to_what_is_checked": (plan({"column": "account_key", "value": 4}, joins=[]), [[70.0]], [ALL_ACTUAL]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_sql_is_the_golden_one(name: str, books: BooksCompany) -> None:
    assert books.sql(CASES[name][0]) + "\n" == (GOLDEN / f"{name}.sql").read_text()


@pytest.mark.parametrize("name", CASES)
def test_the_rows_and_notes_are_those_worked_out_by_hand(name: str, books: BooksCompany) -> None:
    tested, wanted, notes = CASES[name]
    rows, found = books.ask(tested)
    assert rows == [[pytest.approx(c) if isinstance(c, float) else c for c in row] for row in wanted]
    assert found == notes


def test_there_is_no_golden_file_without_a_case() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


REFUSED: list[tuple[QueryPlan, str]] = [
    (plan(account("Profit"), select={"x": total(fn="avg")}), "avg over Profit is not meaningful, because some accounts in it are subtracted. Use sum"),
    (plan(account("Profit"), select={"x": total(fn="max")}), "max over Profit is not meaningful"),
    (plan(select={"x": total(account("Costs"), fn="median")}), "median over Costs is not meaningful"),
    (plan(account("Profit"), account("Costs"), select={"x": total(fn="avg")}), "avg over Costs is not meaningful"),
    (plan(account("Twin")), "2 accounts are called Twin. Filter on chart.account_key: 12 or 13."),
    (plan(account(["Profit", "Costs"], "in")), "Profit and Costs overlap, and Costs has different signs in them."),
    (plan(account("Profit"), account("Costs")), "Profit and Costs overlap and give some rows different signs. Name only one of them."),
    (plan(account(["Profit", "Wagse"], "in")), "There is no account Wagse. Did you mean Wages"),
    (plan(account("Statistics")), "Statistics is not a total, because everything below it is excluded (~). Name one of: Heads."),
    (plan(group_by=[{"column": "account", "within": "Wages"}]), "Wages is not a parent in a hierarchy of account. Remove `within`."),
    (plan(group_by=[{"column": "kind", "within": "Profit"}]), "Profit is not a parent in a hierarchy of kind."),
    (plan(account("Cash")), "total would add a balance over several dates (2024-01-31 and 2024-02-29): a balance is never summed over time."),
    (plan(account("Cash"), select={"mean": total(fn="avg")}), "mean would add a balance over several dates"),
    (plan(account("Cash"), group_by=[{"column": "posted", "grain": "quarter"}]), "over several dates for each quarter ("),
    (plan(account("Cash"), group_by=[{"column": "unit"}], select={"x": total({"column": "posted", "op": ">", "value": "2023-01-01"})}), 'with_last'),
    (plan(account("Cash"), group_by=[{"column": "posted", "grain": "quarter"}], last_of={"column": "posted", "grain": "month"}), "over several dates"),
    (plan(account("Cash"), group_by=[MONTH], select={"x": {"over": "running_total", "of": total()}}), "x would add a balance over several dates"),
    (plan(account("Cash"), group_by=[MONTH], select={"x": {"over": "share_of_total", "of": total()}}), "x would add a balance over several dates"),
    (plan(account("Sales")), "total would add rows with different values of versions.version (Actual and Budget). Filter it to one value"),
    (plan(account("Sales"), {**ACTUAL, "op": "in", "value": ["Actual", "Budget"]}, group_by=[MONTH]), "different values of versions.version for each month"),
    (plan({"column": "account_key", "value": 10}, joins=[]), '{"column": "versions.version", "value": "Actual"} is the default'),
    (plan(account("Sales"), group_by=[{"column": "version"}], select={"x": {"over": "share_of_total", "of": total()}}), "x would add rows with different values of versions.version"),
    (plan(ACTUAL, account("Other")), "total would add different values of chart.kind (Cost and Flow), which are kept apart."),
    (plan(ACTUAL, account(["Sales", "Cash"], "in"), {"column": "posted", "value": "2024-01-31"}), "different values of chart.kind (Flow and Stock)"),
]  # fmt: skip


@pytest.mark.parametrize(("tested", "says"), REFUSED)
def test_a_sum_that_means_nothing_is_refused(tested: QueryPlan, says: str, books: BooksCompany) -> None:
    with pytest.raises(PlanInvalid) as caught:
        books.ask(tested)
    says = '"last_of": {"column": "books.posted", "grain": "quarter"}' if says == "with_last" else says
    assert says in caught.value.message


def test_a_parent_without_rows_has_no_total(books: BooksCompany) -> None:
    assert books.ask(plan(account("Leaf"))) == ([[None]], [])


def test_a_join_makes_a_roll_up_whatever_the_names_of_its_columns() -> None:
    def table(called: str, **columns: str) -> Table:
        made = tuple(Column(name=column, type=kind) for column, kind in columns.items())
        return Table(name=called, dataset=called, columns=made, row_count=2)

    nodes = [Node(key="1", parent=None, name="All"), Node(key="2", parent="1", name="One", sign=-1)]
    tree = Tree("tree", "node", "name", nodes, noun="node", signed=True)
    tables = Tables([table("facts", at="INTEGER", n="INTEGER"), table("tree", node="INTEGER", name="VARCHAR")])
    for base, other in (("facts", "tree"), ("tree", "facts")):
        tested = QueryPlan.model_validate({
            "table": base,
            "joins": [{"table": other, "left": "facts.at", "right": "tree.node"}],
            "filters": [{"column": "name", "value": "All"}],
            "select": [{"name": "total", "expression": total(column="n")}],
        })  # fmt: skip
        sql = compile_plan(tested, tables, {"tree": tree})
        assert 'CASE WHEN "tree"."node" IN (2) THEN -("facts"."n") ELSE "facts"."n" END' in sql
        assert 'WHERE "tree"."node" IN (1, 2)' in sql


def test_every_account_is_the_signed_sum_of_what_is_below_it(books: BooksCompany) -> None:
    """Compares the result of the SQL with a sum over the lines of the files."""
    chart = [line.split(",") for line in CHART.split()[1:]]
    booked = [line.split(",") for line in BOOKS.split()[1:]]
    when = {"column": "posted", "value": "2024-01-31"}

    def expected(key: str) -> float:
        own = sum(float(b[4]) for b in booked if b[0] == key and b[3] == "2024-01-31")
        signs = {"+": 1, "-": -1, "~": 0}
        return own + sum(signs[c[3]] * expected(c[0]) for c in chart if c[1] == key)

    for key, _, name, *_ in chart:
        if name not in ("Other", "Twin", "Statistics"):
            assert (books.ask(plan(when, account(name)))[0][0][0] or 0) == expected(key), name


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("version", r"different values of cash.version \(Actual and none\)"),
        ("posted", r"over several dates \(2024-01-31 and none\)"),
    ],
)
def test_a_row_without_a_scenario_or_a_date_does_not_belong_to_the_others(
    column: str, says: str, tmp_path: Path
) -> None:
    """Otherwise such a row would be added unnoticed, and a note would say that all rows are Actual."""
    row = {"version": "Actual", "posted": "2024-01-31"}
    lines = [",".join([*values.values(), "5"]) for values in (row, row | {column: ""})]
    company = opened(tmp_path, {"cash": "\n".join(["version,posted,amount", *lines, ""])})
    notes = {"date": "posted", "defaults": {"cash.version": "Actual"}, "balances": {"cash.version": ["Actual"]}}
    tested = QueryPlan.model_validate({"table": "cash", "select": [{"name": "x", "expression": total()}]})
    [probe] = prepare(tested, company.tables, GlossaryFile.model_validate({"tables": {"cash": notes}}), {}).probes
    with pytest.raises(PlanInvalid, match=says):
        probe.evaluate(company.worker.query(probe.sql, 1, None)["rows"][0])
    company.worker.connection.close()


def test_a_median_of_a_balance_over_time_is_refused_as_its_average_is(books: BooksCompany) -> None:
    with pytest.raises(PlanInvalid, match="never summed over time"):
        books.ask(plan(ACTUAL, account("Cash"), unit("North"), select={"x": total(fn="median")}))


NAMES = ["Profit", "Sales", "Costs", "Wages", "Memo", "Cash", "Other", "Twin", "Nothing", "Statistics"]
FILTERS = st.one_of(
    st.builds(account, st.sampled_from(NAMES), st.sampled_from(["=", "!="])),
    st.builds(account, st.lists(st.sampled_from(NAMES), min_size=1, max_size=3), st.sampled_from(["in", "not in"])),
    st.builds(unit, st.sampled_from(["Group", "South", "Deep"])),
    st.just(ACTUAL),
)
GROUPS = [MONTH, {"column": "account", "within": "Profit"}, {"column": "unit", "within": "Group"}, {"column": "kind"}]
LAST = st.none() | st.sampled_from([{"column": "posted"}, {"column": "posted", "grain": "month"}])


@settings(max_examples=80, deadline=None)
@given(
    filters=st.lists(FILTERS, max_size=3),
    where=st.lists(FILTERS, max_size=2),
    groups=st.lists(st.sampled_from(GROUPS), max_size=2, unique_by=lambda group: group["column"]),
    last=LAST,
    fn=st.sampled_from(["sum", "avg", "count", "max"]),
    over=st.sampled_from([None, "share_of_total"]),
)
def test_any_plan_over_trees_is_refused_by_name_or_runs(
    filters: list[Json],
    where: list[Json],
    groups: list[Json],
    last: Json | None,
    fn: str,
    over: str | None,
    books: BooksCompany,
) -> None:
    figure = total(*where, fn=fn)
    select = {"x": {"over": over, "of": figure} if over else figure}
    with suppress(PlanInvalid):
        books.ask(plan(*filters, group_by=groups, last_of=last, select=select))


def _write_golden() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for old in GOLDEN.iterdir():
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        made = BooksCompany(opened(Path(folder), FILES))
    for name, (tested, _, _) in CASES.items():
        (GOLDEN / f"{name}.sql").write_text(made.sql(tested) + "\n")


if __name__ == "__main__":
    _write_golden()
