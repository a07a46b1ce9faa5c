"""Checks which chart is chosen for a result. Golden files contain the specifications, and no table raises an error."""

import json
import os
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfo_kernel import ResultTable, vega_lite
from cfo_kernel.replies import Chart, Query, ResultColumn

GOLDEN = Path(__file__).parent / "golden" / "charts.json"
IS_WRITING = os.environ.get("CFO_GOLDEN") == "write"
MONEY = "DECIMAL(38,2)"


def table(columns: dict[str, str], rows: list[tuple[Any, ...]], **more: Any) -> ResultTable:
    return ResultTable(
        columns=tuple(ResultColumn(name=name, type=kind) for name, kind in columns.items()),
        rows=tuple(rows),
        row_count=more.pop("row_count", len(rows)),
        truncated=more.pop("truncated", False),
        query=Query(mode="sql", sql="SELECT 1"),
    )


MONTHS = [(f"2012-{m:02}", m * 100.5) for m in range(1, 13)]
DEPARTMENTS = [("Corporate", 10.5), ("Sales and Marketing of the world", -3.0), ("Finance", "12345678901234567890.12")]
BRIDGE = [("AsyncResource 2011", 100), ("Price", 20.5), ("Volume", -40.5), ("Closing 2012", 80)]
DRAWN: dict[str, ResultTable] = {
    "months": table({"month": "VARCHAR", "amount": MONEY}, MONTHS),
    "days": table({"date": "DATE", "a.b[0]": MONEY}, [("2012-01-01", 1), ("2012-01-02", 2), ("2012-01-03", 3)]),
    "years": table({"year": "BIGINT", "amount": MONEY}, [(2010, 1), (2011, 2), (2012, -3)]),
    "several figures": table(
        {"quarter": "VARCHAR", "revenue": MONEY, "cost": MONEY, "gross_margin_percent": "DOUBLE"},
        [("2012-Q1", 9, 8, 0.1), ("2012-Q2", 10, 8, 0.2), ("2012-Q3", 11, 9, 0.2)],
    ),
    "series": table(
        {"organization": "VARCHAR", "month": "VARCHAR", "amount": MONEY},
        [(o, m, v) for o in ("North", "South") for m, v in MONTHS],
    ),
    "categories with a share": table(
        {"department_key": "BIGINT", "department": "VARCHAR", "amount": MONEY, "share": "DOUBLE"},
        [(i, n, v, 0.5) for i, (n, v) in enumerate(DEPARTMENTS)],
    ),
    "few short categories": table({"dept": "VARCHAR", "share": "DOUBLE"}, [("A", 0.25), ("B", 0.75)]),
    "actual and budget": table(
        {"department": "VARCHAR", "actual": MONEY, "budget": MONEY, "variance": MONEY},
        [("Sales", 10, 8, 2), ("Finance", 5, 0, 5)],
    ),
    "two years": table(
        {"unit": "VARCHAR", "2012": MONEY, "2011": MONEY, "change": MONEY}, [("A", 2, 1, 1), ("B", 1, None, None)]
    ),
    "categories by year": table(
        {"department": "VARCHAR", "year": "BIGINT", "amount": MONEY},
        [(d, y, 5) for d in ("Sales", "Finance", "Legal") for y in (2011, 2012)],
    ),
    "bridge": table({"step": "VARCHAR", "amount": MONEY}, BRIDGE),
}  # fmt: skip


def test_the_charts_are_those_of_the_golden_file() -> None:
    made = {name: vega_lite(drawn) for name, drawn in DRAWN.items()}
    if IS_WRITING:
        GOLDEN.write_text(json.dumps(made, indent=1) + "\n")
    assert made == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize(
    "plain",
    [
        table({"amount": MONEY}, [(1,)]),
        table({"amount": MONEY}, [(1,), (2,)]),
        table({"month": "VARCHAR", "amount": MONEY}, MONTHS, row_count=200, truncated=True),
        table({"account_key": "BIGINT", "year": "BIGINT"}, [(1, 2011), (2, 2012), (3, 2013)]),
        table({"customer_id": "BIGINT", "name": "VARCHAR"}, [(1, "a"), (2, "b")]),
        table({"name": "VARCHAR", "amount": MONEY}, [(f"n{i}", i) for i in range(51)]),
        table({"name": "VARCHAR", "amount": MONEY}, [("a", 1), ("a", 2)]),
        table({"name": "VARCHAR", "amount": MONEY}, [("a", None), ("b", None)]),
        table({"a": "VARCHAR", "b": "VARCHAR", "c": "VARCHAR", "n": MONEY}, [("a", "b", "c", 1), ("d", "e", "f", 2)]),
        table({'it"s': "VARCHAR", "amount": MONEY}, [("a", 1), ("b", 2)]),
        table({"name": "VARCHAR", "list": "BIGINT[]", "amount": MONEY}, [("a", [1], 1), ("b", [2], 2)]),
    ],
)  # fmt: skip
def test_no_chart_suits(plain: ResultTable) -> None:
    assert vega_lite(plain) is None


@pytest.mark.parametrize(("series", "has_room"), [(10, True), (11, False)])
def test_lines_are_at_most_ten(series: int, has_room: bool) -> None:
    rows = [(f"unit {s}", month, 5) for s in range(series) for month in ("2012-01", "2012-02", "2012-03")]
    spec = vega_lite(table({"unit": "VARCHAR", "month": "VARCHAR", "amount": MONEY}, rows))
    assert (spec is not None) == has_room
    months = table(
        {"month": "VARCHAR", **{f"f{s}": MONEY for s in range(series)}}, [(m, *[v] * series) for m, v in MONTHS]
    )
    proposed = Chart(type="bar", x="month", y=tuple(f"f{s}" for s in range(series)))
    assert (vega_lite(months, proposed) != vega_lite(months)) == has_room


@pytest.mark.parametrize(("units", "has_room"), [(25, True), (26, False)])
def test_groups_of_bars_need_room(units: int, has_room: bool) -> None:
    rows = [(f"unit {u}", year, 5) for u in range(units) for year in (2011, 2012)]
    spec = vega_lite(table({"unit": "VARCHAR", "year": "BIGINT", "amount": MONEY}, rows))
    assert (spec is not None) == has_room


def test_three_periods_are_no_pair() -> None:
    rows = [("A", 1, 2, 3), ("B", 1, 2, 3)]
    assert "layer" not in (
        vega_lite(table({"unit": "VARCHAR", "2010": MONEY, "2011": MONEY, "2012": MONEY}, rows)) or {}
    )


def test_a_figure_that_is_not_finite_is_not_drawn() -> None:
    months = [(month, "NaN") for month, _ in MONTHS]
    assert vega_lite(table({"month": "VARCHAR", "amount": "DOUBLE"}, months)) is None


def test_a_bridge_must_add_up() -> None:
    wrong = table({"step": "VARCHAR", "amount": MONEY}, [*BRIDGE[:-1], ("Closing 2012", 90)])
    assert "transform" in (vega_lite(DRAWN["bridge"]) or {})
    assert "transform" not in (vega_lite(wrong) or {})


@pytest.mark.parametrize(("factor", "lines"), [(50, 2), (51, 1), (1 / 50, 2), (1 / 51, 1)])
def test_figures_share_an_axis_only_if_the_smaller_one_can_be_seen(factor: float, lines: int) -> None:
    months = [(month, amount, f"{amount * factor:.2f}") for month, amount in MONTHS]
    spec = vega_lite(table({"month": "VARCHAR", "revenue": MONEY, "cost": MONEY}, months)) or {}
    assert spec["mark"]["type"] == "line"
    assert len(spec.get("transform", [{"fold": ["revenue"]}])[0]["fold"]) == lines


@pytest.mark.parametrize(("name", "kind", "is_shared"), [
    ("cost", MONEY, True), ("headcount", "DECIMAL(38,0)", False), ("change", MONEY, False),
])  # fmt: skip
def test_figures_of_another_kind_do_not_share_an_axis(name: str, kind: str, is_shared: bool) -> None:
    months = [(month, amount, amount) for month, amount in MONTHS]
    spec = vega_lite(table({"month": "VARCHAR", "revenue": MONEY, name: kind}, months)) or {}
    assert spec["mark"]["type"] == "line"
    assert ("transform" in spec) == is_shared


@pytest.mark.parametrize(("categories", "has_room"), [(25, True), (26, False)])
def test_pairs_of_bars_need_room(categories: int, has_room: bool) -> None:
    rows = [(f"n{i}", i, i + 1) for i in range(categories)]
    spec = vega_lite(table({"unit": "VARCHAR", "actual": MONEY, "budget": MONEY}, rows))
    assert (spec is not None) == has_room


def test_a_proposed_chart_is_drawn_where_it_fits() -> None:
    months = DRAWN["months"]
    bar = vega_lite(months, Chart(type="bar", x="month", y=("amount",)))
    assert bar is not None
    assert bar["mark"]["type"] == "bar"
    for chart in (Chart(type="bar", x="none", y=("amount",)), Chart(type="bar", x="month", y=("month",))):
        assert vega_lite(months, chart) == vega_lite(months)


NAMES = st.text(max_size=6) | st.sampled_from(
    ["year", "amount", "actual", "budget", "a.b", "c[0]", "__proto__", "x'y", "", "2012", "series", "value", "id"]
)
KINDS = st.sampled_from(["VARCHAR", "BIGINT", MONEY, "DOUBLE", "DATE", "TIMESTAMP", "BIGINT[]", "BOOLEAN", "ODD"])
CELLS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["2012-01", "2012-Q1", "2012-01-31", "infinity", "NaN", "12345678901234567890.1"])
    | st.text(max_size=4) | st.lists(st.integers(), max_size=2)
)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> ResultTable:
    columns = draw(st.lists(st.tuples(NAMES, KINDS), min_size=1, max_size=4))
    rows = draw(st.lists(st.tuples(*[CELLS] * len(columns)), max_size=8))
    return ResultTable(
        columns=tuple(ResultColumn(name=name, type=kind) for name, kind in columns),
        rows=tuple(rows),
        row_count=len(rows),
        truncated=False,
        query=Query(mode="sql", sql=""),
    )


CHARTS = st.none() | st.builds(
    Chart,
    type=st.sampled_from(get_args(Chart.model_fields["type"].annotation)),
    x=NAMES,
    y=st.lists(NAMES, max_size=3).map(tuple),
)


def fields(spec: Any) -> list[str]:
    """The fields that a specification reads, as unescaped names."""
    if isinstance(spec, list):
        return [name for part in spec for name in fields(part)]
    if not isinstance(spec, dict):
        return []
    here = [spec["field"]] if isinstance(spec.get("field"), str) else [*spec.get("fold", [])]
    return here + [name for part in spec.values() for name in fields(part)]


def made(spec: Any) -> set[str]:
    """The fields that a specification computes."""
    if isinstance(spec, list):
        return {name for part in spec for name in made(part)}
    if not isinstance(spec, dict):
        return set()
    here = spec.get("as", [])
    return {here} if isinstance(here, str) else {*here}.union(*(made(part) for part in spec.values()))


@given(drawn=tables(), chart=CHARTS)
def test_no_table_makes_it_raise_and_it_reads_no_other_column(drawn: ResultTable, chart: Chart | None) -> None:
    spec = vega_lite(drawn, chart)
    if spec is None:
        return
    json.dumps(spec, allow_nan=False)
    known = {column.name for column in drawn.columns} | made(spec)
    for field in fields(spec):
        assert not re.search(r"(?<!\\)[.\[\]]", field)
        assert re.sub(r"\\([.\[\]])", r"\1", field) in known
