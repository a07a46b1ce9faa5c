"""What kind of table answers the question: functions, ranks, thresholds, and periods beside each other."""

from dataclasses import replace

from cfo_kernel.agent.analyst.changes import Beside, finer
from cfo_kernel.agent.analyst.draft import Entity
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.reading import By, Function, NotUnderstood, Reading, Shape, Threshold
from cfo_kernel.agent.analyst.sides import sided
from cfo_kernel.data.plan import Filter, Grain

_FUNCTIONS: dict[Ask, Function] = {
    Ask.AVERAGE: "avg", Ask.MEDIAN: "median", Ask.MINIMUM: "min", Ask.MAXIMUM: "max",
}  # fmt: skip
_ALL: tuple[Function, ...] = ("sum", "avg", "min", "max", "median", "count", "count_distinct")
_FAMILIES: tuple[tuple[tuple[Ask, ...], tuple[Shape, ...]], ...] = (
    ((Ask.SHARE,), (Shape.SHARE, Shape.RATIO)),
    ((Ask.RUNNING, Ask.YTD), (Shape.RUNNING,)),
    ((Ask.MOM, Ask.QOQ, Ask.YOY, Ask.GROWTH, Ask.CHANGE), (Shape.CHANGE, Shape.COMPARE)),
    ((Ask.RATIO, Ask.DIVIDED), (Shape.RATIO,)),
    ((Ask.VARIANCE,), (Shape.VARIANCE,)),
    ((Ask.DIFFERENCE,), (Shape.DIFFERENCE, Shape.VARIANCE, Shape.COMPARE, Shape.CHANGE)),
    ((Ask.FIRST, Ask.LAST, Ask.WHEN), (Shape.DATES,)),
)
_SAID: dict[Function, str] = {"avg": "average", "median": "median", "min": "lowest", "max": "highest"}
_COUNTED_BY = ("most", "fewest", "least", "the most", "the least")
_MOST_ROWS = 10


class Shaper(Beside):
    """Gives a reading its shape; `remarks` collects what the answer must say."""

    def shape(self, base: Reading) -> Reading:
        """The reading with its shape; every phrase that asks for a shape must have been met by it."""
        shaped = self._shaped(base)
        for asks, shapes in _FAMILIES:
            if self.draft.asks(*asks) and shaped.shape not in shapes and not self._met_otherwise(asks):
                at = self.draft.first(*asks)
                said = self.settler.said(self.draft.marks[at or 0])
                raise NotUnderstood(f"I cannot combine '{said}' with the rest of the question. Ask for one at a time.")
        if shaped.per and shaped.shape is not Shape.FIGURES:
            raise NotUnderstood(f"I cannot combine an average per {shaped.per.value} with a {shaped.shape.value}.")
        if shaped.shape in (Shape.CHANGE, Shape.COMPARE) and set(shaped.functions) - {"sum", "count", "count_distinct"}:
            if self.draft.takes_totals() and not self._is_rate(shaped):
                raise NotUnderstood("I cannot combine a change with an average, minimum or maximum.")
        plain = {"sum", "count"} if shaped.shape in (Shape.SHARE, Shape.RUNNING, Shape.VARIANCE) else set(_ALL)
        if not set(shaped.functions) <= plain:
            raise NotUnderstood(f"I cannot combine a {shaped.shape.value} with an average, minimum or maximum.")
        return shaped

    def _met_otherwise(self, asks: tuple[Ask, ...]) -> bool:
        """'year to date June' is a period, 'by what percentage did it grow' a change."""
        if Ask.YTD in asks:
            return self.draft.when.to_date and not self.draft.asks(Ask.RUNNING)
        return Ask.SHARE in asks and self.draft.asks(Ask.CHANGE, Ask.GROWTH)

    def _shaped(self, base: Reading) -> Reading:
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

    def _functions(self, base: Reading) -> Reading:
        draft = self.draft
        asked: tuple[Function, ...] = ()
        if not draft.ranks_totals:
            asked = tuple(f for ask, f in _FUNCTIONS.items() if draft.asks(ask))
        if draft.counted and draft.counted.at < 0:
            if asked:
                raise NotUnderstood("I cannot combine 'how many' with an average here.")
            return replace(base, functions=("sum",), units_only=True)
        if draft.counted:
            if asked:
                raise NotUnderstood("I cannot combine a number of names with an average, minimum or maximum.")
            return self._counted(base, draft.counted)
        if any(t.on == "count" for t in draft.thresholds) and not asked and not draft.measure:
            return replace(base, functions=("count",), column=None)
        if draft.per:
            self._evenly(base)
            if asked != ("avg",) or (base.by and any(b.grain and finer(b.grain, draft.per) for b in base.by)):
                raise NotUnderstood(f"I cannot combine an average per {draft.per.value} with the rest of the question.")
            if self._is_rate(base):
                return replace(base, functions=("avg",), by=(*base.by, self._time(base, draft.per)))
            return replace(base, functions=("count",) if draft.count_rows else ("sum",), per=draft.per)
        if draft.count_rows:
            if asked:
                raise NotUnderstood("I cannot combine a number of postings with an average. Say per which period.")
            if self._said_sum() and (draft.measure or self._said("total amount of")):
                return replace(base, functions=("count", "sum"), column=self._measure(base))
            return replace(base, functions=("count",), column=None)
        if self._is_rate(base):
            return self._rate(base, asked)
        self._clear_unit(base, asked)
        plain_sum = self._said_sum()
        summed = plain_sum and (draft.measure or self._said("total amount of"))
        if draft.rows and not asked and not draft.order and not summed:
            return self._of_rows(base)
        return replace(base, functions=(*(("sum",) if plain_sum or not asked else ()), *asked))

    def _evenly(self, base: Reading) -> None:
        """Dates are no days: a ledger that is posted at month ends has no average day."""
        if self.draft.per in (Grain.DAY, Grain.WEEK) and not self._is_rate(base):
            raise NotUnderstood(
                f"I do not know whether every {self.draft.per.value} is meant or only those with rows.",
                self._instead_of_grain("monthly"),
            )

    def _clear_unit(self, base: Reading, asked: tuple[Function, ...]) -> None:
        """Asks back where an average or an extreme may be of single postings or of totals."""
        draft = self.draft
        if not asked or not draft.takes_totals():
            return
        rows = self.draft.schema.rows_of(base.table)
        posting = rows.removesuffix("s")
        if self._said_sum() and not self._listed(Ask.SUM, *_FUNCTIONS):
            raise NotUnderstood(
                f"I do not know which totals the {_SAID[asked[0]]} is of: say 'monthly', or name single {rows}."
            )
        over = next((e for e in draft.bare), None) or next((g for g in draft.groups if g.grain), None)
        if over is None:
            return
        label = over.grain.value if over.grain else self.draft.schema.label(over.names[0].path)
        names = ", ".join(v for p in base.picks if not p.negated and not p.default for v in p.values)
        when = f" in {base.periods[0].label}" if len(base.periods) == 1 else ""
        single = f"{_SAID[asked[0]]} {names} {posting}{when} by {label}"
        choices = (f"average {label}ly {names}{when}", single) if over.grain and asked == ("avg",) else (single,)
        raise NotUnderstood(
            f"I do not know whether the {_SAID[asked[0]]} is of single {rows}, or of the {label} totals.", choices
        )

    def _listed(self, *asks: Ask) -> bool:
        """Whether an 'and' or a comma stands between these phrases: 'total and average'."""
        marks = self.draft.marks
        at = [i for i, m in enumerate(marks) if m.is_ask(*asks)]
        return any(
            m.is_ask(Ask.AND) or "," in self.draft.words[m.start].before for m in marks[at[0] : at[-1] + 1]
        )

    def _instead_of_grain(self, adjective: str) -> tuple[str, ...]:
        """The question with another adjective in the place of its 'daily'."""
        mark = next((m for m in self.draft.marks if m.grain is self.draft.per and m.adjective), None)
        return (self.settler.swap(mark, adjective),) if mark else ()

    def _said(self, phrase: str) -> bool:
        return any(self.settler.said(m).lower() == phrase for m in self.draft.marks)

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
        if draft.asked or draft.bare or (draft.thresholds and any(t.on == "count" for t in draft.thresholds)):
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
            return replace(
                base, functions=("count_distinct",), counted=By(date, f"{entity.grain.value}s", entity.grain)
            )
        name = next((n for n in entity.names if n.table != base.table), entity.names[0])
        label = draft.schema.label(name.path) if name.column else name.table
        return replace(base, functions=("count_distinct",), counted=By(name.path, label))

    def _bounded(self, base: Reading) -> Reading:
        """A threshold bounds single rows where postings are named, else the figure of each group."""
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
            raise NotUnderstood("I rank one kind of group at a time.")
        over_rows = set(base.functions) & {"avg", "median"}
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
                f"I do not know what '{self.settler.said(mark)}' ranks: single postings, or the totals of something.",
                (
                    self.settler.swap(
                        mark, "largest single posting of" if base.order == "desc" else "lowest single posting of"
                    ),
                    *(f"which {b.label} had the {base.question[draft.words[mark.start].start :]}" for b in base.by[:1]),
                    f"which month had the {base.question[draft.words[mark.start].start :]}",
                ),
            )
        if len(base.by) > 1:
            raise NotUnderstood("I rank one kind of group at a time, over all of the rest.")
        if len(base.functions) > 1:
            raise NotUnderstood("I rank by one figure at a time.")
        return replace(base, top=self._top())

    def _largest_rows(self, base: Reading) -> Reading:
        """'largest posting' is a maximum, 'top 5 postings' lists rows, 'which X had the largest posting' ranks."""
        draft = self.draft
        function: Function = "max" if base.order == "desc" else "min"
        plural = any(draft.is_rows(i) and draft.words[m.end - 1].norm.endswith("s") for i, m in enumerate(draft.marks))
        if (draft.top and draft.top > 1) or (plural and not base.by):
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
        others = draft.asks(*_FUNCTIONS, Ask.SUM, Ask.COUNT) or any(b.grain for b in base.by)
        if not functions or base.date is None or base.order or base.thresholds or others:
            raise NotUnderstood("I do not know which date is asked for. Say 'first' or 'last posting date'.")
        return replace(base, shape=Shape.DATES, functions=tuple(functions), column=base.date)
