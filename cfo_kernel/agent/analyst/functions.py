"""Reads the function that a question asks for (sum, average, count), and makes sure it is clear what it applies to."""

from dataclasses import replace

from cfo_kernel.agent.analyst.changes import Beside, finer
from cfo_kernel.agent.analyst.draft import Entity
from cfo_kernel.agent.analyst.phrases import FUNCTIONS, Ask
from cfo_kernel.agent.analyst.reading import By, NotUnderstood, Reading, Shape
from cfo_kernel.agent.analyst.statistics import MEANS
from cfo_kernel.data.aggregates import AGGREGATES, AggregateName
from cfo_kernel.data.plan import Grain

MEAN_NAMES = {FUNCTIONS[ask] for ask in MEANS}
_MOST_ROWS = 10


class Functions(Beside):
    """Reads which functions the question asks for."""

    def _functions(self, base: Reading) -> Reading:
        draft = self.draft
        asked: tuple[AggregateName, ...] = ()
        if not draft.ranks_totals:
            asked = tuple(f for ask, f in FUNCTIONS.items() if draft.asks(ask))
        if draft.counted and draft.counted.at < 0:
            if asked:
                raise NotUnderstood("I cannot combine 'how many' with an average here.")
            return replace(base, functions=("sum",), units_only=True)
        if draft.counted:
            if asked:
                raise NotUnderstood("I cannot combine a count of names with an average, minimum or maximum.")
            return self._counted(base, draft.counted)
        if any(t.on == "count" for t in draft.thresholds) and not asked and not draft.measure:
            return replace(base, functions=("count",), column=None)
        if draft.per:
            self._evenly(base)
            if asked == ("median",):
                names = ", ".join(v for p in base.picks if not p.negated and not p.default for v in p.values)
                raise NotUnderstood(
                    f"I do not compute a median of {draft.per.value} totals. I can show the totals themselves.",
                    (self._plain(base, names),),
                )
            if asked != ("avg",) or (base.by and any(b.grain and finer(b.grain, draft.per) for b in base.by)):
                raise NotUnderstood(f"I cannot combine an average per {draft.per.value} with the rest of the question.")
            if self._is_rate(base):
                return replace(base, functions=("avg",), by=(*base.by, self._time(base, draft.per)))
            return replace(base, functions=("count",) if draft.count_rows else ("sum",), per=draft.per)
        if draft.count_rows:
            if asked:
                raise NotUnderstood("I cannot combine a count of postings with an average. Name a period.")
            if self._said_sum() and (draft.measure or self._said("total amount of")):
                return replace(base, functions=("count", "sum"), column=self._measure(base))
            return replace(base, functions=("count",), column=None)
        if self._is_rate(base):
            return self._rate(base, asked)
        if asked and self._said("on average") and draft.says_rows() and base.by:
            rows = draft.schema.rows_of(base.table)
            raise NotUnderstood(f"I do not know whether the number of {rows} or their amount is to be averaged.")
        self._clear_unit(base, asked)
        self._over_groups(base, asked)
        plain_sum = self._said_sum()
        summed = plain_sum and (draft.measure or self._said("total amount of"))
        if draft.rows and not asked and not draft.order and not summed:
            return self._of_rows(base)
        return replace(base, functions=(*(("sum",) if plain_sum or not asked else ()), *asked))

    def _plain(self, base: Reading, names: str) -> str:
        when = f" in {base.periods[0].label}" if len(base.periods) == 1 else ""
        return f"{names} by {self.draft.per}{when}"

    def _evenly(self, base: Reading) -> None:
        """Raises for averages per day or week, since it is unclear whether days without postings count."""
        if self.draft.per and self.draft.per in (Grain.DAY, Grain.WEEK) and not self._is_rate(base):
            raise NotUnderstood(
                f"I do not know whether you mean every {self.draft.per.value} or only those with rows.",
                self._instead_of_grain("monthly"),
            )

    def _clear_unit(self, base: Reading, asked: tuple[AggregateName, ...]) -> None:
        """Raises if it is unclear whether an average or an extreme is taken over individual postings or over totals."""
        draft = self.draft
        loosely = self._said("on average") and not (draft.rows or draft.says_rows())
        if not asked or not (loosely or draft.takes_totals()):
            return
        rows = self.draft.schema.rows_of(base.table)
        posting, figure = rows.removesuffix("s"), AGGREGATES[asked[0]].display_name
        if self._said_sum() and not self._listed(Ask.SUM, *FUNCTIONS):
            raise NotUnderstood(
                f"I do not know which totals to take the {figure} of. Say 'monthly', or mention the individual {rows}."
            )
        several = base.relation == "each" or any(len(p.values) > 1 and not p.negated for p in base.picks)
        if several and len(asked) == 1 and asked[0] in MEAN_NAMES:
            raise NotUnderstood(
                f"I do not know what to take the {figure} of. Say 'monthly' for monthly totals, or mention the "
                f"individual {rows}."
            )
        over = next((e for e in draft.bare), None) or next((g for g in draft.groups if g.grain), None)
        if over is None:
            return
        label = over.grain.value if over.grain else self.draft.schema.label(over.names[0].path)
        names = ", ".join(v for p in base.picks if not p.negated and not p.default for v in p.values)
        when = f" in {base.periods[0].label}" if len(base.periods) == 1 else ""
        single = f"{figure} {names} {posting}{when} by {label}"
        choices = (f"average {label}ly {names}{when}", single) if over.grain and asked == ("avg",) else (single,)
        raise NotUnderstood(
            f"Do you mean the {figure} of the individual {rows}, or of the {label} totals?",
            choices,
        )

    def _over_groups(self, base: Reading, asked: tuple[AggregateName, ...]) -> None:
        """Raises for 'average of Rent per organization', which may average rows or the organizations' totals."""
        draft = self.draft
        each = any(w.norm in ("each", "every", "per") for w in draft.words)
        per = each and any(not b.grain for b in base.by)
        if not per or not MEAN_NAMES & set(asked) or draft.rows or draft.says_rows():
            return
        rows, figure = draft.schema.rows_of(base.table), AGGREGATES[asked[0]].display_name
        labels = " and ".join(b.label for b in base.by)
        raise NotUnderstood(
            f"Do you mean the {figure} of the individual {rows} in each {labels}, or of the totals for "
            f"each {labels}? Ask for the average {rows.removesuffix('s')} by {labels}, or for the totals by {labels}."
        )

    def _listed(self, *asks: Ask) -> bool:
        """Whether these phrases are separated by 'and' or a comma: 'total and average'."""
        marks = self.draft.marks
        at = [i for i, m in enumerate(marks) if m.is_ask(*asks)]
        return any(m.is_ask(Ask.AND) or "," in self.draft.words[m.start].before for m in marks[at[0] : at[-1] + 1])

    def _instead_of_grain(self, adjective: str) -> tuple[str, ...]:
        """The question with 'daily' or 'weekly' replaced by another adjective."""
        mark = next((m for m in self.draft.marks if m.grain is self.draft.per and m.adjective), None)
        return (self.settler.swap(mark, adjective),) if mark else ()

    def _said(self, phrase: str) -> bool:
        return any(self.settler.said(m).lower() == phrase for m in self.draft.marks)

    def _said_sum(self) -> bool:
        said = {self.settler.said(m).lower() for m in self.draft.marks if m.is_ask(Ask.SUM)}
        return bool(said - {"how much", "overall", "altogether"})

    def _is_rate(self, base: Reading) -> bool:
        return base.column is not None and self.draft.schema.is_rate(base.column)

    def _rate(self, base: Reading, asked: tuple[AggregateName, ...]) -> Reading:
        """Averages rates and prices, and never adds them up. 'highest rate' asks for the maximum, not for a ranking."""
        label = self.draft.schema.label(base.column or "")
        if self._said_sum() or self.draft.asks(Ask.RUNNING, Ask.SHARE, Ask.YTD):
            raise NotUnderstood(f"Adding up '{label}' is not meaningful. Ask for its average, minimum or maximum.")
        if self.draft.order and not self.draft.ranked and not self.draft.asked:
            function: AggregateName = "max" if self.draft.order == "desc" else "min"
            self.draft.order = None
            return replace(base, functions=(*asked, function), order=None)
        return replace(base, functions=asked or ("avg",))

    def _of_rows(self, base: Reading) -> Reading:
        """Reads 'postings' without 'how many' or 'total'. Raises unless a group, threshold or 'list' makes it clear."""
        draft = self.draft
        if draft.asked or draft.bare or (draft.thresholds and any(t.on == "count" for t in draft.thresholds)):
            return replace(base, functions=("count",), column=None)
        if draft.asks(Ask.LIST):
            return self._rows(base, None)
        question = base.question.strip()
        raise NotUnderstood(
            "I do not know whether you mean the number of postings or their sum.",
            (f"how many {question}", f"total amount of {question}"),
        )

    def _counted(self, base: Reading, entity: Entity) -> Reading:
        draft = self.draft
        if draft.thresholds and not draft.rows:
            at = draft.first(Ask.COUNT)
            swaps = (self.settler.swap(draft.marks[at], "which"),) if at is not None else ()
            raise NotUnderstood("I can list the groups that meet a threshold, but I cannot count them.", swaps)
        if any(len(p.values) > 1 and not p.negated for p in base.picks) and not draft.asks(Ask.OR):
            raise NotUnderstood("I do not know whether all of these names must apply, or any one of them.")
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

    def _measure(self, base: Reading) -> str:
        if base.column:
            return base.column
        columns = self.draft.schema.measures(self.draft.schema.tables[base.table])
        if len(columns) != 1:
            raise NotUnderstood("I do not know which figure the threshold applies to.")
        return f"{base.table}.{columns[0].name}"

    def _rows(self, base: Reading, top: int | None) -> Reading:
        """Lists individual rows with their key, date and names."""
        schema = self.draft.schema
        table = schema.tables[base.table]
        key = schema.key_of(table)
        if key is None or base.by:
            raise NotUnderstood("I cannot list individual rows here. Ask for the number of postings or a total.")
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
