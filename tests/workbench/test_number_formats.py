"""Tables, exports and charts show the numbers of a column in the same way, and exports keep every value."""

import asyncio
import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cfo_kernel import Direct, PageRequest, ResultTable, TaskResult, connect, vega_lite
from cfo_kernel.data import csv_writer, staging, workbook_writer
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.display import table_html, table_text
from cfo_kernel.executors import stored_formats
from cfo_kernel.number_formats import NumberFormat
from tests.conftest import settings

SALES = """account_no,fiscal_year,month,actual,budget,headcount,discount,growth_pct,fx_rate
40210,2012,2012-01,1645.00,1000,12,5%,64.48,0.8531
40210,2012,2012-02,900.50,1000,15,12.5%,-9.95,0.8612
81000,2012,2012-03,700.00,1400,9,0%,-50,0.9123
"""
MEASURES = {
    "variance_percent": {
        "percent_change": {"fn": "sum", "column": "actual"}, "base": {"fn": "sum", "column": "budget"},
    },
    "heads": {"fn": "sum", "column": "headcount"},
    "discount": {"fn": "avg", "column": "discount"},
    "euro_rate": {"fn": "avg", "column": "fx_rate"},
    "actual": {"fn": "sum", "column": "actual"},
    "postings": {"fn": "count"},
}  # fmt: skip
PLAN = {
    "table": "sales",
    "group_by": [{"column": "account_no"}, {"column": "month"}, {"column": "fiscal_year"}],
    "select": [{"name": name, "expression": expression} for name, expression in MEASURES.items()],
}
ROLES = {
    "account_no": "code", "month": "month", "fiscal_year": "year", "variance_percent": "percent", "heads": "count",
    "discount": "percent", "euro_rate": "rate", "actual": "amount", "postings": "count",
}  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of the plan, the SQL of the same figures, their first page, and their exports."""

    root = tmp_path_factory.mktemp("formats")
    (root / "tiny" / "data").mkdir(parents=True)
    (root / "tiny" / "data" / "sales.csv").write_text(SALES)

    async def run() -> dict[str, Any]:
        async with connect(settings=settings(root, "http://127.0.0.1:9/v1")) as wb:
            workspace = await wb.workspace("tiny")
            thread = await workspace.thread()
            reply = await thread.ask(Direct(plan=QueryPlan.model_validate(PLAN)).message)
            assert isinstance(reply, TaskResult)
            assert reply.result
            assert reply.result.file
            file = reply.result.file
            exports = {
                format: b"".join([chunk async for chunk in (await thread.download(file, format)).chunks])
                for format in ("csv", "xlsx")
            }
            sql = "SELECT month, sum(actual) / sum(budget) - 1 AS variance_percent, 100 * variance_percent AS percent,"
            sql += " max(discount) AS most, max(growth_pct) AS growth_pct, max(month) AS last, max(month) + 14 AS due"
            sql += " FROM sales GROUP BY 1 ORDER BY 1"
            return {
                "plan": reply.result,
                "page": await thread.page(file, PageRequest(limit=1)),
                "sql": await workspace.query(Direct(sql=sql)),
                "head": await workspace.table("sales").head(),
                "later": (await thread.ask(f"SQL: SELECT * FROM {Path(file).stem} LIMIT 1")),
                **exports,
            }

    return asyncio.run(run())


def roles(table: Any) -> dict[str, str | None]:
    return {column.name: column.format and column.format.role for column in table.columns}


def test_every_front_end_shows_the_same(results: dict[str, Any]) -> None:
    plan = results["plan"]
    assert roles(plan) == roles(results["page"]) == ROLES
    assert roles(results["later"].result)["variance_percent"] == "percent"
    lines = table_text(plan).splitlines()
    assert lines[2].split() == ["40210", "2012-01", "2012", "64.5%", "12", "5.0%", "0.8531", "1,645.00", "1"]
    assert ">-10.0%<" in table_html(plan)
    assert ">40210<" in table_html(plan)
    assert roles(results["sql"]) == {
        "month": "month", "variance_percent": "percent", "percent": "number", "most": "percent", "growth_pct": "points",
        "last": "month", "due": None,
    }  # fmt: skip
    assert roles(results["head"])["discount"] == "percent"


def test_a_csv_has_percentages_and_every_digit(results: dict[str, Any]) -> None:
    rows = [*csv.DictReader(io.StringIO(results["csv"].decode("utf-8-sig")))]
    assert rows[0]["account_no"] == "40210"
    assert rows[0]["month"] == "2012-01-01"
    assert [row["variance_percent"] for row in rows] == ["64.5%", "-9.95%", "-50%"]
    assert rows[0]["euro_rate"] == "0.8531"


def test_the_cells_of_a_workbook_have_formats_and_whole_values(results: dict[str, Any]) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(results["xlsx"])).worksheets[0]
    names = [cell.value for cell in sheet[1]]
    first = dict(zip(names, sheet[2], strict=True))
    assert {name: first[name].number_format for name in names} == {
        "account_no": "0", "month": "yyyy-mm", "fiscal_year": "0", "variance_percent": "0.0%",
        "heads": "#,##0;(#,##0)", "discount": "0.0%", "euro_rate": "#,##0.0000;(#,##0.0000)",
        "actual": "#,##0.00;(#,##0.00)", "postings": "#,##0;(#,##0)",
    }  # fmt: skip
    assert first["account_no"].value == 40210
    assert first["variance_percent"].value == results["plan"].rows[0][3]


def test_a_chart_has_percentages_but_no_rate_in_percent(results: dict[str, Any]) -> None:
    table: ResultTable = results["plan"]

    def axis(name: str) -> str:
        at = [column.name for column in table.columns].index(name)
        part = table.model_copy(
            update={
                "columns": (table.columns[1], table.columns[at]),
                "rows": tuple((row[1], row[at]) for row in table.rows),
            }
        )
        spec = vega_lite(part)
        assert spec
        return spec["encoding"]["y"]["axis"]["format"]

    assert axis("variance_percent") == "(.0%"
    assert "%" not in axis("euro_rate")


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(
    values=st.lists(NUMBERS, min_size=1), role=st.sampled_from(["amount", "percent", "rate", "count", "year", "code"])
)
@hypothesis_settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_format_changes_a_value_that_an_export_holds(tmp_path: Path, values: list[float], role: Any) -> None:
    source = tmp_path / "x.parquet"
    formats = stored_formats.to_text({"x": NumberFormat(role=role, decimals=1)})
    table = pa.table({"x": pa.array(values, pa.float64()), "i": range(len(values))})
    pq.write_table(table.replace_schema_metadata({stored_formats.KEY: formats}), source)
    csv_writer.write_csv(str(source), str(tmp_path / "x.csv"))
    written = [row["x"] for row in csv.DictReader(io.StringIO((tmp_path / "x.csv").read_bytes().decode("utf-8-sig")))]
    assert [read(text) for text in written] == values
    workbook_writer.write_workbook(str(source), "S", str(tmp_path / "x.xlsx"))
    rows = [*openpyxl.load_workbook(tmp_path / "x.xlsx")["S"].iter_rows(min_row=2, max_col=1, values_only=True)]
    # A cell of a workbook shows 15 digits, and noise beyond them is rounded off.
    assert [float(str(value)) for (value,) in rows] == pytest.approx(values, rel=1e-14)


def read(text: str) -> float:
    return float(Decimal(text[:-1]).scaleb(-2)) if text.endswith("%") else float(text)


def test_a_csv_with_percentages_is_read_as_the_same_fractions(tmp_path: Path) -> None:
    fractions = [0.6448275862, -0.0725, 1.5, 0.1 + 0.2]
    formats = stored_formats.to_text({"x": NumberFormat(role="percent", decimals=1)})
    table = pa.table({"x": fractions}).replace_schema_metadata({stored_formats.KEY: formats})
    pq.write_table(table, tmp_path / "x.parquet")
    csv_writer.write_csv(str(tmp_path / "x.parquet"), str(tmp_path / "x.csv"))
    with staging.connect(tmp_path) as connection:
        staging.load(connection, tmp_path / "x.csv", tmp_path)
        assert [float(x) for (x,) in connection.execute("FROM staging").fetchall()] == fractions
