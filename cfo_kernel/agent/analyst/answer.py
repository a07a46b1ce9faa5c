"""The reply to a question that was answered: what was understood, the figures, and what must be known about them."""

from typing import Any

from cfo_kernel.agent.analyst.evidence import Verdict
from cfo_kernel.agent.analyst.planner import Figures, plural
from cfo_kernel.agent.analyst.reading import Pick, Reading, Shape
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.wording import Wording, condition, figure, heading

_FUNCTIONS = {"sum": "Total", "avg": "Average", "min": "Lowest", "max": "Highest", "median": "Median"}
_FAVOURABLE = "Whether a variance is favourable is not judged: it depends on whether the account is income or cost."


class Answer:
    """Composes the message of one answered reading."""

    def __init__(
        self, schema: Schema, reading: Reading, verdict: Verdict, figures: Figures, result: dict[str, Any]
    ) -> None:
        self.schema, self.reading, self.verdict = schema, reading, verdict
        self.result = result
        self.wording = Wording(reading, figures, result)

    def heading(self) -> str:
        return heading(self.reading, self._subject())

    def message(self) -> str:
        """Everything the person must read, in sentences."""
        total = self.wording.total() if self.verdict.additive else None
        parts = [f"{self.heading()}: {self.wording.table()}"]
        if total is not None:
            parts.append(f"Together {figure(total)}.")
        return " ".join([*parts, *self.caveats()])

    def caveats(self) -> list[str]:
        """Dates, scenario, units, how words were taken, and the notes of the glossary."""
        reading, verdict = self.reading, self.verdict
        said: list[str] = []
        if verdict.first and verdict.last and reading.shape is not Shape.DATES:
            dates = f"{verdict.first}" if verdict.first == verdict.last else f"{verdict.first} to {verdict.last}"
            said.append(f"Rows dated {dates}.")
        for pick in reading.picks:
            if pick.default:
                label, value = self.schema.label(pick.column), pick.values[0]
                said.append(f"{label.capitalize()} {value}, as the question names no other.")
        said += self._meaning()
        said += self._units()
        said += verdict.remarks
        said += reading.remarks
        said += self._notes()
        return list(dict.fromkeys(said))

    def _subject(self) -> str:
        reading = self.reading
        what = self._what()
        picks = [p for p in reading.picks if not p.default]
        names = [self._pick(p) for p in picks]
        sides = [" ".join(v for p in side for v in p.values) for side in (reading.left, reading.right) if side]
        if sides:
            between = {Shape.VARIANCE: " against ", Shape.DIFFERENCE: " less "}.get(reading.shape, " to ")
            names.insert(0, between.join(sides))
        names += [condition(f, self.schema.label(f.column)) for f in reading.conditions]
        return f"{what}, {', '.join(names)}" if names else what

    def _pick(self, pick: Pick) -> str:
        values = " and ".join(pick.values)
        return f"{self.schema.label(pick.column)} {'other than ' if pick.negated else ''}{values}"

    def _what(self) -> str:
        reading = self.reading
        rows = self.schema.rows_of(reading.table)
        column = self.schema.label(reading.column) if reading.column else rows
        match reading.shape:
            case Shape.LIST:
                return self.schema.table_label(reading.table)
            case Shape.SHARE:
                return f"Share of {column}"
            case Shape.RATIO | Shape.DIFFERENCE | Shape.VARIANCE:
                return f"{reading.shape.value.capitalize()} of {column}"
            case Shape.CHANGE | Shape.COMPARE:
                return f"Change of {self._function(column).lower()}"
            case Shape.RUNNING:
                return f"Running total of {column}"
            case Shape.DATES:
                return f"Dates of {rows}"
            case Shape.ROWS:
                return rows.capitalize()
            case Shape.FIGURES:
                return self._function(column)

    def _function(self, column: str) -> str:
        reading = self.reading
        if reading.counted:
            return f"Number of {plural(reading.counted.label)}"
        if reading.functions[0] == "count":
            name = self.schema.rows_of(reading.table)
            return f"Average number of {name} per {reading.per.value}" if reading.per else f"Number of {name}"
        if reading.per:
            return f"Average {column} per {reading.per.value}"
        if self.verdict.stock and not self.schema.is_rate(reading.column or ""):
            return f"Balance ({column})"
        named = column.startswith("average") and reading.functions == ("avg",)
        return (
            column
            if named
            else " and ".join(_FUNCTIONS[f] for f in reading.functions if f in _FUNCTIONS) + f" {column}"
        )

    def _meaning(self) -> list[str]:
        reading, said = self.reading, list[str]()
        rows = self.schema.rows_of(reading.table)
        if self.verdict.stock and self.schema.is_rate(reading.column or ""):
            said.append("The rate is that of the last date of the period.")
        elif self.verdict.stock:
            said.append("These are balances, read at the last date of each period and not added up over time.")
        rate = reading.column is not None and self.schema.is_rate(reading.column)
        if not rate and {"avg", "median"} & set(reading.functions):
            said.append(f"Average and median are over single {rows}, not over totals.")
        if not rate and {"min", "max"} & set(reading.functions) and reading.shape is not Shape.DATES:
            said.append(f"Lowest and highest are single {rows}.")
        if rate and reading.functions == ("avg",) and not self.verdict.stock:
            said.append("The average is over the rows of the table, each counted once.")
        if reading.shape is Shape.CHANGE:
            said.append(
                "The change is to the row before, which is the period before where every period has rows; "
                "the first row has none. Growth from zero or a negative figure is n.m."
            )
        if reading.shape is Shape.VARIANCE:
            said.append(_FAVOURABLE)
        if reading.shape is Shape.SHARE and any(b.grain for b in reading.by) and len(reading.by) > 1:
            said.append("Each share is of its own period.")
        said += self._shared_names()
        if reading.per:
            said.append(f"The average is the total divided by the number of {reading.per.value}s with rows.")
        return said

    def _shared_names(self) -> list[str]:
        """A name is not a key: says which of the shown names several rows of their table have."""
        said: list[str] = []
        for at, by in enumerate(self.reading.by):
            table, column = self.schema.column(by.column)
            if by.grain or not column.values or not self.schema.names_rows(table, column):
                continue
            shown = {str(row[at]) for row in self.result["rows"]}
            twice = [f"'{v}'" for v, rows in column.values.items() if rows > 1 and v in shown]
            if twice:
                said.append(f"More than one {by.label} is called {', '.join(twice)}: its row adds those that apply.")
        return said

    def _units(self) -> list[str]:
        units = self.verdict.units
        if self.verdict.unitless:
            return ["The figures are numbers, not money."]
        if len(units) > 1:
            kept = any(self.survey_unit() == b.column for b in self.reading.by)
            return [] if kept else [f"It adds amounts in several currencies: {', '.join(units)}; nothing is converted."]
        return [f"Amounts in {units[0]}."] if units else []

    def survey_unit(self) -> str | None:
        """The column that holds the unit of the figure."""
        if self.reading.column is None:
            return None
        table, _, column = self.reading.column.partition(".")
        unit = self.schema.glossary.column(table, column).unit
        return unit.source if unit else None

    def _notes(self) -> list[str]:
        """The notes of the columns that the answer uses."""
        reading = self.reading
        columns = (
            [b.column for b in reading.by] + [f.column for f in reading.conditions] + [p.column for p in reading.picks]
        )
        columns += [c for c in (reading.column, reading.date if reading.periods else None) if c]
        notes = [self.schema.glossary.column(*_parts(c)).note for c in columns]
        return [n for n in dict.fromkeys(notes) if n] + [
            str(n) for n in self.result.get("notes") or () if n not in notes
        ]


def _parts(column: str) -> tuple[str, str]:
    table, _, name = column.partition(".")
    return table, name
