"""Columns of fiscal periods stay text, and are sorted chronologically wherever rows are sorted."""

from pathlib import Path
from typing import Any

import pytest

from cfo_kernel.charts import vega_lite
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.result_pages import PageRequest
from cfo_kernel.data.workspace_data import WorkspaceData
from tests.data.conftest import Ingest

PERIODS = ["Q2 FY24", "Q4 FY23", "Q1 FY24", "Q3 FY23", "Q2 FY24"]
SORTED = ["Q3 FY23", "Q4 FY23", "Q1 FY24", "Q2 FY24"]


async def test_periods_are_sorted_in_queries_plans_results_and_charts(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    rows = "".join(f"{period},{i}.50\n" for i, period in enumerate(PERIODS))
    (tmp_path / "data" / "sales.csv").write_text(f"Period,Amount\n{rows}")
    data = WorkspaceData(tmp_path, query_timeout=30, ingest_timeout=60)
    try:
        file = tmp_path / "results" / "result.parquet"
        file.parent.mkdir()
        sql = "SELECT Period, sum(Amount) AS total FROM sales GROUP BY 1 ORDER BY {}"
        found = await data.query(sql.format("Period"), cap=9)
        assert [period for period, _ in found.rows] == SORTED
        assert found.columns[0].type == "VARCHAR"
        by_total = await data.query(sql.format("total"), cap=9, file=file)
        assert [period for period, _ in by_total.rows] != SORTED
        page = await data.page(file, PageRequest.model_validate({"sort": [{"column": "Period"}]}))
        assert [period for period, _ in page.rows] == SORTED
        assert page.columns[0].type == "VARCHAR"
        chart = vega_lite(by_total)
        assert chart
        assert chart["encoding"]["x"]["sort"] == SORTED
        select: list[dict[str, Any]] = [{"name": "total", "expression": {"fn": "sum", "column": "Amount"}}]
        plan = {"table": "sales", "select": select, "group_by": [{"column": "Period"}]}
        assert [row[0] for row in (await data.plan(QueryPlan.model_validate(plan), cap=9)).rows] == SORTED
        mixed = "SELECT min(Period), coalesce(nullif(max(Period), 'Q2 FY24'), 'last'), list(Period)[1] FROM sales"
        assert (await data.query(mixed, cap=1)).rows == (("Q3 FY23", "last", "Q2 FY24"),)
        assert (await data.query("SELECT Period FROM sales WHERE Period = 'Q9'", cap=1)).rows == ()
    finally:
        await data.close()


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("Period", ["2024.010", "2024.003", "2023.012"]),
        ("Fiscal year", ["2023/24", "2009/10", "2024/25"]),
        ("Jahr", ["2010/11", "2009/10", "2011/12"]),  # which could be months
        ("Period", ["P10", "P3", "P03"]),
    ],
)
def test_a_column_of_periods_stays_text(ingest: Ingest, tmp_path: Path, name: str, cells: list[str]) -> None:
    path = tmp_path / "periods.csv"
    path.write_text(f"{name};Amount\n" + "".join(f"{cell};{i},5\n" for i, cell in enumerate(cells)))
    [table] = ingest(path)
    assert [row[0] for row in table.rows] == cells
    [decision] = [d for d in table.table.decisions if d.column == name]
    assert "fiscal periods. They stay text, and are sorted chronologically" in decision.text
