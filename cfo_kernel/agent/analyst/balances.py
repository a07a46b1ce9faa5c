"""Decides whether rows are balances, which have a value as of a date, and chooses the date that represents a period."""

from dataclasses import replace

from cfo_kernel.agent.analyst.coverage import Table
from cfo_kernel.agent.analyst.evidence import Evidence, Verdict
from cfo_kernel.agent.analyst.naming import Naming
from cfo_kernel.agent.analyst.periods import as_date, holding, month_of
from cfo_kernel.agent.analyst.reading import NotUnderstood, Reading, Shape
from cfo_kernel.data.plan import Grain

_FEWER = 0.75


class Balances(Evidence):
    """Decides whether the rows are balances, and raises `NotUnderstood` if they would be added up over time."""

    def _stock(self) -> bool:
        """Whether the rows are balances; raises if a balance would be added up over time."""
        reading = self.reading
        balances = self.schema.notes(reading.table).balances
        if not balances or reading.only_counts or reading.shape is Shape.DATES:
            return False
        kinds = {
            any(row[c] in values for c, values in balances.items() if c in row)
            for side in self.survey.sides
            for row in self.survey.groups(self.survey.of(side))
        }
        if kinds == {False} or reading.shape is Shape.ROWS:
            return False
        if len(kinds) > 1:
            self._kept_apart()
            raise NotUnderstood(
                "Some of the rows are balances and some are flows over time; they cannot be computed in the same way. "
                "Ask for one kind at a time.",
                self._per_kind(tuple(balances)),
            )
        self._check_stock()
        return True

    def _rate_at_moment(self) -> bool:
        """Whether a rate is requested 'at the end of' a period, which means the rate on the period's last date."""
        reading = self.reading
        rate = reading.column is not None and self.schema.is_rate(reading.column)
        return reading.moment and rate and reading.functions == ("avg",) and reading.shape is Shape.FIGURES

    def _per_kind(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        question = self.reading.asked
        return tuple(
            f"{question} for {self.schema.label(c)} {v}"
            for c in columns
            for side in self.survey.sides[:1]
            for v in self.survey.kinds(c, self.survey.of(side))
        )

    def _check_stock(self) -> None:
        reading = self.reading
        what = self.describe(tuple(p for p in reading.picks if not p.default)) or "This"
        if reading.functions != ("sum",) or reading.per or reading.shape in (Shape.RUNNING, Shape.VARIANCE):
            raise NotUnderstood(
                f"{what} is a balance: it has a value as of a date, and is not added up or averaged over time.",
                self._moments(),
            )
        grains = [b.grain for b in reading.by if b.grain]
        if len(grains) > 1:
            raise NotUnderstood(f"{what} is a balance: I can show it by only one kind of period at a time.")
        if grains or reading.shape is Shape.COMPARE:
            if reading.shape is Shape.COMPARE and (
                not reading.periods[0].grain or len({p.grain for p in reading.periods}) > 1
            ):
                raise NotUnderstood("Balances can be compared at two dates, or in two periods of equal length.")
            return
        period = reading.periods[0] if len(reading.periods) == 1 else None
        if period is None:
            raise NotUnderstood(
                f"{what} is a balance: say as of which date you want it.",
                self._moments(),
            )
        if not reading.moment and period.grain not in (Grain.MONTH, Grain.DAY):
            raise NotUnderstood(
                f"{what} is a balance: it is not added up over {period.label}. Ask for it at the end of that "
                "period, or by month.",
                self._moments(),
            )
        held = self.survey.held(self.survey.of(self.survey.sides[0])[0])
        if reading.moment and held.last and period.end and month_of(held.last) < month_of(period.end):
            label = holding(held.last, 1).label
            raise NotUnderstood(
                f"The last rows of {what} in {period.label} are dated {held.last}, before the end of the period.",
                self._swapped_period((label,)),
            )

    def _moments(self) -> tuple[str, ...]:
        """Questions to offer: the balance at the end of the requested (or a recent) period, and by month."""
        reading = self.reading
        naming = Naming(self.schema, replace(reading, periods=()))
        named = any(not p.default and p.column in self.schema.notes(reading.table).defaults for p in reading.picks)
        what = f"{naming.scenario} {naming.what}" if named else naming.what
        groups = " and ".join(b.label for b in reading.by if not b.grain)
        by = f" by {groups}" if groups else ""
        ends = [p.label for p in reading.periods]
        last = self.survey.held(self.survey.slices[0]).last
        if not ends and last:
            ends = [holding(last, 1).label, str(last.year - 1)]
        moments = [f"{what} at the end of {end}{by}" for end in ends]
        months = f" in {reading.periods[0].label}" if len(reading.periods) == 1 else ""
        return (*moments, f"{what} by month{f' and {groups}' if groups else ''}{months}")


def check_closes(reading: Reading, verdict: Verdict, result: Table) -> Verdict:
    """Raises if a single balance would be read at a date with far fewer rows than the date before it.

    For several balances, or if the question names a day, the plan's notes report this instead.
    """
    found = [(d, int(row[1])) for row in result["rows"] if (d := as_date(row[0]))]
    if not found or any(b.grain for b in reading.by) or reading.shape is Shape.COMPARE:
        return verdict
    verdict = replace(verdict, first=found[0][0], last=found[0][0])
    if len(found) == 1 or all(p.grain is Grain.DAY for p in reading.periods):
        return verdict
    (close, rows), (before, usual) = found[:2]
    if rows < _FEWER * usual:
        choices: tuple[str, ...] = ()
        if reading.when_at:
            start, end = reading.when_at
            choices = (f"{reading.question[:start]}in {holding(before, 1).label}{reading.question[end:]}",)
        carries = f"{close} has {rows} row{'' if rows == 1 else 's'}, while the date before it ({before}) has {usual}"
        message = (
            f"The last date has too few rows to be read as the balance: {carries}. It may contain only adjustments."
        )
        raise NotUnderstood(message, choices)
    return verdict
