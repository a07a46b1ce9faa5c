"""QueryPlan: the typed plan between a question and its SQL.

A plan names tables and columns and never contains SQL. It is validated against the workspace's tables and compiled to
one deterministic SELECT (`cfo_kernel.data.compiler`), so a model, the offline analyst and a script get the same SQL for
the same question.

A column is written `table.column`. The name `column` alone is enough where only one of the plan's tables has it, or
where all tables that have it are joined on it.

A model reads the JSON schema of these classes with every request. The schema leaves out the first paragraph of each
docstring but contains the rest, where every word costs tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, cast

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError, PydanticSerializationError
from typing_extensions import TypeAliasType

from cfo_kernel.data.aggregates import AGGREGATES, AggregateFunction, AggregateName
from cfo_kernel.values import Value

Scalar = TypeAliasType("Scalar", bool | int | float | str)
"""A literal as JSON writes it. A date or time is an ISO string; the type of its column decides how it is read."""

Values = TypeAliasType("Values", Scalar | list[Scalar])
Names = TypeAliasType("Names", str | tuple[str, ...])
"""One name or several."""


class Grain(StrEnum):
    """A calendar period. A date belongs to the period it falls in."""

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
        message = (
            "A list of values contains null, which never matches. Leave it out, and use 'is null' to find rows without "
            "a value."
        )
        raise PydanticCustomError("plan_invalid", message)
    return value  # pyright: ignore[reportUnknownVariableType] - pydantic validates it next


_NO_NULLS = BeforeValidator(_without_null)


class Filter(Value):
    """A condition on rows.

    `between`: two values, both included. `in period`: 2012, 2012-H1, 2012-Q3, 2012-03, a
    day, `last 3 months` or a list. On a tree's label, a parent means all below it.
    """

    # `last 3 months` ends with the month of the last row that the plan's other filters leave, and
    # `last 3 months to 2012-06` with that month.

    # `in` and `not in` take a list. `like` has the wildcards % and _, and is case-sensitive.

    # If `between` ends with a date, that whole day is included. In sums, each row below a parent counts with its sign,
    # while `!=` and `not in` leave out the parent and everything below it. A key means a single row of a tree.

    column: str
    op: Operator = "="
    value: Annotated[Values | None, _NO_NULLS] = None


class Range(Value):
    """`column` lies between `low` and `high`, both included. An empty end is open.

    Without `high`, a row holds until the next `low` of its key.
    """

    column: str
    low: str
    high: str | None = None


class Join(Value):
    """Adds the rows of `table` where `left` equals `right`, and a value lies in a range (`between`).

    `left` is of earlier tables, `right` of this. `between`: an earlier `column` in this table's range. `anti` keeps
    rows without a match.
    """

    # A range may be one of accounts, or of dates at which a price is valid.

    # With several columns, each in `left` equals the one at the same place in `right`.

    table: str
    left: Names = ()
    right: Names = ()
    between: Range | None = None
    kind: Literal["inner", "left", "anti"] = "inner"

    @property
    def lefts(self) -> tuple[str, ...]:
        return (self.left,) if isinstance(self.left, str) else self.left

    @property
    def rights(self) -> tuple[str, ...]:
        return (self.right,) if isinstance(self.right, str) else self.right


class Group(Value):
    """A column, or its period, to group by.

    `within`, on a tree's label: the children of this parent.
    """

    # `name` is the column in the result: by default the grain, or the column's own name.

    # Each child is rolled up with the sign it has in the parent, so that the groups add up to the parent.

    column: str
    grain: Grain | None = None
    name: str | None = None
    within: str | None = None

    @property
    def result_name(self) -> str:
        return self.name or (self.grain.value if self.grain else self.column.rpartition(".")[2])


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict | Group) else value


class Aggregate(Value):
    """`fn` over the rows of a group that meet `where`.

    `count_distinct` with `grain` counts periods. `since`: days from then to `column`.
    """

    # `count` without `column` counts rows.

    fn: AggregateName
    column: str | None = None
    since: str | None = None
    grain: Grain | None = None
    where: tuple[Filter, ...] = ()

    @property
    def function(self) -> AggregateFunction:
        """What `fn` computes, needs and allows."""
        return AGGREGATES[self.fn]


class Arithmetic(Value):
    """`left op right`; a division by zero is null."""

    op: Literal["+", "-", "*", "/"]
    left: Expression
    right: Expression


class Window(Value):
    """An expression that is computed from several rows of the result.

    `share_of_total` (0..1) is of all rows, or of those with the same `within` groups. Others run along a group
    (`along`, else the first with a grain).
    """

    # They run separately for each combination of the other groups. `previous` is null if the period before has no rows;
    # along days, or along a group without a grain, it is the previous row of the result. `change_percent` is a fraction
    # too. Fractions are null if their base is not positive. `previous_year` is the same period of the year before. It
    # must be in the result, and may be the base of a `percent_change`.

    over: Literal["share_of_total", "running_total", "previous", "change", "change_percent", "previous_year"]
    of: Expression
    along: str | None = None
    within: Names = ()

    @property
    def kept_groups(self) -> tuple[str, ...]:
        return (self.within,) if isinstance(self.within, str) else self.within


class Constant(Value):
    """A number in arithmetic."""

    constant: int | float


class PercentChange(Value):
    """The change from a base as a fraction of it (1 = 100 %), such as a variance against budget.

    (percent_change - base) / base; null unless base > 0.
    """

    percent_change: Expression
    base: Expression


class Ratio(Value):
    """A figure as a fraction of a base (1 = 100 %), such as cost as a fraction of income. Null unless base > 0."""

    ratio: Expression
    base: Expression


_SHORT_GROUPS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"column": {"type": "string"}, "grain": {"type": "string"}},
        "required": ["column"],
    },
}
"""The groups of a nested figure as a model sees them: without a name, because they are not columns of the result."""


class Nested(Value):
    """`fn` over the figure `of` of each group in `per`.

    Such as the average of monthly totals.
    """

    fn: Annotated[AggregateName, WithJsonSchema({"type": "string"})]
    of: Expression
    per: Annotated[tuple[Group, ...], BeforeValidator(_listed), WithJsonSchema(_SHORT_GROUPS)]

    @property
    def function(self) -> AggregateFunction:
        return AGGREGATES[self.fn]


_MOST_NODES = 1_000
_SHAPES = (
    'An expression is one of {"fn": "sum", "column": "t.c"}, {"op": "-", "left": {...}, "right": {...}}, '
    '{"over": "share_of_total", "of": {...}}, {"percent_change": {...}, "base": {...}}, '
    '{"ratio": {...}, "base": {...}}, {"fn": "avg", "of": {...}, "per": [{"column": "t.d", "grain": "month"}]}, '
    '{"constant": 1} and the name of another measure.'
)


def _measure_name(value: Any) -> Any:
    """The name in {"measure": "revenue"}, which means the same as the name alone."""
    match value:
        case {"measure": str(name)} if len(cast("dict[str, Any]", value)) == 1:
            return name
        case _:
            return value


def _tag(value: Any) -> str | None:
    if isinstance(value, str):
        return "name"
    names = ("per", "fn", "op", "over", "constant", "percent_change", "ratio")
    return next((name for name in names if hasattr(value, name) or (isinstance(value, dict) and name in value)), None)


Expression = TypeAliasType(
    "Expression",
    Annotated[
        Annotated[Aggregate, Tag("fn")]
        | Annotated[Arithmetic, Tag("op")]
        | Annotated[Window, Tag("over")]
        | Annotated[Constant, Tag("constant")]
        | Annotated[PercentChange, Tag("percent_change")]
        | Annotated[Ratio, Tag("ratio")]
        | Annotated[Nested, Tag("per")]
        | Annotated[str, Tag("name")],
        Discriminator(_tag, custom_error_type="plan_invalid", custom_error_message=_SHAPES),
        BeforeValidator(_measure_name),
    ],
)
"""A text is the name of another measure of the plan, whose expression replaces it."""


class Measure(Value):
    """A figure of the result, in the column `name`.

    `expression` may name another measure.
    """

    name: str
    expression: Expression


class Having(Value):
    """Keeps the rows of the result whose measure meets the threshold."""

    measure: str
    op: Literal["=", "!=", "<", "<=", ">", ">=", "between"]
    value: Annotated[Values, _NO_NULLS]


class Order(Value):
    """Sorts by a column of the result; nulls come last."""

    by: str
    direction: Literal["asc", "desc"] = "asc"


class LastOf(Value):
    """Keeps only the rows of the last moment in each period, or of all time.

    Reads balances at the last date of each `grain`, or of all.
    """

    # Only rows that pass the filters determine the last moment; if every aggregate has a `where`, they must also pass
    # one of these. All groups share the same moment. A note says if fewer entities have rows at it than at the one
    # before.

    column: str
    grain: Grain | None = None


def resolved(measures: tuple[Measure, ...]) -> tuple[Measure, ...]:
    """The measures with the expressions of others in place of their names, so that each check sees what it computes."""
    return MeasureNames(measures).resolved()


class MeasureNames:
    """Replaces the names of measures in expressions."""

    def __init__(self, measures: tuple[Measure, ...]) -> None:
        self._measures = measures
        self._known = {measure.name.lower(): measure for measure in measures}
        self._done: dict[str, tuple[Expression, int]] = {}

    def resolved(self) -> tuple[Measure, ...]:
        found = [self._node(m.expression, (m.name.lower(),))[0] for m in self._measures]
        return tuple(m.model_copy(update={"expression": e}) for m, e in zip(self._measures, found, strict=True))

    def _node(self, node: Expression, within: tuple[str, ...]) -> tuple[Expression, int]:
        """The expression without names, and the number of its nodes."""
        if isinstance(node, str):
            return self._named(node, within)
        found = [self._node(part, within) for part in parts(node)]
        size = 1 + sum(count for _, count in found)
        if size > _MOST_NODES:
            message = f"The measure {within[0]} is made of more than {_MOST_NODES} parts. Split the plan."
            raise PydanticCustomError("plan_invalid", "{message}", {"message": message})
        return with_parts(node, [part for part, _ in found]), size

    def _named(self, name: str, within: tuple[str, ...]) -> tuple[Expression, int]:
        key = name.lower()
        if key in within or key not in self._known:
            why = f"{name!r} refers to itself." if key in within else f"The plan has no measure {name!r}."
            raise PydanticCustomError("plan_invalid", "{message}", {"message": f"{why} {_SHAPES}"})
        if key not in self._done:
            self._done[key] = self._node(self._known[key].expression, (*within, key))
        return self._done[key]


class QueryPlan(Value):
    """A question about the tables: figures (`select`) over rows (`table`, `joins`, `filters`), optionally grouped.

    Without `select`, lists the distinct combinations of the groups. Rows are sorted by `order_by`, then by the groups
    in their order. A sum or average that would add a balance over time, or values that the glossary keeps apart (such
    as two scenarios), is refused.
    """

    table: str
    joins: tuple[Join, ...] = ()
    filters: tuple[Filter, ...] = ()
    last_of: LastOf | None = None
    group_by: tuple[Group, ...] = ()
    select: Annotated[tuple[Measure, ...], AfterValidator(resolved)] = ()
    totals: bool = False
    having: tuple[Having, ...] = ()
    order_by: tuple[Order, ...] = ()
    limit: Annotated[int, Field(ge=1, le=1_000_000)] = 200

    @property
    def has_totals_row(self) -> bool:
        return self.totals and bool(self.group_by)

    @model_validator(mode="after")
    def _is_text(self) -> Self:
        """Rejects half a character, which can be neither sent to a worker nor stored."""
        try:
            self.model_dump_json()
        except PydanticSerializationError as error:
            message = "The plan contains an incomplete character. Send the plan as UTF-8 text."
            raise PydanticCustomError("plan_invalid", message) from error
        return self


OTHER_NAMES = {
    "table": ("from", "dataset"),
    "joins": ("join",),
    "filters": ("filter", "where"),
    "group_by": ("groups", "dimensions"),
    "select": ("measures", "metrics", "aggregates", "aggregations"),
    "order_by": ("sort", "sort_by"),
    "fn": ("function", "func", "agg", "aggregate", "aggregation"),
    "name": ("alias", "as"),
    "column": ("field",),
    "op": ("operator",),
    "left": ("left_on",),
    "right": ("right_on",),
    "between": ("range", "interval"),
    "low": ("from", "start", "valid_from"),
    "high": ("to", "end", "valid_to"),
}
"""Names that other query languages give the fields of a plan. A model that uses one means that field."""

# These four refer to `Expression`, which is defined after them.
for model in (Arithmetic, Window, PercentChange, Ratio, Nested):
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
        case Window() | Nested():
            return (node.of,)
        case _:
            return ()


def with_parts(node: Expression, new: Sequence[Expression]) -> Expression:
    """The expression with other operands, in the order of `parts`."""
    match node:
        case Arithmetic():
            return node.model_copy(update={"left": new[0], "right": new[1]})
        case PercentChange():
            return node.model_copy(update={"percent_change": new[0], "base": new[1]})
        case Ratio():
            return node.model_copy(update={"ratio": new[0], "base": new[1]})
        case Window() | Nested():
            return node.model_copy(update={"of": new[0]})
        case _:
            return node


def windows_in(node: Expression) -> tuple[Window, ...]:
    """The windows in an expression. None contains another."""
    return (node,) if isinstance(node, Window) else tuple(w for part in parts(node) for w in windows_in(part))


def aggregates_in(node: Expression) -> tuple[Aggregate, ...]:
    """The aggregates in an expression, from left to right."""
    return (node,) if isinstance(node, Aggregate) else tuple(a for part in parts(node) for a in aggregates_in(part))
