"""Compiles a plan's expressions and groups to SQL, except for windows."""

import re
from collections.abc import Callable

from cfo_kernel.data.aggregates import AGGREGATES, Needs
from cfo_kernel.data.literals import moment, number
from cfo_kernel.data.plan import (
    Aggregate,
    Arithmetic,
    Constant,
    Expression,
    Grain,
    Group,
    Nested,
    PercentChange,
    Ratio,
    Window,
    parts,
)
from cfo_kernel.data.rollups import RollUps
from cfo_kernel.data.scope import Scope
from cfo_kernel.data.table_joins import ColumnRef
from cfo_kernel.data.tables import Column, Kind
from cfo_kernel.errors import PlanInvalid, UnknownColumn

GRAINS = {
    Grain.DAY: "CAST({0} AS DATE)",
    Grain.WEEK: "CAST(date_trunc('week', {0}) AS DATE)",
    Grain.MONTH: "strftime({0}, '%Y-%m')",
    Grain.QUARTER: "year({0}) || '-Q' || quarter({0})",
    Grain.YEAR: "year({0})",
}

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class ExpressionCompiler:
    """Compiles groups, and expressions without windows. Raises `PlanInvalid` if a column has the wrong type."""

    def __init__(self, scope: Scope, rollups: RollUps) -> None:
        self._scope = scope
        self._rollups = rollups

    def group(self, group: Group) -> str:
        if group.within is not None:
            return self._rollups.group(group)
        if group.grain is None:
            return self._scope.find(group.column).sql
        return GRAINS[group.grain].format(self.time(group.column).sql)

    def part(self, group: Group) -> str:
        """A group within which a nested figure is computed."""
        if group.within is not None:
            raise PlanInvalid(f"`per` groups cannot name `within`. Filter {group.column} to {group.within} instead.")
        return self.group(group)

    def time(self, name: str) -> ColumnRef:
        ref = self._scope.find(name)
        if ref.column.kind is not Kind.TIME:
            raise PlanInvalid(f"{name} is {ref.column.type}, not a date. Use a date column for periods.")
        return ref

    def sql(self, node: Expression) -> str:
        match node:
            case Aggregate():
                return self.aggregate(node)
            case Arithmetic():
                return arithmetic(node, self.sql)
            case PercentChange():
                return percent_change(node, self.sql)
            case Ratio():
                return ratio(node, self.sql)
            case Constant():
                return number(node.constant, "A constant")
            case Window():
                raise PlanInvalid(f"{node.over} cannot be part of another window. Make it a separate measure.")
            case Nested():
                raise PlanInvalid(f"{node.fn} `per` group cannot be part of another one. Make it a separate measure.")
            case str():
                raise PlanInvalid(f"{node} is the name of a measure, which only an expression in select may use.")

    def aggregate(self, node: Aggregate) -> str:
        argument = self._argument(node)
        if node.function.subtracts:
            argument = self._rollups.signed(argument, node)
        return node.function.of(argument, self.where_condition(node))

    def where_condition(self, node: Aggregate) -> str:
        """The aggregate's own filters as one condition."""
        return " AND ".join(self._rollups.condition(wanted, node.where) for wanted in node.where)

    def _argument(self, node: Aggregate) -> str:
        """SQL for the aggregate's input: a column, its periods, or `*` for the rows themselves."""
        needs = node.function.needs
        if node.grain and not node.function.takes_grain:
            takers = " and ".join(one.name for one in AGGREGATES.values() if one.takes_grain)
            raise PlanInvalid(f"{node.fn} does not take a grain: only {takers} counts periods. Remove the grain.")
        if node.column is None:
            if node.since is not None:
                raise PlanInvalid(f"{node.fn} has `since`, but no column. Name the later date in `column`.")
            if needs is not Needs.ROWS:
                raise PlanInvalid(f"{node.fn} needs a column. Name the column that it is computed from.")
            return "*"
        if node.since is not None:
            return self._days(node, node.column, node.since)
        if node.grain:
            return GRAINS[node.grain].format(self.time(node.column).sql)
        ref = self._scope.find(node.column)
        if needs is Needs.NUMBERS and ref.column.kind is not Kind.NUMBER:
            raise PlanInvalid(f"{node.fn} needs numbers, but {node.column} is {ref.column.type}. Use a numeric column.")
        return ref.sql

    def _days(self, node: Aggregate, column: str, since: str) -> str:
        """SQL for the days between two dates: columns, or a column and a date since then."""
        if node.grain:
            raise PlanInvalid(
                f"{node.fn} with `since` is computed from numbers of days, which have no grain. Remove the grain."
            )
        try:
            start = self.time(since).sql
        except UnknownColumn:
            if not _DATE.fullmatch(since):
                raise
            start = f"DATE '{moment(since, 'since')}'"
        return f"date_diff('day', CAST({start} AS DATE), CAST({self.time(column).sql} AS DATE))"

    def column(self, node: Expression) -> Column | None:
        """The column whose type the expression's values have, or None for a number."""
        match node:
            case Aggregate(column=str(name), since=None) if node.function.keeps_type:
                column = self._scope.find(name).column
                return None if column.kind is Kind.NUMBER else column
            case Window(over="previous"):
                return self.column(node.of)
            case Nested(per=()):
                raise PlanInvalid(f"{node.fn} over groups names none in `per`. Name them, or leave `of` and `per` out.")
            case Nested() if node.function.keeps_type:
                return self.column(node.of)
            case Nested() if node.function.needs is Needs.NUMBERS:
                self._need_number(node.of, node.fn)
            case Window():
                self._need_number(node.of, node.over)
            case Arithmetic() | PercentChange() | Ratio():
                for part in parts(node):
                    self._need_number(part, _plan_name(node))
            case _:
                pass
        return None

    def _need_number(self, node: Expression, what: str) -> None:
        if (column := self.column(node)) is not None:
            raise PlanInvalid(f"{what} needs numbers, but {column.name} is {column.type}. Use a numeric column.")


def arithmetic(node: Arithmetic, sql: Callable[[Expression], str]) -> str:
    """`left op right`, with each side compiled by `sql`. Division by zero returns null."""
    right = f"nullif({sql(node.right)}, 0)" if node.op == "/" else operand(node.right, sql)
    return f"{operand(node.left, sql)} {node.op} {right}"


def percent_change(node: PercentChange, sql: Callable[[Expression], str]) -> str:
    """The difference as a fraction of the base. Null where the base is not positive."""
    value, base = operand(node.percent_change, sql), operand(node.base, sql)
    return f"CASE WHEN {base} > 0 THEN ({value} - {base}) / {base} END"


def ratio(node: Ratio, sql: Callable[[Expression], str]) -> str:
    """The value as a fraction of the base. Null where the base is not positive."""
    value, base = operand(node.ratio, sql), operand(node.base, sql)
    return f"CASE WHEN {base} > 0 THEN {value} / {base} END"


def _plan_name(node: Arithmetic | PercentChange | Ratio) -> str:
    """The name of the expression in a plan."""
    if isinstance(node, Arithmetic):
        return node.op
    return "ratio" if isinstance(node, Ratio) else "percent_change"


def operand(node: Expression, sql: Callable[[Expression], str]) -> str:
    """The expression as an operand, in parentheses where precedence could change its meaning."""
    return f"({sql(node)})" if isinstance(node, Arithmetic | Window) else sql(node)


def contains(node: Expression, kind: type[Aggregate] | type[Window] | type[Nested]) -> bool:
    """Whether the expression contains a node of this kind at any depth."""
    return isinstance(node, kind) or any(contains(part, kind) for part in parts(node))
