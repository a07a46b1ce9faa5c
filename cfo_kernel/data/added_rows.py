"""Which rows each figure of a plan adds up: the groups within which the checks look for rows that must stay apart."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cfo_kernel.data.plan import Aggregate, Expression, Group, Nested, QueryPlan, Window, parts

Groups = tuple[Group, ...]


@dataclass(frozen=True)
class AddedRows:
    """An aggregate, and the groups within which its rows, or its figures, are combined.

    - `groups`: within which a row must occur once.
    - `added`: within which values are added up, so that they must not contain a balance at several dates. None if they
      are not.
    - `mixed`: within which values are added or averaged, so that they must not contain two scenarios.
    """

    node: Aggregate
    groups: Groups
    added: Groups | None
    mixed: Groups | None
    is_changed_by_repeats: bool


def added_rows(plan: QueryPlan) -> Iterator[tuple[str, AddedRows]]:
    """The aggregates of each measure, by its name, and once more over all rows if the plan has a totals row."""
    for measure in plan.select:
        for within in (plan.group_by, ()) if plan.has_totals_row else (plan.group_by,):
            for one in _added(measure.expression, plan, within):
                yield measure.name, one


def _added(node: Expression, plan: QueryPlan, groups: Groups) -> Iterator[AddedRows]:
    """The aggregates in an expression.

    A window adds more rows than its aggregate does: a share adds everything outside `within`, a running total all
    periods.
    """
    match node:
        case Aggregate():
            adds = groups if node.function.adds_rows else None
            yield AddedRows(node, groups, adds, adds, node.function.is_changed_by_repeats)
        case Nested():
            for part in _added(node.of, plan, (*groups, *node.per)):
                yield _over_groups(part, node, groups)
        case Window(over="share_of_total"):
            kept = {name.lower() for name in node.kept_groups}
            yield from _added(node.of, plan, tuple(g for g in groups if g.result_name.lower() in kept))
        case Window(over="running_total"):
            first = next((g.result_name for g in plan.group_by if g.grain), "")
            along = (node.along or first).lower()
            yield from _added(node.of, plan, tuple(g for g in groups if g.result_name.lower() != along))
        case _:
            for part in parts(node):
                yield from _added(part, plan, groups)


def _over_groups(part: AddedRows, outer: Nested, groups: Groups) -> AddedRows:
    """The rows of a figure over groups.

    A sum over groups adds everything in them, even extremes. An average of balances at several dates is intended.
    """
    if not outer.function.adds_rows or part.node.function.is_count:
        return part if not outer.function.is_total else replace(part, groups=groups)
    if outer.function.is_total:
        return AddedRows(part.node, groups, groups, groups, is_changed_by_repeats=True)
    return replace(part, mixed=groups)
