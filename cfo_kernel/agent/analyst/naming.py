"""Puts a reading into words: what is measured, when, in which scenario and by which groups.

Headings of answers and the questions that are offered as choices use the same words.
"""

from functools import cached_property

from cfo_kernel.agent.analyst.reading import Pick, Reading, Shape
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.wording import condition, joined, phrase, plural
from cfo_kernel.data.aggregates import AGGREGATES
from cfo_kernel.data.plan import Grain

ADJECTIVE = {g: "daily" if g is Grain.DAY else f"{g.value}ly" for g in Grain}
_OPEN = ("since ", "until ", "before ", "after ")


class Naming:
    """Puts the parts of one reading into words."""

    def __init__(self, schema: Schema, reading: Reading) -> None:
        self.schema, self.reading = schema, reading
        self._defaults = schema.notes(reading.table).defaults

    @cached_property
    def core(self) -> str:
        """What is measured: the names in the question ('Salaries and Rent') or the column's label ('revenue')."""
        if self.reading.column is None or self.reading.shape is Shape.DATES:
            return self.named
        return self.named or self.schema.label(self.reading.column)

    @cached_property
    def named(self) -> str:
        """The names in the question that say what is measured. Empty if there are none."""
        return joined([v for p in self._named for v in p.values])

    @cached_property
    def _named(self) -> tuple[Pick, ...]:
        """The picks that say what is measured: accounts or, without accounts, account types.

        Departments only narrow it.
        """
        kinds = self.schema.notes(self.reading.table).kept_apart
        own = [p for p in self.reading.picks if not p.negated and p.column not in self._defaults]
        tables = {c.partition(".")[0] for c in kinds}
        things = [p for p in own if p.column.partition(".")[0] in tables and self._names_rows(p)]
        return tuple(things or [p for p in own if p.column in kinds][:1])

    def _names_rows(self, pick: Pick) -> bool:
        return self.schema.names_rows(*self.schema.column(pick.column))

    @cached_property
    def what(self) -> str:
        """The core and its filters: 'Salaries for Germany without Corporate'."""
        return phrase(self.core or self.rows.capitalize(), self.narrowed)

    @cached_property
    def narrowed(self) -> str:
        """The filters that narrow the core: 'for Germany without Corporate'."""
        parts: list[str] = []
        for pick in self.reading.picks:
            if pick in self._named or (pick.column in self._defaults and not pick.negated):
                continue
            parts.append(f"{'without' if pick.negated else 'for'} {self.values(pick)}")
        parts += [
            f"{'for' if f.op == '=' else 'with'} {condition(f, self.schema.label(f.column))}"
            for f in self.reading.conditions
        ]
        return " ".join(parts)

    @property
    def rows(self) -> str:
        return self.schema.rows_of(self.reading.table)

    @property
    def row(self) -> str:
        return self.rows.removesuffix("s")

    @cached_property
    def when(self) -> str:
        """The period: 'in 2012', 'at the end of March 2011', 'since July 2013'. Empty if there is none to name."""
        reading = self.reading
        if not reading.periods or reading.shape is Shape.COMPARE:
            return ""
        labels = joined([p.label for p in reading.periods])
        if reading.moment:
            return f"at the end of {labels}"
        if labels.startswith(_OPEN):
            return labels
        first = reading.periods[0]
        if first.grain is Grain.DAY:
            return f"on {labels}"
        return f"from {labels}" if first.grain is None and " to " in labels else f"in {labels}"

    @cached_property
    def scenario(self) -> str:
        """The scenario that the question selects, such as 'Actual'.

        Scenario columns are those with a default in the glossary.
        """
        return joined([v for p in self.reading.picks if p.column in self._defaults and not p.negated for v in p.values])

    @cached_property
    def by(self) -> str:
        return f"by {joined([b.label for b in self.reading.by])}" if self.reading.by else ""

    def values(self, pick: Pick) -> str:
        """The values, preceded by their column's label if they would be ambiguous or unclear without it."""
        named = joined(list(pick.values))
        shared = any(
            value in (c.values or ()) and f"{t.name}.{c.name}" != pick.column
            for value in pick.values
            for t in self.schema.tables.values()
            for c in t.columns
        )
        return f"{self.schema.label(pick.column)} {named}" if shared or not self._names_rows(pick) else named

    def side(self, picks: tuple[Pick, ...], other: tuple[Pick, ...] = ()) -> str:
        """The names on one side of a ratio or a difference, without those that both sides share."""
        mine = [p for p in picks if p not in other] or list(picks)
        return joined([v for p in mine for v in p.values]) or f"all {self.core}"

    def header(self, subject: str) -> str:
        """The subject with its period and scenario: 'Salaries in 2012 (Actual)'."""
        scenario = f"({self.scenario})" if self.scenario else ""
        return phrase(subject, self.when, scenario)

    def question(self) -> str | None:
        """A plain question that asks for this reading, or None if there is no simple one."""
        reading = self.reading
        if reading.conditions or reading.thresholds or reading.left or reading.counted or reading.shape is Shape.LIST:
            return None
        named = any(p.column in self._defaults and not p.default for p in reading.picks)
        core = phrase(self.scenario if named else "", self.core)
        tail = [self.narrowed, self.when]
        if reading.shape is not Shape.FIGURES or len(reading.functions) != 1:
            return None
        match reading.functions[0]:
            case "sum":
                head = f"average {ADJECTIVE[reading.per]} {core}" if reading.per else core
            case "count":
                head = f"number of {core} {self.rows}" if core else f"number of {self.rows}"
            case name if not (function := AGGREGATES[name]).is_total:
                single = "single" if function.keeps_type else ""
                rate = reading.column is not None and self.schema.is_rate(reading.column)
                head = core if rate else phrase(function.row_display_name, single, core, self.row)
            case _:
                return None
        return self._ranked(head, tail) if reading.order else phrase(head, *tail, self.by)

    def _ranked(self, head: str, tail: list[str]) -> str | None:
        reading = self.reading
        if len(reading.by) != 1 or reading.top is None:
            return None
        word, label = "highest" if reading.order == "desc" else "lowest", reading.by[0].label
        if reading.top == 1:
            return phrase(f"which {label} had the {word} {head}", *tail)
        return phrase(f"which {reading.top} {plural(label)} had the {word} {head}", *tail)
