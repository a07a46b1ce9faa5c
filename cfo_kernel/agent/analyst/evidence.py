"""The evidence for answering a question: the reading, its survey, and the rows that may be added into one figure."""

from dataclasses import dataclass, replace
from datetime import date

from cfo_kernel.agent.analyst.coverage import Slice, Survey
from cfo_kernel.agent.analyst.naming import Naming
from cfo_kernel.agent.analyst.parents import is_one_parent
from cfo_kernel.agent.analyst.reading import NotUnderstood, Pick, Reading, Shape
from cfo_kernel.agent.analyst.schema import Schema


@dataclass(frozen=True, slots=True)
class Verdict:
    """The facts that the answer must take into account and state: whether the rows are balances, their dates and units.

    `late` names the entities that close on another day, in more detail than the plan's note. It is empty unless all
    dates were checked.
    """

    stock: bool = False
    first: date | None = None
    last: date | None = None
    units: tuple[str, ...] = ()
    unitless: bool = False
    additive: bool = True
    urgent: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    late: str = ""


class Evidence:
    """A reading with the survey of its rows; `remarks` and `urgent` collect notes for the answer."""

    def __init__(self, schema: Schema, reading: Reading, survey: Survey) -> None:
        self.schema, self.reading, self.survey = schema, reading, survey
        self.remarks: list[str] = []
        self.urgent: list[str] = []

    def describe(self, picks: tuple[Pick, ...]) -> str:
        """Describes the rows with these names: 'Salaries for Germany (Budget)'."""
        naming = Naming(self.schema, replace(self.reading, picks=picks, periods=()))
        return naming.header(naming.what)

    def _whole(self, side: tuple[Pick, ...]) -> Slice:
        return next(s for s in self.survey.slices if s.side == side and s.period is None)

    def _swapped_period(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """The question with its period replaced by each label in turn. Empty unless it has exactly one period."""
        where = self.reading.when_at
        if where is None:
            return ()
        question = self.reading.question
        return tuple(f"{question[: where[0]]}in {label}{question[where[1] :]}" for label in labels)

    def _kept_apart(self) -> None:
        """Raises if rows of two kinds would be added into one figure."""
        reading = self.reading
        rate = reading.column is not None and self.schema.is_rate(reading.column)
        if not (reading.adds_rows or rate) or reading.shape in (Shape.ROWS, Shape.DATES, Shape.LIST):
            return
        for column in self.schema.kept_apart(reading.table):
            if column not in self.survey.columns or self._separated(column):
                continue
            for side in self.survey.sides:
                if any(p.column == column for p in side) or self._rolled_up(column, side):
                    continue
                kinds = self._kinds(column, side)
                if len(kinds) < 2:
                    continue
                label = self.schema.label(column)
                question = reading.asked
                raise NotUnderstood(
                    f"The rows have more than one {label} ({', '.join(kinds)}), which are never added into one "
                    f"figure. Name one of them, or something narrower.",
                    (*(f"{question} for {label} {k}" for k in kinds), f"{question} by {label}"),
                )

    def _kinds(self, column: str, side: tuple[Pick, ...]) -> tuple[str, ...]:
        """The column's values that would be added into one figure on this side."""
        apart = self.reading.apart
        if apart is None:
            return self.survey.kinds(column, self.survey.of(side))
        others = tuple(p for p in self.reading.picks if p != apart)
        singles = [
            s
            for s in self.survey.slices
            if s.value is not None
            and s.side[0].column == apart.column
            and not is_one_parent(self.schema, (*others, *s.side), column)
        ]
        found = [k for s in singles if len(k := self.survey.kinds(column, (s,))) > 1]
        return found[0] if found else ()

    def _rolled_up(self, column: str, side: tuple[Pick, ...]) -> bool:
        """Whether the figure is a single parent in the column's table. Its operators define how the rows are added."""
        if not self.reading.only_totals:
            return False
        return is_one_parent(self.schema, (*self.reading.picks, *side), column)

    def _separated(self, column: str) -> bool:
        """Whether the groups keep the column's values apart: they use the column or the names of its table's rows."""
        for by in self.reading.by:
            if by.column == column:
                return True
            table, grouped = self.schema.column(by.column)
            if by.column.partition(".")[0] == column.partition(".")[0] and self.schema.names_rows(table, grouped):
                return True
        return False
