"""Charts: returns a Vega-Lite specification, without data, for a result that is suitable for a chart.

A chart is offered only if the shape of the table is unambiguous: one or two dimensions that identify each row, and
figures in the same unit. A truncated table gets no chart, since the chart would present a part as the whole.
"""

from __future__ import annotations

import re
from typing import Any, assert_never

from cfo_kernel import chart_specs
from cfo_kernel.chart_columns import ChartColumn, distinct, read
from cfo_kernel.replies import Chart, ResultTable

_MAX_MARKS = 50
_MAX_SERIES = 10
_MAX_SCALE_RATIO = 50
"""Figures share an axis only if the larger one's maximum is at most this many times the smaller one's."""
_ACTUAL = re.compile(r"(^|[\W_])(actuals?|ist|current)($|[\W_])", re.IGNORECASE)
_BUDGET = re.compile(r"(^|[\W_])(budget|plan|planned|forecast|target|prior|previous)($|[\W_])", re.IGNORECASE)
_YEAR = re.compile(r"(19|20)\d\d([- ]?(Q[1-4]|H[12]|\d\d))?")
_DIFFERENCE = re.compile(r"change|variance|difference|delta|deviation|running|cumulative|rank", re.IGNORECASE)
_OPENING = re.compile(r"\b(opening|open|start|begin\w*|prior|previous|before|budget|(19|20)\d\d)\b", re.IGNORECASE)
_CLOSING = re.compile(r"\b(closing|close|end\w*|current|after|actual|(19|20)\d\d)\b", re.IGNORECASE)


def vega_lite(result: ResultTable, chart: Chart | None = None) -> dict[str, Any] | None:
    """Returns the Vega-Lite specification of a chart, or None if no chart is suitable.

    Its data set is named `rows`. Each row is an object with the column names as keys. `chart` is the chart proposed in
    the reply. If that chart does not suit the table, one is chosen by the table's columns.
    """
    is_whole = not result.truncated and len(result.rows) == result.row_count
    if not is_whole or not 2 <= result.row_count <= _MAX_MARKS * _MAX_SERIES:
        return None
    columns = read(result)
    if columns is None:
        return None
    return _proposed_chart(columns, chart) or _inferred_chart(columns)


def _proposed_chart(columns: list[ChartColumn], chart: Chart | None) -> dict[str, Any] | None:
    by_name = {column.name: column for column in columns}
    if chart is None or chart.x not in by_name or not {*chart.y} <= {*by_name}:
        return None
    x, figures = by_name[chart.x], [by_name[name] for name in chart.y if name != chart.x]
    if not figures or len(figures) > _MAX_SERIES or any(f.kind not in ("figure", "rate") for f in figures):
        return None
    if x.kind not in ("time", "order", "category", "key") or not _identifies_rows(x) or len(x.cells) > _MAX_MARKS:
        return None
    match chart.type:
        case "line" if x.kind in ("time", "order"):
            return chart_specs.lines(x, figures, None)
        case "bar" | "line":
            return chart_specs.bars(x, figures[0]) if len(figures) == 1 else chart_specs.pairs(x, figures)
        case _:
            assert_never(chart.type)


def _inferred_chart(columns: list[ChartColumn]) -> dict[str, Any] | None:
    dimensions = [column for column in columns if column.kind in ("time", "order", "category")]
    figures = [column for column in columns if column.kind == "figure" and column.numbers]
    rates = [column for column in columns if column.kind == "rate" and column.numbers]
    measures = figures or rates
    if not measures or any(column.kind == "other" for column in columns):
        return None
    match dimensions:
        case [x] if _identifies_rows(x):
            return _one_dimension(x, measures)
        case [first, second]:
            x, series = _x_and_series(first, second)
            return _two_dimensions(x, series, measures[0])
        case _:
            return None


def _one_dimension(x: ChartColumn, figures: list[ChartColumn]) -> dict[str, Any] | None:
    """Returns the chart for a table with one dimension."""
    if len(x.cells) > _MAX_MARKS:
        return None
    if x.kind == "category" and _is_bridge(x, figures[0]):
        return chart_specs.waterfall(x, figures[0])
    if pair := _comparison(figures):
        if 2 * len(x.cells) > _MAX_MARKS:
            return None
        return chart_specs.pairs(x, pair)
    if x.kind in ("time", "order") and len(x.cells) > 2:
        comparable = [f for f in figures if _shares_axis(f, figures[0])][:_MAX_SERIES]
        return chart_specs.lines(x, comparable, None)
    return chart_specs.bars(x, figures[0])


def _two_dimensions(x: ChartColumn, series: ChartColumn, figure: ChartColumn) -> dict[str, Any] | None:
    """Returns the chart for a table with two dimensions that together identify a row."""
    pairs = [*zip(x.cells, series.cells, strict=True)]
    lines, places = len([*distinct(series)]), len([*distinct(x)])
    if len({*pairs}) < len(pairs) or lines > _MAX_SERIES or places > _MAX_MARKS or None in x.cells or places < 2:
        return None
    if x.kind in ("time", "order") and places > 2:
        return chart_specs.lines(x, [figure], series)
    return chart_specs.grouped(x, figure, series) if len(pairs) <= _MAX_MARKS else None


def _x_and_series(first: ChartColumn, second: ChartColumn) -> tuple[ChartColumn, ChartColumn]:
    """Returns the dimension for the x axis and the one for the series.

    Time goes on the x axis, except that two years are better shown as series.
    """

    def axis_priority(column: ChartColumn) -> int:
        return 2 * (column.kind == "time") + (column.kind == "order" and len([*distinct(column)]) > 2)

    if axis_priority(first) != axis_priority(second):
        return (first, second) if axis_priority(first) > axis_priority(second) else (second, first)
    return (first, second) if len([*distinct(first)]) >= len([*distinct(second)]) else (second, first)


def _identifies_rows(x: ChartColumn) -> bool:
    return None not in x.cells and len({str(cell) for cell in x.cells}) == len(x.cells)


def _comparison(figures: list[ChartColumn]) -> list[ChartColumn] | None:
    """Returns two figures to compare, such as actual and budget or two periods. Returns None if there are none."""
    actual = [f for f in figures if _ACTUAL.search(f.name) and not _DIFFERENCE.search(f.name)]
    budget = [f for f in figures if _BUDGET.search(f.name) and not _DIFFERENCE.search(f.name)]
    if len(actual) == len(budget) == 1 and actual != budget:
        return [actual[0], budget[0]]
    periods = [f for f in figures if _YEAR.fullmatch(f.name)]
    return periods if len(periods) == 2 else None


def _shares_axis(figure: ChartColumn, first: ChartColumn) -> bool:
    """Whether two figures can share an axis, which requires the same unit and similar magnitudes."""
    if figure is first:
        return True
    if figure.format.role != first.format.role or _DIFFERENCE.search(figure.name):  # the role suggests the unit
        return False
    smaller, larger = sorted((figure.largest, first.largest))
    return smaller * _MAX_SCALE_RATIO >= larger


def _is_bridge(x: ChartColumn, figure: ChartColumn) -> bool:
    """Whether the rows are a bridge from an opening to a closing figure, with changes in between that add up."""
    values = figure.numbers
    if not 3 <= len(values) == len(x.cells):
        return False
    labels = _OPENING.search(str(x.cells[0])), _CLOSING.search(str(x.cells[-1]))
    return all(labels) and abs(sum(values[:-1]) - values[-1]) <= abs(values[-1]) / 10_000
