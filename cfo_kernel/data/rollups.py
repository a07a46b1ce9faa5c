"""Roll-ups: a filter that names a parent of a tree selects everything below it, and a sum gives each row its sign.

If the aggregate's own `where` names rows of the tree, the sign comes from those filters, otherwise from the plan's
filters. In a plan over Net Income, a figure with `where` account = Operating Expenses therefore shows the expenses as
they are booked, not subtracted as they are in Net Income.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cfo_kernel.data.hierarchies import Node, Tree, Trees
from cfo_kernel.data.last_periods import last_periods
from cfo_kernel.data.literals import condition, literal, text
from cfo_kernel.data.plan import Aggregate, Filter, Group, QueryPlan
from cfo_kernel.data.scope import Scope, nearest
from cfo_kernel.data.table_joins import ColumnRef
from cfo_kernel.data.tables import Kind
from cfo_kernel.errors import PlanInvalid


@dataclass(frozen=True)
class NodeSelection:
    """The rows of a tree that a filter's values select, by key, with the weight of each row in a sum.

    `nodes` are the rows that the values name. `clash` explains why a sum over the selection is not meaningful: two of
    the names give the same row different signs.
    """

    tree: Tree
    key: ColumnRef
    nodes: tuple[Node, ...]
    weights: dict[str, int]
    clash: str = ""

    @property
    def is_rolled(self) -> bool:
        """Whether one of the names is the name of a parent."""
        return any(self.tree.children(node.key) for node in self.nodes)

    @property
    def has_one_top(self) -> bool:
        """Whether one of the named nodes contains the whole selection."""
        return any(set(self.tree.weights(node.key)) >= set(self.weights) for node in self.nodes)

    @property
    def negative(self) -> list[str]:
        return [key for key, weight in self.weights.items() if weight < 0]

    def sql(self, keys: list[str], operator: str = "IN") -> str:
        return f"{self.key.sql} {operator} ({', '.join(literal(k, self.key.column, self.key.name) for k in keys)})"


class RollUps:
    """Compiles the filters, groups and sums of a plan for the rows of trees."""

    def __init__(self, plan: QueryPlan, scope: Scope, trees: Trees) -> None:
        self._scope = scope
        self._trees = trees
        self.last_day: Callable[[Filter, tuple[Filter, ...]], str] = _no_rows
        inside = (Filter(column=group.column, value=group.within) for group in plan.group_by if group.within)
        self.filters = (*(f for f in plan.filters if not scope.is_anti(f.column)), *inside)
        self.anti_filters = tuple(f for f in plan.filters if scope.is_anti(f.column))

    def condition(self, wanted: Filter, beside: tuple[Filter, ...] = ()) -> str:
        """The filter as a SQL condition, with a parent's name replaced by the keys of everything below it.

        `beside` are the filters of the same figure.
        """
        if periods := last_periods(wanted):
            ref = self._scope.find_in_filter(wanted.column)
            return periods.condition(ref, self.last_day(wanted, beside))
        selection = self.selection(wanted)
        if selection is None or not selection.is_rolled:
            return condition(wanted, self._scope.find_in_filter(wanted.column))
        return selection.sql(list(selection.weights), "NOT IN" if wanted.op in ("!=", "not in") else "IN")

    def group(self, group: Group) -> str:
        """SQL that gives each row the child of `within` that it is below, or `within` itself if it is booked there."""
        selection = self.selection(Filter(column=group.column, value=group.within))
        if selection is None or not selection.is_rolled or group.grain:
            raise PlanInvalid(f"{group.within} is not a parent in a hierarchy of {group.column}. Remove `within`.")
        (node,) = selection.nodes
        cases = [(node, [node.key])]
        for child in selection.tree.children(node.key):
            below = [n.key for n in selection.tree.below(child.key) if n.key in selection.weights]
            cases += [(child, below)] if below else []
        names = [n.name or n.key for n, _ in cases]
        whens: list[str] = []
        for name, (n, keys) in zip(names, cases, strict=True):  # two children with the same name are two groups
            shown = name if names.count(name) == 1 else f"{name} ({n.key})"
            whens.append(f"WHEN {selection.sql(keys)} THEN {text(shown)}")
        return f"CASE {' '.join(whens)} END"

    def signed(self, sql: str, node: Aggregate) -> str:
        """SQL for the values that a sum adds up: the column, negated in rows that are subtracted."""
        for selection in self._deciding(node):
            if selection.clash:
                raise PlanInvalid(selection.clash)
            if selection.negative:
                sql = f"CASE WHEN {selection.sql(selection.negative)} THEN -({sql}) ELSE {sql} END"
        return sql

    def check(self, node: Aggregate) -> None:
        """Raises `PlanInvalid` if the aggregate is not meaningful because some of its rows are subtracted."""
        if node.column is None or node.function.is_total:
            return
        negative = [selection for selection in self._deciding(node) if selection.negative]
        if negative and self._scope.find(node.column).column.kind is Kind.NUMBER:
            names = " and ".join(str(n.name) for n in negative[0].nodes)
            noun = negative[0].tree.noun
            raise PlanInvalid(
                f"{node.fn} over {names} is not meaningful, because some {noun}s in it are subtracted. Use sum, "
                f"or choose {noun}s "
                "that all have the same sign."
            )

    def adds_by_tree(self, node: Aggregate, table: str) -> bool:
        """Whether everything that is added lies below one parent of a tree in `table` that has operators.

        If so, even values that the glossary keeps apart may be added, since the operators were written for that sum.
        """
        deciding = [n for n in self._deciding(node) if n.tree.table.lower() == table.lower() and n.tree.signed]
        return any(selection.is_rolled and selection.has_one_top for selection in deciding)

    def selection(self, wanted: Filter) -> NodeSelection | None:
        """The rows of a tree that the filter selects, or None if its column is not the label of a tree.

        Also None if no column in the plan refers to the tree: such a plan lists the tree's own rows, and a name means
        just the row with that name.
        """
        if wanted.op not in ("=", "!=", "in", "not in"):
            return None
        ref = self._scope.find_in_filter(wanted.column)
        tree = self._trees.get(ref.table.name.lower())
        if tree is None or tree.label.lower() != ref.column.name.lower():
            return None
        key = ref.table.column(tree.key)
        if key is None or not self._scope.pointers(tree.table, tree.key, in_filter=True):
            return None
        values = wanted.value if isinstance(wanted.value, list) else [wanted.value]
        nodes = tuple(self._named_nodes(tree, [str(v) for v in values if v is not None]))
        is_left_out = wanted.op in ("!=", "not in")
        weights, clash = (_below(tree, nodes), "") if is_left_out else _weights(tree, nodes)
        return NodeSelection(tree, ColumnRef(ref.table, key), nodes, weights, clash)

    def parent_selections(self, node: Aggregate | None) -> Iterator[tuple[Filter, NodeSelection]]:
        """The filters of the aggregate, or of the plan if it is None, that name a parent, each with its selection."""
        for wanted in node.where if node else self.filters:
            if (selection := self.selection(wanted)) and selection.is_rolled:
                yield wanted, selection

    @staticmethod
    def _named_nodes(tree: Tree, names: list[str]) -> Iterator[Node]:
        found = {name: tree.nodes_named(name) for name in names}
        has_parent = any(tree.children(node.key) for nodes in found.values() for node in nodes)
        for name, nodes in found.items():
            if has_parent and not nodes:
                raise PlanInvalid(f"There is no {tree.noun} {name}. {nearest(name, tree.names)}")
            if len(nodes) > 1 and any(tree.children(node.key) for node in nodes):
                keys = " or ".join(node.key for node in nodes)
                problem = f"{len(nodes)} {tree.noun}s are called {name}."
                raise PlanInvalid(f"{problem} Filter on {tree.table}.{tree.key}: {keys}.")
            yield from nodes

    def _deciding(self, node: Aggregate) -> list[NodeSelection]:
        """For each tree, the selection that determines the signs in this aggregate."""
        own, plans = self._by_tree(node.where), self._by_tree(self.filters)
        return list((plans | own).values())

    def _by_tree(self, filters: tuple[Filter, ...]) -> dict[str, NodeSelection]:
        found: dict[str, NodeSelection] = {}
        for wanted in filters:
            selection = self.selection(wanted) if wanted.op in ("=", "in") else None
            if selection is not None:
                before = found.get(selection.tree.table)
                found[selection.tree.table] = _intersection(before, selection) if before else selection
        return found


def _no_rows(wanted: Filter, beside: tuple[Filter, ...]) -> str:
    """Stands for the compiler's SQL for the last day with rows."""
    raise NotImplementedError(wanted, beside)


def _intersection(one: NodeSelection, other: NodeSelection) -> NodeSelection:
    """The selection of two filters that both apply."""
    shared = {key: weight for key, weight in one.weights.items() if key in other.weights}
    clash = one.clash or other.clash
    if any(other.weights[key] != weight for key, weight in shared.items()):
        names = " and ".join(str(n.name) for n in (*one.nodes, *other.nodes))
        clash = f"{names} overlap and give some rows different signs. Name only one of them."
    # The names that a message shows are those of the smaller selection, unless it names only individual rows. The
    # parent in the other selection then determines their signs.
    wider, narrower = (one, other) if len(one.weights) >= len(other.weights) else (other, one)
    return NodeSelection(narrower.tree, narrower.key, (narrower if narrower.is_rolled else wider).nodes, shared, clash)


def _weights(tree: Tree, nodes: tuple[Node, ...]) -> tuple[dict[str, int], str]:
    """The weights of everything in the nodes, counting overlaps once, and why their sum is not meaningful, or ''."""
    found: dict[str, int] = {}
    clash = ""
    for node in nodes:
        weights = tree.weights(node.key)
        if len(weights) == 1 and not node.booked and (children := tree.children(node.key)):
            names = ", ".join(str(child.name) for child in children)
            raise PlanInvalid(
                f"{node.name} is not a total, because everything below it is excluded (~). Name one of: {names}."
            )
        both = next((key for key, weight in weights.items() if found.get(key, weight) != weight), None)
        if both:
            names = " and ".join(str(n.name) for n in nodes)
            advice = "Select one figure for each, with its name in the figure's `where`."
            clash = f"{names} overlap, and {tree.nodes[both].name} has different signs in them. {advice}"
        found |= {key: weight for key, weight in weights.items() if key not in found}
    return found, clash


def _below(tree: Tree, nodes: tuple[Node, ...]) -> dict[str, int]:
    return {below.key: 1 for node in nodes for below in tree.below(node.key)}
