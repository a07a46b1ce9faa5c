"""Two companies for these tests: an invented bicycle shop without a glossary, and the sample company with one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from cfo_kernel.agent.analyst.analysis import Analyst, Reply
from cfo_kernel.agent.analyst.question import Reader
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.data.checked_glossary import checked
from cfo_kernel.data.compiler import compile_plan
from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.glossary_reader import read
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.tables import Column, Table, Tables

SAMPLE = Path(__file__).parents[3] / "workspaces" / "adventure_works" / "data"
SHOWN = 50


@dataclass(frozen=True)
class Company:
    """Tables, a glossary, and an engine that runs plans in the same way as the agent's tool."""

    tables: Tables
    glossary: GlossaryFile
    run: Callable[[QueryPlan], dict[str, Any]]
    reader: Reader

    def ask(self, question: str) -> tuple[Reply, dict[str, Any] | None]:
        """Asks a question. Returns the reply and the last result that it is based on."""
        course = Analyst(self.reader).answer(question)
        last: dict[str, Any] | None = None
        try:
            plans = next(course)
            while True:
                results = [self.run(plan) for plan in plans]
                last = results[-1]
                plans = course.send(results)
        except StopIteration as end:
            return end.value, last


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date | datetime) else value


def _column(connection: duckdb.DuckDBPyConnection, table: str, name: str, kind: str) -> Column:
    profile = f'count(*) - count("{name}"), count(DISTINCT "{name}"), min("{name}")::VARCHAR, max("{name}")::VARCHAR'
    nulls, distinct, low, high = connection.execute(f'SELECT {profile} FROM "{table}"').fetchall()[0]
    values = None
    if kind == "VARCHAR":
        counted = f'SELECT "{name}", count(*) FROM "{table}" WHERE "{name}" IS NOT NULL GROUP BY 1 ORDER BY 1'
        values = dict(connection.execute(counted).fetchall())
    return Column(name=name, type=kind, nulls=nulls, distinct=distinct, minimum=low, maximum=high, values=values)


def company(connection: duckdb.DuckDBPyConnection, glossary: GlossaryFile) -> Company:
    """Builds a company from the tables of a connection, with their profiles."""
    tables: list[Table] = []
    for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall():
        described = connection.execute(f'DESCRIBE "{name}"').fetchall()
        columns = tuple(_column(connection, name, row[0], row[1]) for row in described)
        rows = connection.execute(f'SELECT count(*) FROM "{name}"').fetchall()[0][0]
        tables.append(Table(name=name, dataset=name, columns=columns, row_count=rows))
    found = Tables(tables)

    def run(plan: QueryPlan) -> dict[str, Any]:
        sql = compile_plan(plan, found)
        result = connection.execute(sql)
        columns = [{"name": d[0], "type": str(d[1])} for d in result.description or ()]
        rows = [[_json(v) for v in row] for row in result.fetchall()]
        shown = {"columns": columns, "rows": rows[:SHOWN], "row_count": len(rows), "truncated": len(rows) > SHOWN}
        return {**shown, "sql": sql, "file": "analysis/query_001.parquet", "notes": []}

    return Company(found, glossary, run, Reader(Schema(found, glossary)))


@pytest.fixture(scope="session")
def shop() -> Company:
    """Sales of three products in three stores. One of the stores and one of the regions are both called North."""
    c = duckdb.connect()
    c.execute("CREATE TABLE products(product_id INT, product_name VARCHAR, category VARCHAR, list_price DECIMAL(9,2))")
    c.execute("INSERT INTO products VALUES (1,'Road Bike','Bikes',900), (2,'City Bike','Bikes',500)")
    c.execute("INSERT INTO products VALUES (3,'Helmet','Gear',50), (4,'Bell','Gear',9)")
    c.execute("CREATE TABLE stores(store_id INT, store_name VARCHAR, region VARCHAR)")
    c.execute("INSERT INTO stores VALUES (1,'Oslo','North'), (2,'Bergen','West'), (3,'North','South')")
    c.execute(
        "CREATE TABLE sales"
        "(sale_id INT, product_id INT, store_id INT, sold_on DATE, quantity INT, revenue DECIMAL(9,2))"
    )
    rows = [
        (1, 1, 1, "2023-01-10", 1, 900), (2, 2, 1, "2023-02-11", 2, 1000), (3, 3, 2, "2023-02-20", 4, 200),
        (4, 1, 2, "2023-07-01", 1, 900), (5, 3, 1, "2024-01-05", 1, 50), (6, 2, 2, "2024-03-09", 1, 500),
        (7, 1, 1, "2024-03-31", 2, 1800),
    ]  # fmt: skip
    c.executemany("INSERT INTO sales VALUES (?,?,?,?,?,?)", rows)
    return company(c, GlossaryFile())


@pytest.fixture(scope="session")
def sample() -> Company:
    """The sample company with its glossary."""
    c = duckdb.connect()
    for file in sorted(SAMPLE.glob("*.csv")):
        c.execute(f"CREATE TABLE \"{file.stem}\" AS FROM read_csv('{file}')")
    c.execute("ALTER TABLE general_ledger ALTER amount TYPE DECIMAL(18,2)")
    for sheet in openpyxl.load_workbook(SAMPLE / "reference.xlsx", read_only=True):
        header, *rows = list(sheet.iter_rows(min_row=3, values_only=True))
        types = ["VARCHAR" if any(isinstance(r[i], str) for r in rows) else "DOUBLE" for i in range(len(header))]
        types = [
            "BIGINT" if str(n).endswith("_key") and t == "DOUBLE" else t for n, t in zip(header, types, strict=True)
        ]
        columns = ", ".join(f'"{n}" {t}' for n, t in zip(header, types, strict=True))
        c.execute(f'CREATE TABLE "{sheet.title}"({columns})')
        c.executemany(f'INSERT INTO "{sheet.title}" VALUES ({", ".join("?" * len(header))})', [list(r) for r in rows])
    return company(c, checked(read(SAMPLE)).file)


@pytest.fixture(scope="session")
def raw() -> Company:
    """An unprepared ledger without a glossary: scenarios, currencies, gaps in keys, and numbered or key columns."""
    c = duckdb.connect()
    c.execute("CREATE TABLE stores(store_id INT, store_name VARCHAR)")
    c.execute("INSERT INTO stores VALUES (1,'Oslo'), (2,'Bergen'), (3,'Lund'), (4,'Malmo')")
    c.execute(
        "CREATE TABLE takings(taking_id INT, store_id INT, region VARCHAR, day DATE, till_no INT, zip INT, "
        "amount DECIMAL(9,2), amount_2 DECIMAL(9,2))"
    )
    takings = [
        (1, 1, "North", "2023-01-10", 7, 5000, 100, 1), (2, 2, "North", "2023-01-11", 7, 5000, 300, 1),
        (3, 3, "South", "2023-02-10", 8, 5001, 300, 1), (4, 9, None, "2023-02-11", 8, 5001, 50, 1),
        (5, 1, "North", "2023-02-12", 8, 5001, 10, 1),
    ]  # fmt: skip
    c.executemany("INSERT INTO takings VALUES (?,?,?,?,?,?,?,?)", takings)
    c.execute("CREATE TABLE bookings_by_plan(plan_line INT, version VARCHAR, currency VARCHAR, turnover DECIMAL(9,2))")
    c.execute("INSERT INTO bookings_by_plan VALUES (1,'Actual','EUR',10), (2,'Budget','EUR',20), (3,'Actual','USD',5)")
    c.execute("CREATE TABLE visits(visit_id INT, store_id INT, zone VARCHAR, visitors INT)")
    visits = [(1, 1, "Inner", 5), (2, 2, "Outer", 9), (3, 3, None, 9), (4, 77, None, 2), (5, 1, "Inner", 1)]
    c.executemany("INSERT INTO visits VALUES (?,?,?,?)", visits)
    return company(c, GlossaryFile())
