"""Balances are read at one date: who has rows in the period, but none at that date, is asked about or told.

A subsidiary that closes a day earlier would vanish from the balance without a word.
"""

from dataclasses import dataclass
from datetime import date

from cfo_kernel.agent.analyst.coverage import Table
from cfo_kernel.agent.analyst.periods import Period, as_date, day_before, month_of
from cfo_kernel.agent.analyst.planner import row_filters, tables_of, within
from cfo_kernel.agent.analyst.reading import NotUnderstood, Reading, Shape
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.wording import figure, joined
from cfo_kernel.data.plan import Aggregate, Grain, Group, Having, Measure, Order, QueryPlan

_MOST_PERIODS = 8
_MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Close:
    """The last date of a period, with the first date of the period that has rows."""

    first: date
    last: date


def closes_of(reading: Reading, dates: Table) -> tuple[Close, ...]:
    """The dates at which the balances are read, where the period has rows of other dates too; the newest first."""
    found = sorted(d for row in dates["rows"] if (d := as_date(row[0])))
    grain = next((b.grain for b in reading.by if b.grain), None)
    if grain is None and reading.shape is Shape.COMPARE:
        grain = reading.periods[0].grain
    start = min((p.start for p in reading.periods if p.start), default=date.min)
    periods: dict[tuple[int, ...], list[date]] = {}
    for day in (d for d in found if d >= start):
        periods.setdefault(_period(day, grain), []).append(day)
    several = [Close(days[0], days[-1]) for days in periods.values() if len(days) > 1]
    return tuple(several[::-1][:_MOST_PERIODS])


def _period(day: date, grain: Grain | None) -> tuple[int, ...]:
    match grain:
        case Grain.YEAR:
            return (day.year,)
        case Grain.QUARTER:
            return (day.year, (day.month - 1) // 3)
        case Grain.MONTH:
            return (day.year, day.month)
        case None:
            return ()
        case _:
            return (day.year, day.month, day.day)


def members(schema: Schema, reading: Reading) -> tuple[str, ...]:
    """The columns that tell whose balance it is: the names in the tables that the fact table points at."""
    defaults = {c.partition(".")[0] for c in schema.notes(reading.table).defaults}
    names: list[str] = []
    for relation in schema.tables.relations:
        table = schema.tables[relation.to_table]
        naming = schema.naming_column(table)
        if relation.table == reading.table and naming and table.name not in defaults:
            names.append(f"{table.name}.{naming.name}")
    return tuple(dict.fromkeys(names))


def plan(schema: Schema, reading: Reading, close: Close) -> QueryPlan:
    """The members whose last date in the period is before its close, day by day, the newest first."""
    columns = members(schema, reading)
    joined_to = tables_of(reading) | {c.partition(".")[0] for c in columns} - {reading.table}
    column = reading.date or ""
    at_close = Aggregate(fn="count", where=within(column, Period(close.last, close.last, "")))
    return QueryPlan(
        table=reading.table,
        joins=schema.joins(reading.table, joined_to) or (),
        filters=(*row_filters(reading), *within(column, Period(close.first, close.last, ""))),
        group_by=tuple(Group(column=c, name=c.replace(".", "_")) for c in columns),
        select=(
            Measure(name="last", expression=Aggregate(fn="max", column=column)),
            Measure(name="at_close", expression=at_close),
        ),
        having=(Having(measure="at_close", op="=", value=0),),
        order_by=(Order(by="last", direction="desc"),),
        limit=1000,
    )


def amounts(schema: Schema, reading: Reading, close: Close) -> QueryPlan:
    """The figures of the members on the days of the close's month before it."""
    columns = members(schema, reading)
    joined_to = tables_of(reading) | {c.partition(".")[0] for c in columns} - {reading.table}
    column = reading.date or ""
    days = Period(close.last.replace(day=1), day_before(close.last), "")
    return QueryPlan(
        table=reading.table,
        joins=schema.joins(reading.table, joined_to) or (),
        filters=(*row_filters(reading), *within(column, days)),
        group_by=(
            *(Group(column=c, name=c.replace(".", "_")) for c in columns),
            Group(column=column, grain=Grain.DAY, name="day"),
        ),
        select=(Measure(name="figure", expression=Aggregate(fn="sum", column=reading.column)),),
        order_by=(Order(by="day", direction="desc"),),
        limit=1000,
    )


def judge(reading: Reading, close: Close, late: Table, held: Table) -> str | None:
    """Says who is missing at a close; asks back where one figure rests on it and they are only days late."""
    rows = late["rows"]
    if not rows:
        return None
    size = len(late["columns"]) - 2
    near = [r for r in rows if (d := as_date(r[size])) and month_of(d) == month_of(close.last)]
    if not near:
        names = _names(rows, size)
        return f"Without rows in {close.last:%B %Y}, so not in the balance at {close.last}: {names}."
    sums: dict[tuple[str, ...], float] = {}
    for row in held["rows"]:  # the newest day first: the last figure of each
        sums.setdefault(tuple(map(str, row[:size])), row[size + 1])
    missing = [sums.get(tuple(map(str, r[:size])), 0) for r in near]
    days = joined(sorted({str(as_date(r[size])) for r in near}))
    amount = "" if held["row_count"] > len(held["rows"]) else f", with {figure(sum(v or 0 for v in missing), 2)}"
    text = f"The balance at {close.last} does not hold {_names(near, size)}: their last rows are of {days}{amount}."
    if any(b.grain for b in reading.by) or reading.shape is Shape.COMPARE:
        return text
    choices: tuple[str, ...] = ()
    if reading.when_at:
        start, end = reading.when_at
        closed = sorted({str(as_date(r[size])) for r in near} | {str(close.last)})
        choices = tuple(f"{reading.question[:start]}on {day}{reading.question[end:]}" for day in closed)
    raise NotUnderstood(
        f"There is no one date at which all of it was closed. {text} Ask for them by their dates.", choices
    )


def _names(rows: list[list[object]], size: int) -> str:
    """The parts of the members that differ: 'France and Germany'."""
    names = [[str(v) for v in r[:size]] for r in rows]
    differing = [i for i in range(size) if len({n[i] for n in names}) > 1] or list(range(size))
    listed = list(dict.fromkeys(" ".join(n[i] for i in differing) for n in names))
    more = f" and {len(listed) - _MOST_NAMED} others" if len(listed) > _MOST_NAMED else ""
    return f"{', '.join(listed[:_MOST_NAMED])}{more}" if more else joined(listed)
