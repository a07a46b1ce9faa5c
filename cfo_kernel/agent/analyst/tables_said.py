"""Sums up a table in a sentence: its total, the highest and lowest rows, the top groups or the largest change."""

from cfo_kernel.agent.analyst.cells import FEW, Cells, Row
from cfo_kernel.agent.analyst.reading import Shape, Threshold
from cfo_kernel.agent.analyst.wording import NOT_MEANINGFUL, figure, joined, percent, plural

_MOST_NAMED = 12
_BOUNDS = {
    ">": "more than", ">=": "at least", "<": "less than", "<=": "at most", "=": "exactly", "between": "between",
}  # fmt: skip


class ManyRows(Cells):
    """Puts a result with groups into words."""

    def _over(self, row: Row) -> str:
        """The variance in words: '5,009.05 over Budget (14.5 %)'."""
        at = self.groups + 2
        if not isinstance(row[at], int | float):
            return "which cannot be compared"
        base = self.naming.side(self.reading.right)
        if not row[at]:
            return f"exactly as in {base}"
        part = self._in_percent(row, " ({})")
        return f"{self.value(at, abs(row[at]))} {'over' if row[at] > 0 else 'under'} {base}{part}"

    def _in_percent(self, row: Row, text: str) -> str:
        """The difference as a percentage of the base, if the result has one."""
        at = self.groups + 3
        return text.format(percent(abs(row[at]))) if len(row) > at and isinstance(row[at], int | float) else ""

    def _beside(self) -> str:
        """Compares two figures per group and names the groups at either extreme."""
        say = self._over if self.reading.shape is Shape.VARIANCE else self._main
        head = f"{self.naming.header(self._subject())} {self.naming.by}"
        if self.reading.shape is Shape.COMPARE:
            return self._extremes(head, self._set_beside, ("the largest rise is in", "the largest fall in"))
        if self.reading.shape is Shape.RATIO:
            return self._ratios(head)
        return self._extremes(head, say)

    def _ratios(self, head: str) -> str:
        """Names the highest and lowest ratios, and explains why other ratios are missing."""
        measured = [row for row in self.rows if isinstance(row[self._main_at()], int | float)]
        others = [row for row in self.rows if row not in measured]
        few = self.total <= FEW or len(self.rows) < self.total
        said: list[str] = []
        if few or len(measured) > 1:
            said.append(self._extremes(head, self._ratio))
        else:
            said += [f"{head}:", *(f"{self.name(row)} with {self._ratio(row)}." for row in measured)]
        whose = {why: [self.name(r) for r in others if self._ratio(r) == why] for why in map(self._ratio, others)}
        base = self.naming.side(self.reading.right)
        for reason, names in whose.items():
            if reason == NOT_MEANINGFUL:
                said.append(f"Not meaningful (n.m.) for {_named(names)}, where {base} is zero or negative.")
            elif not few:
                said.append(f"{reason[:1].upper()}{reason[1:]} for {_named(names)}.")
        return " ".join(said)

    def _set_beside(self, row: Row) -> str:
        """The change between two periods, or the figure of one period if the other has no rows."""
        later, earlier = row[self.groups], row[self.groups + 1]
        if (later is None) == (earlier is None):
            return self._moved(row)
        names = self.columns[self.groups : self.groups + 2]
        said, other = (names[0], names[1]) if earlier is None else (names[1], names[0])
        there = later if earlier is None else earlier
        return f"{self.value(self.groups, there)} in {said}, with no rows in {other}"

    def _grouped(self) -> str:
        reading, named = self.reading, self.naming
        if reading.thresholds:
            return self._kept()
        if reading.top and reading.order:
            return self._top()
        subject = self._subject() if len(reading.functions) == 1 else named.what
        if reading.per:
            subject = f"average {self._counted_rows() or named.what} per {reading.per.value}"
        head = f"{named.header(subject)} {named.by}"
        total = self._sum()
        if total is not None:
            verb = "come" if self._verb() == "were" and not self._counted_rows() else "comes"
            head += f" {verb} to {self.value(self.groups, total)}"
            return self._extremes(head, self._main, ("the highest is", "the lowest"))
        return self._extremes(head, self._main)

    def _top(self) -> str:
        word = "highest" if self.reading.order == "desc" else "lowest"
        label, named = self.reading.by[0].label, self.naming
        subject = self._subject().removeprefix("the ")
        if self.reading.per:
            subject = f"average {named.what} per {self.reading.per.value}"
        if len(self.rows) == 1:
            row = self.rows[0]
            return f"{self.name(row)} had the {word} {named.header(subject)}: {self._main(row)}."
        listed = joined([f"{self.name(r)} with {self._main(r)}" for r in self.rows[:_MOST_NAMED]])
        return f"the {len(self.rows)} {plural(label)} with the {word} {named.header(subject)} are {listed}."

    def _kept(self) -> str:
        labels = joined([plural(b.label) for b in self.reading.by])
        count = f"{self.total:,} {labels if self.total != 1 else joined([b.label for b in self.reading.by])}"
        at = self.groups + 1 if self.reading.shape is Shape.SHARE else self._main_at()
        listed = joined([f"{self.name(r)} with {self.value(at, r[at])}" for r in self.rows[:_MOST_NAMED]])
        more = " and others" if self.total > _MOST_NAMED else ""
        return f"{count} had {self._bounded()}: {listed}{more}."

    def _bounded(self) -> str:
        """The figure and its thresholds: 'Trade Sales in 2012 (Actual) of more than 5,000,000'."""
        named = self.naming
        subject = self._subject() if self.reading.shape is Shape.FIGURES else named.what
        if self.reading.per:
            subject = f"average {subject} per {self.reading.per.value}"
        if self.reading.functions == ("count",):
            bounds = [f"{_BOUNDS[t.op]} {' and '.join(figure(v) for v in t.values)}" for t in self.reading.thresholds]
            return f"{joined(bounds)} {named.header(self._counted_rows())}"
        return f"{named.header(subject)} {' and '.join(self._bound(t) for t in self.reading.thresholds)}"

    def _bound(self, bound: Threshold) -> str:
        if bound.on == "percent":
            what = {Shape.SHARE: "a share of", Shape.RATIO: "a ratio of"}.get(self.reading.shape, "a change of")
            return f"with {what} {_BOUNDS[bound.op]} {' and '.join(percent(v) for v in bound.values)}"
        values = " and ".join(figure(v) for v in bound.values)
        if bound.on == "count":
            return f"with {_BOUNDS[bound.op]} {values} {self.naming.rows}"
        return f"of {_BOUNDS[bound.op]} {values}"

    def _empty(self) -> str:
        labels = joined([b.label for b in self.reading.by]) or "row"
        return f"no {labels} had {self._bounded()}." if self.reading.thresholds else "no row matches the question."

    def _shares(self) -> str:
        named = self.naming
        head = f"the shares of {named.header(named.what)} {named.by}"
        if self.reading.thresholds:
            return self._kept()

        def share(row: Row) -> str:
            return f"{percent(row[self.groups + 1])} ({self.value(self.groups, row[self.groups])})"

        if all(row[self.groups + 1] is None for row in self.rows):
            return f"{head} are not meaningful (n.m.): the total is zero or negative."
        if self.total <= FEW or len(self.rows) < self.total or self.reading.order:
            return self._extremes(head, share, by=self.groups + 1)
        highest, lowest = self._ends(self.groups + 1)
        subject = named.header(named.what)
        return (
            f"{self.name(highest)} has the largest share of {subject} {named.by} with {share(highest)}, "
            f"{self.name(lowest)} the smallest with {share(lowest)}."
        )

    def _changes(self) -> str:
        head = f"{self.naming.header(self._subject())} {self.naming.by}"
        if self.reading.thresholds:
            return self._kept()
        moved = self.groups + 2
        compared = [row for row in self.rows if isinstance(row[moved], int | float)]
        if len(self.rows) == self.total > FEW and len(compared) + self._series() < self.total:
            if len(compared) < 2:
                only = "".join(f" but {self.name(row)} with {self._moved(row)}" for row in compared)
                return f"{head}: of {self.total:,} rows, none{only} has a predecessor to compare with."
            head += f", where {len(compared)} of {self.total:,} rows can be compared,"
        return self._extremes(head, self._moved, ("the largest rise is in", "the largest fall in"), by=self.groups + 2)

    def _series(self) -> int:
        """The number of series along the first period column. The first row of each series has no predecessor."""
        along = next((i for i, by in enumerate(self.reading.by) if by.grain), 0)
        return len({tuple(map(str, row[:along] + row[along + 1 : self.groups])) for row in self.rows})

    def _running(self) -> str:
        named = self.naming
        head = f"{named.header(named.what)} accumulated {named.by}"
        if self.groups > 1 or self.total > len(self.rows):
            return f"{head} {'are' if self.groups > 1 else 'is'} in the table ({self.total:,} rows)."
        last = self.rows[-1]
        return f"{head} reached {self.value(self.groups, last[-1])} in {self.name(last)}."


def _named(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return f"{', '.join(names[:_MOST_NAMED])} and {more} others" if more > 0 else joined(names)
