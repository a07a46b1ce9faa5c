"""Compiles the second step of a plan with windows: expressions over the rows of `_grouped`, one row for each group."""

from collections.abc import Callable
from dataclasses import dataclass

from cfo_kernel.data.expressions import ExpressionCompiler, arithmetic, contains, operand, percent_change, ratio
from cfo_kernel.data.plan import (
    Aggregate,
    Arithmetic,
    Expression,
    Grain,
    Group,
    Nested,
    PercentChange,
    QueryPlan,
    Ratio,
    Window,
    parts,
)
from cfo_kernel.data.scope import nearest
from cfo_kernel.errors import PlanInvalid
from cfo_kernel.sql_text import indented, quoted

_NUMBERED = {Grain.MONTH: "12 * year({0}) + month({0})", Grain.QUARTER: "4 * year({0}) + quarter({0})"}
"""SQL that numbers periods that are strings, so that the number of the previous period is one less."""


@dataclass(frozen=True)
class WindowStep:
    """How periods follow each other along a window: `number` grows by `size` from one period to the next."""

    window: str
    period: str
    grain: Grain
    number: str
    size: int

    @property
    def is_next(self) -> str:
        return f"lag({self.number}) OVER {self.window} = {self.number} - {self.size}"

    @property
    def is_after_gap(self) -> str:
        return f"lag({self.number}) OVER {self.window} <> {self.number} - {self.size}"


class WindowCompiler:
    """Compiles expressions over `_grouped`, and collects what the rest of the query needs for them.

    - `inner_columns`: the SQL of each aggregate that `_grouped` must compute, with the name of its column. An aggregate
      that is itself a measure has the measure's name.
    - `definitions`: the WINDOW clause, by name.
    - `steps`: the windows along which periods are compared.
    - `nested`: the figures over groups, with the names of their columns in `_grouped`.
    """

    def __init__(self, plan: QueryPlan, figures: ExpressionCompiler) -> None:
        self._figures = figures
        self._groups = [group.result_name for group in plan.group_by]
        self._grains = {group.result_name: (group.grain, group.column) for group in plan.group_by if group.grain}
        self._order = next((group.result_name for group in plan.group_by if group.grain), None)
        self._taken = {name.lower() for name in [*self._groups, *(m.name for m in plan.select)]}
        self.inner_columns: dict[str, str] = {}
        self.definitions: dict[str, str] = {}
        self.steps: dict[str, WindowStep] = {}
        self.years: dict[str, Grain] = {}
        self.nested: dict[str, tuple[Nested, str]] = {}
        for measure in plan.select:
            if isinstance(measure.expression, Aggregate):
                self.inner_columns.setdefault(figures.aggregate(measure.expression), measure.name)

    def sql(self, node: Expression) -> str:
        match node:
            case Aggregate():
                return quoted(self._inner_name(node))
            case Arithmetic():
                return arithmetic(node, self.sql)
            case PercentChange():
                return percent_change(node, self.sql)
            case Ratio():
                return ratio(node, self.sql)
            case Window():
                return self._window(node)
            case Nested():
                key = node.model_dump_json()
                if key not in self.nested:
                    self.nested[key] = node, self._free(node.fn)
                return quoted(self.nested[key][1])
            case _:
                return self._figures.sql(node)

    def _inner_name(self, node: Aggregate) -> str:
        base = f"{node.fn}_{node.column.rpartition('.')[2]}" if node.column else node.fn
        return self._computed(self._figures.aggregate(node), base)

    def _computed(self, sql: str, base: str) -> str:
        """The name of the `_grouped` column that holds the value of this SQL. Identical SQL shares one column."""
        if sql not in self.inner_columns:
            self.inner_columns[sql] = self._free(base)
        return self.inner_columns[sql]

    def _free(self, base: str) -> str:
        """A column name that nothing else has: `base`, if possible."""
        name, count = base, 2
        while name.lower() in self._taken:
            name, count = f"{base}_{count}", count + 1
        self._taken.add(name.lower())
        return name

    def nested_sources(self, rows: Callable[[list[str]], list[str]], base: list[str]) -> tuple[list[str], list[str]]:
        """The CTEs for the figures over groups, and the body of `_grouped`, which joins them to `base`.

        `rows` makes the SELECT over the plan's rows, with the given columns after the plan's groups.
        """
        by_parts: dict[tuple[Group, ...], list[tuple[Nested, str]]] = {}
        for node, name in self.nested.values():
            by_parts.setdefault(node.per, []).append((node, name))
        ctes, sources = list[str](), ["_base"] if base else []
        if base:
            ctes += ["_base AS (", *indented(base), "),"]
        groups = [quoted(group) for group in self._groups]
        numbers = ", ".join(str(i + 1) for i in range(len(groups)))
        for i, (per, nodes) in enumerate(by_parts.items(), 1):
            parts = [
                f"{self._figures.part(group)} AS {quoted(self._free(f'per_{n}'))}" for n, group in enumerate(per, 1)
            ]
            names = [quoted(self._free("figure")) for _ in nodes]
            figures = [f"{self._figures.sql(node.of)} AS {name}" for (node, _), name in zip(nodes, names, strict=True)]
            by = ", ".join(str(n + 1) for n in range(len(groups) + len(parts)))
            ctes += [f"_parts_{i} AS (", *indented([*rows([*parts, *figures]), f"GROUP BY {by}"]), "),"]
            over = [f"{n.function.of(name)} AS {quoted(to)}" for (n, to), name in zip(nodes, names, strict=True)]
            ctes += [f"_over_{i} AS (", f"  SELECT {', '.join([*groups, *over])}", f"  FROM _parts_{i}"]
            ctes += [f"  GROUP BY {numbers}", "),"] if groups else ["),"]
            sources.append(f"_over_{i}")
        first, *others = sources
        columns = [f"{first}.{group}" for group in groups]
        columns += [
            quoted(name) for name in (*self.inner_columns.values(), *(name for _, name in self.nested.values()))
        ]
        body = [f"SELECT {', '.join(columns)}", f"FROM {first}"]
        for other in others:
            same = [f"{first}.{group} IS NOT DISTINCT FROM {other}.{group}" for group in groups]
            body.append(f"JOIN {other} ON {' AND '.join(same) or 'TRUE'}")
        return ctes, body

    def _window(self, node: Window) -> str:
        if contains(node.of, Window):
            raise PlanInvalid("A window cannot contain another window. Make it a separate measure.")
        value, beside = self.sql(node.of), operand(node.of, self.sql)
        if node.over in ("share_of_total", "running_total") and (what := _not_additive(node.of)):
            raise PlanInvalid(f"{node.over} adds up the rows of the result, but {what} cannot be added up. Use a sum.")
        # A percentage of a base that is zero or negative is not meaningful (n.m.), so it is null here as in `ratio`.
        if node.over == "share_of_total":
            total = f"sum({value}) OVER ({_partition([self._group(n) for n in node.kept_groups])})"
            return f"CASE WHEN {total} > 0 THEN {beside} / {total} END"
        window, order = self._along(node)
        if node.over == "previous_year":
            return f"max({value}) OVER {self._year_before(window, order)}"
        if node.over == "running_total":
            return f"sum({value}) OVER ({window} ROWS UNBOUNDED PRECEDING)"
        step, before = self._step(window, order), f"lag({value}) OVER {window}"
        conditions = [step.is_next] if step else []
        if node.over == "change_percent":
            conditions.append(f"{before} > 0")
        compared = {"previous": before, "change": f"{beside} - {before}"}
        sql = compared.get(node.over, f"({beside} - {before}) / {before}")
        return f"CASE WHEN {' AND '.join(conditions)} THEN {sql} END" if conditions else sql

    def _along(self, node: Window) -> tuple[str, str]:
        """The window along a group, separate for each combination of the other groups, and the name of the group."""
        order = self._group(node.along) if node.along else self._order
        if order is None:
            raise PlanInvalid(f"{node.over} needs an order. Group by a date with a grain, or name `along`.")
        others = _partition([name for name in self._groups if name != order])
        name = quoted(f"along_{order}")
        self.definitions[name] = f"{others} ORDER BY {quoted(order)}".strip()
        return name, order

    def _year_before(self, window: str, order: str) -> str:
        """The window that contains only the same period of the year before."""
        step = self._step(window, order)
        if step is None:
            raise PlanInvalid("previous_year needs a group by week, month, quarter or year. Give the group a grain.")
        distance = {Grain.MONTH: "12", Grain.QUARTER: "4", Grain.YEAR: "1"}.get(step.grain, "INTERVAL 364 DAY")
        partition = self.definitions[window].rpartition("ORDER BY")[0]
        name = quoted(f"year_before_{order}")
        frame = f"RANGE BETWEEN {distance} PRECEDING AND {distance} PRECEDING"
        self.definitions[name] = f"{partition}ORDER BY {step.number} {frame}"
        self.years[name] = step.grain
        return name

    def _step(self, window: str, order: str) -> WindowStep | None:
        """How the periods of a group follow each other, or None if each is compared with the previous row.

        The latter is the case for groups without a grain and for days: books have no rows on weekends, so the previous
        calendar day is often missing, and a comparison with it would be null.
        """
        grain, column = self._grains.get(order, (None, ""))
        if grain is None or grain is Grain.DAY:
            return None
        number = quoted(order)
        if numbered := _NUMBERED.get(grain):
            sql = f"min({numbered.format(self._figures.time(column).sql)})"
            number = quoted(self._computed(sql, f"{order}_number"))
        step = WindowStep(window, quoted(order), grain, number, 7 if grain is Grain.WEEK else 1)
        return self.steps.setdefault(window, step)

    def _group(self, name: str) -> str:
        for group in self._groups:
            if group.lower() == name.lower():
                return group
        raise PlanInvalid(f"There is no group {name}. {nearest(name, self._groups)}")


def _partition(names: list[str]) -> str:
    return "PARTITION BY " + ", ".join(quoted(name) for name in names) if names else ""


def _not_additive(node: Expression) -> str | None:
    """The part of the expression that must not be summed over the result's rows: 'averages', 'ratios', or None."""
    match node:
        case Aggregate():
            return None if node.function.is_total else node.function.plural_name
        case Nested() if node.fn != "sum":
            return node.function.plural_name
        case PercentChange() | Ratio():
            return "ratios"
        case Arithmetic(op="/") if contains(node.right, Aggregate):
            return "ratios"
        case _:
            return next((what for part in parts(node) if (what := _not_additive(part))), None)
