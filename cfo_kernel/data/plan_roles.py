"""Determines from a query plan which figures in its result are fractions, and which are counts."""

from collections.abc import Iterable

from cfo_kernel import column_names
from cfo_kernel.data.plan import (
    Aggregate,
    Arithmetic,
    Constant,
    Expression,
    Filter,
    Nested,
    PercentChange,
    QueryPlan,
    Ratio,
    Window,
    aggregates_in,
    parts,
)
from cfo_kernel.number_formats import Known


def known_roles(plan: QueryPlan) -> dict[str, Known]:
    """The roles of the plan's measures that can be determined with certainty."""
    roles: dict[str, Known] = {}
    for measure in plan.select:
        if role := _role(measure.expression, column_names.words(measure.name), plan):
            roles[measure.name] = role
    return roles


def _role(node: Expression, words: tuple[str, ...], plan: QueryPlan) -> Known | None:
    match node:
        case PercentChange():
            return "percent"
        case Window(over="share_of_total" | "change_percent"):
            return "percent"
        case Ratio():
            return "percent" if _is_part(node, words) else None
        case Window():
            return _role(node.of, words, plan)
        case Nested():
            role = _role(node.of, words, plan)
            return "count" if node.function.is_count else role if role == "percent" else None
        case Aggregate():
            is_count = node.function.is_count or _counts((*plan.filters, *node.where))
            return "count" if is_count else None
        case Arithmetic(op="+" | "-"):
            left, right = _role(node.left, words, plan), _role(node.right, words, plan)
            if left == right and left is not None:
                return left
            return "percent" if _is_quotient(node) and column_names.says_part(words) else None
        case Arithmetic(op="/"):
            return "percent" if _is_quotient(node) and column_names.says_part(words) else None
        case _:
            return None


def _is_part(node: Ratio, words: tuple[str, ...]) -> bool:
    """Whether the ratio is a percentage: its figures have the same unit, or its name says that it is one."""
    if column_names.says_other_ratio(words):
        return False
    return _units(node.ratio) == _units(node.base) or column_names.says_part(words)


def _units(node: Expression) -> set[str | None]:
    """The columns that a figure is computed from. All counts have the same unit, whatever they count."""
    return {None if a.function.is_count else a.column for a in aggregates_in(node)}


def _is_quotient(node: Expression) -> bool:
    """Whether the figure results only from divisions, without a factor that could turn it into a percentage."""
    everything = list(_nodes(node))
    if any(isinstance(one, Constant) and one.constant not in (0, 1) for one in everything):
        return False
    percents = (a.column for a in aggregates_in(node) if a.column)
    if any(column_names.says_percent(column_names.words(name.rpartition(".")[2])) for name in percents):
        return False
    return any(isinstance(one, Ratio | PercentChange) or getattr(one, "op", "") == "/" for one in everything)


def _nodes(node: Expression) -> Iterable[Expression]:
    yield node
    for part in parts(node):
        yield from _nodes(part)


def _counts(filters: tuple[Filter, ...]) -> bool:
    """Whether the rows belong to an account that counts something, such as Headcount."""
    wanted = [f.value for f in filters if f.op in ("=", "in")]
    texts = [t for v in wanted for t in (v if isinstance(v, list) else [v]) if isinstance(t, str)]
    return any(column_names.says_count(column_names.words(text)) for text in texts)
