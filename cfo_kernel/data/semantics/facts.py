"""Facts that the rows of a table show about its columns.

They are counted once for each version of a file, and stored with the file. This module only defines the values:
`table_facts` and `relation_facts` count them, and the inference reads them.
"""

from pydantic import Field

from cfo_kernel.values import Value

FORMAT = 2
"""The version of the stored facts. Raise it to have all facts counted again."""


class NumberFacts(Value):
    """The number of values in a column of numbers, and how many of them are negative, zero or whole."""

    filled: int = 0
    negative: int = 0
    zero: int = 0
    whole: int = 0


class DateFacts(Value):
    """The distinct days in a column of dates: how many there are, how far apart, and where in a month.

    `month_ends` and `month_starts` count distinct days. `gap` is the most frequent number of days from one to the next,
    and `even` the share of distances that are equal to it (or to a calendar month).
    """

    days: int = 0
    month_ends: int = 0
    month_starts: int = 0
    gap: int = 0
    even: float = 0
    first: str | None = None
    last: str | None = None


class GroupFacts(Value):
    """How columns behave within groups of rows that have the same value in `by`, such as the lines of an order.

    Only groups of several rows count. `constant` columns have the same value in every row of a group, and `once`
    columns have a value in only one row of each group.
    """

    by: str
    groups: int = 0
    constant: tuple[str, ...] = ()
    once: tuple[str, ...] = ()


class PanelFacts(Value):
    """Facts about rows that are identified by a date, and possibly other columns.

    `unchanged` is the share of values that equal the value at the previous date, and `change` the average change
    relative to the average value.
    """

    date: str
    entity: tuple[str, ...] = ()
    dates: int = 0
    entities: int = 0
    fill: float = 0
    """The share of the combinations of a date and an entity that have a row."""
    unchanged: dict[str, float] = Field(default_factory=dict)
    change: dict[str, float] = Field(default_factory=dict)
    carried: tuple[tuple[str, str], ...] = ()
    """Pairs of columns (closing, opening) in which each opening value is the previous closing value."""


class SumFact(Value):
    """In every row, `total` is the sum of `plus` less `minus`."""

    total: str
    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()


class TableFacts(Value):
    """What the rows of a table show. `keys` are the smallest sets of columns that identify a row, best first."""

    format: int = FORMAT
    keys: tuple[tuple[str, ...], ...] = ()
    numbers: dict[str, NumberFacts] = Field(default_factory=dict)
    dates: dict[str, DateFacts] = Field(default_factory=dict)
    groups: tuple[GroupFacts, ...] = ()
    panel: PanelFacts | None = None
    sums: tuple[SumFact, ...] = ()
    running: tuple[tuple[str, str], ...] = ()
    """Pairs (balance, amount) in which each balance is the previous one plus the amount."""
    ordered: tuple[tuple[str, str], ...] = ()
    """Pairs of columns of one kind in which the first is never greater than the second."""

    def group_of(self, column: str) -> GroupFacts | None:
        return next((group for group in self.groups if column in group.once), None)


class Inclusion(Value):
    """How many of the distinct values in `columns` of `table` occur in `to_columns` of `to_table`."""

    table: str
    columns: tuple[str, ...]
    to_table: str
    to_columns: tuple[str, ...]
    matched: int
    distinct: int

    @property
    def share(self) -> float:
        return self.matched / self.distinct if self.distinct else 0


class Between(Value):
    """How many of the distinct values of a column lie between `low` and `high` of a row in `to_table`."""

    table: str
    column: str
    to_table: str
    low: str
    high: str
    matched: int
    distinct: int

    @property
    def share(self) -> float:
        return self.matched / self.distinct if self.distinct else 0


class RelationFacts(Value):
    """What the values of several tables have in common."""

    format: int = FORMAT
    inclusions: tuple[Inclusion, ...] = ()
    between: tuple[Between, ...] = ()
