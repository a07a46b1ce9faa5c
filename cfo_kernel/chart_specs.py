"""Builds Vega-Lite specifications for charts of results. Most colours come from the page's theme."""

from __future__ import annotations

import json
from typing import Any

from cfo_kernel.chart_columns import ChartColumn, distinct

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_MONTH, _DAY = "%b %Y", "%d %b %Y"
_MAX_UPRIGHT_BARS = 8
_LONG_LABEL = 14
_LABEL_WIDTH = 84  # pixels per label; with less, the labels are rotated
_FIGURE_WIDTH = 40  # pixels per figure above a bar; with less, the figures would overlap and are hidden
Spec = dict[str, Any]


def lines(x: ChartColumn, figures: list[ChartColumn], series: ChartColumn | None) -> Spec:
    """A line chart of figures over time, with one line for each figure or for each value of `series`."""
    mark = {"type": "line", "point": True, "tooltip": True}
    if series is not None:
        colour = {"field": series.field, "type": "nominal", "title": series.name}
        encoding = {"x": _axis(x), "y": _figure(figures[0]), "color": colour}
        return _spec(
            f"{figures[0].name} by {x.name}, a line for each {series.name}", mark, encoding, [x, series, *figures]
        )
    if len(figures) == 1:
        title = f"{figures[0].name} by {x.name}"
        return _spec(title, mark, {"x": _axis(x), "y": _figure(figures[0])}, [x, *figures])
    key, value = _unused_name("series", x, figures), _unused_name("value", x, figures)
    encoding = {"x": _axis(x), "y": _folded(value, figures), "color": _series_color(key, figures)}
    title = f"{_listed(figures)} by {x.name}"
    return {**_spec(title, mark, encoding, [x, *figures]), "transform": [_fold(figures, key, value)]}


def bars(x: ChartColumn, figure: ChartColumn) -> Spec:
    """A bar chart of a figure, by category with the largest first, or by period.

    The bars are horizontal if the names are long or there are many of them.
    """
    title = f"{figure.name} by {x.name}"
    mark = {"type": "bar", "tooltip": True}
    if x.kind != "category" or _fits_upright(x):
        sort = "-y" if x.kind == "category" else x.order
        across = {**_axis(x, discrete=True), "sort": sort}
        return _spec(title, mark, {"x": across, "y": _figure(figure)}, [x, figure])
    down = {**_axis(x, discrete=True), "sort": "-x", "axis": {"labelLimit": 220}}
    spec = _spec(title, mark, {"y": down, "x": _figure(figure)}, [x, figure])
    return {**spec, "height": {"step": 24}}


def pairs(x: ChartColumn, figures: list[ChartColumn]) -> Spec:
    """A bar chart of figures side by side, such as actual and budget.

    For two figures, their difference is shown above them.
    """
    key, value = _unused_name("series", x, figures), _unused_name("value", x, figures)
    across = {**_axis(x, discrete=True), "sort": x.order}
    names = [figure.name for figure in figures]
    bar = {
        "transform": [_fold(figures, key, value)],
        "mark": {"type": "bar"},
        "encoding": {
            "x": across,
            "xOffset": {"field": key, "sort": names},
            "y": _folded(value, figures),
            "color": _series_color(key, figures),
            "tooltip": [_tooltip_of(x), *map(_tooltip_of, figures)],
        },
    }
    layers: list[Spec] = [bar]
    if len(figures) == 2:
        layers.append(_variance(x, across, *figures))
    return {**_head(f"{_listed(figures)} by {x.name}"), "layer": layers}


def _variance(x: ChartColumn, across: Spec, first: ChartColumn, second: ChartColumn) -> Spec:
    """The layer that shows the difference between two figures as a percentage of the second, above their bars.

    It is hidden if there is not enough room for all labels.
    """
    a, b = _datum(first), _datum(second)
    difference, top = _unused_name("difference", x, [first, second]), _unused_name("top", x, [first, second])
    return {
        "transform": [
            {"filter": f"isValid({a}) && isValid({b}) && {b} != 0"},
            {"calculate": f"({a} - {b}) / abs({b})", "as": difference},
            {"calculate": f"max({a}, {b}, 0)", "as": top},
        ],
        "mark": _over_bars(len(x.cells)),
        "encoding": {
            "x": across,
            "y": {"field": top, "type": "quantitative"},
            "text": {"field": difference, "type": "quantitative", "format": "+.0%"},
        },
    }


def grouped(x: ChartColumn, figure: ChartColumn, series: ChartColumn) -> Spec:
    """A bar chart of a figure by category, with one bar for each value of a second category."""
    order = [*distinct(series)]
    colour = {"field": series.field, "type": "nominal", "title": series.name, "sort": order}
    encoding = {
        "x": {**_axis(x, discrete=True), "sort": x.order},
        "xOffset": {"field": series.field, "sort": order},
        "y": _figure(figure),
        "color": colour,
    }
    title = f"{figure.name} by {x.name}, a bar for each {series.name}"
    return _spec(title, {"type": "bar", "tooltip": True}, encoding, [x, series, figure])


def waterfall(x: ChartColumn, figure: ChartColumn) -> Spec:
    """A waterfall chart with the opening figure, the changes, and the closing figure.

    Each change starts where the previous one ends.
    """
    names = ("at", "total", "following", "start", "end", "top", "step")
    at, total, following, start, end, top, role = (_unused_name(name, x, [figure]) for name in names)
    last, value = len(x.cells), _datum(figure)
    running = [{"op": "row_number", "as": at}, {"op": "sum", "field": figure.field, "as": total}]
    kinds = f"datum.{at} == 1 || datum.{at} == {last} ? 'Total' : {value} < 0 ? 'Decrease' : 'Increase'"
    colours = {"domain": ["Total", "Increase", "Decrease"], "range": ["#6b83b5", "#2f9e6e", "#d1495b"]}
    across = {**_axis(x, discrete=True), "sort": None, "scale": {"padding": 0.15}}
    upward: Spec = {"type": "quantitative", "title": figure.name, "axis": {"format": figure.axis_format}}
    level = {
        "transform": [{"filter": f"datum.{at} < {last}"}],
        "mark": {"type": "rule", "opacity": 0.6},
        "encoding": {
            "x": {**across, "bandPosition": 1},
            "x2": {"field": following, "bandPosition": 0},
            "y": {"field": end, **upward},
        },
    }
    bar = {
        "mark": {"type": "bar"},
        "encoding": {
            "x": across,
            "y": {"field": start, **upward},
            "y2": {"field": end},
            "color": {"field": role, "type": "nominal", "scale": colours, "title": None},
            "tooltip": [_tooltip_of(x), _tooltip_of(figure)],
        },
    }
    labels = {
        "mark": _over_bars(last),
        "encoding": {
            "x": across,
            "y": {"field": top, **upward},
            "text": {"field": figure.field, "type": "quantitative", "format": figure.axis_format},
        },
    }
    return {
        **_head(f"Bridge of {figure.name} by {x.name}"),
        "transform": [
            {"window": running, "frame": [None, 0]},
            {"window": [{"op": "lead", "field": x.field, "as": following}]},
            {"calculate": f"datum.{at} == {last} ? 0 : datum.{total} - {value}", "as": start},
            {"calculate": f"datum.{at} == {last} ? {value} : datum.{total}", "as": end},
            {"calculate": f"max(datum.{start}, datum.{end})", "as": top},
            {"calculate": kinds, "as": role},
        ],
        "layer": [level, bar, labels],
    }


def _over_bars(count: int) -> Spec:
    """The mark that shows a figure above each bar, for a chart with this many bars.

    If the chart is too narrow, all of the figures are hidden.
    """
    return {"type": "text", "dy": -7, "fontSize": 11, "opacity": {"expr": f"width < {_FIGURE_WIDTH * count} ? 0 : 1"}}


def _head(title: str) -> Spec:
    return {"$schema": _SCHEMA, "description": title, "data": {"name": "rows"}, "width": "container"}


def _spec(title: str, mark: Spec, encoding: Spec, tooltip: list[ChartColumn]) -> Spec:
    return {**_head(title), "mark": mark, "encoding": {**encoding, "tooltip": [*map(_tooltip_of, tooltip)]}}


def _axis(x: ChartColumn, *, discrete: bool = False) -> Spec:
    """The axis for a dimension. Bars need a discrete axis, with a band for each value."""
    axis: Spec = {"field": x.field, "title": x.name}
    if x.kind == "time":
        shown = _MONTH if x.unit.endswith("month") else _DAY
        kind = "ordinal" if discrete else "temporal"
        return {
            **axis,
            "type": kind,
            "timeUnit": x.unit,
            "axis": {"format": shown, "labelAngle": 0, "labelOverlap": True},
        }
    if x.order:
        axis["sort"] = x.order
    return {**axis, "type": "nominal" if x.kind == "category" else "ordinal", "axis": _label_axis(len(x.cells))}


def _label_axis(count: int) -> Spec:
    """The axis labels for this number of names: horizontal under the bars, or rotated if the chart is narrow."""
    lacks_room = f"width < {_LABEL_WIDTH * count}"
    return {
        "labelAngle": {"expr": f"{lacks_room} ? -35 : 0"},
        "labelAlign": {"expr": f"{lacks_room} ? 'right' : 'center'"},
        "labelLimit": 220,
    }


def _fits_upright(x: ChartColumn) -> bool:
    return len(x.cells) <= _MAX_UPRIGHT_BARS and all(len(str(cell)) <= _LONG_LABEL for cell in x.cells)


def _figure(figure: ChartColumn) -> Spec:
    axis = {"format": figure.axis_format}
    return {"field": figure.field, "type": "quantitative", "title": figure.name, "axis": axis}


def _folded(value: str, figures: list[ChartColumn]) -> Spec:
    axis = {"format": max(figures, key=lambda figure: figure.largest).axis_format}
    return {"field": value, "type": "quantitative", "title": None, "axis": axis}


def _fold(figures: list[ChartColumn], key: str, value: str) -> Spec:
    return {"fold": [figure.field for figure in figures], "as": [key, value]}


def _series_color(key: str, figures: list[ChartColumn]) -> Spec:
    return {"field": key, "type": "nominal", "sort": [figure.name for figure in figures], "title": None}


def _tooltip_of(column: ChartColumn) -> Spec:
    tip = {"field": column.field, "title": column.name}
    match column.kind:
        case "figure" | "rate":
            return {**tip, "type": "quantitative", "format": column.exact_format}
        case "time":
            shown = _MONTH if column.unit.endswith("month") else _DAY
            return {**tip, "type": "temporal", "timeUnit": column.unit, "format": shown}
        case _:
            return {**tip, "type": "nominal"}


def _datum(figure: ChartColumn) -> str:
    return f"datum[{json.dumps(figure.name)}]"


def _listed(figures: list[ChartColumn]) -> str:
    return ", ".join(figure.name for figure in figures)


def _unused_name(name: str, x: ChartColumn, figures: list[ChartColumn]) -> str:
    """Returns a name for a computed value that no column has."""
    taken = {x.name.lower(), *(figure.name.lower() for figure in figures)}
    while name in taken:
        name += "_"
    return name
