"""What kind of table answers the question: functions, ranks, thresholds, and periods beside each other."""

from dataclasses import replace

from cfo_kernel.agent.analyst.grammar import Draft, Entity
from cfo_kernel.agent.analyst.periods import before
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.reading import By, Function, NotUnderstood, Reading, Shape, Threshold
from cfo_kernel.agent.analyst.settle import Settler
from cfo_kernel.agent.analyst.sides import sided
from cfo_kernel.data.plan import Filter, Grain

_FUNCTIONS: dict[Ask, Function] = {
    Ask.AVERAGE: "avg", Ask.MEDIAN: "median", Ask.MINIMUM: "min", Ask.MAXIMUM: "max",
}  # fmt: skip
_OVER = {Ask.MOM: Grain.MONTH, Ask.QOQ: Grain.QUARTER, Ask.YOY: Grain.YEAR}
_ORDER = (Grain.DAY, Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR)
_COUNTED_BY = ("most", "fewest", "least", "the most", "the least")
_MOST_ROWS = 10


class Shaper:
    """Gives a reading its shape; `remarks` collects what the answer must say."""

    def __init__(self, draft: Draft, settler: Settler, remarks: list[str]) -> None:
        self.draft, self.settler, self.remarks = draft, settler, remarks

    def shape(self, base: Reading) -> Reading:
        draft = self.draft
        if draft.asks(Ask.CHART):
            self.remarks.append("I do not draw charts; this is the table for it.")
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
            raise NotUnderstood("I do not know what is to be ranked. Name a group, e.g. 'by department'.")
        elif base.order and base.top is None:
            base = replace(base, top=self._top())
        self._versus(base)
        return self._percent(base)

    # --- functions -----------------------------------------------------------------------------------------------

    def _functions(self, base: Reading) -> Reading:
        draft = self.draft
        asked = tuple(f for ask, f in _FUNCTIONS.items() if draft.asks(ask))
        if draft.counted and draft.counted.at < 0:
            if asked:
                raise NotUnderstood("I cannot combine 'how many' with an average here.")
            return replace(base, functions=("sum",), units_only=True)
        if draft.counted:
            return self._counted(base, draft.counted)
        if draft.per and "avg" in asked:
            if len(asked) > 1 or base.by and any(b.grain and _finer(b.grain, draft.per) for b in base.by):
                raise NotUnderstood(f"I cannot combine an average per {draft.per.value} with the rest of the question.")
            if self._is_rate(base):
                return replace(base, functions=("avg",), by=(*base.by, self._time(base, draft.per)))
            return replace(base, functions=("count",) if draft.count_rows else ("sum",), per=draft.per)
        if draft.count_rows:
            if asked:
                raise NotUnderstood("I cannot combine a number of postings with an average. Say per which period.")
            return replace(base, functions=("count",), column=None)
        if self._is_rate(base):
            return self._rate(base, asked)
        plain_sum = self._said_sum()
        if draft.rows and not asked and not draft.order and not (plain_sum and draft.measure):
            return self._of_rows(base)
        return replace(base, functions=(*(("sum",) if plain_sum or not asked else ()), *asked))

    def _said_sum(self) -> bool:
        said = {self.settler.said(m).lower() for m in self.draft.marks if m.is_ask(Ask.SUM)}
        return bool(said - {"how much", "overall", "altogether"})

    def _is_rate(self, base: Reading) -> bool:
        return base.column is not None and self.draft.schema.is_rate(base.column)

    def _rate(self, base: Reading, asked: tuple[Function, ...]) -> Reading:
        """Rates and prices are averaged, never added; 'highest rate' is the highest single one."""
        label = self.draft.schema.label(base.column or "")
        if self._said_sum() or self.draft.asks(Ask.RUNNING, Ask.SHARE, Ask.YTD):
            raise NotUnderstood(f"Adding up '{label}' means nothing. Ask for its average, minimum or maximum.")
        if self.draft.order and not self.draft.ranked and not self.draft.asked:
            function: Function = "max" if self.draft.order == "desc" else "min"
            self.draft.order = None
            return replace(base, functions=(*asked, function), order=None)
        return replace(base, functions=asked or ("avg",))

    def _of_rows(self, base: Reading) -> Reading:
        """'postings' without 'how many' or 'total' asks for neither: only a list of groups or rows is clear."""
        draft = self.draft
        if draft.asked or draft.bare or draft.thresholds and any(t.on == "count" for t in draft.thresholds):
            return replace(base, functions=("count",), column=None)
        if draft.asks(Ask.LIST):
            return self._rows(base, None)
        question = base.question.strip()
        raise NotUnderstood(
            "I do not know whether the number of postings or their sum is meant.",
            (f"how many {question}", f"total amount of {question}"),
        )

    def _counted(self, base: Reading, entity: Entity) -> Reading:
        draft = self.draft
        if draft.thresholds and not draft.rows:
            at = draft.first(Ask.COUNT)
            swaps = (self.settler.swap(draft.marks[at], "which"),) if at is not None else ()
            raise NotUnderstood("I list the groups that meet a threshold instead of only counting them.", swaps)
        if any(len(p.values) > 1 and not p.negated for p in base.picks) and not draft.asks(Ask.OR):
            raise NotUnderstood("I do not know whether all of these names must apply at once, or any of them.")
        if draft.order:
            raise NotUnderstood("I cannot combine a count with a rank here.")
        date = base.date
        if entity.grain:
            if date is None:
                raise NotUnderstood("The table has no date.")
            return replace(base, functions=("count_distinct",), counted=By(date, f"{entity.grain.value}s", entity.grain))
        name = next((n for n in entity.names if n.table != base.table), entity.names[0])
        label = draft.schema.label(name.path) if name.column else name.table
        return replace(base, functions=("count_distinct",), counted=By(name.path, label))

    # --- thresholds and ranks ------------------------------------------------------------------------------------

    def _bounded(self, base: Reading) -> Reading:
        """A threshold bounds single rows where postings are named, else the figure of each group."""
        draft = self.draft
        thresholds = list(base.thresholds)
        if draft.over_scenario:
            thresholds.append(Threshold(draft.over_scenario, (0,)))
        rows = draft.rows or draft.count_rows and not (draft.asked or draft.bare)
        conditions = list(base.conditions)
        kept: list[Threshold] = []
        for threshold in thresholds:
            if rows and threshold.on == "figure" and not draft.over_scenario:
                column = self._measure(base)
                value = list(threshold.values) if threshold.op == "between" else threshold.values[0]
                conditions.append(Filter(column=column, op=threshold.op, value=value))
                self.remarks.append("The threshold was applied to single postings.")
            else:
                kept.append(threshold)
        if kept and not base.by:
            raise NotUnderstood(
                "I do not know what the threshold applies to. Name a group ('departments with ...') or single postings."
            )
        if len({t.on for t in kept}) < len(kept):
            raise NotUnderstood("I read one threshold at a time.")
        return replace(base, thresholds=tuple(kept), conditions=tuple(conditions))

    def _measure(self, base: Reading) -> str:
        if base.column:
            return base.column
        columns = self.draft.schema.measures(self.draft.schema.tables[base.table])
        if len(columns) != 1:
            raise NotUnderstood("I do not know which figure the threshold is about.")
        return f"{base.table}.{columns[0].name}"

    def _top(self) -> int | None:
        """How many of a rank are wanted: one where the ranked thing is in the singular."""
        if self.draft.top is not None:
            return self.draft.top
        entity = self.draft.ranked or self.draft.asked
        if entity is None:
            return None
        mark = self.draft.marks[entity.at]
        word = self.draft.words[mark.end - 1].norm
        return None if word.endswith("s") else 1

    def _ranked(self, base: Reading) -> Reading:
        draft = self.draft
        if not base.order or base.shape is Shape.ROWS:
            return base
        at = draft.first(Ask.HIGH, Ask.LOW)
        said = self.settler.said(draft.marks[at]).lower() if at is not None else ""
        if draft.asked and draft.ranked:
            raise NotUnderstood("I rank one kind of group at a time.")
        if draft.rows and not (draft.count_rows or draft.counted):
            if said in _COUNTED_BY and base.by:
                return replace(base, functions=("count",), column=None, top=self._top())
            return self._largest_rows(base, at)
        entity = draft.ranked or draft.asked or (draft.bare[0] if draft.bare else None)
        if at is None and base.by:
            return replace(base, order=base.order)
        if entity is None:
            mark = draft.marks[at or 0]
            raise NotUnderstood(
                f"I do not know what '{self.settler.said(mark)}' ranks: single postings, or the totals of something.",
                (
                    self.settler.swap(mark, "largest single posting of" if base.order == "desc" else "lowest single posting of"),
                    f"which month had the {base.question.strip()}",
                ),
            )
        if len(base.functions) > 1:
            raise NotUnderstood("I rank by one figure at a time.")
        return replace(base, top=self._top() if entity not in draft.bare else draft.top)

    def _largest_rows(self, base: Reading, at: int | None) -> Reading:
        """'largest posting' is a maximum, 'top 5 postings' lists rows, 'which X had the largest posting' ranks."""
        draft = self.draft
        function: Function = "max" if base.order == "desc" else "min"
        plural = any(
            draft.is_rows(i) and draft.words[m.end - 1].norm.endswith("s") for i, m in enumerate(draft.marks)
        )
        if draft.top and draft.top > 1 or plural and not base.by:
            return self._rows(base, draft.top)
        if draft.asked:
            return replace(base, functions=(function,), top=self._top())
        return replace(base, functions=(function,), order=None, top=None)

    def _rows(self, base: Reading, top: int | None) -> Reading:
        """Single rows: their key, date and names."""
        schema = self.draft.schema
        table = schema.tables[base.table]
        key = schema.key_of(table)
        if key is None or base.by:
            raise NotUnderstood("I cannot list single rows here. Ask for a number of postings or a total.")
        by = [By(f"{base.table}.{key.name}", schema.label(f"{base.table}.{key.name}"))]
        if base.date:
            by.insert(0, By(base.date, "date", Grain.DAY))
        for relation in schema.tables.relations:
            if relation.table == base.table and (naming := schema.naming_column(schema.tables[relation.to_table])):
                path = f"{relation.to_table}.{naming.name}"
                by.append(By(path, schema.label(path)))
        return replace(
            base, shape=Shape.ROWS, functions=("sum",), column=self._measure(base), by=tuple(by),
            order=base.order or None, top=top or (_MOST_ROWS if base.order else None),
        )  # fmt: skip

    # --- periods beside each other -------------------------------------------------------------------------------

    def _time(self, base: Reading, grain: Grain) -> By:
        if base.date is None:
            raise NotUnderstood("The table has no date to compare periods by.")
        return By(base.date, grain.value, grain)

    def _change(self, base: Reading) -> Reading | None:
        draft = self.draft
        over = next((g for ask, g in _OVER.items() if draft.asks(ask)), None)
        if base.relation == "compare":
            if len(base.periods) != 2:
                raise NotUnderstood("I compare two periods at a time; for more, ask for the change by year or quarter.")
            if any(b.grain for b in base.by):
                return self._beside(base, over)
            return replace(base, shape=Shape.COMPARE)
        if over is None and not draft.asks(Ask.CHANGE, Ask.GROWTH):
            return None
        return self._beside(base, over)

    def _beside(self, base: Reading, over: Grain | None) -> Reading:
        """Each period beside the one before, or one named period beside the one before."""
        grains = [b.grain for b in base.by if b.grain]
        period = base.periods[0] if len(base.periods) == 1 else None
        if len(grains) > 1 or base.relation == "compare" or over and grains and grains[0] is not over:
            raise NotUnderstood("I compare each period with the one just before it; ask for one kind of period at a time.")
        if grains:
            return self._along(base)
        step = over or (period.grain if period and period.grain is Grain.YEAR else None)
        if period and period.grain and step and not _finer(step, period.grain) and (earlier := before(period, step)):
            return replace(base, shape=Shape.COMPARE, relation="compare", periods=(earlier, period))
        if over is None:
            raise NotUnderstood(
                "I do not know from which period to which the change is meant.",
                tuple(f"{base.question.rstrip(' ?.!')} by {grain}" for grain in ("year", "quarter", "month")),
            )
        return self._along(replace(base, by=(*base.by, self._time(base, over))))

    def _along(self, base: Reading) -> Reading:
        if base.relation == "each":
            base = replace(base, relation="span")
            years = [p.start.year for p in base.periods if p.start]
            if sorted(years) != list(range(min(years), min(years) + len(years))):
                raise NotUnderstood("These periods do not follow each other. Compare two of them.")
        if base.functions[0] not in ("sum", "avg", "count", "count_distinct") or base.per:
            raise NotUnderstood(f"I cannot show the change of a {base.functions[0]}.")
        if any(t.on == "figure" for t in base.thresholds):
            raise NotUnderstood("I do not know whether the threshold is meant for the figure or for its change.")
        return replace(base, shape=Shape.CHANGE)

    def _running(self, base: Reading) -> Reading | None:
        draft = self.draft
        ytd = any(m.is_ask(Ask.YTD) and i not in draft.when.used for i, m in enumerate(draft.marks))
        if not ytd and not draft.asks(Ask.RUNNING):
            return None
        grains = [b for b in base.by if b.grain]
        if len(grains) > 1 or base.relation != "span" or base.functions not in (("sum",), ("count",)) or base.thresholds:
            raise NotUnderstood("I cannot build a running total of that. Ask for one figure by month or quarter.")
        if not grains and ytd and not draft.asks(Ask.RUNNING):
            raise NotUnderstood("I do not know up to which month. Say e.g. 'year to date June 2012' or 'by month'.")
        if ytd and not (base.periods and base.periods[0].grain is Grain.YEAR):
            raise NotUnderstood("Year to date is within one year. Name it, e.g. 'in 2012'.")
        if not grains:
            self.remarks.append("The running total is shown by month.")
            base = replace(base, by=(*base.by, self._time(base, Grain.MONTH)))
        return replace(base, shape=Shape.RUNNING)

    # --- several names, several periods --------------------------------------------------------------------------

    def _each(self, base: Reading) -> Reading:
        """'Salaries and Rent' gets a row each, 'together' and 'or' one sum; the same for periods."""
        combined = self.draft.asks(Ask.TOGETHER, Ask.OR)
        for pick in base.picks:
            if len(pick.values) < 2 or pick.negated or any(b.column == pick.column for b in base.by):
                continue
            if combined or base.shape in (Shape.SHARE, Shape.ROWS):
                self.remarks.append(f"{' and '.join(pick.values)} were added together.")
                continue
            if base.order or base.thresholds:
                raise NotUnderstood(
                    f"I do not know whether {' and '.join(pick.values)} are meant together or each by itself.",
                    (f"{base.question.rstrip(' ?.!')} together",),
                )
            base = replace(base, by=(By(pick.column, self.draft.schema.label(pick.column)), *base.by))
        if base.relation != "each" or base.shape is Shape.COMPARE:
            return base
        grain = base.periods[0].grain
        if grain is None or base.shape is not Shape.FIGURES:
            if len(base.periods) == 2 and base.shape is Shape.FIGURES and not any(b.grain for b in base.by):
                return replace(base, shape=Shape.COMPARE, relation="compare")
            raise NotUnderstood("I cannot put these periods beside each other here. Ask for one of them at a time.")
        finer = [b for b in base.by if b.grain and _finer(b.grain, grain)]
        if not finer and not any(b.grain is grain for b in base.by):
            base = replace(base, by=(*base.by, self._time(base, grain)))
        return base

    def _versus(self, base: Reading) -> None:
        """'against' must have two sides somewhere."""
        if not self.draft.asks(Ask.VERSUS) or base.shape in (Shape.VARIANCE, Shape.COMPARE, Shape.CHANGE, Shape.RATIO):
            return
        if not any(len(p.values) > 1 and not p.negated for p in base.picks):
            raise NotUnderstood("I do not know what is to be compared with what.")

    def _percent(self, base: Reading) -> Reading:
        """A threshold in percent needs a figure in percent."""
        percent = any(t.on == "percent" for t in base.thresholds)
        if percent and base.shape not in (Shape.SHARE, Shape.RATIO, Shape.CHANGE, Shape.COMPARE, Shape.VARIANCE):
            raise NotUnderstood("I do not know of what the percentage in the threshold is meant.")
        return base

    def _dates(self, base: Reading) -> Reading:
        """'first posting date', 'when was the last posting'."""
        draft = self.draft
        functions: list[Function] = []
        if draft.asks(Ask.FIRST):
            functions.append("min")
        if draft.asks(Ask.LAST):
            functions.append("max")
        if not functions or base.date is None or base.order or base.thresholds:
            raise NotUnderstood("I do not know which date is asked for. Say 'first' or 'last posting date'.")
        return replace(base, shape=Shape.DATES, functions=tuple(functions), column=base.date)


def _finer(one: Grain, other: Grain) -> bool:
    return _ORDER.index(one) < _ORDER.index(other)

