"""QueryPlan: the typed plan between a question and its SQL.

A plan names tables and columns and never contains SQL. It is validated against the workspace's tables and compiled to
one deterministic SELECT (`cfo_kernel.data.compiler`), so a model, the offline analyst and a script get the same SQL for
the same question.

A column is written `table.column`. The name `column` alone is enough where only one of the plan's tables has it, or
where all tables that have it are joined on it.

The docstrings of the classes below are part of the JSON schema that a model reads.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from cfo_kernel.data.aggregates import AGGREGATES, AggregateFunction, AggregateName
from cfo_kernel.values import Value

Scalar = bool | int | float | str
"""A literal as JSON writes it. A date or time is an ISO text; the type of its column decides how it is read."""


class Grain(StrEnum):
    """A calendar period; a date counts in the period it falls in."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


Operator = Literal[
    "=", "!=", "<", "<=", ">", ">=", "in", "not in", "between", "like", "is null", "is not null", "in period"
]


def _without_null(value: Any) -> Any:
    """Rejects null in a list of values with one message; pydantic would report one error for each type of the union."""
    if isinstance(value, list) and None in value:
        message = "A list of values holds null, which no value equals. Leave it out; 'is null' finds rows without one."
        raise PydanticCustomError("plan_invalid", message)
    return value  # pyright: ignore[reportUnknownVariableType] - pydantic validates it next


_NO_NULLS = BeforeValidator(_without_null)


class Filter(Value):
    """Keeps the rows for which `column op value` holds.

    `in` and `not in` take a list, `between` a list of two (both ends included; on a time column a last *date*
    includes its whole day), `is null` and `is not null` take nothing. `in period` takes a calendar period of a time
    column, or a list of them: 2012, 2012-H1, 2012-Q3, 2012-03, 2012-03-31.

    Where the column is the label of a hierarchy, `=` and `in` with the name of a parent mean the roll-up of what is
    below it, each row with the sign that its operators give it in a sum; `!=` and `not in` leave out all that is below.
    A key names one row of the tree by itself.
    """

    column: str
    op: Operator = "="
    value: Annotated[Scalar | list[Scalar] | None, _NO_NULLS] = None


class Join(Value):
    """Joins `table` where a column of the tables before it (`left`) equals one of its own (`right`).

    For example `{"table": "accounts", "left": "general_ledger.account_key", "right": "accounts.account_key"}`.
    """

    table: str
    left: str
    right: str
    kind: Literal["inner", "left"] = "inner"


class Aggregate(Value):
    """`fn` over the rows of a group; `where` narrows the rows of this one aggregate.

    `count` without a column counts rows. `grain` belongs to `count_distinct` of a time column: the number of
    distinct months, say.
    """

    fn: AggregateName
    column: str | None = None
    grain: Grain | None = None
    where: tuple[Filter, ...] = ()

    @property
    def function(self) -> AggregateFunction:
        """What `fn` computes, needs and allows."""
        return AGGREGATES[self.fn]


class Arithmetic(Value):
    """`left op right` between two expressions of the same row; a division by zero gives null."""

    op: Literal["+", "-", "*", "/"]
    left: Expression
    right: Expression


class Window(Value):
    """An expression seen beside its neighbours in the result.

    `share_of_total`: its part (0..1) of the sum over all rows, or over the rows that agree in the groups `within`; null
    where that sum is not positive.
    `running_total`, `previous`, `change`, `change_percent` (0..1, null where the previous value is not positive): along
    the group named `along` (default: the first group with a grain), apart for each combination of the other groups.
    `previous` is the week, month, quarter or year before, and null where that has no rows; along days, and along a
    group without a grain, it is the row before in the result.
    """

    over: Literal["share_of_total", "running_total", "previous", "change", "change_percent"]
    of: Expression
    along: str | None = None
    within: tuple[str, ...] = ()


class Constant(Value):
    """A number in arithmetic."""

    constant: int | float


class PercentChange(Value):
    """How much larger an expression is than its `base`, as a part of it (0..1): a variance against budget, say.

    Null where the base is zero or negative, or missing: a percentage of it means nothing.
    """

    percent_change: Expression
    base: Expression


class Ratio(Value):
    """An expression as a part (0..1, or more) of its `base`: cost as a percentage of income, say.

    Null where the base is zero or negative, or missing: a percentage of it means nothing.
    """

    ratio: Expression
    base: Expression


def _tag(value: Any) -> str | None:
    names = ("fn", "op", "over", "constant", "percent_change", "ratio")
    return next((name for name in names if hasattr(value, name) or (isinstance(value, dict) and name in value)), None)


Expression = Annotated[
    Annotated[Aggregate, Tag("fn")]
    | Annotated[Arithmetic, Tag("op")]
    | Annotated[Window, Tag("over")]
    | Annotated[Constant, Tag("constant")]
    | Annotated[PercentChange, Tag("percent_change")]
    | Annotated[Ratio, Tag("ratio")],
    Discriminator(_tag),
]


class Measure(Value):
    """A figure of the result under its column name."""

    name: str
    expression: Expression


class Group(Value):
    """A column (or its period, with `grain`) to group by; `name` is its column in the result.

    `within` belongs to the label of a hierarchy: it names a parent, keeps the rows below it, and the groups are its
    children, each rolled up with the sign it has in the parent, so that the groups add up to the parent.
    """

    column: str
    grain: Grain | None = None
    name: str | None = None
    within: str | None = None

    @property
    def result_name(self) -> str:
        return self.name or (self.grain.value if self.grain else self.column.rpartition(".")[2])


class Having(Value):
    """Keeps the rows of the result whose measure meets the threshold: a number, or a date or text where it is one."""

    measure: str
    op: Literal["=", "!=", "<", "<=", ">", ">=", "between"]
    value: Annotated[Scalar | list[Scalar], _NO_NULLS]


class Order(Value):
    """Sorts by a column of the result (a measure's or a group's name); nulls come last."""

    by: str
    direction: Literal["asc", "desc"] = "asc"


class LastOf(Value):
    """Keeps only the rows of the last moment in each period (`grain`), or of all time: how a balance is read.

    It is the last moment at which there are rows in question: rows that the filters leave and, where every aggregate
    has a `where`, that one of them takes. It is one moment for all groups; a note tells where fewer entities have rows
    at it than at the moment before.
    """

    column: str
    grain: Grain | None = None


class QueryPlan(Value):
    """One question to the tables: figures (`select`) over rows (`table`, `joins`, `filters`), by groups.

    Without `select` the distinct combinations of the groups are listed. Groups are sorted as named where `order_by`
    says nothing. A sum or average that would add a balance over time, or values that the glossary keeps apart (two
    scenarios, say), is refused.
    """

    table: str
    joins: tuple[Join, ...] = ()
    filters: tuple[Filter, ...] = ()
    last_of: LastOf | None = None
    group_by: tuple[Group, ...] = ()
    select: tuple[Measure, ...] = ()
    having: tuple[Having, ...] = ()
    order_by: tuple[Order, ...] = ()
    limit: Annotated[int, Field(ge=1, le=1_000_000)] = 200


# These four refer to `Expression`, which is defined after them.
for model in (Arithmetic, Window, PercentChange, Ratio):
    model.model_rebuild()


def parts(node: Expression) -> tuple[Expression, ...]:
    """The direct operands of an expression."""
    match node:
        case Arithmetic():
            return node.left, node.right
        case PercentChange():
            return node.percent_change, node.base
        case Ratio():
            return node.ratio, node.base
        case Window():
            return (node.of,)
        case _:
            return ()


def aggregates_in(node: Expression) -> tuple[Aggregate, ...]:
    """The aggregates in an expression, from left to right."""
    return (node,) if isinstance(node, Aggregate) else tuple(a for part in parts(node) for a in aggregates_in(part))
