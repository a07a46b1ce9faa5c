"""Composes the reply to a question: the figure in one sentence, then the caveats."""

import re
from typing import Any

from cfo_kernel.agent.analyst.evidence import Verdict
from cfo_kernel.agent.analyst.periods import Period
from cfo_kernel.agent.analyst.planner import Figures
from cfo_kernel.agent.analyst.reading import Reading, Shape
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.sentences import Sentences
from cfo_kernel.agent.analyst.wording import joined
from cfo_kernel.data.plan import Grain

_ABSENT = re.compile(r"\((.+), last on [0-9-]+\): not included\.$")
"""Captures the entities in the note that `data.missing_entities` adds if some of them close on another day."""


class Answer:
    """Composes the message for one reading and its result."""

    def __init__(
        self, schema: Schema, reading: Reading, verdict: Verdict, figures: Figures, result: dict[str, Any]
    ) -> None:
        self.schema, self.reading, self.verdict, self.result = schema, reading, verdict, result
        self.sentences = Sentences(schema, reading, verdict, figures, result)

    def message(self) -> str:
        """The answer and all its caveats."""
        return " ".join([self.sentences.answer(), *self.caveats()])

    def purpose(self) -> str:
        """The heading and all caveats, to introduce a table that is delivered in full."""
        return " ".join([f"{self.sentences.heading()}: {self.result['row_count']:,} rows.", *self.caveats()])

    def caveats(self) -> list[str]:
        """Notes on how words were understood, on dates, units and the computation, followed by the glossary's notes."""
        urgent = [*self.result.get("urgent", ()), *self.verdict.urgent]
        said = [*urgent, *self.reading.remarks, *self._dates(), *self._meaning(), *self._units(), *self.verdict.remarks]
        return list(dict.fromkeys([*said, *self._notes()]))

    def _dates(self) -> list[str]:
        """A note on the dates of the rows, or nothing if the question names its own dates. The verdict reports gaps."""
        reading, verdict = self.reading, self.verdict
        if reading.shape is Shape.DATES or not verdict.first or not verdict.last:
            return []
        if verdict.first == verdict.last:
            read = verdict.stock and not any(p.grain is Grain.DAY for p in reading.periods)
            told = any(str(n).startswith("Read at ") for n in self.result.get("notes") or ())
            return [f"Read at {verdict.last}."] if read and not told else []
        open_ended = any(p.start is None or p.end is None for p in reading.periods)
        asked = bool(reading.periods) and not open_ended
        return [] if asked else [f"The rows cover {verdict.first} to {verdict.last}."]

    def _meaning(self) -> list[str]:
        reading, said = self.reading, list[str]()
        rate = reading.column is not None and self.schema.is_rate(reading.column)
        if self.verdict.stock and not rate and (any(b.grain for b in reading.by) or reading.shape is Shape.COMPARE):
            said.append("Balances are read at the last date of each period.")
        if reading.shape is Shape.CHANGE:
            said.append(f"{self._compared()}; growth from zero or less is n.m.")
        if reading.shape is Shape.SHARE and any(b.grain for b in reading.by) and len(reading.by) > 1:
            said.append("Each share is of the total of its own period.")
        shares = [row[-1] for row in self.result["rows"]] if reading.shape is Shape.SHARE else []
        if None in shares and set(shares) != {None}:
            said.append("Where a total is zero or negative, shares of it are not meaningful (n.m.).")
        return [*said, *self._shared_names()]

    def _compared(self) -> str:
        """States what each row of a change is compared with: the preceding period, which may have no rows."""
        grain = next((b.grain for b in self.reading.by if b.grain), Grain.DAY)
        if grain is Grain.DAY:
            return "Each row is compared with the row before it"
        return f"Each {grain.value} is compared with the {grain.value} before it, if that has rows"

    def _shared_names(self) -> list[str]:
        """Notes on names that occur more than once in their table and whose figures are therefore added together."""
        said: list[str] = []
        for at, by in enumerate(self.reading.by):
            table, column = self.schema.column(by.column)
            if by.grain or not column.values or not self.schema.names_rows(table, column):
                continue
            shown = {str(row[at]) for row in self.result["rows"]}
            twice = [f"'{v}'" for v, rows in column.values.items() if rows > 1 and v in shown]
            if twice:
                said.append(f"More than one {by.label} is called {', '.join(twice)}: one row adds up all of them.")
        return said

    def _units(self) -> list[str]:
        units, reading = self.verdict.units, self.reading
        if self.verdict.unitless:
            return ["The figures are numbers, not money."]
        if len(units) == 1:
            return [f"All amounts are in {units[0]}."]
        unit = self._unit_source()
        apart = any(unit == b.column for b in reading.by) and reading.shape is not Shape.SHARE
        if not units or apart:
            return []
        added = bool({"sum", "avg"} & set(reading.functions)) and reading.shape is not Shape.ROWS
        verb = "are added as they are" if added else "are shown as they are"
        return [f"Amounts in {joined(list(units))} {verb}; none are converted."]

    def _unit_source(self) -> str | None:
        """The column that holds the figure's unit."""
        if self.reading.column is None:
            return None
        unit = self.schema.glossary.column(*self.reading.column.split(".", 1)).unit_of_row
        return unit.source if unit else None

    def _notes(self) -> list[str]:
        """The glossary's notes on the columns used, then the result's own.

        A note on the date is left out if only whole years are shown.
        """
        reading = self.reading
        columns = [b.column for b in reading.by if b.grain is None] + [f.column for f in reading.conditions]
        columns += [p.column for p in reading.picks if not p.default]
        grains = [g for g in (reading.per, *(b.grain for b in reading.by)) if g]
        finer = any(g is not Grain.YEAR for g in grains) or not all(_of_whole_years(p) for p in reading.periods)
        if reading.date and finer:
            columns.append(reading.date)
        notes = [self.schema.glossary.column(*c.split(".", 1)).note for c in dict.fromkeys(columns)]
        more = [str(n) for n in self.result.get("notes") or () if n not in notes]
        return [n for n in notes if n] + [n for n in more if not self._is_told(n)]

    def _is_told(self, note: str) -> bool:
        """Whether the verdict already names the late-closing entities that this note lists, with their amount."""
        absent = _ABSENT.search(note)
        return absent is not None and absent[1] in self.verdict.late


def _of_whole_years(period: Period) -> bool:
    begins = period.start is None or (period.start.month, period.start.day) == (1, 1)
    return begins and (period.end is None or (period.end.month, period.end.day) == (12, 31))
