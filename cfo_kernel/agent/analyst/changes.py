"""Shows periods or names side by side: as changes, as comparisons, as running totals, or with one row each."""

from dataclasses import replace
from itertools import pairwise

from cfo_kernel.agent.analyst.draft import Draft
from cfo_kernel.agent.analyst.marks import Sort
from cfo_kernel.agent.analyst.periods import before, gaps
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.reading import By, NotUnderstood, Pick, Reading, Shape
from cfo_kernel.agent.analyst.settle import Settler
from cfo_kernel.data.plan import Grain

_OVER = {Ask.MOM: Grain.MONTH, Ask.QOQ: Grain.QUARTER, Ask.YOY: Grain.YEAR}
_CONDITIONS = ("with", "who", "whose", "where", "that", "having", "if")
_ORDER = (Grain.DAY, Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR)


class Beside:
    """Decides how periods or names are shown side by side; `remarks` collects notes for the answer."""

    def __init__(self, draft: Draft, settler: Settler, remarks: list[str]) -> None:
        self.draft, self.settler, self.remarks = draft, settler, remarks

    def _time(self, base: Reading, grain: Grain) -> By:
        if base.date is None:
            raise NotUnderstood("The table has no date to compare periods by.")
        return By(base.date, grain.value, grain)

    def _change(self, base: Reading) -> Reading | None:
        draft = self.draft
        over = next((g for ask, g in _OVER.items() if draft.asks(ask)), None)
        if base.relation == "compare":
            if len(base.periods) != 2:
                raise NotUnderstood(
                    "I can compare only two periods at a time. For more, ask for the change by year or quarter."
                )
            if base.periods[0] == base.periods[1]:
                raise NotUnderstood("The two periods to compare are the same.")
            if any(b.grain for b in base.by):
                return self._beside(base, over)
            return replace(base, shape=Shape.COMPARE)
        if over is None and not draft.asks(Ask.CHANGE, Ask.GROWTH):
            return None
        return self._beside(base, over)

    def _beside(self, base: Reading, over: Grain | None) -> Reading:
        """Compares each period, or only the named period, with the period before it."""
        grains = [b.grain for b in base.by if b.grain]
        period = base.periods[0] if len(base.periods) == 1 else None
        if len(grains) > 1 or base.relation == "compare" or (over and grains and grains[0] is not over):
            raise NotUnderstood(
                "I can compare each period only with the one just before it. Ask for one kind of period at a time."
            )
        if grains:
            return self._along(base)
        step = over or (period.grain if period and period.grain is Grain.YEAR else None)
        if period and period.grain and step and not finer(step, period.grain) and (earlier := before(period, step)):
            return replace(base, shape=Shape.COMPARE, relation="compare", periods=(earlier, period))
        if over is None:
            raise NotUnderstood(
                "I do not know which two periods to compare.",
                tuple(f"{base.asked} by {grain}" for grain in ("year", "quarter", "month")),
            )
        return self._along(replace(base, by=(*base.by, self._time(base, over))))

    def _along(self, base: Reading) -> Reading:
        if base.relation == "each":
            base = replace(base, relation="span")
            if gaps(base.periods):
                raise NotUnderstood("These periods are not consecutive. Compare two of them.")
        if base.functions[0] not in ("sum", "avg", "count", "count_distinct") or base.per:
            raise NotUnderstood("I can show the change of a total, an average or a count, but not of this figure.")
        if any(t.on == "figure" for t in base.thresholds):
            raise NotUnderstood("I do not know whether the threshold applies to the figure or to its change.")
        return replace(base, shape=Shape.CHANGE)

    def _running(self, base: Reading) -> Reading | None:
        draft = self.draft
        ytd = draft.asks(Ask.YTD) and not draft.when.to_date
        if not ytd and not draft.asks(Ask.RUNNING):
            return None
        grains = [b for b in base.by if b.grain]
        if (
            len(grains) > 1
            or base.relation != "span"
            or base.functions not in (("sum",), ("count",))
            or base.thresholds
        ):
            raise NotUnderstood("I cannot build a running total of that. Ask for one figure by month or quarter.")
        if not grains and ytd and not draft.asks(Ask.RUNNING):
            raise NotUnderstood(
                "I do not know up to which month to add up. Say, for example, 'year to date June 2012' or 'by month'."
            )
        if ytd and not (base.periods and base.periods[0].grain is Grain.YEAR):
            raise NotUnderstood("A year-to-date figure covers a single year. Name it, for example 'in 2012'.")
        if not grains:
            self.remarks.append("The running total is shown by month.")
            base = replace(base, by=(*base.by, self._time(base, Grain.MONTH)))
        return replace(base, shape=Shape.RUNNING)

    def _listed_together(self, pick: Pick) -> None:
        """Raises unless the names form a list: 'Rent and Salaries', but not 'Rent of departments with Salaries'."""
        draft = self.draft
        said = [s for s in draft.values if s.name.path == pick.column and not s.negated]
        for one, other in pairwise(said):
            between = draft.marks[one.at + 1 : other.at + 1]
            comma = any("," in draft.words[m.start].before for m in between)
            conditions = [w for m in between for w in draft.words[m.start : m.end] if w.norm in _CONDITIONS]
            entity = any(m.sort is Sort.NAME and not m.values for m in between)
            if (entity and conditions) or not (
                comma or draft.asks(Ask.COMPARE) or any(m.is_ask(*_LISTING) for m in between)
            ):
                raise NotUnderstood(
                    f"I do not know how {one.name.value} and {other.name.value} are related: "
                    "as a list, as a condition, or as a part and its whole."
                )

    def _beside_periods(self, base: Reading) -> None:
        """Raises for a ratio, share or variance across two periods, and offers the same question for each period."""
        swaps = base.when_at is not None and base.shape is not Shape.VARIANCE
        raise NotUnderstood(
            f"I cannot compare the {base.shape.value} of two periods. Ask for it by period.",
            tuple(self._swapped(base, p.label) for p in base.periods) if swaps else (),
        )

    @staticmethod
    def _swapped(base: Reading, label: str) -> str:
        start, end = base.when_at or (0, 0)
        return f"{base.question[:start]}in {label}{base.question[end:]}"

    def _columns(self, base: Reading, pick: Pick, *, combined: bool) -> Reading:
        """Gives each parent its own column unless they can be added: a row may be in several, with different signs."""
        names = " and ".join(pick.values)
        keys: set[str] = set()
        overlap = False
        tree = self.draft.schema.trees[pick.column.partition(".")[0].lower()]
        for node in (n for v in pick.values for n in tree.nodes_named(v)):
            below = {n.key for n in tree.below(node.key)}
            overlap, keys = overlap or bool(keys & below), keys | below
        if combined and not overlap and all(n.sign > 0 for n in tree.nodes.values() if n.key in keys):
            return base
        if combined:
            raise NotUnderstood(
                f"I cannot add up {names}: they overlap, or one of them is subtracted where another is added."
            )
        plain = base.shape is Shape.FIGURES and base.functions == ("sum",) and not base.per
        if not plain or base.order or base.thresholds or base.apart:
            raise NotUnderstood(f"{names} are roll-ups: I cannot show them side by side here. Ask for one of them.")
        return replace(base, apart=pick)

    def _each(self, base: Reading) -> Reading:
        """Gives each name or period in 'Salaries and Rent' its own row, or adds them up for 'together' and 'or'."""
        combined = self.draft.asks(Ask.TOGETHER, Ask.OR)
        for pick in base.picks:
            if len(pick.values) < 2 or pick.negated:
                continue
            parents = [v for v in pick.values if self.draft.schema.parent(pick.column, v)]
            if any(b.column == pick.column for b in base.by):
                if parents:
                    label = self.draft.schema.label(pick.column)
                    raise NotUnderstood(
                        f"I do not know whether {parents[0]} means a single {label} here, or everything below it."
                    )
                continue
            self._listed_together(pick)
            if parents and base.shape is not Shape.ROWS:
                base = self._columns(base, pick, combined=combined)
                continue
            if combined or base.shape in (Shape.SHARE, Shape.ROWS):
                continue
            if base.order or base.thresholds:
                raise NotUnderstood(
                    f"I do not know whether {' and '.join(pick.values)} should be taken together or separately.",
                    (f"{base.asked} together",),
                )
            base = replace(base, by=(By(pick.column, self.draft.schema.label(pick.column)), *base.by))
        if base.relation == "span" and gaps(base.periods):
            raise NotUnderstood(
                "There is a gap between these periods. Ask for each one separately, or join them with 'and'."
            )
        if base.relation == "compare" and base.shape is not Shape.COMPARE:
            self._beside_periods(base)
        if base.relation != "each" or base.shape is Shape.COMPARE:
            return base
        grain = base.periods[0].grain
        if grain is None or base.shape is not Shape.FIGURES:
            if len(base.periods) == 2 and base.shape is Shape.FIGURES and not any(b.grain for b in base.by):
                return replace(base, shape=Shape.COMPARE, relation="compare")
            raise NotUnderstood("I cannot show these periods side by side here. Ask for one of them at a time.")
        smaller = [b for b in base.by if b.grain and finer(b.grain, grain)]
        if not smaller and not any(b.grain is grain for b in base.by):
            base = replace(base, by=(*base.by, self._time(base, grain)))
        return base


_LISTING = (Ask.AND, Ask.OR, Ask.TOGETHER, Ask.VERSUS, Ask.COMPARE, Ask.BETWEEN)


def finer(one: Grain, other: Grain) -> bool:
    return _ORDER.index(one) < _ORDER.index(other)
