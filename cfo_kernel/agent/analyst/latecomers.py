"""Finds entities that have rows in a period but none at its closing date, the date at which balances are read.

Without this check, a subsidiary that closes a day earlier would silently vanish from the balance. If a subsidiary has
other accounts in the balance, it has closed: amounts that it last posted on an earlier day are excluded, with a note.
If each account were read at its own last date, assets would not equal liabilities and equity.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from cfo_kernel.agent.analyst.coverage import Table
from cfo_kernel.agent.analyst.periods import Period, as_date, day_before, month_of, place_in
from cfo_kernel.agent.analyst.planner import row_filters, tables_of, within
from cfo_kernel.agent.analyst.reading import NotUnderstood, Reading, Shape
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.wording import figure, joined
from cfo_kernel.data.plan import Aggregate, Grain, Group, Having, Measure, Order, QueryPlan

MOST_PERIODS = 8
_MOST_NAMED = 6
Row = list[Any]


@dataclass(frozen=True, slots=True)
class Close:
    """The first and last dates with rows in a period. Balances are read at the last date."""

    first: date
    last: date


def closes_of(reading: Reading, dates: Table) -> tuple[Close, ...]:
    """The closes of the periods that also have rows on other dates, newest first."""
    found = sorted(d for row in dates["rows"] if (d := as_date(row[0])))
    grain = next((b.grain for b in reading.by if b.grain), None)
    if grain is None and reading.shape is Shape.COMPARE:
        grain = reading.periods[0].grain
    start = min((p.start for p in reading.periods if p.start), default=date.min)
    periods: dict[tuple[int, ...], list[date]] = {}
    for day in (d for d in found if d >= start):
        periods.setdefault(place_in(day, grain), []).append(day)
    several = [Close(days[0], days[-1]) for days in periods.values() if len(days) > 1]
    return tuple(several[::-1][:MOST_PERIODS])


@dataclass(frozen=True, slots=True)
class Members:
    """The columns that identify a balance: the naming columns of the tables that the fact table refers to.

    `owners` are the columns for entities that close their books, such as subsidiaries. Names in a tree with operators,
    such as accounts, are not among them, because they say what is measured.
    """

    columns: tuple[str, ...]
    owners: tuple[str, ...]

    def owner(self, row: Row) -> Row:
        """The names in a row that identify the owner."""
        return [row[i] for i, column in enumerate(self.columns) if column in self.owners]

    def measured(self, row: Row) -> str:
        """The names in a row that say what is measured."""
        return " ".join(str(row[i]) for i, column in enumerate(self.columns) if column not in self.owners)


def members(schema: Schema, reading: Reading) -> Members:
    """The columns that identify the reading's balances."""
    defaults = {c.partition(".")[0] for c in schema.notes(reading.table).defaults}
    names: dict[str, bool] = {}
    for relation in schema.tables.relations:
        table = schema.tables[relation.to_table]
        naming = schema.naming_column(table)
        if relation.table == reading.table and naming and table.name not in defaults:
            tree = schema.notes(table.name).hierarchy
            names[f"{table.name}.{naming.name}"] = tree is None or tree.operator is None
    return Members(tuple(names), tuple(c for c, is_owner in names.items() if is_owner))


def plan(schema: Schema, reading: Reading, close: Close, columns: tuple[str, ...]) -> QueryPlan:
    """A plan that lists the members whose last date in the period is before its close, latest first."""
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


def amounts(schema: Schema, reading: Reading, close: Close, columns: tuple[str, ...]) -> QueryPlan:
    """A plan that lists the members' figures on the days before the close in its month, newest day first."""
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


class Lateness:
    """Reports entities that have no rows at a close.

    `late` lists them by all columns and `absent` by the owners alone; `held` contains the figures before the close.
    """

    def __init__(self, who: Members, close: Close, late: Table, absent: Table, held: Table) -> None:
        self._who, self._close, self._held = who, close, held
        size = self._size = len(who.columns)
        missing = [r[: len(who.owners)] for r in absent["rows"]]
        rows: list[Row] = late["rows"]
        near = [r for r in rows if (d := as_date(r[size])) and month_of(d) == month_of(close.last)]
        self._absent = [r for r in near if who.owner(r) in missing]
        self._parts = [r for r in near if who.owner(r) not in missing]
        self._long_ago = rows if not near else list[Row]()

    def judge(self, reading: Reading) -> str | None:
        """The note to add, if any.

        Asks for clarification if the user wants a single figure and an entity is days late.
        """
        close = self._close.last
        if self._long_ago:
            names = _names(r[: self._size] for r in self._long_ago)
            return f"Not included in the balance at {close}, because there are no rows in {close:%B %Y}: {names}."
        absent, parts = self._told_absent(), self._told_parts()
        series = any(b.grain for b in reading.by) or reading.shape is Shape.COMPARE
        if not absent or series:
            return " ".join(t for t in (absent, parts) if t) or None
        choices: tuple[str, ...] = ()
        if reading.when_at:
            start, end = reading.when_at
            closed = sorted({self._day(r) for r in self._absent} | {str(close)})
            choices = tuple(f"{reading.question[:start]}on {day}{reading.question[end:]}" for day in closed)
        raise NotUnderstood(
            f"They did not all close on the same date. {absent} Ask for each one as of its own date.", choices
        )

    def _told_absent(self) -> str:
        """A note on entities that are missing from the balance altogether."""
        if not self._absent:
            return ""
        days = joined(sorted({self._day(r) for r in self._absent}))
        names = _names(r[: self._size] for r in self._absent)
        amount = self._amount(self._absent)
        with_amount = f", with {amount}" if amount else ""
        return (
            f"The balance at {self._close.last} does not include {names}: "
            f"their last rows are dated {days}{with_amount}."
        )

    def _told_parts(self) -> str:
        """A note on amounts that entities in the balance last posted on an earlier day."""
        if not self._parts:
            return ""
        listed = list(dict.fromkeys(self._who.measured(r) for r in self._parts))
        what = joined([f"{m} of {self._owners(m)}" for m in listed[:_MOST_NAMED]])
        more = f" and {len(listed) - _MOST_NAMED} others" if len(listed) > _MOST_NAMED else ""
        days = {self._day(r) for r in self._parts}
        amount = self._amount(self._parts)
        with_amount = f", with {amount}" if amount else ""
        last = f"last posted on {joined(sorted(days))}{with_amount}"
        text = f"The balance at {self._close.last} does not include {what}{more}: {last}."
        owners = [self._who.owner(r) for r in self._parts]
        same_days = [r for r in self._held["rows"] if self._day(r) in days and self._who.owner(r) in owners]
        total = self._sum(r[self._size + 1] for r in same_days)
        return f"{text} The amounts posted on those dates add up to {total}." if total not in ("", amount) else text

    def _owners(self, measured: str) -> str:
        return _names(self._who.owner(r) for r in self._parts if self._who.measured(r) == measured)

    def _amount(self, rows: list[Row]) -> str:
        """The sum of the members' latest figures."""
        last: dict[tuple[str, ...], Any] = {}
        for row in self._held["rows"]:
            last.setdefault(tuple(map(str, row[: self._size])), row[self._size + 1])
        return self._sum(last.get(tuple(map(str, r[: self._size])), 0) for r in rows)

    def _sum(self, figures: Iterable[Any]) -> str:
        """The sum as text, or an empty string if the result is truncated or a figure is not a number."""
        known = [f or 0 for f in figures]
        whole = self._held["row_count"] == len(self._held["rows"]) and not any(isinstance(f, str) for f in known)
        return figure(sum(known), 2) if whole else ""

    def _day(self, row: Row) -> str:
        return str(as_date(row[self._size]))


def _names(members: Iterable[Row]) -> str:
    """Lists the names by the parts in which they differ: 'France and Germany'."""
    names = [[str(v) for v in m] for m in members]
    size = len(names[0])
    differing = [i for i in range(size) if len({n[i] for n in names}) > 1] or list(range(size))
    listed = list(dict.fromkeys(" ".join(n[i] for i in differing) for n in names))
    more = f" and {len(listed) - _MOST_NAMED} others" if len(listed) > _MOST_NAMED else ""
    return f"{', '.join(listed[:_MOST_NAMED])}{more}" if more else joined(listed)
