"""Finds the columns of a query that certainly contain fractions."""

from pathlib import Path

import duckdb
import pytest

from cfo_kernel.data.aggregates import AGGREGATES
from cfo_kernel.executors import stored_formats
from cfo_kernel.executors.sql_fractions import fraction_columns
from cfo_kernel.number_formats import NumberFormat

CERTAIN = {
    "SELECT (a - b) / b AS variance_percent FROM t": ["variance_percent"],
    "SELECT round((a - b) / nullif(b, 0), 4) AS variance_pct FROM t WHERE a > 100 LIMIT 100": ["variance_pct"],
    "SELECT CASE WHEN b > 0 THEN 1.0 * a / b END AS share FROM t": ["share"],
    "SELECT a / sum(a) OVER () AS share FROM t": ["share"],
    "SELECT 1 - a / b AS margin, a / b - 1 AS growth, CAST(a AS DOUBLE) / b AS tax_rate FROM t": [
        "margin", "growth", "tax_rate",
    ],
    "WITH x AS (SELECT sum(a) AS a, sum(b) AS b FROM t) SELECT a / b AS share FROM x": ["share"],
    "WITH x AS (SELECT a / b AS r FROM t) SELECT r AS pct FROM x": ["pct"],
    "SELECT a / b AS share, 100 * share AS in_percent FROM t": ["share"],
    "WITH x AS (SELECT a / b AS pct FROM t) SELECT * FROM x": ["pct"],
    "SELECT avg(p) AS pct FROM (SELECT a / b AS p FROM t)": ["pct"],
    "SELECT known FROM t": ["known"],
    "SELECT * FROM t": ["known"],
    "SELECT avg(known) AS known FROM t": ["known"],
    "WITH x AS (SELECT a / b AS pct FROM t) SELECT avg(pct) AS pct FROM x": ["pct"],
    "SELECT avg(known) AS x, max(t.known) AS y FROM t": ["x", "y"],
    "SELECT round(known, 1) AS x, lag(known) OVER (ORDER BY a) AS y FROM t": ["x", "y"],
}  # fmt: skip
UNCLEAR = [
    "SELECT 100.0 * (a - b) / b AS x_percent FROM t",
    "SELECT round((a - b) / b * 100, 2) AS x_percent FROM t",
    "SELECT CAST(100 AS DOUBLE) * a / b AS x_percent FROM t",
    "SELECT a / (b / 100) AS x_percent FROM t",
    "SELECT a / b / 0.01 AS x_percent FROM t",
    "SELECT a * 1e2 / b AS x_percent FROM t",
    "SELECT a * '100'::INTEGER / b AS x_percent FROM t",
    "SELECT a * 1000 / b AS x_percent FROM t",
    "WITH x AS (SELECT a / b AS x_percent FROM t) SELECT x_percent * 100 AS x_percent FROM x",
    "WITH x AS (SELECT 100 * a AS scaled, b FROM t) SELECT scaled / b AS x_percent FROM x",
    "SELECT x_percent FROM t",
    "SELECT sum(x_percent) / count(*) AS avg_percent FROM t",
    "SELECT sum(known) AS x FROM t",
    "SELECT avg(x_percent) AS x_percent FROM t",
    "SELECT known * 100 AS known FROM t",
    "SELECT * REPLACE (known * 100 AS known) FROM t",
    "SELECT COLUMNS('known') * 100 FROM t",
    "SELECT pct FROM (SELECT a FROM t) AS u(pct)",
    "WITH u(known) AS (SELECT a FROM t) SELECT known FROM u",
    "SELECT a / b AS pct FROM t UNION ALL SELECT x_percent FROM t",
    "SELECT a / b AS revenue_per_head, a / b AS current_ratio, a / b AS fx_rate, a / b AS x FROM t",
    "SELECT 100 * a / b AS share, share AS pct FROM t",
    "SELECT pct AS other, other AS pct FROM t",
    "SELECT u.known FROM t JOIN u USING (a)",
]


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, str]:
    """`t` and `u` have a column `known`, which contains fractions only in `t`."""
    for name, role in (("t", "percent"), ("u", "number")):
        text = stored_formats.to_text({"known": NumberFormat(role=role)})  # pyright: ignore[reportArgumentType]
        rows = "SELECT 1.0 AS a, 2.0 AS b, 0.5 AS known, 50.0 AS x_percent"
        options = f"FORMAT parquet, KV_METADATA {{'{stored_formats.KEY}': '{text}'}}"
        duckdb.sql(f"COPY ({rows}) TO '{tmp_path / name}.parquet' ({options})")
    return {name: str(tmp_path / f"{name}.parquet") for name in ("t", "u")}


def found(sql: str, tables: dict[str, str]) -> list[str]:
    with duckdb.connect() as connection:
        for name, file in tables.items():
            connection.execute(f"CREATE VIEW {name} AS FROM read_parquet('{file}')")
        is_named = "other" not in sql
        names = connection.sql(sql).columns if is_named else ["other", "pct"]
        return [name for name in names if name in fraction_columns(sql, names, tables, connection)]


@pytest.mark.parametrize("sql", CERTAIN)
def test_a_quotient_of_a_name_that_is_read_in_percent(sql: str, tables: dict[str, str]) -> None:
    assert found(sql, tables) == CERTAIN[sql]


@pytest.mark.parametrize("name", [a.name for a in AGGREGATES.values() if a.keeps_type or a.is_between_values])
def test_an_aggregate_that_returns_values_of_its_column_keeps_their_unit(name: str, tables: dict[str, str]) -> None:
    assert found(f"SELECT {AGGREGATES[name].of('known')} AS known FROM t", tables) == ["known"]


@pytest.mark.parametrize("sql", UNCLEAR)
def test_nothing_else_is_certain(sql: str, tables: dict[str, str]) -> None:
    assert found(sql, tables) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"a": {"role": "percent", "decimals": 1000000000}}',
        '{"a": {"role": "percent", "decimals": "2"}}',
        '{"a": {"role": "percent", "width": 2}}',
        '{"a": {"role": "share"}}',
        '{"a": {}}',
        '{"a": 1}',
        "[" * 100_000,
        "\xff",
    ],
    ids=lambda text: text[:50],
)
def test_a_footer_that_another_program_wrote(tmp_path: Path, text: str) -> None:
    file = tmp_path / "t.parquet"
    duckdb.sql(f"COPY (SELECT 0.5 AS a) TO '{file}' (FORMAT parquet, KV_METADATA {{'{stored_formats.KEY}': '{text}'}})")
    assert stored_formats.read(file) == {}
