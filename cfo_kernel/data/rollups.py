"""Roll-ups: a filter that names a parent of a tree means what is below it, and a sum gives each row its sign.

Which filters give the sign: those in the aggregate's own `where` if they name rows of the tree, else those of the plan.
So beside a plan over Net Income a figure where the account is Operating Expenses is the expenses as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cfo_kernel.data.hierarchies import Node, Tree, Trees
from cfo_kernel.data.literals import condition, literal, text
from cfo_kernel.data.plan import Aggregate, Filter, Group, QueryPlan
from cfo_kernel.data.scope import ColumnRef, Scope, nearest
from cfo_kernel.data.tables import Kind
from cfo_kernel.errors import PlanInvalid


@dataclass(frozen=True)
class NodeSelection:
    """What the values of a filter stand for: the rows of the tree by key, with the weight of each.

    `clash` says why they cannot be summed: a row has one sign by one name and another by another.
    """

    tree: Tree
    key: ColumnRef
    nodes: tuple[Node, ...]
    weights: dict[str, int]
    clash: str = ""

    @property
    def is_rolled(self) -> bool:
        """Whether one of the names is a parent's."""
        return any(self.tree.children(node.key) for node in self.nodes)

    @property
    def has_one_top(self) -> bool:
        """Whether all the rows are below one of the names."""
        return any(set(self.tree.weights(node.key)) >= set(self.weights) for node in self.nodes)

    @property
    def negative(self) -> list[str]:
        return [key for key, weight in self.weights.items() if weight < 0]

    def sql(self, keys: list[str], operator: str = "IN") -> str:
        return f"{self.key.sql} {operator} ({', '.join(literal(k, self.key.column, self.key.name) for k in keys)})"


class RollUps:
    """The trees as far as a plan's filters, groups and sums name their rows."""

    def __init__(self, plan: QueryPlan, scope: Scope, trees: Trees) -> None:
        self._scope = scope
        self._trees = trees
        inside = (Filter(column=group.column, value=group.within) for group in plan.group_by if group.within)
        self.filters = (*plan.filters, *inside)

    def condition(self, wanted: Filter) -> str:
        """The filter as a SQL condition."""
        named = self.selection(wanted)
        if named is None or not named.is_rolled:
            return condition(wanted, self._scope.find(wanted.column))
        return named.sql(list(named.weights), "NOT IN" if wanted.op in ("!=", "not in") else "IN")

    def group(self, group: Group) -> str:
        """The child of the group's `within` that a row is below, or `within` itself for a row of its own."""
        named = self.selection(Filter(column=group.column, value=group.within))
        if named is None or not named.is_rolled or group.grain:
            raise PlanInvalid(f"{group.within} is no parent in a hierarchy of {group.column}. Leave within out.")
        (node,) = named.nodes
        cases = [(node, [node.key])]
        for child in named.tree.children(node.key):
            below = [n.key for n in named.tree.below(child.key) if n.key in named.weights]
            cases += [(child, below)] if below else []
        names = [n.name or n.key for n, _ in cases]
        whens: list[str] = []
        for name, (n, keys) in zip(names, cases, strict=True):  # two children of one name are two groups
            shown = name if names.count(name) == 1 else f"{name} ({n.key})"
            whens.append(f"WHEN {named.sql(keys)} THEN {text(shown)}")
        return f"CASE {' '.join(whens)} END"

    def signed(self, sql: str, node: Aggregate) -> str:
        """What a sum adds up: the value with the sign of its row."""
        for named in self._deciding(node):
            if named.clash:
                raise PlanInvalid(named.clash)
            if named.negative:
                sql = f"CASE WHEN {named.sql(named.negative)} THEN -({sql}) ELSE {sql} END"
        return sql

    def check(self, node: Aggregate) -> None:
        """Raises where the aggregate means nothing over rows that are subtracted."""
        if node.column is None or node.function.is_total:
            return
        negative = [named for named in self._deciding(node) if named.negative]
        if negative and self._scope.find(node.column).column.kind is Kind.NUMBER:
            names = " and ".join(str(n.name) for n in negative[0].nodes)
            noun = negative[0].tree.noun
            raise PlanInvalid(
                f"{node.fn} over {names} means nothing: some {noun}s below it are subtracted. Take sum, or name "
                f"{noun}s of one sign."
            )

    def adds_by_tree(self, node: Aggregate, table: str) -> bool:
        """Whether one parent of a tree with operators in `table` decides what is added: that is what they are for."""
        deciding = [n for n in self._deciding(node) if n.tree.table.lower() == table.lower() and n.tree.signed]
        return any(named.is_rolled and named.has_one_top for named in deciding)

    def selection(self, wanted: Filter) -> NodeSelection | None:
        """The rows of a tree that the filter names, or None where its column is no tree's label.

        In a plan where nothing points at the tree its rows are read as they are: that asks what the tree looks like.
        """
        if wanted.op not in ("=", "!=", "in", "not in"):
            return None
        ref = self._scope.find(wanted.column)
        tree = self._trees.get(ref.table.name.lower())
        if tree is None or tree.label.lower() != ref.column.name.lower():
            return None
        key = ref.table.column(tree.key)
        if key is None or not self._scope.pointers(tree.table, tree.key):
            return None
        values = wanted.value if isinstance(wanted.value, list) else [wanted.value]
        nodes = tuple(self._nodes(tree, [str(v) for v in values if v is not None]))
        is_left_out = wanted.op in ("!=", "not in")
        weights, clash = (_below(tree, nodes), "") if is_left_out else _weights(tree, nodes)
        return NodeSelection(tree, ColumnRef(ref.table, key), nodes, weights, clash)

    def parent_selections(self, node: Aggregate | None) -> Iterator[tuple[Filter, NodeSelection]]:
        """The filters of an aggregate, or of the plan, that name a parent."""
        for wanted in node.where if node else self.filters:
            if (named := self.selection(wanted)) and named.is_rolled:
                yield wanted, named

    @staticmethod
    def _nodes(tree: Tree, names: list[str]) -> Iterator[Node]:
        found = {name: tree.nodes_named(name) for name in names}
        has_parent = any(tree.children(node.key) for nodes in found.values() for node in nodes)
        for name, nodes in found.items():
            if has_parent and not nodes:
                raise PlanInvalid(f"There is no {tree.noun} {name}. {nearest(name, tree.names)}")
            if len(nodes) > 1 and any(tree.children(node.key) for node in nodes):
                keys = " or ".join(node.key for node in nodes)
                raise PlanInvalid(f"{name} names {len(nodes)} {tree.noun}s. Filter on {tree.table}.{tree.key}: {keys}.")
            yield from nodes

    def _deciding(self, node: Aggregate) -> list[NodeSelection]:
        """For each tree the rows that decide on the sign in this aggregate."""
        own, plans = self._by_tree(node.where), self._by_tree(self.filters)
        return list((plans | own).values())

    def _by_tree(self, filters: tuple[Filter, ...]) -> dict[str, NodeSelection]:
        found: dict[str, NodeSelection] = {}
        for wanted in filters:
            named = self.selection(wanted) if wanted.op in ("=", "in") else None
            if named is not None:
                before = found.get(named.tree.table)
                found[named.tree.table] = _both(before, named) if before else named
        return found


def _both(one: NodeSelection, other: NodeSelection) -> NodeSelection:
    """The rows that two filters name together."""
    shared = {key: weight for key, weight in one.weights.items() if key in other.weights}
    clash = one.clash or other.clash
    if any(other.weights[key] != weight for key, weight in shared.items()):
        names = " and ".join(str(n.name) for n in (*one.nodes, *other.nodes))
        clash = f"{names} overlap and give rows different signs. Name one of them."
    wider, narrower = (one, other) if len(one.weights) >= len(other.weights) else (other, one)
    return NodeSelection(narrower.tree, narrower.key, (narrower if narrower.is_rolled else wider).nodes, shared, clash)


def _weights(tree: Tree, nodes: tuple[Node, ...]) -> tuple[dict[str, int], str]:
    """The weights of all that is in one of the nodes, what is in two of them once; and why they cannot be summed."""
    found: dict[str, int] = {}
    clash = ""
    for node in nodes:
        weights = tree.weights(node.key)
        if len(weights) == 1 and not node.booked and (children := tree.children(node.key)):
            names = ", ".join(str(child.name) for child in children)
            raise PlanInvalid(f"{node.name} is no total: all that is below it is left out (~). Name one of: {names}.")
        both = next((key for key, weight in weights.items() if found.get(key, weight) != weight), None)
        if both:
            names = " and ".join(str(n.name) for n in nodes)
            way = "Take a figure for each, with its name in the figure's where."
            clash = f"{names} overlap, and {tree.nodes[both].name} has different signs in them. {way}"
        found |= {key: weight for key, weight in weights.items() if key not in found}
    return found, clash


def _below(tree: Tree, nodes: tuple[Node, ...]) -> dict[str, int]:
    return {below.key: 1 for node in nodes for below in tree.below(node.key)}
