"""Charts: what a result may be drawn as, told as a Vega-Lite specification without data.

A chart is offered only where the shape of the table leaves no doubt: one or two dimensions that name each row once, and
figures of one unit. Tables that are cut short get none, for a part would be taken for the whole.
"""

from __future__ import annotations

import re
from typing import Any

from cfo_kernel import chart_specs
from cfo_kernel.chart_columns import Drawn, distinct, read
from cfo_kernel.replies import Chart, ResultTable

_MARKS = 50
_SERIES = 10
_ACTUAL = re.compile(r"(^|[\W_])(actuals?|ist|current)($|[\W_])", re.IGNORECASE)
_BUDGET = re.compile(r"(^|[\W_])(budget|plan|planned|forecast|target|prior|previous)($|[\W_])", re.IGNORECASE)
_YEAR = re.compile(r"(19|20)\d\d([- ]?(Q[1-4]|H[12]|\d\d))?")
_DIFFERENCE = re.compile(r"change|variance|difference|delta|deviation|running|cumulative|rank", re.IGNORECASE)
_OPENING = re.compile(r"\b(opening|open|start|begin\w*|prior|previous|before|budget|(19|20)\d\d)\b", re.IGNORECASE)
_CLOSING = re.compile(r"\b(closing|close|end\w*|current|after|actual|(19|20)\d\d)\b", re.IGNORECASE)


def vega_lite(result: ResultTable, chart: Chart | None = None) -> dict[str, Any] | None:
    """The Vega-Lite specification of a chart over the data set `rows` (an object for each row, by column name).

    `chart` is what the reply proposes; where it does not fit the table, its columns decide. None where no chart suits.
    """
    if result.truncated or len(result.rows) != result.row_count or not 2 <= result.row_count <= _MARKS * _SERIES:
        return None
    columns = read(result)
    if columns is None:
        return None
    return _proposed(columns, chart) or _judged(columns)


def _proposed(columns: list[Drawn], chart: Chart | None) -> dict[str, Any] | None:
    by_name = {column.name: column for column in columns}
    if chart is None or chart.x not in by_name or not {*chart.y} <= {*by_name}:
        return None
    x, figures = by_name[chart.x], [by_name[name] for name in chart.y if name != chart.x]
    if not figures or len(figures) > _SERIES or any(f.kind not in ("figure", "rate") for f in figures):
        return None
    if x.kind not in ("time", "order", "category", "key") or not _names_each_row(x) or len(x.cells) > _MARKS:
        return None
    if chart.type == "line" and x.kind in ("time", "order"):
        return chart_specs.lines(x, figures, None)
    return chart_specs.bars(x, figures[0]) if len(figures) == 1 else chart_specs.pairs(x, figures)


def _judged(columns: list[Drawn]) -> dict[str, Any] | None:
    dimensions = [column for column in columns if column.kind in ("time", "order", "category")]
    figures = [column for column in columns if column.kind == "figure" and column.numbers]
    rates = [column for column in columns if column.kind == "rate" and column.numbers]
    drawn = figures or rates
    if not drawn or any(column.kind == "other" for column in columns):
        return None
    match dimensions:
        case [x] if _names_each_row(x):
            return _along(x, drawn)
        case [first, second]:
            x, series = _by_time(first, second)
            return _within(x, series, drawn[0])
        case _:
            return None


def _along(x: Drawn, figures: list[Drawn]) -> dict[str, Any] | None:
    """The chart of a table with one dimension."""
    if len(x.cells) > _MARKS:
        return None
    if x.kind == "category" and _is_bridge(x, figures[0]):
        return chart_specs.waterfall(x, figures[0])
    if pair := _pair(figures):
        if 2 * len(x.cells) > _MARKS:
            return None
        return chart_specs.pairs(x, pair)
    if x.kind in ("time", "order") and len(x.cells) > 2:
        alike = [f for f in figures if _is_alike(f, figures[0])][:_SERIES]
        return chart_specs.lines(x, alike, None)
    return chart_specs.bars(x, figures[0])


def _within(x: Drawn, series: Drawn, figure: Drawn) -> dict[str, Any] | None:
    """The chart of a table with two dimensions, which name each row together."""
    pairs = [*zip(x.cells, series.cells, strict=True)]
    lines, places = len([*distinct(series)]), len([*distinct(x)])
    if len({*pairs}) < len(pairs) or lines > _SERIES or places > _MARKS or None in x.cells or places < 2:
        return None
    if x.kind in ("time", "order") and places > 2:
        return chart_specs.lines(x, [figure], series)
    return chart_specs.grouped(x, figure, series) if len(pairs) <= _MARKS else None


def _by_time(first: Drawn, second: Drawn) -> tuple[Drawn, Drawn]:
    """Which of two dimensions runs along, and which one makes the series: time runs along, few years make series."""

    def is_along(column: Drawn) -> int:
        return 2 * (column.kind == "time") + (column.kind == "order" and len([*distinct(column)]) > 2)

    if is_along(first) != is_along(second):
        return (first, second) if is_along(first) > is_along(second) else (second, first)
    return (first, second) if len([*distinct(first)]) >= len([*distinct(second)]) else (second, first)


def _names_each_row(x: Drawn) -> bool:
    return None not in x.cells and len({str(cell) for cell in x.cells}) == len(x.cells)


def _pair(figures: list[Drawn]) -> list[Drawn] | None:
    """Actual and budget, or two periods beside each other."""
    actual = [f for f in figures if _ACTUAL.search(f.name) and not _DIFFERENCE.search(f.name)]
    budget = [f for f in figures if _BUDGET.search(f.name) and not _DIFFERENCE.search(f.name)]
    if len(actual) == len(budget) == 1 and actual != budget:
        return [actual[0], budget[0]]
    periods = [f for f in figures if _YEAR.fullmatch(f.name)]
    return periods if len(periods) == 2 else None


def _is_alike(figure: Drawn, first: Drawn) -> bool:
    """Whether two figures can share an axis: the smaller one must still be seen."""
    if figure is first:
        return True
    is_measured_alike = (figure.decimals == first.decimals) and not _DIFFERENCE.search(figure.name)
    return is_measured_alike and figure.largest * 50 >= first.largest and first.largest * 50 >= figure.largest


def _is_bridge(x: Drawn, figure: Drawn) -> bool:
    """Whether the rows lead from an opening to a closing figure: the changes in between must add up to it."""
    values = figure.numbers
    if not 3 <= len(values) == len(x.cells):
        return False
    labels = _OPENING.search(str(x.cells[0])), _CLOSING.search(str(x.cells[-1]))
    return all(labels) and abs(sum(values[:-1]) - values[-1]) <= abs(values[-1]) / 10_000
