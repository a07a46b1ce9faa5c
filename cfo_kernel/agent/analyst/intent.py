"""Turns a draft into a reading: decides its table, figure, shape and rows."""

import re
from dataclasses import replace
from typing import Literal

from cfo_kernel.agent.analyst import grammar
from cfo_kernel.agent.analyst.draft import Draft, Entity
from cfo_kernel.agent.analyst.leftovers import Leftovers
from cfo_kernel.agent.analyst.marks import Sort
from cfo_kernel.agent.analyst.phrases import FUNCTIONS, MONEY_TALK, Ask
from cfo_kernel.agent.analyst.reading import By, NotUnderstood, Reading, Shape
from cfo_kernel.agent.analyst.settle import Settler
from cfo_kernel.agent.analyst.shapes import Shaper
from cfo_kernel.data.plan import Filter
from cfo_kernel.data.tables import Kind

_SIDES = (Ask.RATIO, Ask.DIVIDED, Ask.SHARE, Ask.DIFFERENCE)


def reading(question: str, draft: Draft, settler: Settler) -> Reading:
    """The reading of the whole draft; raises `NotUnderstood` if there is none."""
    return _Intent(question, draft, settler).read()


class _Intent(Leftovers):
    def read(self) -> Reading:
        draft = self.draft
        for entity in draft.bare:
            if self._of_measure(entity):
                continue
            self._one_of_many(entity)
            if not any(self._same(entity, g) for g in draft.groups):
                draft.groups.append(entity)
        self._check_leftovers()
        self._added_keys()
        dimension = self._dimension()
        if dimension is not None:
            return self._listing(dimension)
        table = self._table()
        base = Reading(
            question=self.question,
            table=table,
            column=self._column(table),
            date=self.schema.date(table),
            by=self._groups(table),
            order=draft.order,
            top=draft.top,
            thresholds=tuple(draft.thresholds),
            balance=draft.asks(Ask.BALANCE) or self._said_balance() or draft.ends is not None,
            when_at=self._when_at(),
            spoken_of=self._spoken_of(),
        )
        base = self._with_periods(base)
        base = self._with_picks(base)
        base = self._with_shape(base)
        self._not_converted(base)
        return replace(base, remarks=tuple(dict.fromkeys(self.remarks)))

    def _spoken_of(self) -> Literal["spending", "earning", ""]:
        if self.draft.asks(Ask.SPENDING):
            return "spending"
        return "earning" if self.draft.asks(Ask.EARNING) else ""

    def _said_balance(self) -> bool:
        """Whether 'balance' is merely appended to an account's name."""
        return any(
            m.sort is Sort.FILLER and self.draft.words[m.start].norm in ("balance", "balances")
            for m in self.draft.marks
        )

    def _when_at(self) -> tuple[int, int] | None:
        """The start and end of the period and its leading words, such as 'in the'. None if they are not contiguous."""
        marks, words = self.draft.marks, self.draft.words
        used = sorted(self.draft.when.used)
        if not used or any(m.sort not in (Sort.ASK, Sort.FILLER, Sort.PERIOD) for m in marks[used[0] : used[-1] + 1]):
            return None
        first = used[0]
        while first and (
            marks[first - 1].is_ask(Ask.IN, Ask.OF) or words[marks[first - 1].start].norm in ("on", "at", "the")
        ):
            first -= 1
        return words[marks[first].start].start, words[marks[used[-1]].end - 1].end

    def _of_measure(self, entity: Entity) -> bool:
        """Whether the entity merely completes the measure, as in 'average ownership of the organizations'."""
        before = self.draft.previous(entity.at)
        of = before is not None and self.draft.marks[before].is_ask(Ask.OF)
        return of and bool(entity.names) and any(m.table == n.table for m in self.draft.measure for n in entity.names)

    def _one_of_many(self, entity: Entity) -> None:
        """Raises for a singular such as 'the department', because it is unclear which department the user means."""
        mark, words = self.draft.marks[entity.at], self.draft.words
        said = words[mark.end - 1].norm
        pointed = mark.start and words[mark.start - 1].norm in ("the", "our", "my", "this", "that")
        if entity.names and pointed and not said.endswith("s") and not self.draft.order:
            raise NotUnderstood(f"I do not know which {self._entity_label(entity)} you mean. Name it.")

    def _same(self, one: Entity, other: Entity) -> bool:
        return one.grain is other.grain and {n.path for n in one.names} == {n.path for n in other.names}

    def _needed(self) -> set[str]:
        names = [s.name for s in self.draft.values]
        names += [n for g in self._entities() if len(g.names) == 1 for n in g.names]
        return {n.table for n in names}

    def _entities(self) -> list[Entity]:
        return [
            *self.draft.groups,
            *([self.draft.counted] if self.draft.counted and self.draft.counted.at >= 0 else []),
        ]

    def _dimension(self) -> str | None:
        """The dimension table that the question is about, or None if the question needs a fact table."""
        draft = self.draft
        entities = self._entities()
        figures = draft.measure and self.schema.is_fact(draft.measure[0].table)
        if (
            draft.rows
            or draft.count_rows
            or figures
            or draft.facts
            or draft.thresholds
            or draft.when.used
            or not entities
        ):
            return None
        if (
            any(g.grain for g in entities)
            or (draft.order and draft.top)
            or draft.asks(*FUNCTIONS, *_SIDES, Ask.SUM, Ask.RUNNING)
        ):
            return None
        if draft.asks(Ask.VARIANCE, Ask.VERSUS, Ask.YTD, Ask.MOM, Ask.QOQ, Ask.YOY, Ask.CHANGE, Ask.GROWTH):
            return None
        if not (draft.asks(Ask.LIST, Ask.COUNT, Ask.WHICH) or not draft.values):
            return None
        start = entities[0].names[0].table
        if draft.counted and len(entities) > 1:
            start = next((n.table for n in draft.counted.names), start)
        tables = self._needed() | {n.table for n, _ in draft.bounds}
        starts = [start, *sorted(tables - {start})]  # 'what currency does Germany use' starts at organizations
        return next(
            (
                t
                for t in starts
                if not self.schema.is_fact(t) and self.schema.joins(t, (tables | {start}) - {t}) is not None
            ),
            None,
        )

    def _table(self) -> str:
        draft, needed = self.draft, self._needed()
        if draft.measure:
            candidates = list(dict.fromkeys(n.table for n in draft.measure))
        elif draft.facts:
            candidates = list(dict.fromkeys(draft.facts))
        else:
            candidates = [t.name for t in self.schema.facts()]
            if draft.asks(*MONEY_TALK):
                money = [t for t in candidates if grammar.ledger_like(self.schema, t)]
                candidates = money or candidates
        fitting = [t for t in candidates if self.schema.joins(t, needed - {t}) is not None]
        if draft.facts and len(fitting) > 1:
            fitting = [t for t in fitting if t in draft.facts] or fitting
        if not fitting:
            known = ", ".join(self.schema.table_label(t) for t in candidates)
            raise NotUnderstood(
                f"The names in the question do not belong together: none of the tables ({known}) contains all of them."
            )
        if (not draft.values and not draft.measure and not draft.facts and len(fitting) > 1) or len(fitting) > 1:
            tables = " or ".join(self.schema.table_label(t) for t in fitting)
            raise NotUnderstood(f"I do not know which figures you mean: those in {tables}?")
        if not (
            draft.values
            or draft.measure
            or draft.facts
            or draft.rows
            or draft.count_rows
            or draft.counted
            or draft.groups
        ):
            raise NotUnderstood("The question does not name a figure in these tables.")
        return fitting[0]

    def _column(self, table: str) -> str | None:
        draft = self.draft
        if named := next((n for n in draft.measure if n.table == table), None):
            if draft.asks(*MONEY_TALK) and not self.schema.is_ledger_amount(named.path):
                raise NotUnderstood(f"I do not know what 'cost' or 'spent' means for {self.schema.label(named.path)}.")
            self._numbered(table, named.column)
            return named.path
        if draft.asks(Ask.FIRST, Ask.LAST, Ask.WHEN):
            return None
        if draft.count_rows or (draft.counted and draft.counted.at >= 0 and not draft.thresholds):
            return None
        columns = self.schema.measures(self.schema.tables[table])
        if len(columns) != 1:
            labels = [self.schema.label(f"{table}.{c.name}") for c in columns]
            choices = self._with_figure(labels)
            what = " or ".join(labels) or "nothing"
            raise NotUnderstood(
                f"I do not know which figure you mean: {self.schema.table_label(table)} has {what}.", choices
            )
        column = f"{table}.{columns[0].name}"
        if draft.asks(*MONEY_TALK) and not self.schema.is_ledger_amount(column):
            raise NotUnderstood(f"I do not know whether {self.schema.label(column)} is what 'cost' or 'spent' means.")
        return column

    def _numbered(self, table: str, column: str) -> None:
        """Raises for 'amount' if the table has several numbered columns of that name, such as amount_2 and amount_3."""
        form = re.compile(rf"{re.escape(re.sub(r'[ _]?[0-9]+$', '', column))}[ _]?[0-9]*", re.IGNORECASE)
        alike = [c.name for c in self.schema.measures(self.schema.tables[table]) if form.fullmatch(c.name)]
        said = {w.norm for w in self.draft.words}
        numbered = any(w.isdigit() and column.endswith(w) for w in said) or column.lower() in said
        if len(alike) > 1 and not (numbered and column[-1].isdigit()):
            raise NotUnderstood(
                f"'{column}' may be any of these columns: {', '.join(alike)}.",
                self._with_figure([n.replace("_", " ") for n in alike if n != column]),
            )

    def _added_keys(self) -> None:
        """Raises for 'total account no', since adding up identifiers is meaningless."""
        draft = self.draft
        if not draft.asks(Ask.SUM, *FUNCTIONS):
            return
        for entity in draft.bare:
            before = draft.previous(entity.at, Ask.OF)
            if before is None or not draft.marks[before].is_ask(Ask.SUM, *FUNCTIONS):
                continue
            for name in entity.names:
                if name.kind == "column" and self.schema.column(name.path)[1].kind is Kind.NUMBER:
                    label = self.schema.label(name.path)
                    raise NotUnderstood(f"'{label}' is an identifier, not a figure, so it is never added up.")

    def _with_figure(self, labels: list[str]) -> tuple[str, ...]:
        """The question once for each label. The label replaces the table's name or is added at the front."""
        named = next((m for m in self.draft.marks if self.draft.is_fact(m.names)), None)
        if named and not self.draft.count_rows:
            return tuple(self.settler.swap(named, label) for label in labels)
        return tuple(f"{label} {self.question}" for label in labels)

    def _by(self, entity: Entity, table: str) -> By:
        if entity.grain:
            date = self.schema.date(table)
            if date is None:
                raise NotUnderstood(self.schema.no_date(table, f"to group by {entity.grain.value}"))
            return By(date, entity.grain.value, entity.grain)
        names = [n for n in entity.names if self.schema.joins(table, {n.table} - {table}) is not None]
        if not names:
            raise NotUnderstood(f"{self.schema.table_label(table)} cannot be grouped by {self._entity_label(entity)}.")
        name = next((n for n in names if n.table == table), names[0])
        if name.kind == "table":
            raise NotUnderstood(f"I do not know which column in {self.schema.table_label(name.table)} to group by.")
        return By(name.path, self.schema.label(name.path))

    def _groups(self, table: str) -> tuple[By, ...]:
        """The groups, with the fiscal year added to fiscal quarters, which would otherwise mix several years."""
        groups = list(dict.fromkeys(self._by(g, table) for g in self.draft.groups))
        columns = [g.column.rpartition(".")[2].lower() for g in groups]
        if "fiscal_quarter" in columns and "fiscal_year" not in columns and not self.draft.when.fiscal:
            year = self._fiscal_column(table, "year")
            groups.insert(columns.index("fiscal_quarter"), By(year, self.schema.label(year)))
        return tuple(groups)

    def _entity_label(self, entity: Entity) -> str:
        name = entity.names[0]
        return self.schema.label(name.path) if name.column else self.schema.table_label(name.table)

    def _with_shape(self, base: Reading) -> Reading:
        return Shaper(self.draft, self.settler, self.remarks).shape(base)

    def _listing(self, table: str) -> Reading:
        """Lists or counts the names in a dimension table."""
        draft = self.draft
        picks = self._picks(draft.values)
        bounds = tuple(Filter(column=n.path, op=t.op, value=t.value) for n, t in draft.bounds)
        by = tuple(dict.fromkeys(self._by(g, table) for g in draft.groups))
        if draft.counted:
            counted = self._by(draft.counted, table)
            return Reading(
                self.question, table, functions=("count",), counted=counted, picks=picks, conditions=bounds, by=by,
                remarks=tuple(self.remarks),
            )  # fmt: skip
        if draft.measure:
            by += tuple(By(n.path, self.schema.label(n.path)) for n in draft.measure[:1])
        if draft.order:
            raise NotUnderstood("I do not know which figure to rank by. Name an account, a measure or 'postings'.")
        return Reading(
            self.question, table, shape=Shape.LIST, functions=(), picks=picks, conditions=bounds, by=by,
            remarks=tuple(self.remarks),
        )  # fmt: skip
