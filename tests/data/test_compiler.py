"""Tests plans as SQL and as rows.

Each case is compiled, compared with `golden/<name>.sql`, and run on the small company in `conftest.py` under the SQL
policy. The expected rows were worked out by hand. After an intended change, rewrite the golden files and read the diff:

    .venv/bin/python -m tests.data.test_compiler
"""

# ruff: noqa: E501 - a case a line reads best
import tempfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cfo_kernel.data.compiler import compile_plan
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.errors import PlanInvalid, QueryError, UnknownColumn, UnknownTable
from tests.data.conftest import Company, opened

GOLDEN = Path(__file__).parent / "golden"
Json = dict[str, Any]

TO_ACCOUNTS = {"table": "accounts", "left": "ledger.account_key", "right": "accounts.account_key"}
TO_GROUPS = {"table": "account_groups", "left": "accounts.group_key", "right": "account_groups.group_key"}
DEPT = {"column": "dept"}
MONTH = {"column": "posted", "grain": "month"}


def agg(fn: str, column: str | None = "amount", **more: Any) -> Json:
    return {"fn": fn, **({"column": column} if column else {}), **more}


def op(left: Json, sign: str, right: Json) -> Json:
    return {"op": sign, "left": left, "right": right}


def over(kind: str, of: Json | None = None, **more: Any) -> Json:
    return {"over": kind, "of": of or agg("sum"), **more}


def change(value: Json, base: Json) -> Json:
    return {"percent_change": value, "base": base}


def select(**figures: Json) -> list[Json]:
    return [{"name": name, "expression": expression} for name, expression in figures.items()]


def only(value: str) -> list[Json]:
    return [{"column": "dept", "value": value}]


TOTAL = select(total=agg("sum"))

CASES: dict[str, tuple[Json, list[list[Any]]]] = {
    "total": ({"select": TOTAL}, [[625.25]]),
    "functions": (
        {
            "group_by": [DEPT],
            "select": select(
                rows=agg("count", None),
                filled=agg("count", "units"),
                accounts=agg("count_distinct", "account_key"),
                total=agg("sum"),
                mean=agg("avg"),
                low=agg("min"),
                high=agg("max"),
                middle=agg("median"),
                first=agg("min", "posted"),
            ),
        },
        [
            ["Finance", 3, 3, 2, 360.15, 120.05, -60.05, 220.0, 200.2, "2024-01-31"],
            ["Sales", 4, 3, 2, 260.1, 65.025, 0.0, 110.0, 75.05, "2024-01-31"],
            [None, 1, 1, 1, 5.0, 5.0, 5.0, 5.0, 5.0, "2024-04-30"],
        ],
    ),
    "median_of_half_cents": (
        {"filters": [{"column": "amount", "op": "in", "value": ["-60.05", 5]}], "select": select(middle=agg("median"))},
        [[-27.525]],
    ),
    "grains": (
        {
            "group_by": [{"column": "posted", "grain": g} for g in ("day", "week", "month", "quarter", "year")],
            "select": select(rows=agg("count", None)),
        },
        [
            ["2024-01-31", "2024-01-29", "2024-01", "2024-Q1", 2024, 3],
            ["2024-02-29", "2024-02-26", "2024-02", "2024-Q1", 2024, 2],
            ["2024-03-31", "2024-03-25", "2024-03", "2024-Q1", 2024, 1],
            ["2024-04-30", "2024-04-29", "2024-04", "2024-Q2", 2024, 2],
        ],
    ),
    "grains_of_a_timestamp": (
        {"group_by": [{"column": "at", "grain": "day", "name": "on"}], "select": select(rows=agg("count", None))},
        [["2024-01-31", 3], ["2024-02-29", 2], ["2024-03-31", 1], ["2024-04-30", 2]],
    ),
    "periods_counted": (
        {"select": select(months=agg("count_distinct", "posted", grain="month"), days=agg("count_distinct", "at"))},
        [[4, 7]],
    ),
    "join": (
        {"joins": [TO_ACCOUNTS], "group_by": [{"column": "account"}], "select": TOTAL},
        [["Rent", -10.05], ["Salaries", 630.3]],
    ),
    "left_join": (
        {"joins": [{**TO_ACCOUNTS, "kind": "left"}], "group_by": [{"column": "account"}], "select": TOTAL},
        [["Rent", -10.05], ["Salaries", 630.3], [None, 5.0]],
    ),
    "joins_in_a_chain": (
        {"joins": [TO_ACCOUNTS, TO_GROUPS], "group_by": [{"column": "group_name", "name": "group"}], "select": TOTAL},
        [["People", 630.3], ["Places", -10.05]],
    ),
    "join_by_plain_names": (
        {
            "joins": [{"table": "accounts", "left": "account_key", "right": "account_key", "kind": "left"}],
            "group_by": [{"column": "account_key"}],
            "select": select(rows=agg("count", "account_key")),
        },
        [[1, 5], [2, 2], [9, 1]],
    ),
    "join_written_the_other_way_round": (
        {
            "joins": [{"table": "accounts", "left": "accounts.account_key", "right": "ledger.account_key"}],
            "select": TOTAL,
        },
        [[620.25]],
    ),
    "aggregates_of_some_rows": (
        {
            "select": select(
                sales=agg("sum", where=only("Sales")),
                others=agg("sum", where=[{"column": "dept", "op": "!=", "value": "Sales"}]),
                part=op(agg("count", None, where=only("Sales")), "/", agg("count", None)),
            )
        },
        [[260.1, 360.15, 0.5]],
    ),
    "arithmetic": (
        {
            "select": select(
                a=op(op(agg("sum"), "+", agg("min")), "-", {"constant": -0.05}),
                b=op(agg("sum"), "*", {"constant": 2}),
                c=op(agg("sum"), "/", op(agg("count", None), "-", {"constant": 8})),
                d=op(agg("sum"), "-", op(agg("min"), "-", agg("max"))),
            )
        },
        [[565.25, 1250.5, None, 905.3]],
    ),
    "having": (
        {
            "group_by": [DEPT],
            "select": select(total=agg("sum"), last=agg("max", "posted")),
            "having": [
                {"measure": "Total", "op": "between", "value": [5, "300.00"]},
                {"measure": "last", "op": ">=", "value": "2024-04-01"},
                {"measure": "total", "op": "!=", "value": 7},
            ],
        },
        [["Sales", 260.1, "2024-04-30"], [None, 5.0, "2024-04-30"]],
    ),
    "order_and_limit": (
        {
            "group_by": [DEPT],
            "select": TOTAL,
            "order_by": [{"by": "TOTAL", "direction": "desc"}, {"by": "dept"}, {"by": "total"}],
            "limit": 2,
        },
        [["Finance", 360.15], ["Sales", 260.1]],
    ),
    "distinct_rows": ({"group_by": [DEPT, {"column": "account_key"}], "limit": 3}, [["Finance", 1], ["Finance", 2], ["Sales", 1]]),
    "filters": (
        {
            "filters": [
                {"column": "dept", "op": "in", "value": ["Sales", "Finance"]},
                {"column": "posted", "op": "between", "value": ["2024-01-01", "2024-02-29"]},
                {"column": "units", "op": "is not null"},
            ],
            "select": TOTAL,
        },
        [[630.3]],
    ),
    "share_of_total": (
        {"group_by": [{"column": "flag"}], "select": select(rows=agg("count", None), share=over("share_of_total", agg("count", None)))},
        [[False, 4, 0.5], [True, 4, 0.5]],
    ),
    "share_within": (
        {
            "group_by": [DEPT, {"column": "account_key"}],
            "select": select(share=over("share_of_total", agg("count", None), within=["Dept"])),
            "order_by": [{"by": "dept"}, {"by": "share"}],
        },
        [["Finance", 2, 1 / 3], ["Finance", 1, 2 / 3], ["Sales", 2, 0.25], ["Sales", 1, 0.75], [None, 9, 1.0]],
    ),
    "running_total": (
        {"group_by": [MONTH], "select": select(total=agg("sum"), so_far=over("running_total"))},
        [["2024-01", 350.3, 350.3], ["2024-02", 330.0, 680.3], ["2024-03", -60.05, 620.25], ["2024-04", 5.0, 625.25]],
    ),
    "period_over_period": (
        {
            "group_by": [MONTH],
            "select": select(
                total=agg("sum"), before=over("previous"), change=over("change"), part=over("change_percent")
            ),
        },
        [
            ["2024-01", 350.3, None, None, None],
            ["2024-02", 330.0, 350.3, -20.3, -20.3 / 350.3],
            ["2024-03", -60.05, 330.0, -390.05, -390.05 / 330],
            ["2024-04", 5.0, -60.05, 65.05, None],
        ],
    ),
    "windows_along_two_groups": (
        {
            "group_by": [DEPT, MONTH],
            "filters": [{"column": "dept", "op": "is not null"}],
            "select": select(
                before=over("previous", agg("count", None)), beside=over("previous", agg("count", None), along="dept")
            ),
        },
        [
            ["Finance", "2024-01", None, None],
            ["Finance", "2024-02", 1, None],
            ["Finance", "2024-03", 1, None],
            ["Sales", "2024-01", None, 1],
            ["Sales", "2024-02", 2, 1],
            ["Sales", "2024-04", None, None],
        ],
    ),
    "windows_and_having": (
        {
            "group_by": [DEPT],
            "select": select(rows=agg("count", None), share=over("share_of_total", agg("count", None))),
            "having": [{"measure": "share", "op": ">", "value": 0.25}],
            "order_by": [{"by": "share", "direction": "desc"}],
        },
        [["Sales", 4, 0.5], ["Finance", 3, 0.375]],
    ),
    "windows_in_arithmetic": (
        {
            "group_by": [MONTH],
            "select": select(x=op(over("running_total", agg("count", None)), "*", {"constant": 10})),
        },
        [["2024-01", 30], ["2024-02", 50], ["2024-03", 60], ["2024-04", 80]],
    ),
    "windows_over_the_same_figure_twice": (
        {
            "group_by": [{"column": "account_key", "name": "sum_amount"}],
            "select": select(a=agg("sum"), b=agg("sum"), c=over("share_of_total", op(agg("sum"), "*", agg("count")))),
            "filters": [{"column": "account_key", "value": 9}],
        },
        [[9, 5.0, 5.0, 1.0]],
    ),
    "previous_date": (
        {"group_by": [MONTH], "select": select(last=over("previous", agg("max", "posted")))},
        [["2024-01", None], ["2024-02", "2024-01-31"], ["2024-03", "2024-02-29"], ["2024-04", "2024-03-31"]],
    ),
    "last_of_all_time": ({"last_of": {"column": "posted"}, "select": TOTAL}, [[5.0]]),
    "last_of_each_quarter": (
        {
            "last_of": {"column": "posted", "grain": "quarter"},
            "group_by": [{"column": "posted", "grain": "quarter"}],
            "filters": only("Sales"),
            "select": TOTAL,
        },
        [["2024-Q1", 110.0], ["2024-Q2", 0.0]],
    ),
    "last_of_with_joins_and_windows": (
        {
            "joins": [TO_ACCOUNTS],
            "last_of": {"column": "posted", "grain": "month"},
            "group_by": [MONTH],
            "select": select(change=over("change")),
        },
        [["2024-01", None], ["2024-02", -20.3], ["2024-03", -390.05], ["2024-04", 60.05]],
    ),
    "last_of_the_rows_that_figures_take": (
        {
            "last_of": {"column": "posted"},
            "select": select(
                rent=agg("sum", where=[{"column": "account_key", "value": 2}]),
                finance=agg("count", None, where=only("Finance")),
            ),
        },
        [[-60.05, 1]],
    ),
    "periods": (
        {
            "group_by": [MONTH],
            "filters": [{"column": "posted", "op": "in period", "value": "2024-Q1"}],
            "select": select(
                total=agg("sum"),
                some=agg("count", None, where=[{"column": "at", "op": "in period", "value": ["2024-01", "2024-03-31"]}]),
            ),
        },
        [["2024-01", 350.3, 3], ["2024-02", 330.0, 0], ["2024-03", -60.05, 1]],
    ),
    "percent_change": (
        {
            "group_by": [MONTH],
            "select": select(
                over=change(agg("sum", where=only("Sales")), agg("sum", where=only("Finance"))),
                back=change(agg("sum", where=only("Finance")), agg("sum", where=only("Sales"))),
            ),
        },
        [
            ["2024-01", (150.1 - 200.2) / 200.2, (200.2 - 150.1) / 150.1],
            ["2024-02", -0.5, 1.0],
            ["2024-03", None, None],
            ["2024-04", None, None],
        ],
    ),
    "ratio": (
        {
            "group_by": [MONTH],
            "select": select(
                part={"ratio": agg("sum", where=only("Sales")), "base": agg("sum", where=only("Finance"))},
                below={
                    "ratio": agg("sum", where=only("Finance")),
                    "base": op({"constant": 0}, "-", agg("sum", where=only("Sales"))),
                },
            ),
        },
        [["2024-01", 150.1 / 200.2, None], ["2024-02", 0.5, None], ["2024-03", None, None], ["2024-04", None, None]],
    ),
    "share_of_a_total_that_is_not_positive": (
        {
            "group_by": [MONTH],
            "filters": [{"column": "posted", "op": "in period", "value": "2024-03"}],
            "select": select(total=agg("sum"), share=over("share_of_total")),
        },
        [["2024-03", -60.05, None]],
    ),
    "percent_change_of_windows": (
        {
            "group_by": [MONTH],
            "select": select(x=change(op(agg("count", None), "+", {"constant": 1}), over("running_total", agg("count", None)))),
        },
        [["2024-01", 1 / 3], ["2024-02", -0.4], ["2024-03", -4 / 6], ["2024-04", -5 / 8]],
    ),
    "hostile_texts": (
        {
            "group_by": [{"column": "dept", "name": 'd"; --'}, {"column": "posted", "grain": "year", "name": "y\n  z"}],
            "filters": [{"column": "dept", "op": "!=", "value": "O'Brien\n  \\'; DROP TABLE x; --"}],
            "select": [{"name": "' \" /* %", "expression": over("running_total", along="y\n  z")}],
        },
        [["Finance", 2024, 360.15], ["Sales", 2024, 260.1]],
    ),
}  # fmt: skip


def plan(**fields: Any) -> QueryPlan:
    return QueryPlan.model_validate({"table": "ledger", **fields})


@pytest.mark.parametrize("name", CASES)
def test_the_sql_is_the_golden_one(name: str, company: Company) -> None:
    golden = (GOLDEN / f"{name}.sql").read_bytes().decode()
    assert compile_plan(plan(**CASES[name][0]), company.tables) + "\n" == golden


@pytest.mark.parametrize("name", CASES)
def test_the_rows_are_those_worked_out_by_hand(name: str, company: Company) -> None:
    rows = company.rows(plan(**CASES[name][0]))
    assert rows == [[_nearly(cell) for cell in row] for row in CASES[name][1]]


def _nearly(cell: Any) -> Any:
    return pytest.approx(cell, rel=1e-12) if isinstance(cell, float) else cell


def test_a_threshold_with_many_decimals_is_compared_with_money(tmp_path: Path) -> None:
    money = opened(tmp_path, {"money": "amount\n99999999999999999.99\n-1.00\n"})
    above = {"column": "amount", "op": ">", "value": "0." + "0" * 36 + "1"}
    plan = QueryPlan.model_validate(
        {"table": "money", "filters": [above], "select": [{"name": "n", "expression": agg("count")}]}
    )
    assert money.rows(plan) == [[1]]
    money.worker.connection.close()


def test_there_is_no_golden_file_without_a_case() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


FILTERS: list[tuple[str, str, Any, int]] = [
    ("amount", "=", 50, 1), ("amount", "=", " 50.00 ", 1), ("amount", "!=", 50.0, 7), ("amount", "<", 0, 1),
    ("amount", "<=", 0, 2), ("amount", ">", 200, 2), ("amount", ">=", 200.2, 2), ("amount", ">", -1e30, 8),
    ("amount", "in", [50, "5"], 2), ("amount", "not in", [50, 5], 6), ("amount", "between", [50, 110], 3),
    ("amount", "like", "%.00", 5), ("units", "is null", None, 1), ("units", "is not null", None, 7),
    ("units", "=", "99999999999999999999999999", 0), ("amount", "in", 50, 1),
    ("dept", "=", "Sales", 4), ("dept", "=", ["Sales"], 4), ("dept", "!=", "Sales", 3), ("dept", "<", "Sales", 3),
    ("dept", "<=", "Sales", 7), ("dept", ">", "Finance", 4), ("dept", ">=", "Finance", 7), ("dept", "=", 5, 0),
    ("dept", "in", ["Sales", "x"], 4), ("dept", "not in", ["Sales"], 3), ("dept", "between", ["Finance", "Sales"], 7),
    ("dept", "like", "S%", 4), ("dept", "is null", None, 1), ("dept", "is not null", None, 7),
    ("posted", "=", "2024-01-31", 3), ("posted", "!=", "2024-01-31", 5), ("posted", "<", "2024-02-29", 3),
    ("posted", "<=", "2024-02-29", 5), ("posted", ">", "2024-02-29", 3), ("posted", ">=", "2024-02-29", 5),
    ("posted", "in", ["2024-01-31", "2024-04-30"], 5), ("posted", "not in", ["2024-01-31", "2024-04-30"], 3),
    ("posted", "between", ["2024-02-01", "2024-03-31"], 3), ("posted", "like", "2024-04%", 2),
    ("posted", "is null", None, 0), ("posted", "is not null", None, 8), ("posted", "=", "2024-01-31T00:00:00", 3),
    ("posted", "=", "20240131", 3),
    ("at", "=", "2024-01-31", 3), ("at", "!=", "2024-01-31", 5), ("at", "<", "2024-02-29", 3),
    ("at", "<=", "2024-01-31", 3), ("at", ">", "2024-01-31", 5), ("at", ">=", "2024-02-29", 5),
    ("at", "in", ["2024-01-31", "2024-04-30"], 5), ("at", "not in", ["2024-01-31", "2024-04-30"], 3),
    ("at", "between", ["2024-01-31", "2024-02-29"], 5), ("at", "like", "%12:00:00", 3), ("at", "is null", None, 0),
    ("posted", "between", ["2024-01-31", "2024-01-31"], 3), ("at", "between", ["2024-01-31T10:00", "2024-01-31"], 2),
    ("at", "is not null", None, 8), ("at", "=", "2024-01-31T10:00:00", 1), ("at", "!=", "2024-01-31 10:00", 7),
    ("at", ">", "2024-01-31T10:00", 6), ("at", "between", ["2024-01-31T00:00", "2024-01-31T10:00"], 2),
    ("at", "=", "2024-01-31T12:00:00+02:00", 1), ("at", "=", "9999-12-31", 0), ("at", "<=", "9999-12-31", 8),
    ("posted", "in period", "2024", 8), ("posted", "in period", 2024, 8), ("posted", "in period", "2024-Q1", 6),
    ("posted", "in period", "2024-h1", 8), ("posted", "in period", "2024-02", 2), ("posted", "in period", "2024-04-30", 2),
    ("posted", "in period", ["2024-01", "2024-Q2"], 5), ("posted", "in period", "2023", 0),
    ("posted", "in period", "9999", 0), ("at", "in period", "2024-01", 3), ("at", "in period", ["2024-01-31"], 3),
    ("at", "in period", "9999-12", 0),
    ("flag", "=", True, 4), ("flag", "=", "false", 4), ("flag", "!=", True, 4), ("flag", "in", [True], 4),
    ("flag", "is null", None, 0),
]  # fmt: skip


@pytest.mark.parametrize(("column", "operator", "value", "count"), FILTERS)
def test_a_filter_keeps_the_right_rows(column: str, operator: str, value: Any, count: int, company: Company) -> None:
    wanted = {"column": column, "op": operator, "value": value}
    assert company.rows(plan(filters=[wanted], select=select(rows=agg("count", None)))) == [[count]]
    inside = agg("count", None, where=[wanted])
    assert company.rows(plan(select=select(rows=inside))) == [[count]]


ERRORS: list[tuple[Json, type[QueryError], str]] = [
    ({"table": "ledgr"}, UnknownTable, "There is no table 'ledgr'. Did you mean ledger?"),
    ({"table": "zzz"}, UnknownTable, "Available: account_groups, accounts, ledger."),
    ({"select": select(x=agg("sum", "amont"))}, UnknownColumn, "no column amont. Did you mean ledger.amount?"),
    ({"select": select(x=agg("sum", "ledger.amont"))}, UnknownColumn, "no column ledger.amont. Did you mean ledger.amount"),
    ({"select": select(x=agg("sum", "nope.amount"))}, UnknownColumn, "There is no column nope.amount."),
    (
        {"group_by": [{"column": "account"}], "select": TOTAL},
        PlanInvalid,
        'account is not in the plan. Add to joins: {"table": "accounts", "left": "ledger.account_key", "right": "accounts.account_key"}.',
    ),
    (
        {"joins": [TO_ACCOUNTS], "group_by": [{"column": "account_groups.group_name"}], "select": TOTAL},
        PlanInvalid,
        'Add to joins: {"table": "account_groups", "left": "accounts.group_key", "right": "account_groups.group_key"}.',
    ),
    (
        {"table": "account_groups", "group_by": [{"column": "amount"}]},
        PlanInvalid,
        "ledger cannot be joined to account_groups. Query it in a separate plan.",
    ),
    ({"joins": [TO_ACCOUNTS, TO_ACCOUNTS], "select": TOTAL}, PlanInvalid, "joins accounts twice"),
    ({"joins": [{**TO_ACCOUNTS, "table": "ledger"}], "select": TOTAL}, PlanInvalid, "joins ledger twice"),
    ({"joins": [{**TO_ACCOUNTS, "right": "accounts.account"}], "select": TOTAL}, PlanInvalid, "so their values cannot be equal"),
    ({"joins": [{**TO_ACCOUNTS, "right": "ledger.account_key"}], "select": TOTAL}, PlanInvalid, "does not join accounts"),
    ({"joins": [{**TO_ACCOUNTS, "right": "accounts.nope"}], "select": TOTAL}, UnknownColumn, "accounts.nope"),
    ({"joins": [TO_GROUPS], "select": TOTAL}, PlanInvalid, "accounts.group_key is not in the plan"),
    (
        {"joins": [{"table": "accounts", "left": "units", "right": "account_key"}], "group_by": [{"column": "account_key"}]},
        PlanInvalid,
        "account_key is a column in several tables. Write ledger.account_key or accounts.account_key.",
    ),
    (
        {
            "joins": [
                {"table": "accounts", "left": "dept", "right": "account"},
                {"table": "account_groups", "left": "account_key", "right": "account_groups.group_key"},
            ],
            "select": TOTAL,
        },
        PlanInvalid,
        "account_key is a column in several tables. Write ledger.account_key or accounts.account_key.",
    ),
    ({}, PlanInvalid, "selects nothing"),
    ({"group_by": [DEPT, DEPT]}, PlanInvalid, "the same name: dept, dept. Rename one."),
    ({"group_by": [DEPT], "select": select(Dept=agg("sum"))}, PlanInvalid, "have the same name: dept, Dept"),
    ({"select": [{"name": "", "expression": agg("sum")}]}, PlanInvalid, "is empty, or contains a NUL"),
    ({"select": select(x={"constant": 5})}, PlanInvalid, "x has no aggregate"),
    ({"select": select(x=over("running_total", {"constant": 5}))}, PlanInvalid, "x has no aggregate"),
    ({"select": select(x=agg("sum", "dept"))}, PlanInvalid, "sum needs numbers, but dept is VARCHAR."),
    ({"select": select(x=agg("sum", None))}, PlanInvalid, "sum needs a column"),
    ({"select": select(x=agg("max", "posted", grain="month"))}, PlanInvalid, "max does not take a grain"),
    ({"select": select(x=agg("count_distinct", "dept", grain="month"))}, PlanInvalid, "dept is VARCHAR, not a date"),
    ({"select": select(x=op(agg("max", "dept"), "+", {"constant": 1}))}, PlanInvalid, "+ needs numbers, but dept is VARCHAR"),
    ({"group_by": [{"column": "dept", "grain": "month"}]}, PlanInvalid, "dept is VARCHAR, not a date"),
    ({"last_of": {"column": "dept"}, "select": TOTAL}, PlanInvalid, "dept is VARCHAR, not a date"),
    ({"group_by": [DEPT], "select": select(x=over("running_total"))}, PlanInvalid, "running_total needs an order"),
    ({"group_by": [MONTH], "select": select(x=over("change", agg("max", "dept")))}, PlanInvalid, "change needs numbers"),
    ({"group_by": [MONTH], "select": select(x=over("change", over("change")))}, PlanInvalid, "cannot contain another window"),
    ({"group_by": [MONTH], "select": select(x=over("change", along="mnth"))}, PlanInvalid, "no group mnth. Did you mean month?"),
    ({"group_by": [MONTH], "select": select(x=over("share_of_total", within=["x"]))}, PlanInvalid, "no group x. Available: month."),
    ({"select": TOTAL, "having": [{"measure": "totl", "op": ">", "value": 1}]}, PlanInvalid, "Did you mean total?"),
    ({"select": TOTAL, "having": [{"measure": "total", "op": ">", "value": "x"}]}, PlanInvalid, "total is a number, but 'x' is not"),
    ({"select": TOTAL, "having": [{"measure": "total", "op": "between", "value": 1}]}, PlanInvalid, "total needs two values for 'between', not 1"),
    ({"select": TOTAL, "order_by": [{"by": "amount"}]}, PlanInvalid, "no column amount to sort by. Available: total."),
    ({"filters": [{"column": "amount", "value": "much"}], "select": TOTAL}, PlanInvalid, "ledger.amount is a number, but 'much' is not"),
    ({"filters": [{"column": "amount", "value": "\u0661\u0662"}], "select": TOTAL}, PlanInvalid, "ledger.amount is a number"),
    ({"filters": [{"column": "amount", "value": "1 OR 1"}], "select": TOTAL}, PlanInvalid, "ledger.amount is a number"),
    ({"filters": [{"column": "amount", "value": True}], "select": TOTAL}, PlanInvalid, "True is not"),
    ({"filters": [{"column": "posted", "value": "last year"}], "select": TOTAL}, PlanInvalid, "Write a date like 2012-03-31."),
    ({"filters": [{"column": "posted", "op": "in period", "value": "2024-13"}], "select": TOTAL}, PlanInvalid, "Write it like 2012, 2012-H1,"),
    ({"filters": [{"column": "posted", "op": "in period", "value": "0000"}], "select": TOTAL}, PlanInvalid, "'0000' is not a valid period for ledger.posted"),
    ({"filters": [{"column": "posted", "op": "in period"}], "select": TOTAL}, PlanInvalid, "needs a list of values for 'in period'"),
    ({"filters": [{"column": "dept", "op": "in period", "value": "2024"}], "select": TOTAL}, PlanInvalid, "dept is VARCHAR, not a date"),
    ({"select": select(x=change(agg("sum"), agg("max", "dept")))}, PlanInvalid, "percent_change needs numbers, but dept is VARCHAR"),
    ({"group_by": [{**DEPT, "within": "Sales"}], "select": TOTAL}, PlanInvalid, "Sales is not a parent in a hierarchy of dept"),
    ({"filters": [{"column": "flag", "value": "maybe"}], "select": TOTAL}, PlanInvalid, "ledger.flag is a boolean"),
    ({"filters": [{"column": "dept", "value": None}], "select": TOTAL}, PlanInvalid, "needs one value for '='"),
    ({"filters": [{"column": "dept", "value": ["a", "b"]}], "select": TOTAL}, PlanInvalid, "needs one value for '='"),
    ({"filters": [{"column": "dept", "op": "in", "value": []}], "select": TOTAL}, PlanInvalid, "needs a list of values"),
    ({"filters": [{"column": "dept", "op": "between", "value": ["a"]}], "select": TOTAL}, PlanInvalid, "a list of two values"),
    ({"filters": [{"column": "amount", "op": "between", "value": [50, "5"]}], "select": TOTAL}, PlanInvalid, "ledger.amount is compared with 50 and 5 in the wrong order"),
    ({"filters": [{"column": "dept", "op": "between", "value": ["b", "a"]}], "select": TOTAL}, PlanInvalid, "compared with b and a in the wrong order"),
    ({"filters": [{"column": "at", "op": "between", "value": ["2024-02-01T00:00", "2024-01-31"]}], "select": TOTAL}, PlanInvalid, "in the wrong order"),
    ({"select": TOTAL, "having": [{"measure": "total", "op": "between", "value": [2, 1.5]}]}, PlanInvalid, "total is compared with 2 and 1.5 in the wrong order"),
    ({"filters": [{"column": "dept", "value": "a\0b"}], "select": TOTAL}, PlanInvalid, "NUL"),
    ({"select": [{"name": "a\0b", "expression": agg("sum")}]}, PlanInvalid, "NUL"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "kind", "says"), ERRORS)
def test_an_error_says_what_to_write(fields: Json, kind: type[QueryError], says: str, company: Company) -> None:
    with pytest.raises(kind) as caught:
        compile_plan(plan(**fields), company.tables)
    assert says in caught.value.message


@pytest.mark.parametrize(("part", "value"), [("filters", ["a", None]), ("having", [1, None])])
def test_null_among_values_is_reported_by_one_error(part: str, value: list[Any]) -> None:
    named = {"column": "dept", "op": "in"} if part == "filters" else {"measure": "total", "op": "between"}
    with pytest.raises(ValidationError) as caught:
        plan(**{part: [{**named, "value": value}], "select": TOTAL})
    [error] = caught.value.errors()
    assert error["type"] == "plan_invalid"
    assert "contains null, which never matches" in error["msg"]


HALF = [
    {"table": "\ud800"},
    {"table": "ledger", "filters": [{"column": "dept", "value": ["a", "\udfff"], "op": "in"}]},
    {"table": "ledger", "select": [{"name": "\ud800", "expression": agg("sum")}]},
]


@pytest.mark.parametrize("fields", HALF)
def test_half_a_character_is_no_plan(fields: Json) -> None:
    with pytest.raises(ValidationError, match="incomplete character"):
        QueryPlan.model_validate(fields)


def _write_golden() -> None:
    with tempfile.TemporaryDirectory() as folder:
        tables = opened(Path(folder)).tables
    for old in GOLDEN.iterdir():
        old.unlink()
    for name, (fields, _) in CASES.items():
        (GOLDEN / f"{name}.sql").write_text(compile_plan(plan(**fields), tables) + "\n")


if __name__ == "__main__":
    _write_golden()
