"""Chooses the kind of table that answers a question: functions, rankings, thresholds and comparisons."""

from dataclasses import replace

from cfo_kernel.agent.analyst.phrases import FUNCTIONS, Ask
from cfo_kernel.agent.analyst.ranking import Ranking
from cfo_kernel.agent.analyst.reading import NotUnderstood, Reading, Shape
from cfo_kernel.agent.analyst.sides import sided
from cfo_kernel.data.aggregates import AGGREGATES, AggregateName

_FAMILIES: tuple[tuple[tuple[Ask, ...], tuple[Shape, ...]], ...] = (
    ((Ask.SHARE,), (Shape.SHARE, Shape.RATIO)),
    ((Ask.RUNNING, Ask.YTD), (Shape.RUNNING,)),
    ((Ask.MOM, Ask.QOQ, Ask.YOY, Ask.GROWTH, Ask.CHANGE), (Shape.CHANGE, Shape.COMPARE)),
    ((Ask.RATIO, Ask.DIVIDED), (Shape.RATIO,)),
    ((Ask.VARIANCE,), (Shape.VARIANCE,)),
    ((Ask.DIFFERENCE,), (Shape.DIFFERENCE, Shape.VARIANCE, Shape.COMPARE, Shape.CHANGE)),
    ((Ask.FIRST, Ask.LAST, Ask.WHEN), (Shape.DATES,)),
)


class Shaper(Ranking):
    """Gives a reading its shape, and collects remarks for the answer."""

    def shape(self, base: Reading) -> Reading:
        """The reading with its shape. Refuses the question if a phrase asks for a different shape."""
        shaped = self._shaped(base)
        for asks, shapes in _FAMILIES:
            if self.draft.asks(*asks) and shaped.shape not in shapes and not self._met_otherwise(asks):
                at = self.draft.first(*asks)
                said = self.settler.said(self.draft.marks[at or 0])
                raise NotUnderstood(f"I cannot combine '{said}' with the rest of the question. Ask for one at a time.")
        if shaped.per and shaped.shape is not Shape.FIGURES:
            raise NotUnderstood(f"I cannot combine an average per {shaped.per.value} with a {shaped.shape.value}.")
        averaged = not shaped.only_totals and not self._is_rate(shaped)
        if averaged and shaped.shape in (Shape.CHANGE, Shape.COMPARE) and self.draft.takes_totals():
            raise NotUnderstood("I cannot combine a change with an average, minimum or maximum.")
        plain = {"sum", "count"} if shaped.shape in (Shape.SHARE, Shape.RUNNING, Shape.VARIANCE) else set(AGGREGATES)
        if not set(shaped.functions) <= plain:
            raise NotUnderstood(f"I cannot combine a {shaped.shape.value} with an average, minimum or maximum.")
        return shaped

    def _met_otherwise(self, asks: tuple[Ask, ...]) -> bool:
        """Whether another rule covers the phrase: 'year to date June' is a period, and 'percentage growth' a change."""
        if Ask.YTD in asks:
            return self.draft.when.to_date and not self.draft.asks(Ask.RUNNING)
        percent = any(self._said(word) for word in ("percent", "percentage", "pct"))
        return Ask.SHARE in asks and (
            self.draft.asks(Ask.CHANGE, Ask.GROWTH) or (percent and self.draft.asks(Ask.VARIANCE))
        )

    def _shaped(self, base: Reading) -> Reading:
        draft = self.draft
        if draft.asks(Ask.CHART):
            self.remarks.append("I do not draw charts; here is the table.")
        if draft.asks(Ask.FIRST, Ask.LAST, Ask.WHEN):
            return self._dates(base)
        base = self._functions(base)
        base = self._bounded(base)
        found = sided(base, draft) or self._change(base) or self._running(base)
        base = self._each(found or base)
        if base.shape in (Shape.FIGURES, Shape.ROWS):
            base = self._ranked(base)
        elif base.order and base.shape not in (Shape.SHARE, Shape.VARIANCE, Shape.RATIO):
            raise NotUnderstood(f"I cannot rank by a {base.shape.value}. Ask for it by group, without the rank.")
        elif draft.order and base.shape in (Shape.VARIANCE, Shape.RATIO) and not base.by:
            raise NotUnderstood("I do not know what to rank. Name a group, for example 'by department'.")
        elif base.order and base.top is None:
            base = replace(base, top=self._top())
        self._versus(base)
        return self._percent(base)

    def _versus(self, base: Reading) -> None:
        """Refuses the question if 'against' does not have two sides."""
        if not self.draft.asks(Ask.VERSUS) or base.shape in (Shape.VARIANCE, Shape.COMPARE, Shape.CHANGE, Shape.RATIO):
            return
        if not any(len(p.values) > 1 and not p.negated for p in base.picks):
            raise NotUnderstood("I do not know what to compare with what.")

    def _percent(self, base: Reading) -> Reading:
        """Refuses a threshold in percent if no figure is a percentage."""
        percent = any(t.on == "percent" for t in base.thresholds)
        if percent and base.shape not in (Shape.SHARE, Shape.RATIO, Shape.CHANGE, Shape.COMPARE, Shape.VARIANCE):
            raise NotUnderstood("I do not know what the percentage in the threshold refers to.")
        return base

    def _dates(self, base: Reading) -> Reading:
        """Reads 'first posting date' and 'when was the last posting'."""
        draft = self.draft
        functions: list[AggregateName] = []
        if draft.asks(Ask.FIRST):
            functions.append("min")
        if draft.asks(Ask.LAST):
            functions.append("max")
        first = draft.first(Ask.FIRST, Ask.LAST)
        of = draft.previous(first) if first is not None else None
        whose = draft.previous(of) if of is not None and draft.marks[of].is_ask(Ask.OF) else None
        if whose is not None and (draft.marks[whose].values or draft.is_measure(draft.marks[whose].names)):
            raise NotUnderstood("I can give the date of the first or last posting, but not its amount.")
        others = draft.asks(*FUNCTIONS, Ask.SUM, Ask.COUNT) or any(b.grain for b in base.by)
        if not functions or base.date is None or base.order or base.thresholds or others:
            raise NotUnderstood("I do not know which date you want. Say 'first posting date' or 'last posting date'.")
        return replace(base, shape=Shape.DATES, functions=tuple(functions), column=base.date)
