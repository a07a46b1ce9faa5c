"""The aggregates of a plan: the single table that validation, SQL, checks and wording read.

To add an aggregate, add an entry to `AGGREGATES`. The defaults of `AggregateFunction` are the strict ones: an entry
that gives only its name accepts only numbers, and must not be computed over several scenarios, over a balance at
several dates, over rows that a join repeats or over rows that are subtracted, nor inside a share or a running total. An
entry must state every exception explicitly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError


class Needs(Enum):
    """The kinds of input that an aggregate needs."""

    NUMBERS = auto()
    COLUMN = auto()  # of any type
    ROWS = auto()  # a column of any type, or the rows themselves


@dataclass(frozen=True, slots=True)
class AggregateFunction:
    """What one `fn` of a plan computes, needs and allows.

    Without `sql`, `name` is an aggregate function of DuckDB. `sql` is any expression over the group's rows, a macro for
    example, and has `{}` where the column belongs.
    """

    name: str
    sql: str = ""
    needs: Needs = Needs.NUMBERS
    label: str = ""
    """The figure's display name, as in 'average rate'."""
    row_label: str = ""
    """Its display name when computed over individual rows, as in 'smallest posting'. The default is `label`."""
    plural: str = ""
    """The plural of its display name, as in 'averages do not add up'."""
    adds_rows: bool = True
    """Whether the figure combines its rows. If so, they must not contain two scenarios, or a balance at two dates."""
    is_changed_by_repeats: bool = True
    """Whether the figure changes when a join repeats rows."""
    is_total: bool = False
    """Whether the figures for the parts add up to the figure for the whole, as shares and running totals require."""
    subtracts: bool = False
    """Whether rows that a roll-up subtracts are negated."""
    is_count: bool = False
    """Whether the figure is a count, whatever the unit of the column."""
    takes_grain: bool = False
    """Whether the figure can be computed over the periods of a time column instead of its values."""
    keeps_type: bool = False
    """Whether the figure is one of the column's values, and so has its type. Otherwise it is a number."""
    is_between_values: bool = False
    """Whether the figure may lie halfway between two values, and so have one more decimal place than they do."""

    def of(self, column: str, where: str = "") -> str:
        """SQL for the aggregate over a column or over `*`. With `where`, only rows that meet this condition count."""
        if self.sql:  # only a function takes FILTER, so an expression gets NULL for the other rows
            return self.sql.format(f"CASE WHEN {where} THEN {column} END" if where else column)
        return f"{self.name}({column})" + (f" FILTER (WHERE {where})" if where else "")

    @property
    def display_name(self) -> str:
        return self.label or self.name.replace("_", " ")

    @property
    def row_display_name(self) -> str:
        return self.row_label or self.display_name

    @property
    def plural_name(self) -> str:
        return self.plural or f"figures of {self.name}"


AGGREGATES: Mapping[str, AggregateFunction] = {
    one.name: one
    for one in (
        AggregateFunction(
            "count",
            needs=Needs.ROWS,
            label="number",
            plural="numbers",
            adds_rows=False,
            is_total=True,
            is_count=True,
        ),
        AggregateFunction(
            "count_distinct",
            sql="count(DISTINCT {})",
            needs=Needs.COLUMN,
            label="number of different",
            plural="numbers",
            adds_rows=False,
            is_changed_by_repeats=False,
            is_total=True,
            is_count=True,
            takes_grain=True,
        ),
        AggregateFunction("sum", label="total", plural="totals", is_total=True, subtracts=True),
        AggregateFunction("avg", label="average", plural="averages"),
        AggregateFunction(
            "min",
            needs=Needs.COLUMN,
            label="lowest",
            row_label="smallest",
            plural="extremes",
            adds_rows=False,
            is_changed_by_repeats=False,
            keeps_type=True,
        ),
        AggregateFunction(
            "max",
            needs=Needs.COLUMN,
            label="highest",
            row_label="largest",
            plural="extremes",
            adds_rows=False,
            is_changed_by_repeats=False,
            keeps_type=True,
        ),
        AggregateFunction("median", label="median", plural="medians", is_between_values=True),
    )
}
"""Every aggregate by name, in the order in which a plan's JSON schema lists them."""


def _known(name: str) -> str:
    if name not in AGGREGATES:
        *others, last = (f"'{known}'" for known in AGGREGATES)
        raise PydanticCustomError(
            "literal_error", "Input should be {expected}", {"expected": f"{', '.join(others)} or {last}"}
        )
    return name


AggregateName = Annotated[str, AfterValidator(_known), WithJsonSchema({"enum": list(AGGREGATES), "type": "string"})]
"""The name of an aggregate in a plan. It is checked against the table, not against a `Literal` that repeats it."""
