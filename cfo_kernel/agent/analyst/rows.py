"""Reads which rows a question is about, from its periods, its names and the glossary's defaults."""

from dataclasses import replace
from itertools import groupby, pairwise
from typing import Literal

from cfo_kernel.agent.analyst.draft import Draft, Said
from cfo_kernel.agent.analyst.marks import Sort
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.reading import NotUnderstood, Pick, Reading
from cfo_kernel.agent.analyst.settle import Settler
from cfo_kernel.data.plan import Filter, Grain
from cfo_kernel.data.tables import Kind


class Rows:
    """Reads the row filters in one draft."""

    def __init__(self, question: str, draft: Draft, settler: Settler) -> None:
        self.question, self.draft, self.settler = question, draft, settler
        self.schema = draft.schema
        self.remarks = [m.remark for m in draft.marks if m.remark] + list(draft.when.remarks)

    def _with_periods(self, base: Reading) -> Reading:
        when = self.draft.when
        conditions = tuple(self._fiscal(base.table))
        if when.periods and base.date is None:
            raise NotUnderstood(self.schema.no_date(base.table, "to use for the period"))
        months = {Grain.QUARTER: 3, Grain.YEAR: 12}.get(self.draft.ends or Grain.DAY, 1)
        for period in when.periods if self.draft.ends else ():
            if period.grain is Grain.DAY or (period.end and period.end.month % months):
                raise NotUnderstood(f"{period.label} is not at the end of a {self.draft.ends}.")
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
        raise NotUnderstood(f"The tables do not show which fiscal {part} a date belongs to.")

    def _with_picks(self, base: Reading) -> Reading:
        """Adds the filters by value; if the question names no scenario, adds the glossary's default."""
        draft = self.draft
        self._interleaved()
        for said in draft.values:
            self._left_out(said)
        picks = list(self._picks(draft.values))
        for column, value in self.schema.notes(base.table).defaults.items():
            named = any(p.column == column for p in picks) or any(b.column == column for b in base.by)
            if (
                not named
                and not self._plain_rows(picks)
                and not (draft.counted and any(n.path == column for n in draft.counted.names))
            ):
                picks.append(Pick(column, (str(value),), default=True))
        conditions = list(base.conditions)
        for name, bound in draft.bounds:
            conditions.append(Filter(column=name.path, op=bound.op, value=bound.value))
        return replace(base, picks=tuple(picks), conditions=tuple(conditions))

    def _interleaved(self) -> None:
        """Refuses names that cannot be combined in one set of filters, such as the pairs in 'A of X and B of Y'."""
        scenarios = {c for f in self.schema.facts() for c in self.schema.notes(f.name).defaults}
        paths = [s.name.path for s in self.draft.values if not s.negated and s.name.path not in scenarios]
        runs = [path for path, _ in groupby(paths)]
        if len(set(runs)) < len(runs):
            raise NotUnderstood("I cannot tell which of the names belong together. Ask for one pair at a time.")
        for first, second in pairwise([s for s in self.draft.values if not s.negated]):
            between = self.draft.marks[first.at + 1 : second.at]
            listed = all(m.sort is Sort.FILLER or m.is_ask(Ask.AND, Ask.OR, Ask.TOGETHER) for m in between)
            comma = "," in self.draft.words[self.draft.marks[second.at].start].before
            said = any(m.is_ask(Ask.AND, Ask.OR, Ask.TOGETHER) for m in between) or comma
            kinds = first.name.path != second.name.path and first.name.table == second.name.table
            if listed and said and kinds:
                raise NotUnderstood(
                    f"{first.name.value} is a {self.schema.label(first.name.path)} and {second.name.value} a "
                    f"{self.schema.label(second.name.path)}: I cannot list them together. Ask for one at a time."
                )
        entities = (*self.draft.bare, *((self.draft.asked,) if self.draft.asked else ()))
        columns = {n.path for e in entities for n in e.names}
        excluded = [s.name.path for s in self.draft.values if s.negated]
        if columns and excluded and not paths and not self.draft.measure and not columns & set(excluded):
            raise NotUnderstood(
                "I can show rows that exist, but not rows that are missing. Ask for the figures by group instead."
            )

    def _left_out(self, said: Said) -> None:
        """Asks whether 'excluding Corporate' excludes everything below it too, or only rows booked directly on it."""
        found = self.schema.parent(said.name.path, said.name.value) if said.negated else None
        before = self.draft.previous(said.at)
        if found is None or not found[1].booked or (before is not None and self.draft.marks[before].is_ask(Ask.ALL)):
            return
        tree, node = found
        itself = f"{self.schema.label(f'{said.name.table}.{tree.key}')} {node.key}"
        others = sum(1 for _ in tree.below(node.key)) - 1
        mark = self.draft.marks[said.at]
        raise NotUnderstood(
            f"{node.name} is a {tree.noun} with its own rows, and has {others} others below it. I do not know "
            f"whether to exclude the whole of {node.name}, including everything below it, or only its own "
            f"rows ({itself}).",
            (self.settler.swap(mark, itself), self.settler.swap(mark, f"the whole {node.name}")),
        )

    def _plain_rows(self, picks: list[Pick]) -> bool:
        """Whether all rows are counted, without a default scenario, as in 'how many rows does the table have'."""
        said = {w.norm for w in self.draft.words}
        return self.draft.count_rows and not picks and bool(said & {"row", "rows", "record", "records"})

    def _picks(self, values: list[Said]) -> tuple[Pick, ...]:
        found: dict[tuple[str, bool], list[str]] = {}
        for said in values:
            listed = found.setdefault((said.name.path, said.negated), [])
            if said.name.value not in listed:
                listed.append(said.name.value)
        return tuple(Pick(column, tuple(listed), negated) for (column, negated), listed in found.items())

    def _not_converted(self, base: Reading) -> None:
        """Refuses 'Salaries in USD', because amounts are not converted; 'currency USD' is a filter."""
        if base.column is None:
            return
        unit = self.schema.glossary.column(*base.column.split(".", 1)).unit_of_row
        for said in self.draft.values if unit else ():
            mark, before = self.draft.marks[said.at], self.draft.previous(said.at)
            source = unit.source.partition(".")[0] if unit else ""
            into = before is not None and self.draft.marks[before].is_ask(Ask.IN, Ask.TO)
            if said.name.table == source and into and self.settler.is_bare(mark):
                label = self.schema.label(said.name.path)
                raise NotUnderstood(
                    "Amounts are not converted: they are in the currency of their rows. "
                    f"I can show the rows whose {label} is {said.name.value}.",
                    (self.settler.swap(mark, f"{label} {said.name.value}"),),
                )
