"""The second step of a plan with windows: expressions over `_grouped`, where the groups stand beside each other."""

from cfo_kernel.data.figures import Figures, arithmetic, holds, operand, percent_change, ratio
from cfo_kernel.data.plan import Aggregate, Arithmetic, Expression, PercentChange, QueryPlan, Ratio, Window
from cfo_kernel.data.scope import nearest, quoted
from cfo_kernel.errors import PlanInvalid


class Windows:
    """Compiles expressions over `_grouped`.

    What it finds on the way: `inner`, the aggregates that `_grouped` must compute, under their names; and `named`, the
    windows they are seen through, by name. An aggregate that is a measure has the measure's name.
    """

    def __init__(self, plan: QueryPlan, figures: Figures) -> None:
        self._figures = figures
        self._groups = [group.result_name for group in plan.group_by]
        self._order = next((group.result_name for group in plan.group_by if group.grain), None)
        self._taken = {name.lower() for name in [*self._groups, *(m.name for m in plan.select)]}
        self.inner: dict[str, str] = {}
        self.named: dict[str, str] = {}
        for measure in plan.select:
            if isinstance(measure.expression, Aggregate):
                self.inner.setdefault(figures.aggregate(measure.expression), measure.name)

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
            case _:
                return self._figures.sql(node)

    def _inner_name(self, node: Aggregate) -> str:
        sql = self._figures.aggregate(node)
        if sql not in self.inner:
            base = f"{node.fn}_{node.column.rpartition('.')[2]}" if node.column else node.fn
            name, count = base, 2
            while name.lower() in self._taken:
                name, count = f"{base}_{count}", count + 1
            self._taken.add(name.lower())
            self.inner[sql] = name
        return self.inner[sql]

    def _window(self, node: Window) -> str:
        if holds(node.of, Window):
            raise PlanInvalid("A window cannot hold another window. Make it a measure of its own.")
        value, beside = self.sql(node.of), operand(node.of, self.sql)
        if node.over == "share_of_total":
            total = f"sum({value}) OVER ({_partition([self._group(n) for n in node.within])})"
            return f"CASE WHEN {total} > 0 THEN {beside} / {total} END"
        window = self._along(node)
        if node.over == "running_total":
            return f"sum({value}) OVER ({window} ROWS UNBOUNDED PRECEDING)"
        before = f"lag({value}) OVER {window}"
        if node.over == "previous":
            return before
        if node.over == "change":
            return f"{beside} - {before}"
        return f"CASE WHEN {before} > 0 THEN ({beside} - {before}) / {before} END"

    def _along(self, node: Window) -> str:
        """The name of the window along a group, apart for each combination of the other groups."""
        order = self._group(node.along) if node.along else self._order
        if order is None:
            raise PlanInvalid(f"{node.over} needs an order. Group by a date with a grain, or name `along`.")
        others = _partition([name for name in self._groups if name != order])
        name = quoted(f"along_{order}")
        self.named[name] = f"{others} ORDER BY {quoted(order)}".strip()
        return name

    def _group(self, name: str) -> str:
        for group in self._groups:
            if group.lower() == name.lower():
                return group
        raise PlanInvalid(f"There is no group {name}. {nearest(name, self._groups)}")


def _partition(names: list[str]) -> str:
    return "PARTITION BY " + ", ".join(quoted(name) for name in names) if names else ""
