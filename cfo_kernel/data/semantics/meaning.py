"""The meaning of tables and columns, as inferred and as corrected by people.

This module only defines the values. `cfo_kernel.data.semantics` infers them with evidence, the glossary overrules them
column by column, and plans, notes, the page and models use them.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple

from pydantic import Field

from cfo_kernel.data.plan import Expression
from cfo_kernel.values import Value


class TableKind(StrEnum):
    """What the rows of a table represent."""

    FACT = "fact"
    """Something that happened, such as an invoice or a posting."""
    SNAPSHOT = "snapshot"
    """The state of something at a date, such as the stock of an item at a month end."""
    DIMENSION = "dimension"
    """A thing that other tables refer to, such as a customer."""
    MAPPING = "mapping"
    """Values that apply to something, often for a period: rates, prices, ranges of accounts, calendars."""
    STATEMENT = "statement"
    """A line of a report, with its totals and with periods side by side."""


class RoleFacts(NamedTuple):
    """Facts that hold for every column with a role.

    `adds_over_rows` says whether a sum over rows of one date is meaningful, and `adds_over_time` whether a sum over
    several dates is.
    """

    label: str
    is_measure: bool = False
    adds_over_rows: bool = False
    adds_over_time: bool = False


class Role(StrEnum):
    """The role of a column in its table."""

    KEY = "key"
    REFERENCE = "reference"
    NAME = "name"
    ATTRIBUTE = "attribute"
    CODE = "code"
    DATE = "date"
    CURRENCY = "currency"
    UNIT = "unit"
    FLOW = "flow"
    STOCK = "stock"
    AMOUNT = "amount"
    COUNT = "count"
    RATE = "rate"
    PRICE = "price"
    PERCENT = "percent"

    @property
    def facts(self) -> RoleFacts:
        return ROLES[self]


ROLES: Mapping[Role, RoleFacts] = MappingProxyType(
    {
        Role.KEY: RoleFacts("identifies a row, alone or with other columns"),
        Role.REFERENCE: RoleFacts("refers to a row of another table, or to the parent in its own"),
        Role.NAME: RoleFacts("is what people call the row"),
        Role.ATTRIBUTE: RoleFacts("describes the row"),
        Role.CODE: RoleFacts("is a code or a line number"),
        Role.DATE: RoleFacts("is a date or a period"),
        Role.CURRENCY: RoleFacts("is the currency of the row's amounts"),
        Role.UNIT: RoleFacts("is the unit of the row's amounts"),
        Role.FLOW: RoleFacts("is what happened in a period", True, adds_over_rows=True, adds_over_time=True),
        Role.STOCK: RoleFacts("is a balance at a date", True, adds_over_rows=True),
        Role.AMOUNT: RoleFacts("is an amount that has no date", True, adds_over_rows=True, adds_over_time=True),
        Role.COUNT: RoleFacts("counts things that happened", True, adds_over_rows=True, adds_over_time=True),
        Role.RATE: RoleFacts("is a rate", True),
        Role.PRICE: RoleFacts("is a price of one unit", True),
        Role.PERCENT: RoleFacts("is a share or a percentage", True),
    }
)


class DateKind(StrEnum):
    """The kind of event or period that a date marks."""

    EVENT = "event"
    DOCUMENT = "document"
    ORDER = "order"
    DUE = "due"
    SETTLEMENT = "settlement"
    VALUE = "value"
    START = "start"
    END = "end"
    PLANNED = "planned"
    VALID_FROM = "valid_from"
    VALID_TO = "valid_to"
    SNAPSHOT = "snapshot"
    PERIOD = "period"


class ColumnMeaning(Value):
    """What a column means, with the evidence in sentences and a confidence from 0 to 1.

    - `source`: a person (the glossary) or inference.
    - `refers_to`: the `table.column` that a reference names.
    - `unit`: the unit or currency of all rows; `unit_column`: the column that contains it for each row.
    - `scale`: what one unit stands for, such as 1000 in a report in thousands. Values are never multiplied by it.
    - `once_for`: the columns that identify what the value belongs to, if it is only in the first of several rows or is
      repeated in each, such as an order's total on the order's lines.
    - `is_repeated`: whether each of these rows has the value of `once_for`, so that a sum counts it several times.
    - `total_of`: the columns that this one adds up.
    - `period`: the period of a column that is one of several periods side by side, such as 2024-01 or 2024.
    """

    column: str
    role: Role
    confidence: float = Field(default=1.0, ge=0, le=1)
    evidence: tuple[str, ...] = ()
    source: Literal["inferred", "glossary"] = "inferred"
    date: DateKind | None = None
    refers_to: str | None = None
    unit: str | None = None
    unit_column: str | None = None
    scale: int | None = None
    once_for: tuple[str, ...] = ()
    is_repeated: bool = False
    total_of: tuple[str, ...] = ()
    period: str | None = None


class Question(Value):
    """A doubtful inference, as a question to a person. `answers` are the possible values.

    `field` names the field that the answer sets: `role`, `date`, `time_axis`, `unit` or `joins`.
    """

    id: str
    table: str
    column: str | None = None
    field: str
    text: str
    answers: tuple[str, ...]


class TableMeaning(Value):
    """What a table means.

    - `grain`: the columns that identify a row; empty if none do.
    - `time_axis`: the date column that says when a row belongs, unless a question names another one.
    - `parent`, `key` and `label`: the columns of a tree, if its rows form one.
    - `scenario`: the column that tells actual figures from plans, whose values are never added up.
    - `totals`: whether some rows are totals of others.
    """

    table: str
    kind: TableKind
    confidence: float = Field(default=1.0, ge=0, le=1)
    evidence: tuple[str, ...] = ()
    source: Literal["inferred", "glossary"] = "inferred"
    grain: tuple[str, ...] = ()
    time_axis: str | None = None
    key: str | None = None
    parent: str | None = None
    label: str | None = None
    scenario: str | None = None
    totals: bool = False
    columns: tuple[ColumnMeaning, ...] = ()

    def column(self, name: str) -> ColumnMeaning | None:
        """The meaning of the column with that name, ignoring case as SQL does."""
        return next((c for c in self.columns if c.column.lower() == name.lower()), None)

    @property
    def periods(self) -> tuple[ColumnMeaning, ...]:
        """The columns that are periods side by side, in the order of the table."""
        return tuple(c for c in self.columns if c.period is not None)


class JoinMeaning(Value):
    """How rows of `table` match rows of `to_table`, verified by counting.

    `equal` are pairs of columns with the same value. In a range, `column` lies between `low` and `high` of `to_table`
    (account ranges). In an interval, the date `column` lies in a period of validity, which lasts until the next row if
    `high` is missing. Of the `rows` rows with values, `matched` have a match.
    """

    kind: Literal["equal", "range", "interval"] = "equal"
    table: str
    to_table: str
    equal: tuple[tuple[str, str], ...] = ()
    column: str | None = None
    low: str | None = None
    high: str | None = None
    matched: int = 0
    rows: int = 0
    confidence: float = Field(default=1.0, ge=0, le=1)
    source: Literal["inferred", "glossary"] = "inferred"


class MeasurePart(Value):
    """A part of a measure whose parts are in several tables. Each part is the figure of a separate plan."""

    name: str
    table: str
    expression: Expression


class MeasureMeaning(Value):
    """A figure that people ask for by name, such as a gross margin, with the expression that computes it in a plan.

    Its columns are written `table.column`. `text` is the expression as a person wrote it, or as the finance library
    contains it. A library measure whose parts are in several tables, or that needs the number of days in the period,
    has `parts` instead of an expression, and `text` says how to combine them. `better` says whether higher or lower is
    better.
    """

    table: str
    name: str
    expression: Expression | None
    text: str
    parts: tuple[MeasurePart, ...] = ()
    description: str | None = None
    synonyms: tuple[str, ...] = ()
    unit: str | None = None
    better: Literal["higher", "lower"] | None = None
    source: Literal["library", "glossary"] = "glossary"


class Dimension(Value):
    """Something that occurs in several tables, and the columns that contain its codes or names."""

    name: str
    columns: tuple[str, ...]


class Meaning(Value):
    """The meaning of a workspace's data. `fiscal_year_start` is a month, 1 to 12."""

    tables: tuple[TableMeaning, ...] = ()
    joins: tuple[JoinMeaning, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    measures: tuple[MeasureMeaning, ...] = ()
    fiscal_year_start: int = Field(default=1, ge=1, le=12)
    questions: tuple[Question, ...] = ()

    def table(self, name: str) -> TableMeaning | None:
        """The meaning of the table with that name, ignoring case as SQL does."""
        return next((t for t in self.tables if t.table.lower() == name.lower()), None)

    def column(self, table: str, column: str) -> ColumnMeaning | None:
        """The meaning of a column, or None if the table or column is unknown."""
        found = self.table(table)
        return found.column(column) if found else None
