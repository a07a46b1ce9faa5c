"""Checks, before a question is answered, whether the data covers it and whether its figures may be added up."""

from datetime import date

from cfo_kernel.agent.analyst.balances import Balances
from cfo_kernel.agent.analyst.coverage import Held
from cfo_kernel.agent.analyst.evidence import Verdict
from cfo_kernel.agent.analyst.naming import Naming
from cfo_kernel.agent.analyst.parents import contradicted
from cfo_kernel.agent.analyst.periods import Period, holding, later, month_of, span
from cfo_kernel.agent.analyst.reading import NotUnderstood, Pick, Shape
from cfo_kernel.agent.analyst.wording import joined
from cfo_kernel.agent.analyst.words import split, words_in
from cfo_kernel.data.plan import Grain

_MOST_YEARS = 8
_SIZES = {Grain.QUARTER: 3, Grain.YEAR: 12}
_INCOME = words_in("revenue income sale turnover earning")
_COST = words_in("expenditure expense cost spending")


class NoRows(NotUnderstood):
    """Raised if the names in the question have no rows in any period."""

    def __init__(self, message: str, picks: tuple[Pick, ...]) -> None:
        super().__init__(message)
        self.picks = picks


class Judge(Balances):
    """Checks one reading against its survey. Raises `NotUnderstood` if it must not be answered."""

    def verdict(self) -> Verdict:
        self._has_rows()
        held = [self.survey.held(s) for side in self.survey.sides for s in self.survey.of(side)]
        if self.reading.shape is not Shape.DATES:
            self._periods_are_covered()
        stock = self._stock() or self._rate_at_moment()
        if not stock and self.reading.moment:
            raise NotUnderstood(
                "The figure is a flow over time, so it has no value at a single moment. Name a whole period.",
                self._swapped_period(tuple(p.label for p in self.reading.periods)),
            )
        if not stock and self.reading.balance:
            raise NotUnderstood("The figure is a flow over time, not a balance. Ask for its total.")
        self._kept_apart()
        self._rightly_called()
        units, unitless = self._units()
        if unitless and self.reading.spoken_of:
            what = self.describe(tuple(p for p in self.reading.picks if not p.default))
            raise NotUnderstood(f"{what} is a count, not money, so it is not paid or earned. Ask for it by its name.")
        self._unequal()
        self._partial(held)
        self._ragged(held)
        return Verdict(
            stock=stock,
            first=min((h.first for h in held if h.first), default=None),
            last=max((h.last for h in held if h.last), default=None),
            units=units,
            unitless=unitless,
            additive=self._additive(stock),
            urgent=tuple(self.urgent),
            remarks=tuple(self.remarks),
        )

    def _rightly_called(self) -> None:
        """Raises if the question misnames the figure: Trade Sales are not a cost, and Rent is not earned."""
        wrong = {"spending": _INCOME, "earning": _COST}.get(self.reading.spoken_of)
        if wrong is None:
            return
        slices = [s for side in self.survey.sides for s in self.survey.of(side)]
        for column in self.schema.kept_apart(self.reading.table):
            kinds = self.survey.kinds(column, slices) if column in self.survey.columns else ()
            if found := [k for k in kinds if wrong & {w.stem for w in split(k)}]:
                what = self.describe(tuple(p for p in self.reading.picks if not p.default))
                raise NotUnderstood(
                    f"The rows of {what} are {found[0]}, but the question mentions {self.reading.spoken_of}. "
                    "Ask for the figure by its name.",
                    (Naming(self.schema, self.reading).question() or "",),
                )

    def _has_rows(self) -> None:
        for side in self.survey.sides:
            if self.survey.held(self._whole(side)).rows == 0:
                self._check_defaults()
                picks = (*self.reading.picks, *side)
                if both := contradicted(self.schema, picks):
                    raise NotUnderstood(f"There are no rows: {joined(list(both))} is both requested and excluded.")
                raise NoRows(f"There are no rows for {self.describe(picks)}.", picks)

    def _check_defaults(self) -> None:
        """Raises if a glossary default does not occur in the data: every question would then find no rows."""
        for pick in self.reading.picks:
            values = self.schema.column(pick.column)[1].values
            if pick.default and values is not None and not set(pick.values) & set(values):
                known = ", ".join(list(values)[:_MOST_YEARS]) or "nothing"
                raise NotUnderstood(
                    f"The glossary (datasets.yaml, defaults of {self.reading.table}) sets {pick.column} to "
                    f"'{pick.values[0]}' when a question does not name it, but the data contains no such value: "
                    f"{known}."
                )

    def _periods_are_covered(self) -> None:
        for side in self.survey.sides:
            for wanted in self.survey.of(side):
                if wanted.period is None or self.survey.held(wanted).rows:
                    continue
                whole = self.survey.held(self._whole(side))
                what = self.describe((*self.reading.picks, *side))
                raise NotUnderstood(
                    f"There are no rows in {wanted.period.label} for {what}: "
                    f"they run from {whole.first} to {whole.last}.",
                    self._swapped_period(tuple(_near(wanted.period, whole))),
                )
        for wanted in self.survey.slices:
            if wanted.value is not None and self.survey.held(wanted).rows == 0:
                when = " and ".join(p.label for p in self.reading.periods)
                what = f"{self.schema.label(wanted.side[0].column)} {wanted.value}"
                raise NotUnderstood(f"There are no rows for {what}{f' in {when}' if when else ''}.")

    def _unequal(self) -> None:
        """If the two scenarios cover different months, raises for a single variance and adds a note for a series."""
        if self.reading.shape is not Shape.VARIANCE:
            return
        for ours, theirs in zip(*(self.survey.of(side) for side in self.survey.sides), strict=True):
            left, right = self.survey.held(ours), self.survey.held(theirs)
            if not (left.first and left.last and right.first and right.last):
                continue
            ends = (month_of(left.first), month_of(left.last)), (month_of(right.first), month_of(right.last))
            if ends[0] == ends[1]:
                continue
            names = [" and ".join(v for p in h.slice.side for v in p.values) for h in (left, right)]
            told = " and ".join(f"{n} from {h.first} to {h.last}" for n, h in zip(names, (left, right), strict=True))
            when = f" in {ours.period.label}" if ours.period else ""
            grain = next((b.grain for b in self.reading.by if b.grain), None)
            if grain is None:
                begin, end = max(left.first, right.first), min(left.last, right.last)
                raise NotUnderstood(
                    f"The two scenarios do not cover the same months{when}: {told}. "
                    "A variance would compare unequal periods.",
                    self._over_common(begin, end),
                )
            text = f"The two scenarios do not cover the same months{when}: {told}."
            size = 1 if grain is Grain.MONTH else _SIZES.get(grain, 0)
            last = min(left.last, right.last)
            if size > 1 and (last.month % size or left.last.month != right.last.month):
                text += f" The comparison for {holding(last, size).label} therefore covers unequal numbers of months."
            self.urgent.append(text)

    def _over_common(self, begin: date, end: date) -> tuple[str, ...]:
        """The question, limited to the months that both sides cover."""
        if begin > end:
            return ()
        first, last = holding(begin, 1).label, holding(end, 1).label
        span_said = f"from {first} to {last}" if first != last else f"in {first}"
        where, question = self.reading.when_at, self.reading.asked
        if where is None:
            return () if self.reading.periods else (f"{question} {span_said}",)
        return (f"{self.reading.question[: where[0]]}{span_said}{self.reading.question[where[1] :]}",)

    def _partial(self, held: list[Held]) -> None:
        """Adds a note if a named period is not fully covered, or a note for each side if they differ."""
        told: dict[tuple[str, str], str] = {}
        for h in held:
            period = h.slice.period
            if period is None or h.first is None or h.last is None:
                continue
            parts: list[str] = []
            if period.start and month_of(h.first) > month_of(period.start):
                parts.append(f"begin only on {h.first}")
            if period.end and month_of(h.last) < month_of(period.end):
                parts.append(f"end on {h.last}")
            told[period.label, " ".join(v for p in h.slice.side for v in p.values)] = " and ".join(parts)
        for label in dict.fromkeys(label for label, _ in told):
            mine = {side: text for (period, side), text in told.items() if period == label}
            if len(set(mine.values())) == 1:
                mine = {"": next(iter(mine.values()))}
            self.remarks += [f"{side or 'The'} rows in {label} {text}." for side, text in mine.items() if text]

    def _ragged(self, held: list[Held]) -> None:
        """Adds a note if a series begins or ends with an incomplete period. Raises if that would distort the answer."""
        reading = self.reading
        grains = [g for g in (reading.per, *(b.grain for b in reading.by)) if g]
        size = next((_SIZES[g] for g in grains if g in _SIZES), None)
        first = min((h.first for h in held if h.first), default=None)
        last = max((h.last for h in held if h.last), default=None)
        if size is None or first is None or last is None:
            return
        broken: list[str] = []
        begin, end = holding(first, size), holding(last, size)
        if (first.month - 1) % size:
            broken.append(f"{begin.label} begins only on {first}")
        if last.month % size:
            broken.append(f"{end.label} ends on {last}")
        if not broken:
            return
        text = f"{' and '.join(broken)}."
        if not reading.periods and (reading.per or reading.order) and reading.shape is Shape.FIGURES:
            begin = later(begin, size, size) if (first.month - 1) % size else begin
            end = later(end, -size, size) if last.month % size else end
            whole = f"{reading.asked} from {begin.label} to {end.label}"
            raise NotUnderstood(f"Not every {'year' if size == 12 else 'quarter'} is complete: {text}", (whole,))
        if not any(label in remark for remark in self.remarks for label in (str(first), str(last))):
            self.remarks.append(text)

    def _additive(self, stock: bool) -> bool:
        """Whether the answer's rows may be added up: no balances at several dates and no values that are kept apart."""
        if set(self.reading.functions) <= {"count"}:
            return True
        if stock and any(b.grain for b in self.reading.by):
            return False
        apart = [c for c in self.schema.kept_apart(self.reading.table) if c in self.survey.columns]
        return all(
            self._rolled_up(c, side) or len(self.survey.kinds(c, self.survey.of(side))) < 2
            for c in apart
            for side in self.survey.sides
        )

    def _units(self) -> tuple[tuple[str, ...], bool]:
        """The rows' units, and whether all rows lack one.

        Raises if different things without a unit would be added up.
        """
        unit, reading = self.survey.unit, self.reading
        if unit is None or unit.source not in self.survey.columns:
            if reading.units_only:
                raise NotUnderstood(
                    "I do not know whether you mean the number of postings or their sum.", self._how_many()
                )
            return (), False
        units: dict[str, None] = {}
        with_unit, without = False, False
        for side in self.survey.sides:
            for row in self.survey.groups(self.survey.of(side)):
                if any(row.get(c) in values for c, values in unit.unless.items()):
                    without = True
                else:
                    with_unit = True
                    units[row[unit.source]] = None
        if reading.units_only and with_unit:
            raise NotUnderstood("I do not know whether you mean the number of postings or their sum.", self._how_many())
        if without and not self._one_thing(unit.unless):
            raise NotUnderstood(
                "These rows are counts of different things, not amounts of money, so they cannot be added up. "
                "Choose one kind.",
                tuple(f"{reading.asked} by {label}" for label in self._naming(unit.unless)),
            )
        return tuple(sorted(units)), without and not with_unit

    def _how_many(self) -> tuple[str, ...]:
        names = " and ".join(v for p in self.reading.picks if not p.default and not p.negated for v in p.values)
        when = f" in {self.reading.periods[0].label}" if self.reading.periods else ""
        return (f"how many postings of {names}{when}", f"total amount of {names}{when}")

    def _one_thing(self, unless: dict[str, list[str]]) -> bool:
        """Whether a single account is named, or each account gets its own row."""
        if self.reading.shape is Shape.ROWS or not self.reading.adds_rows:
            return True
        tables = {c.partition(".")[0] for c in unless}
        for pick in (*self.reading.picks, *self.reading.left):
            table, column = self.schema.column(pick.column)
            if (
                table.name in tables
                and self.schema.names_rows(table, column)
                and len(pick.values) == 1
                and not pick.negated
            ):
                return True
        return any(self._separated(c) for c in unless)

    def _naming(self, unless: dict[str, list[str]]) -> tuple[str, ...]:
        tables = {c.partition(".")[0] for c in unless}
        return tuple(
            self.schema.label(f"{t}.{n.name}")
            for t in sorted(tables)
            if (n := self.schema.naming_column(self.schema.tables[t]))
        )


def _near(wanted: Period, held: Held) -> list[str]:
    """Periods to offer: the years with data, or the same month or quarter of each year and the latest one with rows."""
    if held.first is None or held.last is None:
        return []
    years = range(max(held.first.year, held.last.year - _MOST_YEARS), held.last.year + 1)
    if wanted.grain is Grain.MONTH and wanted.start:
        return [span(y, wanted.start.month, 1).label for y in years] + [holding(held.last, 1).label]
    if wanted.grain is Grain.QUARTER and wanted.start:
        return [span(y, wanted.start.month, 3).label for y in years] + [holding(held.last, 3).label]
    return [str(y) for y in years]
