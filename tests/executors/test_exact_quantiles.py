"""Medians and quantiles of money keep all their digits, wherever a query computes them."""

from decimal import Decimal
from typing import Any

import pytest

from cfo_kernel.executors.exact_quantiles import with_exact_quantiles
from tests.executors.conftest import Company

TWO = "(VALUES (698.5::DECIMAL(18, 1), 1, [698.5, 800.0]), (800.0, 1, [698.5, 800.0])) t(net, unit, nets)"
SELECTS = {
    "median(net)": 749.25,
    "MEDIAN(DISTINCT net)": 749.25,
    "median(net) FILTER (WHERE unit = 1)": 749.25,
    "median(net + 0.1)": 749.35,
    "t.net.median()": 749.25,
    "main.median(net)": 749.25,
    "quantile_cont(net, 0.5)": 749.25,
    "quantile_cont(net, 0.57)": 756.355,
    "quantile_cont(net, -0.25)": 774.625,
    "quantile_cont(net, 1 / 8)": 711.1875,
    "quantile_cont(net, [0.25, 0.75])": [723.875, 774.625],
    "net.quantile_cont(0.25)": 723.875,
    "percentile_cont(0.3) WITHIN GROUP (ORDER BY net DESC)": 769.55,
    "mad(net)": 50.75,
    "approx_quantile(net, 0.5)": 749.25,
    "median(net) + 1": 750.25,
    "round(median(net), 2)": 749.25,
    "CASE WHEN median(net) > 749.2 THEN 'above' END": "above",
    "max(net)": 800,
    "quantile_disc(net, 0.5)": 698.5,
    "median(unit)": 1,
    "median(CAST(net AS DOUBLE))": 749.25,
    "median(DATE '2024-01-31')": "2024-01-31T00:00:00",
    "median('a')": "a",
    "median(NULL)": None,
}
QUERIES = {
    f"SELECT list_median(nets), nets.list_aggregate('quantile_cont', 0.25) FROM {TWO} LIMIT 1": [749.25, 723.875],
    f"SELECT median(net) OVER (PARTITION BY unit) FROM {TWO} LIMIT 1": [749.25],
    f"SELECT (SELECT median(net) FROM {TWO}) AS m": [749.25],
    f'SELECT "median(net)" FROM (SELECT median(net) FROM {TWO})': [749.25],
    f"WITH t AS (SELECT unit, net FROM {TWO}) SELECT unit FROM t GROUP BY unit HAVING median(net) > 749.2": [1],
    f"WITH t AS (SELECT unit, net FROM {TWO}) FROM t PIVOT (median(net) FOR unit IN (1))": [749.25],
    f"WITH t AS (SELECT net, sum(net) AS s FROM {TWO} GROUP BY net) SELECT median(s) FROM t": [749.25],
    f"SELECT median(net) AS m FROM {TWO} UNION ALL SELECT 1.5 ORDER BY m DESC": [749.25],
    f"SELECT unit, median(net) FROM {TWO} GROUP BY ALL ORDER BY median(net)": [1, 749.25],
}


@pytest.mark.parametrize("expression", SELECTS)
def test_no_digit_is_cut_off(expression: str, company: Company) -> None:
    answer = company.worker.query(f"SELECT {expression} FROM {TWO}", 10, None)
    assert answer["rows"] == [[SELECTS[expression]]]


@pytest.mark.parametrize("sql", QUERIES)
def test_no_digit_is_cut_off_anywhere_in_a_query(sql: str, company: Company) -> None:
    assert company.worker.query(sql, 10, None)["rows"][0] == QUERIES[sql]


def test_columns_keep_the_names_that_duckdb_gives_them(company: Company) -> None:
    for expression in SELECTS:
        sql = f"SELECT {expression} FROM {TWO}"
        names = [column["name"] for column in company.worker.query(sql, 10, None)["columns"]]
        assert names == company.plain.sql(sql).columns


def test_money_of_fifteen_digits_is_exact(company: Company) -> None:
    amounts = "(VALUES (1234567890123.45::DECIMAL(18, 2)), (1234567890123.46)) t(net)"
    [row] = company.worker.query(f"SELECT median(net) AS m FROM {amounts}", 1, None)["rows"]
    assert Decimal(str(row[0])) == Decimal("1234567890123.455")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT median(nothing) FROM ledger",
        "SELECT median(amount, 1, 2) FROM ledger",
        "SELECT median() FROM ledger",
        "SELECT quantile_cont(amount) FROM ledger",
        "SELECT list_aggregate([1.5], 'median', 'x', 'y') FROM ledger",
        "SELECT median(COLUMNS('amount')) FROM ledger",
    ],
)
def test_a_call_that_cannot_be_rewritten_is_left_alone(sql: str, company: Company) -> None:
    assert with_exact_quantiles(sql, company.plain) == sql


def test_what_runs_has_passed_the_policy(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    def check(sql: str, *_: Any) -> frozenset[str]:
        checked.append(sql)
        return frozenset({"ledger"})

    monkeypatch.setattr("cfo_kernel.executors.sql_policy.check", check)
    company.worker.query("SELECT median(amount) AS m FROM ledger", 1, None)
    assert checked[1] == "SELECT median(CAST(amount AS DECIMAL(38, 3))) AS m FROM ledger"
