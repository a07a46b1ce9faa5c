"""Figures, rows and whole results in words, as the answer quotes them."""

from typing import Any

from cfo_kernel.agent.analyst.periods import name_of
from cfo_kernel.agent.analyst.planner import Figures
from cfo_kernel.agent.analyst.reading import Reading, Shape
from cfo_kernel.data.plan import Filter

_FEW = 6
_PERCENTS = ("share", "change_percent", "variance_percent")


def figure(value: Any, *, percent: bool = False, exact: bool = False) -> str:
    """A number as people read it; nothing measured is said as 'n.m.'."""
    if value is None:
        return "n.m."
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).removesuffix("T00:00:00").removesuffix(" 00:00:00")
    if percent:
        return f"{value * 100:,.1f} %"
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.6g}" if exact or abs(value) < 10 else f"{value:,.2f}"


def condition(wanted: Filter, label: str) -> str:
    """A filter on a number in words: 'fiscal year 2012', 'amount > 50,000', 'amount between 10 and 20'."""
    values = wanted.value if isinstance(wanted.value, list) else [wanted.value]
    if wanted.op == "=":
        return f"{label} {wanted.value}"
    return f"{label} {wanted.op} {' and '.join(figure(v) for v in values)}"


class Wording:
    """Says the result of one reading."""

    def __init__(self, reading: Reading, figures: Figures, result: dict[str, Any]) -> None:
        self.reading, self.figures, self.result = reading, figures, result
        self.columns = [str(c["name"]) for c in result["columns"]]
        self.rows: list[list[Any]] = result["rows"]
        self.groups = len(reading.by)

    def table(self) -> str:
        """All rows where they are few, else the first and the last of what matters."""
        total = int(self.result["row_count"])
        if not self.rows:
            return "No row meets the question."
        if self.reading.shape is Shape.LIST:
            return self._list(total)
        if total <= _FEW or (self.reading.top and total <= 2 * _FEW):
            return "; ".join(self.row(r) for r in self.rows) + "."
        return self._extremes(total)

    def row(self, row: list[Any]) -> str:
        """One row: its groups, then its figures, the only figure without its name."""
        names = [self._label(i, row[i]) for i in range(self.groups)]
        figures = [(c, v) for c, v in zip(self.columns[self.groups :], row[self.groups :], strict=True)]
        if len(figures) == 1:
            text = self._figure(*figures[0])
        else:
            text = ", ".join(f"{c.replace('_', ' ')} {self._figure(c, v)}" for c, v in figures)
        return f"{', '.join(names)}: {text}" if names else text

    def total(self) -> float | int | None:
        """The sum of the shown figures, where all rows are here."""
        reading = self.reading
        plain = reading.shape in (Shape.FIGURES, Shape.SHARE) and reading.functions in (("sum",), ("count",))
        if not plain or reading.per or not self.groups or reading.top or reading.thresholds or len(self.rows) < 2:
            return None
        if len(self.rows) < int(self.result["row_count"]):
            return None
        values = [r[self.groups] for r in self.rows]
        if not all(isinstance(v, int | float) for v in values):
            return None
        return round(sum(values), 2)

    def _label(self, at: int, value: Any) -> str:
        grain = self.reading.by[at].grain
        if value is None:
            return f"(no {self.reading.by[at].label})"
        if grain:
            return name_of(value, grain)
        plain = isinstance(value, int | float)
        return f"{self.reading.by[at].label} {value}" if plain else str(value)

    def _figure(self, column: str, value: Any) -> str:
        percent = column in _PERCENTS or column == "ratio"
        rate = self.reading.column is not None and self.reading.functions[0] == "avg" and "rate" in self.reading.column
        text = figure(value, percent=percent, exact=rate)
        return f"{figure(value)} ({text})" if column == "ratio" and value is not None else text

    def _list(self, total: int) -> str:
        shown = ["; ".join(", ".join(str(v) for v in r if v is not None) for r in self.rows[:30])]
        return f"{total} found: {shown[0]}{'; ...' if total > 30 else '.'}"

    def _extremes(self, total: int) -> str:
        """The highest and the lowest of the main figure, or the first and the last period."""
        main = self.columns.index(self.figures.main) if self.figures.main in self.columns else self.groups
        if self.reading.shape is Shape.RUNNING:
            return f"{total} rows, up to {self.row(self.rows[-1])}." if total == len(self.rows) else f"{total} rows."
        if total > len(self.rows):
            return f"{total} rows, beginning with {self.row(self.rows[0])}."
        known = [r for r in self.rows if isinstance(r[main], int | float)]
        if not known:
            return f"{total} rows; no figure could be measured."
        highest, lowest = max(known, key=lambda r: r[main]), min(known, key=lambda r: r[main])
        return f"{total} rows; highest {self.row(highest)}; lowest {self.row(lowest)}."


def heading(reading: Reading, subject: str) -> str:
    """What was answered: function, rows, period and groups."""
    periods = " and ".join(p.label for p in reading.periods)
    groups = " and ".join(b.label for b in reading.by) if reading.shape is not Shape.ROWS else ""
    text = subject
    if periods:
        text += f", {'at the end of ' if reading.moment else ''}{periods}"
    if groups:
        text += f", by {groups}"
    for bound in reading.thresholds:
        scale = 100 if bound.on == "percent" else 1
        values = " and ".join(figure(v * scale) for v in bound.values) + (" %" if scale == 100 else "")
        text += f", {'number of postings ' if bound.on == 'count' else ''}{bound.op} {values}"
    if reading.order and reading.top:
        text += f", {'highest' if reading.order == 'desc' else 'lowest'} {reading.top}"
    return text
