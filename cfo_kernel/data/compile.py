"""Compiles a QueryPlan to one deterministic SELECT with quoted identifiers and typed literals.

A plan without windows is one SELECT. A plan with windows is two steps: `_grouped` computes every aggregate, the second
SELECT sees the groups beside each other; thresholds on figures come after both, so a share is always one of the whole.
"""

from dataclasses import dataclass, field
from typing import Any

from cfo_kernel.data.literals import condition, number
from cfo_kernel.data.plan import (
    Aggregate,
    Arithmetic,
    Constant,
    Grain,
    Group,
    Having,
    LastOf,
    QueryPlan,
    Window,
)
from cfo_kernel.data.scope import Place, Scope, nearest, quoted
from cfo_kernel.data.tables import Kind, Tables
from cfo_kernel.errors import PlanInvalid

_GRAINS = {
    Grain.DAY: "CAST({0} AS DATE)",
    Grain.WEEK: "CAST(date_trunc('week', {0}) AS DATE)",
    Grain.MONTH: "strftime({0}, '%Y-%m')",
    Grain.QUARTER: "year({0}) || '-Q' || quarter({0})",
    Grain.YEAR: "year({0})",
}
_NUMERIC = ("sum", "avg", "median")


def compile_plan(plan: QueryPlan, tables: Tables) -> str:
    """The plan's SQL; raises `UnknownTable`, `UnknownColumn` or `PlanInvalid` where it does not fit the tables."""
    return _Compiler(plan, Scope(plan, tables)).sql()


def group_name(group: Group) -> str:
    """The name of the group's column in the result."""
    return group.name or (group.grain.value if group.grain else group.column.rpartition(".")[2])


@dataclass
class _Compiler:
    plan: QueryPlan
    scope: Scope
    inner: dict[str, str] = field(default_factory=dict[str, str])  # aggregate SQL -> its name in _grouped

    def sql(self) -> str:
        plan = self.plan
        names = [group_name(g) for g in plan.group_by] + [m.name for m in plan.select]
        if not names:
            raise PlanInvalid("The plan asks for nothing. Add figures to select, or columns to group_by.")
        if len({n.lower() for n in names}) < len(names):
            raise PlanInvalid(f"Two columns of the result have one name: {', '.join(names)}. Rename one.")
        body = self._windowed() if any(_has_window(m.expression) for m in plan.select) else self._flat()
        return "\n".join([body, *self._order(names), f"LIMIT {plan.limit}"])

    def _flat(self) -> str:
        lines = self._select([f"{self._expression(m.expression)} AS {quoted(m.name)}" for m in self.plan.select])
        if self.plan.having:
            by_name = {m.name.lower(): self._expression(m.expression) for m in self.plan.select}
            lines.append("HAVING " + " AND ".join(self._having(h, by_name) for h in self.plan.having))
        return "\n".join(lines)

    def _windowed(self) -> str:
        groups = [quoted(group_name(g)) for g in self.plan.group_by]
        outer = [f"{self._outer(m.expression)} AS {quoted(m.name)}" for m in self.plan.select]
        inner = self._select([f"{sql} AS {quoted(name)}" for sql, name in self.inner.items()])
        lines = ["WITH _grouped AS (", *(f"  {line}" for line in inner), ")"]
        select = ["SELECT", ",\n".join(f"  {column}" for column in groups + outer), "FROM _grouped"]
        if not self.plan.having:
            return "\n".join(lines + select)
        by_name = {m.name.lower(): quoted(m.name) for m in self.plan.select}
        kept = " AND ".join(self._having(h, by_name) for h in self.plan.having)
        lines[-1] += ", _figures AS ("
        return "\n".join([*lines, *select, ")", "SELECT * FROM _figures", f"WHERE {kept}"])

    def _select(self, figures: list[str]) -> list[str]:
        """SELECT, FROM, WHERE and GROUP BY over the rows."""
        groups = [f"{self._group(g)} AS {quoted(group_name(g))}" for g in self.plan.group_by]
        columns = ",\n".join(f"  {column}" for column in groups + figures)
        lines = ["SELECT" if figures else "SELECT DISTINCT", columns, *self._rows()]
        if groups and figures:
            lines.append("GROUP BY " + ", ".join(str(i + 1) for i in range(len(groups))))
        return lines

    def _rows(self) -> list[str]:
        lines = [f"FROM {quoted(self.scope.table.name)}"]
        for join in self.plan.joins:
            left, right = self.scope.find(join.left), self.scope.find(join.right)
            kind = "LEFT JOIN" if join.kind == "left" else "JOIN"
            lines.append(f"{kind} {quoted(self.scope.find(join.right).table.name)} ON {left.sql} = {right.sql}")
        conditions = [condition(f, self.scope.find(f.column)) for f in self.plan.filters]
        if self.plan.last_of:
            conditions.append(self._last(self.plan.last_of, lines, conditions))
        if conditions:
            lines.append("WHERE " + "\n  AND ".join(conditions))
        return lines

    def _last(self, last: LastOf, rows: list[str], conditions: list[str]) -> str:
        place = self._time(last.column)
        where = [f"WHERE {' AND '.join(conditions)}"] if conditions else []
        by = [f"GROUP BY {_GRAINS[last.grain].format(place.sql)}"] if last.grain else []
        return f"{place.sql} IN ({' '.join([f'SELECT max({place.sql})', *rows, *where, *by])})"

    def _group(self, group: Group) -> str:
        if group.grain is None:
            return self.scope.find(group.column).sql
        return _GRAINS[group.grain].format(self._time(group.column).sql)

    def _time(self, name: str) -> Place:
        place = self.scope.find(name)
        if place.column.kind is not Kind.TIME:
            raise PlanInvalid(f"{name} is {place.column.type}, not a date. Take a date column for periods.")
        return place

    def _expression(self, node: Any) -> str:
        match node:
            case Aggregate():
                return self._aggregate(node)
            case Arithmetic():
                return _arithmetic(node, self._expression(node.left), self._expression(node.right))
            case Constant():
                return number(node.constant, "A constant")
            case _:
                raise PlanInvalid(f"{type(node).__name__} cannot stand here. Take an aggregate.")

    def _aggregate(self, node: Aggregate) -> str:
        if node.column is None:
            if node.fn != "count":
                raise PlanInvalid(f"{node.fn} needs a column. Name the column to aggregate.")
            sql = "count(*)"
        else:
            place = self.scope.find(node.column)
            if node.fn in _NUMERIC and place.column.kind is not Kind.NUMBER:
                raise PlanInvalid(f"{node.fn} needs numbers; {node.column} is {place.column.type}.")
            column = place.sql
            if node.grain:
                column = _GRAINS[node.grain].format(self._time(node.column).sql)
            sql = f"count(DISTINCT {column})" if node.fn == "count_distinct" else f"{node.fn}({column})"
        if not node.where:
            return sql
        kept = " AND ".join(condition(f, self.scope.find(f.column)) for f in node.where)
        return f"{sql} FILTER (WHERE {kept})"

    def _outer(self, node: Any) -> str:
        """An expression over `_grouped`; each aggregate becomes one of its columns."""
        match node:
            case Aggregate():
                return quoted(self.inner.setdefault(self._aggregate(node), f"_{len(self.inner) + 1}"))
            case Arithmetic():
                return _arithmetic(node, self._outer(node.left), self._outer(node.right))
            case Window():
                return self._window(node)
            case _:
                return self._expression(node)

    def _window(self, node: Window) -> str:
        if _has_window(node.of):
            raise PlanInvalid("A window cannot hold another window. Make it a measure of its own.")
        value = self._outer(node.of)
        if node.over == "share_of_total":
            whole = f"sum({value}) OVER ({self._partition([self._grouped(n) for n in node.within])})"
            return f"{value} / nullif({whole}, 0)"
        order = self._along(node)
        others = [n for g in self.plan.group_by if (n := group_name(g)) != order]
        frame = f"{self._partition(others)} ORDER BY {quoted(order)}".strip()
        if node.over == "running_total":
            return f"sum({value}) OVER ({frame} ROWS UNBOUNDED PRECEDING)"
        before = f"lag({value}) OVER ({frame})"
        if node.over == "previous":
            return before
        if node.over == "change":
            return f"{value} - {before}"
        return f"CASE WHEN {before} > 0 THEN ({value} - {before}) / {before} END"

    def _along(self, node: Window) -> str:
        if node.along:
            return self._grouped(node.along)
        for group in self.plan.group_by:
            if group.grain:
                return group_name(group)
        raise PlanInvalid(f"{node.over} needs an order. Group by a date with a grain, or name `along`.")

    def _grouped(self, name: str) -> str:
        known = [group_name(g) for g in self.plan.group_by]
        if name not in known:
            raise PlanInvalid(f"There is no group {name}. {nearest(name, known)}")
        return name

    def _partition(self, names: list[str]) -> str:
        return "PARTITION BY " + ", ".join(quoted(n) for n in names) if names else ""

    def _having(self, having: Having, by_name: dict[str, str]) -> str:
        if (sql := by_name.get(having.measure.lower())) is None:
            known = [m.name for m in self.plan.select]
            raise PlanInvalid(f"There is no measure {having.measure}. {nearest(having.measure, known)}")
        values = having.value if isinstance(having.value, list) else [having.value]
        literals = [number(v, having.measure) for v in values]
        if len(literals) != (2 if having.op == "between" else 1):
            raise PlanInvalid(f"The threshold on {having.measure} has {len(literals)} values for '{having.op}'.")
        if having.op == "between":
            return f"{sql} BETWEEN {literals[0]} AND {literals[1]}"
        return f"{sql} {'<>' if having.op == '!=' else having.op} {literals[0]}"

    def _order(self, names: list[str]) -> list[str]:
        """ORDER BY the wanted columns, then by all groups, so that the same plan gives the same rows."""
        wanted: dict[str, str] = {}
        for order in self.plan.order_by:
            match = next((n for n in names if n.lower() == order.by.lower()), None)
            if match is None:
                raise PlanInvalid(f"There is no column {order.by} to sort by. {nearest(order.by, names)}")
            wanted[match] = f"{quoted(match)} {order.direction.upper()} NULLS LAST"
        for group in self.plan.group_by:
            wanted.setdefault(group_name(group), f"{quoted(group_name(group))} ASC NULLS LAST")
        return ["ORDER BY " + ", ".join(wanted.values())] if wanted else []


def _arithmetic(node: Arithmetic, left: str, right: str) -> str:
    return f"({left} / nullif({right}, 0))" if node.op == "/" else f"({left} {node.op} {right})"


def _has_window(node: Any) -> bool:
    if isinstance(node, Arithmetic):
        return _has_window(node.left) or _has_window(node.right)
    return isinstance(node, Window)
