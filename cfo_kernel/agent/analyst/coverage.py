"""Surveys the data before a question is answered: which rows, dates, kinds of rows and units exist.

One plan counts the rows that pass the question's filters, for each period, side and named value. It groups them by the
columns that decide whether figures may be added up: columns whose values are kept apart, balance indicators, and the
unit.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from cfo_kernel.agent.analyst.periods import Period, as_date, number_of, runs
from cfo_kernel.agent.analyst.planner import row_filters, span_of, tables_of, within
from cfo_kernel.agent.analyst.reading import NotUnderstood, Pick, Reading
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.wording import joined, plural
from cfo_kernel.data.glossary import Unit
from cfo_kernel.data.plan import Aggregate, Grain, Group, Measure, Order, QueryPlan

Table = dict[str, Any]
_MOST_ROWS = 50


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows for one side of the question in one period; `name` is the prefix of its columns in the survey."""

    name: str
    side: tuple[Pick, ...]
    period: Period | None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A slice's row count, and the first and last date of its rows."""

    slice: Slice
    rows: int
    first: date | None
    last: date | None


class Survey:
    """Builds the survey plan for a reading, and gives access to its result."""

    def __init__(self, schema: Schema, reading: Reading) -> None:
        self.schema, self.reading = schema, reading
        self.unit = self._unit()
        self.columns = self._columns()
        self.slices = tuple(self._slices())
        self._rows: list[dict[str, Any]] = []

    def plan(self) -> QueryPlan:
        reading = self.reading
        tables = tables_of(reading) | {c.partition(".")[0] for c in self.columns} - {reading.table}
        if reading.date:
            tables |= {reading.date.partition(".")[0]} - {reading.table}
        return QueryPlan(
            table=reading.table,
            joins=self.schema.joins(reading.table, tables) or (),
            filters=row_filters(reading),
            group_by=tuple(Group(column=c, name=c.replace(".", "_")) for c in self.columns),
            select=tuple(m for s in self.slices for m in self._measures(s)),
            limit=1000,
        )

    def take(self, result: Table) -> None:
        """Stores the plan's result. Raises if the result is incomplete."""
        if int(result.get("row_count", 0)) > len(result["rows"]):
            raise NotUnderstood(
                "There are too many kinds of rows to add them up into one figure. Ask for something narrower."
            )
        names = [c["name"] for c in result["columns"]]
        self._rows = [dict(zip(names, row, strict=True)) for row in result["rows"]]

    def held(self, wanted: Slice) -> Held:
        """The row count and dates of a slice, over all groups."""
        rows = sum(int(r[f"{wanted.name}_rows"] or 0) for r in self._rows)
        firsts = [d for r in self._rows if (d := as_date(r.get(f"{wanted.name}_first")))]
        lasts = [d for r in self._rows if (d := as_date(r.get(f"{wanted.name}_last")))]
        return Held(wanted, rows, min(firsts, default=None), max(lasts, default=None))

    def kinds(self, column: str, slices: Iterable[Slice]) -> tuple[str, ...]:
        """The values that a grouped column has in these slices."""
        heads = [f"{s.name}_rows" for s in slices]
        key = column.replace(".", "_")
        return tuple(dict.fromkeys(str(r[key]) for r in self._rows if any(r[h] for h in heads)))

    def groups(self, slices: Iterable[Slice]) -> Iterator[dict[str, str]]:
        """The combinations of group values that have rows in these slices."""
        heads = [f"{s.name}_rows" for s in slices]
        for row in self._rows:
            if any(row[h] for h in heads):
                yield {c: str(row[c.replace(".", "_")]) for c in self.columns}

    @property
    def sides(self) -> tuple[tuple[Pick, ...], ...]:
        """The question's two sides, or a single empty side if it compares nothing."""
        return (self.reading.left, self.reading.right) if self.reading.left else ((),)

    def of(self, side: tuple[Pick, ...]) -> tuple[Slice, ...]:
        """The slices that the answer uses for a side: one per period, or one for all time."""
        mine = tuple(s for s in self.slices if s.side == side and s.value is None)
        return tuple(s for s in mine if s.period) or mine

    def _columns(self) -> tuple[str, ...]:
        notes = self.schema.notes(self.reading.table)
        wanted = [*self.schema.kept_apart(self.reading.table), *notes.balances]
        if self.unit:
            wanted += [self.unit.source, *self.unit.unless]
        return tuple(c for c in dict.fromkeys(wanted) if self._reachable(c))

    def _unit(self) -> Unit | None:
        if self.reading.column is None or self.reading.functions in (("count",), ("count_distinct",)):
            return None
        table, _, column = self.reading.column.partition(".")
        return self.schema.glossary.column(table, column).unit_of_row

    def _reachable(self, column: str) -> bool:
        table = column.partition(".")[0]
        return self.schema.joins(self.reading.table, {table} - {self.reading.table}) is not None

    def _slices(self) -> Iterator[Slice]:
        reading = self.reading
        for i, side in enumerate(self.sides):
            yield Slice(f"s{i}", side, None)
            for k, period in enumerate(reading.periods):
                yield Slice(f"s{i}p{k}", side, period)
        several = [p for p in reading.picks if len(p.values) > 1 and not p.negated]
        for i, pick in enumerate(several):
            for k, value in enumerate(pick.values):
                yield Slice(f"v{i}_{k}", (Pick(pick.column, (value,)),), None, value)

    def _measures(self, wanted: Slice) -> Iterator[Measure]:
        reading = self.reading
        where = tuple(p.filter() for p in wanted.side)
        if wanted.period and reading.date:
            where += within(reading.date, wanted.period)
        elif wanted.value is not None:
            where += span_of(reading)
        yield Measure(name=f"{wanted.name}_rows", expression=Aggregate(fn="count", where=where))
        if reading.date and wanted.value is None:
            for name, fn in (("first", "min"), ("last", "max")):
                figure = Aggregate.model_validate({"fn": fn, "column": reading.date, "where": where})
                yield Measure(name=f"{wanted.name}_{name}", expression=figure)


def closes(schema: Schema, reading: Reading) -> QueryPlan:
    """Counts the rows on each date up to the end of the question's periods, latest date first."""
    column = reading.date or ""
    ends = [p.end for p in reading.periods]
    until = within(column, Period(None, max(e for e in ends if e), "")) if ends and all(ends) else ()
    return QueryPlan(
        table=reading.table,
        joins=schema.joins(reading.table, tables_of(reading)) or (),
        filters=(*row_filters(reading), *until),
        group_by=(Group(column=column, grain=Grain.DAY, name="close"),),
        select=(Measure(name="postings", expression=Aggregate(fn="count")),),
        order_by=(Order(by="close", direction="desc"),),
        limit=_MOST_ROWS,
    )


def months(schema: Schema, reading: Reading, grain: Grain) -> QueryPlan:
    """Lists the periods that have rows. An average per month divides by their number."""
    return QueryPlan(
        table=reading.table,
        joins=schema.joins(reading.table, tables_of(reading)) or (),
        filters=(*row_filters(reading), *span_of(reading)),
        group_by=(Group(column=reading.date or "", grain=grain, name="period"),),
        limit=1000,
    )


def divided(reading: Reading, result: Table) -> str | None:
    """A note on the periods that an average was divided by, or None if they are exactly the requested periods."""
    if reading.per is None:
        return None
    labels = [row[0] for row in result["rows"]]
    asked = [p for p in reading.periods if p.start and p.end]
    if asked and sum(number_of(p, reading.per) for p in asked) == len(labels):
        return None
    return f"The {plural(reading.per.value)} counted are {joined(runs(labels, reading.per))}."
