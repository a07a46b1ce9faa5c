"""Writes the first sentence of an answer: the figure, or the highest and lowest of several figures."""

from cfo_kernel.agent.analyst.cells import Row
from cfo_kernel.agent.analyst.reading import Shape
from cfo_kernel.agent.analyst.tables_said import ManyRows
from cfo_kernel.agent.analyst.wording import NOT_MEANINGFUL, figure, joined, percent, phrase, plural
from cfo_kernel.data.plan import Grain


class Sentences(ManyRows):
    """Puts the result of one reading into words."""

    def heading(self) -> str:
        """The title of a table that is delivered in full: 'Salaries by department and month in 2012 (Actual)'."""
        if self.reading.shape is Shape.LIST:
            return _sentence(phrase(joined([plural(b.label) for b in self.reading.by[:1]]), self.naming.narrowed))
        subject = self._subject()
        if self.reading.shape in (Shape.ROWS, Shape.DATES):
            subject = phrase(self.naming.named, self.naming.rows, self.naming.narrowed)
        elif self.reading.shape is Shape.RUNNING:
            subject = f"running total of {subject}"
        elif self.reading.per:
            subject = f"average {subject} per {self.reading.per.value}"
        by = "" if self.reading.shape is Shape.ROWS else self.naming.by
        return _sentence(self.naming.header(phrase(subject, by)))

    def answer(self) -> str:
        """The answer in one sentence."""
        return _sentence(self._said() if self.rows else self._empty())

    def _said(self) -> str:
        match self.reading.shape:
            case Shape.LIST:
                return self._list()
            case Shape.DATES:
                return self._dates()
            case Shape.ROWS:
                return self._single_rows()
            case Shape.RUNNING:
                return self._running()
            case Shape.SHARE:
                return self._shares()
            case Shape.CHANGE:
                return self._changes()
            case Shape.COMPARE | Shape.VARIANCE | Shape.DIFFERENCE | Shape.RATIO:
                return self._beside() if self.groups else self._two(self.rows[0])
            case Shape.FIGURES:
                return self._grouped() if self.groups else self._one(self.rows[0])

    def _one(self, row: Row) -> str:
        reading, named = self.reading, self.naming
        if reading.counted:
            return self._counted(row)
        if reading.per:
            each, total, periods = (self.value(i, row[i]) for i in range(3))
            grain = reading.per.value
            return (
                f"{named.header(self._counted_rows() or named.what)} averaged {each} per {grain}: {total} over the "
                f"{periods} {grain if row[2] == 1 else plural(grain)} with {named.rows}."
            )
        if reading.functions == ("count",):
            verb = "was" if row[0] == 1 else "were"
            what = self._counted_rows() if row[0] != 1 else self._counted_rows().replace(named.rows, named.row)
            return f"There {verb} {self.value(0, row[0])} {named.header(what)}."
        if reading.apart:
            figures = enumerate(reading.apart.values)
            listed = joined([f"{name} {self.value(i, row[i])}" for i, name in figures])
            return f"{named.header(named.what)}: {listed}."
        if len(reading.functions) == 1:
            return f"{named.header(self._subject())} {self._verb()} {self.value(0, row[0])}."
        parts = [f"{self._part(f)} {self.value(i, row[i])}" for i, f in enumerate(reading.functions)]
        return f"{named.header(named.what)}: {joined(parts)}."

    def _counted(self, row: Row) -> str:
        """A count, such as 'There were 12 months with Rent postings in 2012' or 'There are 5 accounts'."""
        counted, named = self.reading.counted, self.naming
        if counted is None:
            return ""
        label = "date" if counted.grain is Grain.DAY else counted.label
        things = label.removesuffix("s") if row[0] == 1 else plural(label)
        if not self.schema.is_fact(self.reading.table):
            names = f" with {row[1]} different names" if len(row) > 1 and row[1] != row[0] else ""
            return f"there {'is' if row[0] == 1 else 'are'} {row[0]:,} {things} {named.narrowed}".rstrip() + f"{names}."
        verb = "was" if row[0] == 1 else "were"
        return f"there {verb} {row[0]:,} {things} with {named.header(self._counted_rows())}."

    def _two(self, row: Row) -> str:
        reading, named, text = self.reading, self.naming, self.value
        one, other, both = text(0, row[0]), text(1, row[1]), row[2]
        left, right = named.side(reading.left, reading.right), named.side(reading.right)
        if reading.shape is Shape.COMPARE:
            last, first = self.columns[0], self.columns[1]
            if not isinstance(both, int | float):
                return f"{named.header(self._subject())}: {other} in {first} and {one} in {last}."
            moved = "rose" if both > 0 else "fell" if both < 0 else "did not change"
            part = self._in_percent(row, " or {}")
            by = f", by {text(2, abs(both))}{part}" if both else ""
            return f"{named.header(self._subject())} {moved} from {other} in {first} to {one} in {last}{by}."
        if reading.shape is Shape.VARIANCE:
            return f"{named.header(named.what)}: {left} {one} against {right} {other}, {self._over(row)}."
        if reading.shape is Shape.DIFFERENCE:
            whose = f" {named.narrowed}" if named.narrowed else ""
            return f"{named.header(f'{left} less {right}{whose}')}: {one} less {other} is {text(2, both)}."
        whose = f" {named.narrowed}" if named.narrowed else ""
        if both is None:
            subject = f"{left}{whose} as a percentage of {named.header(right)}"
            return f"{subject} is {self._not_measured(row)}: {one} of {other}."
        return f"{left}{whose} came to {percent(both)} of {named.header(right)}: {one} of {other}."

    def _not_measured(self, row: Row) -> str:
        """Explains why there is no ratio."""
        why = self._ratio(row)
        return (
            f"not meaningful ({why}), as the base is zero or negative"
            if why == NOT_MEANINGFUL
            else f"not available ({why})"
        )

    def _list(self) -> str:
        table = self.naming
        names = ["; ".join(", ".join(str(v) for v in row if v is not None) for row in self.rows[:30])]
        label = next((b.label for b in self.reading.by), "row")
        things = label if self.total == 1 else plural(label)
        whose = f" {table.narrowed}" if table.narrowed else ""
        verb = "is" if self.total == 1 else "are"
        return f"there {verb} {self.total:,} {things}{whose}: {names[0]}{'; ...' if self.total > 30 else '.'}"

    def _dates(self) -> str:
        named = self.naming
        what = phrase(named.core, named.row, named.narrowed)
        words = ["first" if f == "min" else "last" for f in self.reading.functions]

        def dated(row: Row) -> str:
            return joined([f"{w} {figure(v)}" for w, v in zip(words, row[self.groups :], strict=True)])

        if not self.groups:
            parts = [f"the {w} on {figure(v)}" for w, v in zip(words, self.rows[0], strict=True)]
            if len(parts) == 1:
                return f"the {words[0]} {named.header(what)} is dated {figure(self.rows[0][0])}."
            return f"{named.header(what)} dates: {joined(parts)}."
        return (
            f"{named.header(what)} dates {named.by}: "
            + "; ".join(f"{self.name(r)} {dated(r)}" for r in self.rows)
            + "."
        )

    def _single_rows(self) -> str:
        named, reading = self.naming, self.reading
        what = named.header(phrase(named.core, named.rows, named.narrowed))
        last = self.value(len(self.columns) - 1, self.rows[-1][-1])
        first = self.value(len(self.columns) - 1, self.rows[0][-1])
        if not reading.order:
            return f"there are {self.total:,} {what}."
        word = "largest" if reading.order == "desc" else "smallest"
        return f"the {self.total:,} {word} {what} run from {first} to {last}."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
