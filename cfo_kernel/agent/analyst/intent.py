"""From the draft to the reading: which table, which figure, which shape, over which rows."""

from dataclasses import replace
from typing import Literal

from cfo_kernel.agent.analyst.grammar import Draft, Entity, Said
from cfo_kernel.agent.analyst.marks import Sort
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.reading import By, Function, NotUnderstood, Pick, Reading, Shape
from cfo_kernel.agent.analyst.settle import Settler
from cfo_kernel.agent.analyst.shapes import Shaper
from cfo_kernel.data.plan import Filter
from cfo_kernel.data.tables import Kind

_SIDES = (Ask.RATIO, Ask.DIVIDED, Ask.SHARE, Ask.DIFFERENCE)
_PLAIN: dict[Ask, Function] = {
    Ask.AVERAGE: "avg", Ask.MEDIAN: "median", Ask.MINIMUM: "min", Ask.MAXIMUM: "max",
}  # fmt: skip


def reading(question: str, draft: Draft, settler: Settler) -> Reading:
    """The reading of the whole draft; raises NotUnderstood where it has none."""
    return _Intent(question, draft, settler).read()


class _Intent:
    def __init__(self, question: str, draft: Draft, settler: Settler) -> None:
        self.question, self.draft, self.settler = question, draft, settler
        self.schema = draft.schema
        self.remarks = [m.remark for m in draft.marks if m.remark] + list(draft.when.remarks)

    def read(self) -> Reading:
        draft = self.draft
        for entity in draft.bare:
            if not any(self._same(entity, g) for g in draft.groups):
                draft.groups.append(entity)
        self._check_leftovers()
        dimension = self._dimension()
        if dimension is not None:
            return self._listing(dimension)
        table = self._table()
        base = Reading(
            question=self.question,
            table=table,
            column=self._column(table),
            date=self.schema.date(table),
            by=tuple(self._by(g, table) for g in draft.groups),
            order=draft.order,
            top=draft.top,
            thresholds=tuple(draft.thresholds),
        )
        base = self._with_periods(base)
        base = self._with_picks(base)
        base = self._with_shape(base)
        return replace(base, remarks=tuple(dict.fromkeys(self.remarks)))

    def _same(self, one: Entity, other: Entity) -> bool:
        return one.grain is other.grain and {n.path for n in one.names} == {n.path for n in other.names}

    def _check_leftovers(self) -> None:
        draft = self.draft
        left = [i for i in range(len(draft.marks)) if i not in draft.used]
        if not left:
            return
        if any(draft.marks[i].is_ask(Ask.RELATIVE) for i in left):
            raise NotUnderstood(self._relative(left))
        texts: list[str] = []
        for i in left:
            if draft.marks[i].sort in (Sort.UNKNOWN, Sort.FILLER) and texts and i - 1 in left:
                texts[-1] = f"{texts[-1]} {self.settler.said(draft.marks[i])}"
            else:
                texts.append(self.settler.said(draft.marks[i]))
        unknown = next((i for i in left if draft.marks[i].sort is Sort.UNKNOWN), left[0])
        what = " and ".join(f"'{t}'" for t in dict.fromkeys(texts))
        raise NotUnderstood(f"I do not know what {what} means here.", self._instead(unknown))

    def _relative(self, left: list[int]) -> str:
        said = next(self.settler.said(self.draft.marks[i]) for i in left if self.draft.marks[i].is_ask(Ask.RELATIVE))
        return f"I do not know which dates '{said}' means: I do not look at today's date. Name the period."

    def _instead(self, at: int) -> tuple[str, ...]:
        """The question with names that look like the unknown word; after 'by', the columns there are."""
        mark = self.draft.marks[at]
        before = self.draft.previous(at)
        if before is not None and self.draft.marks[before].is_ask(Ask.BY, Ask.PER, Ask.WHICH):
            return tuple(self.settler.swap(mark, label) for label in self._groupable())
        near = self.settler.nearest(mark) if mark.sort is Sort.UNKNOWN else ()
        return tuple(self.settler.swap(mark, name.value or self.schema.label(name.path)) for name in near)

    def _groupable(self) -> tuple[str, ...]:
        labels = [
            self.schema.label(f"{t.name}.{naming.name}")
            for t in self.schema.tables.values()
            if (naming := self.schema.naming_column(t)) and t not in self.schema.facts()
        ]
        return (*labels, "month", "quarter")

    # --- which table ---------------------------------------------------------------------------------------------

    def _needed(self) -> set[str]:
        names = [s.name for s in self.draft.values]
        names += [n for g in self._entities() if len(g.names) == 1 for n in g.names]
        return {n.table for n in names}

    def _entities(self) -> list[Entity]:
        return [*self.draft.groups, *([self.draft.counted] if self.draft.counted and self.draft.counted.at >= 0 else [])]

    def _dimension(self) -> str | None:
        """The table of names that the question is about, where it asks for nothing of a fact table."""
        draft = self.draft
        entities = self._entities()
        figures = draft.measure and self.schema.is_fact(draft.measure[0].table)
        if draft.rows or draft.count_rows or figures or draft.facts or draft.thresholds or draft.when.used or not entities:
            return None
        if any(g.grain for g in entities) or draft.order and draft.top or draft.asks(*_PLAIN, *_SIDES, Ask.SUM, Ask.RUNNING):
            return None
        if draft.asks(Ask.VARIANCE, Ask.VERSUS, Ask.YTD, Ask.MOM, Ask.QOQ, Ask.YOY, Ask.CHANGE, Ask.GROWTH):
            return None
        if not (draft.asks(Ask.LIST, Ask.COUNT, Ask.WHICH) or not draft.values):
            return None
        start = entities[0].names[0].table
        if draft.counted and len(entities) > 1:
            start = next((n.table for n in draft.counted.names), start)
        tables = self._needed() | {n.table for n, _ in draft.bounds}
        if self.schema.is_fact(start) or self.schema.joins(start, tables - {start}) is None:
            return None
        return start

    def _table(self) -> str:
        draft, needed = self.draft, self._needed()
        if draft.measure:
            candidates = list(dict.fromkeys(n.table for n in draft.measure))
        elif draft.facts:
            candidates = list(dict.fromkeys(draft.facts))
        else:
            candidates = [t.name for t in self.schema.facts()]
        fitting = [t for t in candidates if self.schema.joins(t, needed - {t}) is not None]
        if draft.facts and len(fitting) > 1:
            fitting = [t for t in fitting if t in draft.facts] or fitting
        if not fitting:
            known = ", ".join(self.schema.table_label(t) for t in candidates)
            raise NotUnderstood(f"The names in the question do not belong together: no table ({known}) has them all.")
        if not draft.values and not draft.measure and not draft.facts and len(fitting) > 1 or len(fitting) > 1:
            tables = " or ".join(self.schema.table_label(t) for t in fitting)
            raise NotUnderstood(f"I do not know which figures are meant: those of {tables}?")
        if not (draft.values or draft.measure or draft.facts or draft.rows or draft.count_rows or draft.counted or draft.groups):
            raise NotUnderstood("I found nothing in the question that names a figure of these tables.")
        return fitting[0]

    def _column(self, table: str) -> str | None:
        draft = self.draft
        if named := next((n for n in draft.measure if n.table == table), None):
            if draft.asks(Ask.LEDGER_TALK) and not self.schema.is_ledger_amount(named.path):
                raise NotUnderstood(f"I do not know what 'cost' or 'spent' means for {self.schema.label(named.path)}.")
            return named.path
        if draft.count_rows or draft.counted and draft.counted.at >= 0 and not draft.thresholds:
            return None
        columns = self.schema.measures(self.schema.tables[table])
        if len(columns) != 1:
            labels = [self.schema.label(f"{table}.{c.name}") for c in columns]
            choices = tuple(f"{label} {self.question}" for label in labels)
            what = " or ".join(labels) or "nothing"
            raise NotUnderstood(f"I do not know which figure is meant: {self.schema.table_label(table)} has {what}.", choices)
        column = f"{table}.{columns[0].name}"
        if draft.asks(Ask.LEDGER_TALK) and not self.schema.is_ledger_amount(column):
            raise NotUnderstood(f"I do not know whether {self.schema.label(column)} is what 'cost' or 'spent' means.")
        return column

    # --- groups, periods and picks -------------------------------------------------------------------------------

    def _by(self, entity: Entity, table: str) -> By:
        if entity.grain:
            date = self.schema.date(table)
            if date is None:
                raise NotUnderstood(f"{self.schema.table_label(table)} has no date to see by {entity.grain.value}.")
            return By(date, entity.grain.value, entity.grain)
        names = [n for n in entity.names if self.schema.joins(table, {n.table} - {table}) is not None]
        if not names:
            raise NotUnderstood(f"{self.schema.table_label(table)} cannot be seen by {self._entity_label(entity)}.")
        name = next((n for n in names if n.table == table), names[0])
        if name.kind == "table":
            raise NotUnderstood(f"I do not know which column of {self.schema.table_label(name.table)} to group by.")
        return By(name.path, self.schema.label(name.path))

    def _entity_label(self, entity: Entity) -> str:
        name = entity.names[0]
        return self.schema.label(name.path) if name.column else self.schema.table_label(name.table)

    def _with_periods(self, base: Reading) -> Reading:
        when = self.draft.when
        conditions = tuple(self._fiscal(base.table))
        if when.periods and base.date is None:
            raise NotUnderstood(f"{self.schema.table_label(base.table)} has no date that I could use for the period.")
        if len(when.periods) < 2:
            return replace(base, periods=when.periods, moment=when.moment, conditions=conditions)
        if when.link == "versus":
            relation: Literal["span", "each", "compare"] = "compare"
        else:
            relation = "span" if when.link == "or" or self.draft.asks(Ask.TOGETHER) else "each"
        if relation != "compare" and len({p.grain for p in when.periods}) > 1:
            raise NotUnderstood("The periods are of different lengths. Ask for one of them at a time.")
        return replace(base, periods=when.periods, relation=relation, moment=when.moment, conditions=conditions)

    def _fiscal(self, table: str) -> list[Filter]:
        filters: list[Filter] = []
        for fiscal in self.draft.when.fiscal:
            wanted = (("year", fiscal.year), ("quarter", fiscal.quarter))
            for part, value in ((p, v) for p, v in wanted if v is not None):
                filters.append(Filter(column=self._fiscal_column(table, part), op="=", value=value))
        return filters

    def _fiscal_column(self, table: str, part: str) -> str:
        for other in self.schema.tables.values():
            column = other.column(f"fiscal_{part}")
            if column and column.kind is Kind.NUMBER and self.schema.joins(table, {other.name} - {table}) is not None:
                return f"{other.name}.{column.name}"
        raise NotUnderstood(f"The tables do not say which fiscal {part} a date belongs to.")

    def _with_picks(self, base: Reading) -> Reading:
        """The filters by value; a scenario that the question does not name is the glossary's default."""
        draft = self.draft
        picks = list(self._picks(draft.values))
        for column, value in self.schema.notes(base.table).defaults.items():
            named = any(p.column == column for p in picks) or any(b.column == column for b in base.by)
            if not named and not (draft.counted and any(n.path == column for n in draft.counted.names)):
                picks.append(Pick(column, (str(value),), default=True))
        conditions = list(base.conditions)
        for name, bound in draft.bounds:
            value = list(bound.values) if bound.op == "between" else bound.values[0]
            conditions.append(Filter(column=name.path, op=bound.op, value=value))
        return replace(base, picks=tuple(picks), conditions=tuple(conditions))

    def _picks(self, values: list[Said]) -> tuple[Pick, ...]:
        found: dict[tuple[str, bool], list[str]] = {}
        for said in values:
            listed = found.setdefault((said.name.path, said.negated), [])
            if said.name.value not in listed:
                listed.append(said.name.value)
        return tuple(Pick(column, tuple(listed), negated) for (column, negated), listed in found.items())

    # --- shapes --------------------------------------------------------------------------------------------------

    def _with_shape(self, base: Reading) -> Reading:
        return Shaper(self.draft, self.settler, self.remarks).shape(base)

    def _listing(self, table: str) -> Reading:
        """Names of a dimension table, listed or counted."""
        draft = self.draft
        picks = self._picks(draft.values)
        bounds = tuple(
            Filter(column=n.path, op=t.op, value=list(t.values) if t.op == "between" else t.values[0])
            for n, t in draft.bounds
        )
        by = tuple(self._by(g, table) for g in draft.groups)
        if draft.counted:
            counted = self._by(draft.counted, table)
            return Reading(
                self.question, table, functions=("count",), counted=counted, picks=picks, conditions=bounds, by=by,
                remarks=tuple(self.remarks),
            )  # fmt: skip
        if draft.measure:
            by += tuple(By(n.path, self.schema.label(n.path)) for n in draft.measure[:1])
        if draft.order:
            raise NotUnderstood("I do not know by which figure to rank. Name an account, a measure or 'postings'.")
        return Reading(
            self.question, table, shape=Shape.LIST, functions=(), picks=picks, conditions=bounds, by=by,
            remarks=tuple(self.remarks),
        )  # fmt: skip

