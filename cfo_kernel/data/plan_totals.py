"""The plan of a totals row: the same figures, computed from all rows instead of for each group."""

from collections.abc import Sequence

from cfo_kernel.data.expressions import contains
from cfo_kernel.data.plan import Expression, Filter, Measure, QueryPlan, Ratio, Window, parts, with_parts


def whole_plan(plan: QueryPlan) -> QueryPlan:
    """The plan without groups. A figure that runs along a group has no total, and is left out."""
    inside = tuple(Filter(column=group.column, value=group.within) for group in plan.group_by if group.within)
    found = [(measure.name, _whole(measure.expression)) for measure in plan.select]
    return plan.model_copy(
        update={
            "filters": (*plan.filters, *inside),
            "group_by": (),
            "select": tuple(Measure(name=name, expression=whole) for name, whole in found if whole is not None),
            "having": (),
            "order_by": (),
            "totals": False,
        }
    )


def free_name(base: str, names: Sequence[str]) -> str:
    """A name that no other column of the result has."""
    taken = {name.lower() for name in names}
    while base.lower() in taken:
        base += "_"
    return base


def _whole(node: Expression) -> Expression | None:
    """The expression over all rows: a share of the total is the whole."""
    if isinstance(node, Window):
        is_share = node.over == "share_of_total" and not node.kept_groups
        return Ratio(ratio=node.of, base=node.of) if is_share else None
    if not contains(node, Window):
        return node
    found = [_whole(part) for part in parts(node)]
    return None if None in found else with_parts(node, [part for part in found if part is not None])
