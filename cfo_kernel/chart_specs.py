"""The Vega-Lite specifications of the few charts that results get. Colours are left to the page and its theme."""

from __future__ import annotations

import json
from typing import Any

from cfo_kernel.chart_columns import Drawn, distinct

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_MONTH, _DAY = "%b %Y", "%d %b %Y"
_UPRIGHT = 8
_LONG_LABEL = 14
_PER_LABEL = 84  # px; names that have less of them lean
_PER_FIGURE = 40  # px; figures over bars that have less of them would cover each other
Spec = dict[str, Any]


def lines(x: Drawn, figures: list[Drawn], series: Drawn | None) -> Spec:
    """Figures over time: a line for each of several figures, or for each value of `series`."""
    mark = {"type": "line", "point": True, "tooltip": True}
    if series is not None:
        colour = {"field": series.field, "type": "nominal", "title": series.name}
        encoding = {"x": _axis(x), "y": _figure(figures[0]), "color": colour}
        return _spec(
            f"{figures[0].name} by {x.name}, a line for each {series.name}", mark, encoding, [x, series, *figures]
        )
    if len(figures) == 1:
        said = f"{figures[0].name} by {x.name}"
        return _spec(said, mark, {"x": _axis(x), "y": _figure(figures[0])}, [x, *figures])
    key, value = _free("series", x, figures), _free("value", x, figures)
    encoding = {"x": _axis(x), "y": _folded(value, figures), "color": _names(key, figures)}
    said = f"{_listed(figures)} by {x.name}"
    return {**_spec(said, mark, encoding, [x, *figures]), "transform": [_fold(figures, key, value)]}


def bars(x: Drawn, figure: Drawn) -> Spec:
    """A figure by category: the largest first, lying where the names are long or many. Periods keep their order."""
    said = f"{figure.name} by {x.name}"
    mark = {"type": "bar", "tooltip": True}
    if x.kind != "category" or _stands(x):
        sort = "-y" if x.kind == "category" else None
        across = {**_axis(x, discrete=True), "sort": sort}
        return _spec(said, mark, {"x": across, "y": _figure(figure)}, [x, figure])
    down = {**_axis(x, discrete=True), "sort": "-x", "axis": {"labelLimit": 220}}
    spec = _spec(said, mark, {"y": down, "x": _figure(figure)}, [x, figure])
    return {**spec, "height": {"step": 24}}


def pairs(x: Drawn, figures: list[Drawn]) -> Spec:
    """Figures beside each other, actual and budget above all; of two the difference stands over the bars."""
    key, value = _free("series", x, figures), _free("value", x, figures)
    across = {**_axis(x, discrete=True), "sort": None}
    names = [figure.name for figure in figures]
    bar = {
        "transform": [_fold(figures, key, value)],
        "mark": {"type": "bar"},
        "encoding": {
            "x": across,
            "xOffset": {"field": key, "sort": names},
            "y": _folded(value, figures),
            "color": _names(key, figures),
            "tooltip": [_tip(x), *map(_tip, figures)],
        },
    }
    layers: list[Spec] = [bar]
    if len(figures) == 2:
        layers.append(_variance(x, across, *figures))
    return {**_head(f"{_listed(figures)} by {x.name}"), "layer": layers}


def _variance(x: Drawn, across: Spec, first: Drawn, second: Drawn) -> Spec:
    """The difference of two figures in percent of the second, above their bars where there is room for all."""
    a, b = _datum(first), _datum(second)
    said, top = _free("difference", x, [first, second]), _free("top", x, [first, second])
    return {
        "transform": [
            {"filter": f"isValid({a}) && isValid({b}) && {b} != 0"},
            {"calculate": f"({a} - {b}) / abs({b})", "as": said},
            {"calculate": f"max({a}, {b}, 0)", "as": top},
        ],
        "mark": _over_bars(len(x.cells)),
        "encoding": {
            "x": across,
            "y": {"field": top, "type": "quantitative"},
            "text": {"field": said, "type": "quantitative", "format": "+.0%"},
        },
    }


def grouped(x: Drawn, figure: Drawn, series: Drawn) -> Spec:
    """A figure by category, with a bar for each value of a second one."""
    order = [*distinct(series)]
    colour = {"field": series.field, "type": "nominal", "title": series.name, "sort": order}
    encoding = {
        "x": {**_axis(x, discrete=True), "sort": None},
        "xOffset": {"field": series.field, "sort": order},
        "y": _figure(figure),
        "color": colour,
    }
    said = f"{figure.name} by {x.name}, a bar for each {series.name}"
    return _spec(said, {"type": "bar", "tooltip": True}, encoding, [x, series, figure])


def waterfall(x: Drawn, figure: Drawn) -> Spec:
    """A bridge: the opening figure, each change from where the one before it ended, and the closing figure."""
    names = ("at", "total", "following", "start", "end", "top", "step")
    at, total, following, start, end, top, role = (_free(name, x, [figure]) for name in names)
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
            "tooltip": [_tip(x), _tip(figure)],
        },
    }
    told = {
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
        "layer": [level, bar, told],
    }


def _over_bars(count: int) -> Spec:
    """Figures above so many bars, where there is room for all of them."""
    return {"type": "text", "dy": -7, "fontSize": 11, "opacity": {"expr": f"width < {_PER_FIGURE * count} ? 0 : 1"}}


def _head(said: str) -> Spec:
    return {"$schema": _SCHEMA, "description": said, "data": {"name": "rows"}, "width": "container"}


def _spec(said: str, mark: Spec, encoding: Spec, told: list[Drawn]) -> Spec:
    return {**_head(said), "mark": mark, "encoding": {**encoding, "tooltip": [_tip(column) for column in told]}}


def _axis(x: Drawn, *, discrete: bool = False) -> Spec:
    """The axis of a dimension. Bars stand on names: a band of its own for each."""
    made: Spec = {"field": x.field, "title": x.name}
    if x.kind == "time":
        shown = _MONTH if x.unit.endswith("month") else _DAY
        kind = "ordinal" if discrete else "temporal"
        return {
            **made,
            "type": kind,
            "timeUnit": x.unit,
            "axis": {"format": shown, "labelAngle": 0, "labelOverlap": True},
        }
    return {**made, "type": "nominal" if x.kind == "category" else "ordinal", "axis": _names_below(len(x.cells))}


def _names_below(count: int) -> Spec:
    """The labels of so many names: level under the middle of their bars, or leaning where they have no room."""
    lacks_room = f"width < {_PER_LABEL * count}"
    return {
        "labelAngle": {"expr": f"{lacks_room} ? -35 : 0"},
        "labelAlign": {"expr": f"{lacks_room} ? 'right' : 'center'"},
        "labelLimit": 220,
    }


def _stands(x: Drawn) -> bool:
    return len(x.cells) <= _UPRIGHT and all(len(str(cell)) <= _LONG_LABEL for cell in x.cells)


def _figure(figure: Drawn) -> Spec:
    made = {"field": figure.field, "type": "quantitative", "title": figure.name}
    return {**made, "axis": {"format": figure.axis_format}}


def _folded(value: str, figures: list[Drawn]) -> Spec:
    axis = {"format": max(figures, key=lambda figure: figure.largest).axis_format}
    return {"field": value, "type": "quantitative", "title": None, "axis": axis}


def _fold(figures: list[Drawn], key: str, value: str) -> Spec:
    return {"fold": [figure.field for figure in figures], "as": [key, value]}


def _names(key: str, figures: list[Drawn]) -> Spec:
    return {"field": key, "type": "nominal", "sort": [figure.name for figure in figures], "title": None}


def _tip(column: Drawn) -> Spec:
    made = {"field": column.field, "title": column.name}
    match column.kind:
        case "figure" | "rate":
            return {**made, "type": "quantitative", "format": column.exact_format}
        case "time":
            shown = _MONTH if column.unit.endswith("month") else _DAY
            return {**made, "type": "temporal", "timeUnit": column.unit, "format": shown}
        case _:
            return {**made, "type": "nominal"}


def _datum(figure: Drawn) -> str:
    return f"datum[{json.dumps(figure.name)}]"


def _listed(figures: list[Drawn]) -> str:
    return ", ".join(figure.name for figure in figures)


def _free(name: str, x: Drawn, figures: list[Drawn]) -> str:
    """A name for a value that the chart makes, which is none of the table's."""
    taken = {x.name.lower(), *(figure.name.lower() for figure in figures)}
    while name in taken:
        name += "_"
    return name
