"""Formats the figures and names in the rows of a result."""

from collections.abc import Callable
from typing import Any

from cfo_kernel.agent.analyst.evidence import Verdict
from cfo_kernel.agent.analyst.naming import Naming
from cfo_kernel.agent.analyst.periods import name_of
from cfo_kernel.agent.analyst.planner import Figures
from cfo_kernel.agent.analyst.reading import Reading, Shape
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.wording import figure, joined, percent, phrase, plural
from cfo_kernel.data.aggregates import AGGREGATES, AggregateFunction
from cfo_kernel.data.plan import Grain

FEW = 4
Row = list[Any]


class Cells:
    """A result, together with the reading that it answers."""

    def __init__(
        self, schema: Schema, reading: Reading, verdict: Verdict, figures: Figures, result: dict[str, Any]
    ) -> None:
        self.schema, self.reading, self.verdict, self.figures = schema, reading, verdict, figures
        self.naming = Naming(schema, reading)
        self.columns = [str(c["name"]) for c in result["columns"]]
        self.rows: list[Row] = result["rows"]
        self.total = int(result["row_count"])
        self.groups = len(reading.by)
        self.decimals = self._decimals()

    def _counted_rows(self) -> str:
        """Names the rows that are counted: 'Rent postings for Germany'. Empty unless the figure is a count."""
        named = self.naming
        if self.reading.counted and self.groups:
            return phrase(plural(self.reading.counted.label), "with", named.named, named.rows, named.narrowed)
        if not AGGREGATES[self.reading.functions[0]].is_count:
            return ""
        return phrase(named.named, named.rows, named.narrowed)

    def _part(self, function: str) -> str:
        known = AGGREGATES[function]
        if known.is_count:
            return self.naming.rows
        return known.display_name if known.is_total or self._is_rate else f"{known.row_display_name} {self.naming.row}"

    def _subject(self) -> str:
        """Names the figure: 'Salaries for Corporate', 'the average Salaries posting', 'the average rate'."""
        reading, named = self.reading, self.naming
        function = AGGREGATES[reading.functions[0] if reading.functions else "sum"]
        if reading.shape in (Shape.RATIO, Shape.DIFFERENCE):
            left, right = named.side(reading.left, reading.right), named.side(reading.right)
            link = "as a percentage of" if reading.shape is Shape.RATIO else "less"
            return phrase(left, link, right, named.narrowed)
        if counted := self._counted_rows():
            return f"number of {counted}"
        if self._is_rate and reading.column:
            label = self.schema.label(reading.column)
            one_day = function.name == "avg" and [p.grain for p in reading.periods] == [Grain.DAY]
            plain = one_day or self.verdict.stock or label.startswith(function.display_name)
            word = "" if plain else function.display_name
            of = f"of {named.core}" if named.core != label else ""
            return phrase("the", word, label, of, named.narrowed)
        if not function.is_total:
            return phrase("the", function.row_display_name, named.core, named.row, named.narrowed)
        return named.what

    def _verb(self) -> str:
        core = self.naming.core.replace(" on ", " of ").partition(" of ")[0]
        single = self.reading.functions[0] != "sum" or not core.endswith("s") or core.endswith("ss")
        return "was" if single and " and " not in self.naming.core else "were"

    def _extremes(
        self, head: str, say: Callable[[Row], str], words: tuple[str, str] | None = None, by: int = -1
    ) -> str:
        """Names all rows if there are few, and otherwise only the rows with the highest and lowest figures."""
        if self.total <= FEW or len(self.rows) < self.total:
            shown = joined([f"{self.name(r)} with {say(r)}" for r in self.rows[:FEW]])
            return f"{head}: {shown}{'.' if self.total <= FEW else f' and others, {self.total:,} rows in all.'}"
        at = by if by >= 0 else self._main_at()
        highest, lowest = self._ends(at)
        moving = words is not None and "rise" in words[0]
        if words is None or (moving and not (highest[at] or 0) > 0 > (lowest[at] or 0)):
            link = "in" if any(b.grain for b in self.reading.by) else "for"
            ends = f"from {say(lowest)} {link} {self.name(lowest)} to {say(highest)} {link} {self.name(highest)}"
            return f"{head} ranges {ends}." if self._verb() == "was" else f"{head} range {ends}."
        top = f"{words[0]} {self.name(highest)} with {say(highest)}"
        return f"{head}; {top}, {words[1]} {self.name(lowest)} with {say(lowest)}."

    def _main_at(self) -> int:
        return self.columns.index(self.figures.main) if self.figures.main in self.columns else self.groups

    def _ends(self, at: int) -> tuple[Row, Row]:
        """The rows with the highest and the lowest figure in a column."""
        known = [r for r in self.rows if isinstance(r[at], int | float)] or [self.rows[0]]
        return max(known, key=lambda r: r[at] or 0), min(known, key=lambda r: r[at] or 0)

    def _moved(self, row: Row) -> str:
        """A row's figure and its change from the earlier figure: '35,958,587.59 (+11,423,007.01 or +46.6 %)'."""
        moved = self.groups + 2
        text, change = self.value(self.groups, row[self.groups]), row[moved]
        if not isinstance(change, int | float):
            return text
        sign = "+" if change > 0 else ""
        share = row[moved + 1] if moved + 1 < len(row) else None
        told = f" or {sign}{percent(share)}" if isinstance(share, int | float) else ", n.m."
        return f"{text} ({sign}{self.value(moved, change)}{told})"

    def name(self, row: Row) -> str:
        """The names of a row's groups: 'Germany, March 2012'."""
        return ", ".join(self._label(i, row[i]) for i in range(self.groups))

    def _label(self, at: int, value: Any) -> str:
        by = self.reading.by[at]
        if value is None:
            return f"(no {by.label})"
        if by.grain:
            return name_of(value, by.grain)
        return f"{by.label} {value}" if isinstance(value, int | float) else str(value)

    def _main(self, row: Row) -> str:
        """A row's main figure, or all its figures if the question asks for several."""
        if self.reading.apart:
            parts = enumerate(self.reading.apart.values)
            return " and ".join(f"{name} {self.value(self.groups + i, row[self.groups + i])}" for i, name in parts)
        if len(self.reading.functions) > 1:
            parts = enumerate(self.reading.functions)
            return ", ".join(f"{self._part(f)} {self.value(self.groups + i, row[self.groups + i])}" for i, f in parts)
        at = self._main_at()
        return self._ratio(row) if self.reading.shape is Shape.RATIO else self.value(at, row[at])

    def _ratio(self, row: Row) -> str:
        """The ratio as a percentage (n.m. unless the base is positive), or a note on which side has no rows."""
        part, base, ratio = row[self.groups : self.groups + 3]
        for value, picks, other in ((part, self.reading.left, self.reading.right), (base, self.reading.right, ())):
            if value is None:
                return f"no rows of {self.naming.side(picks, other)}"
        return percent(ratio)

    def value(self, at: int, value: Any) -> str:
        """Formats a figure: counts without decimals, amounts with as many decimals as their column has."""
        name = self.columns[at] if at < len(self.columns) else ""
        function = self.reading.functions[0] if self.reading.functions else ""
        if name in ("share", "ratio") or name.endswith("_percent"):
            return percent(value)
        if self.reading.per and at - self.groups == 2:
            return figure(value)
        if function and AGGREGATES[function].is_count and len(self.reading.functions) == 1:
            return figure(value)
        if self.reading.functions == ("count", "sum") and at == self.groups:
            return figure(value)
        return figure(value, self._decimals_of(AGGREGATES[self._function_at(at)], value))

    def _function_at(self, at: int) -> str:
        """The function that computes the figures in a column."""
        functions = self.reading.functions or ("sum",)
        return functions[at - self.groups] if 0 < at - self.groups < len(functions) else functions[0]

    def _decimals_of(self, function: AggregateFunction, value: Any) -> int | None:
        """The number of decimals in a figure: its column's, or one more if the figure is halfway between two values."""
        if self.decimals is None or not function.is_between_values or not isinstance(value, int | float):
            return self.decimals
        return self.decimals + (round(value, self.decimals) != value)

    def _decimals(self) -> int | None:
        """The number of decimals in the measure's column; None (as many as needed) for counts, rates and dates."""
        if self.reading.column is None or self.verdict.unitless or self._is_rate or self.reading.shape is Shape.DATES:
            return None
        return self.schema.column(self.reading.column)[1].scale or None

    @property
    def _is_rate(self) -> bool:
        return self.reading.column is not None and self.schema.is_rate(self.reading.column)

    def _unit_tables(self) -> set[str]:
        """The table that contains the figure's units, or an empty string if the figure has none."""
        unit = (
            self.schema.glossary.column(*self.reading.column.split(".", 1)).unit_of_row if self.reading.column else None
        )
        return {unit.source.partition(".")[0]} if unit else set()

    def _sum(self) -> float | int | None:
        """The sum of the figures shown, or None if they must not be added up or the result is incomplete."""
        reading = self.reading
        plain = (
            reading.shape is Shape.FIGURES
            and not reading.apart
            and reading.functions in (("sum",), ("count",))
            and not reading.per
        )
        several_units = len(self.verdict.units) > 1 and any(
            self.schema.column(b.column)[0].name in self._unit_tables() for b in reading.by
        )
        if several_units or not plain or not self.verdict.additive or len(self.rows) < max(2, self.total):
            return None
        values = [r[self.groups] for r in self.rows]
        return round(sum(values), 6) if all(isinstance(v, int | float) for v in values) else None
