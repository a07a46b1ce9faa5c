"""Decides whether rankings and thresholds apply to the figures of groups or to individual rows."""

from dataclasses import replace

from cfo_kernel.agent.analyst.functions import MEAN_NAMES, Functions
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.reading import NotUnderstood, Reading, Shape, Threshold
from cfo_kernel.data.aggregates import AggregateName
from cfo_kernel.data.plan import Filter

_COUNTED_BY = ("most", "fewest", "least", "the most", "the least")


class Ranking(Functions):
    """Reads thresholds and rankings."""

    def _bounded(self, base: Reading) -> Reading:
        """Applies a threshold to individual rows if the question names postings, otherwise to each group's figure."""
        draft = self.draft
        thresholds = list(base.thresholds)
        if draft.over_scenario and base.by:
            thresholds.append(Threshold(draft.over_scenario, (0,)))
        rows = draft.rows or (draft.count_rows and not (draft.asked or draft.bare))
        conditions = list(base.conditions)
        kept: list[Threshold] = []
        for threshold in thresholds:
            if rows and threshold.on == "figure" and not draft.over_scenario:
                column = self._measure(base)
                conditions.append(Filter(column=column, op=threshold.op, value=threshold.value))
            else:
                kept.append(threshold)
        if kept and not base.by:
            raise NotUnderstood(
                "I do not know what the threshold applies to. Name a group ('departments with ...') or "
                "individual postings."
            )
        if len({t.on for t in kept}) < len(kept):
            raise NotUnderstood("I can apply only one threshold at a time.")
        return replace(base, thresholds=tuple(kept), conditions=tuple(conditions))

    def _top(self) -> int | None:
        """How many ranked groups the question asks for: one if it names them in the singular."""
        if self.draft.top is not None:
            return self.draft.top
        entity = self.draft.ranked or self.draft.asked or next(iter(self.draft.bare), None)
        if entity is None:
            return None
        mark = self.draft.marks[entity.at]
        word = self.draft.words[mark.end - 1].norm
        return None if word.endswith("s") else 1

    def _ranked(self, base: Reading) -> Reading:
        draft = self.draft
        if not base.order or base.shape is Shape.ROWS:
            return base
        at = draft.first(Ask.HIGH, Ask.LOW, *((Ask.MINIMUM, Ask.MAXIMUM) if draft.ranks_totals else ()))
        said = self.settler.said(draft.marks[at]).lower() if at is not None else ""
        if draft.asked and draft.ranked:
            raise NotUnderstood("I can rank only one kind of group at a time.")
        over_rows = MEAN_NAMES & set(base.functions)
        if draft.rows and not (draft.count_rows or draft.counted) and not over_rows:
            if said in _COUNTED_BY and base.by:
                return replace(base, functions=("count",), column=None, top=self._top())
            return self._largest_rows(base)
        entity = draft.ranked or draft.asked or (draft.bare[0] if draft.bare else None)
        if at is None and base.by:
            return replace(base, order=base.order)
        if entity is None:
            mark = draft.marks[at or 0]
            raise NotUnderstood(
                f"I do not know whether '{self.settler.said(mark)}' means individual postings or totals.",
                (
                    self.settler.swap(
                        mark, "largest single posting of" if base.order == "desc" else "lowest single posting of"
                    ),
                    *(f"which {b.label} had the {base.question[draft.words[mark.start].start :]}" for b in base.by[:1]),
                    f"which month had the {base.question[draft.words[mark.start].start :]}",
                ),
            )
        if len(base.by) > 1:
            raise NotUnderstood("I can rank only one kind of group at a time.")
        if len(base.functions) > 1:
            raise NotUnderstood("I can rank by only one figure at a time.")
        return replace(base, top=self._top())

    def _largest_rows(self, base: Reading) -> Reading:
        """Reads 'largest posting' as a maximum, and 'top 5 postings' as rows, unless something else is ranked."""
        draft = self.draft
        function: AggregateName = "max" if base.order == "desc" else "min"
        plural = any(draft.is_rows(i) and draft.words[m.end - 1].norm.endswith("s") for i, m in enumerate(draft.marks))
        if (draft.top and draft.top > 1) or (plural and not base.by):
            return self._rows(base, draft.top)
        if draft.asked:
            return replace(base, functions=(function,), top=self._top())
        return replace(base, functions=(function,), order=None, top=None)
