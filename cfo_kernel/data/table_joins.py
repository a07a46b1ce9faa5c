"""How the tables of a plan are joined, with the SQL of each join: by equal columns, by a range, or both."""

from collections.abc import Sequence
from dataclasses import dataclass

from cfo_kernel.data.tables import Column, Kind, Table
from cfo_kernel.sql_text import quoted


@dataclass(frozen=True)
class ColumnRef:
    """A column together with its table."""

    table: Table
    column: Column

    @property
    def name(self) -> str:
        return f"{self.table.name}.{self.column.name}"

    @property
    def sql(self) -> str:
        return f"{quoted(self.table.name)}.{quoted(self.column.name)}"

    @property
    def has_clock(self) -> bool:
        """Whether the values include a time of day."""
        return self.column.kind is Kind.TIME and self.column.type != "DATE"


@dataclass(frozen=True)
class Span:
    """The part of a join that compares a value with the two ends of a range, both included. An empty end is open.

    Without `high`, a row is valid from its `low` until the next `low` among the rows with the same key.
    """

    value: ColumnRef
    low: ColumnRef
    high: ColumnRef | None = None

    @property
    def refs(self) -> tuple[ColumnRef, ...]:
        return (self.value, self.low, *([self.high] if self.high else []))

    @property
    def condition(self) -> str:
        value, low = self.value.sql, self.low.sql
        if self.high is None:
            until = f"{quoted(self.low.table.name)}.{quoted(hidden_name(self.low.table, '_until'))}"
            return f"{value} >= {low} AND ({until} IS NULL OR {value} < {until})"
        # A date at the end of a range means the whole day.
        is_whole_day = self.value.has_clock and not self.high.has_clock
        upper = f"{value} < {self.high.sql} + 1" if is_whole_day else f"{value} <= {self.high.sql}"
        return f"{_or_open(self.low, f'{value} >= {low}')} AND {_or_open(self.high, upper)}"


@dataclass(frozen=True)
class TableJoin:
    """A join of `table` to earlier tables. Each of `pairs` is an earlier column and one of `table`."""

    kind: str
    table: Table
    pairs: tuple[tuple[ColumnRef, ColumnRef], ...]
    span: Span | None = None

    @property
    def lefts(self) -> tuple[ColumnRef, ...]:
        """The columns of earlier tables."""
        spanned = [ref for ref in self.span.refs if ref.table != self.table] if self.span else []
        return (*(left for left, _ in self.pairs), *spanned)

    @property
    def rights(self) -> tuple[ColumnRef, ...]:
        """The columns of `table`."""
        spanned = [ref for ref in self.span.refs if ref.table == self.table] if self.span else []
        return (*(right for _, right in self.pairs), *spanned)

    @property
    def parent(self) -> str:
        """The earlier table that this one is joined to, or the first of several."""
        return self.lefts[0].table.name

    @property
    def is_equality_of_two(self) -> bool:
        """Whether the join only compares columns of one earlier table for equality."""
        return self.span is None and len({ref.table.name for ref in self.lefts}) == 1

    @property
    def lasts_until_next(self) -> bool:
        """Whether a row of `table` is valid until the next row with the same key."""
        return self.span is not None and self.span.high is None

    @property
    def on(self) -> str:
        """The condition of the join."""
        equal = [f"{left.sql} = {right.sql}" for left, right in self.pairs]
        return " AND ".join([*equal, *([self.span.condition] if self.span else [])])

    def source(self, conditions: Sequence[str] = (), *, numbered: bool = False) -> str:
        """The joined table in a FROM clause.

        The plan's `conditions` on this table apply before the next row of each row is found, because a table of prices
        may contain several lists.
        """
        if self.span is None or self.span.high is not None:
            return table_source(self.table, numbered=numbered)
        low = quoted(self.span.low.column.name)
        keys = ", ".join(quoted(right.column.name) for _, right in self.pairs)
        partition = f"PARTITION BY {keys} " if keys else ""
        # GROUPS, not ROWS, so that two rows with the same start are both valid: the checks then find the repeated rows.
        window = f"{partition}ORDER BY {low} GROUPS BETWEEN 1 FOLLOWING AND 1 FOLLOWING"
        until = f"min({low}) OVER ({window}) AS {quoted(hidden_name(self.table, '_until'))}"
        where = " AND ".join([f"{quoted(self.table.name)}.{low} IS NOT NULL", *conditions])
        source = table_source(self.table, numbered=numbered)
        return f"(SELECT *, {until} FROM {source} WHERE {where}) AS {quoted(self.table.name)}"  # noqa: S608 - quoted


def table_source(table: Table, *, numbered: bool = False) -> str:
    """A table in a FROM clause. If it is `numbered`, row numbers tell equal rows apart."""
    name = quoted(table.name)
    if not numbered:
        return name
    row = quoted(hidden_name(table, "_row"))
    return f"(SELECT *, row_number() OVER () AS {row} FROM {name}) AS {name}"  # noqa: S608 - quoted


def row_number(table: Table) -> str:
    """SQL for the row number in a numbered table."""
    return f"{quoted(table.name)}.{quoted(hidden_name(table, '_row'))}"


def hidden_name(table: Table, name: str) -> str:
    """A name for an added column that no column of the table has."""
    while table.column(name):
        name += "_"
    return name


def _or_open(end: ColumnRef, condition: str) -> str:
    """The condition, extended to hold if the end of the range is empty."""
    is_filled = end.column.nulls == 0 and end.column.distinct > 0
    return condition if is_filled else f"({end.sql} IS NULL OR {condition})"
