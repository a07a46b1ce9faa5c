"""Trees in the data, such as a chart of accounts: which rows are below a parent, and with which sign.

A tree is read from its table once for each version of the data (`tree_query`, `Tree.read`), and does not change after
that. The plan compiler receives it together with the tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cfo_kernel.data.glossary import GlossaryFile, Hierarchy, label
from cfo_kernel.data.glossary_reader import Written
from cfo_kernel.data.tables import Table, Tables
from cfo_kernel.replies import ResultTable
from cfo_kernel.sql_text import quoted
from cfo_kernel.values import Value

MOST_NODES = 20_000
_SHOWN_OF_A_CYCLE = 50
_SIGNS = {"+": 1, "-": -1, "~": 0}


class TreeInvalid(ValueError):
    """Raised if the rows do not form a tree. `field` is the faulty key of the hierarchy in the glossary."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field
        self.problem = problem


class Node(Value):
    """A row of the tree. `sign` is its operator: 1 adds to the parent, -1 subtracts from it, 0 is excluded.

    `booked` says whether rows of other tables refer to it.
    """

    key: str
    parent: str | None
    name: str | None
    sign: int = 1
    booked: bool = False


class Tree:
    """The rows of a table as a tree. `key` and `label` are the names of two of its columns.

    `noun` is the word for a row ('account'). `signed` says whether the rows have operators.
    """

    def __init__(self, table: str, key: str, label: str, nodes: Sequence[Node], *, noun: str, signed: bool) -> None:
        self.table, self.key, self.label, self.noun, self.signed = table, key, label, noun, signed
        self.nodes = {node.key: node for node in nodes}
        self._children: dict[str | None, list[Node]] = {}
        self._named: dict[str | None, list[Node]] = {}
        for node in nodes:
            self._children.setdefault(node.parent, []).append(node)
            self._named.setdefault(node.name, []).append(node)
        self._check(nodes)

    @classmethod
    def read(cls, table: Table, notes: Hierarchy, rows: Sequence[Sequence[Any]], noun: str) -> "Tree":
        """Builds the tree from the rows of `tree_query`. Raises `TreeInvalid` if they are not a tree."""
        nodes: list[Node] = []
        for key, parent, name, operator, booked in rows:
            if key is None:
                raise TreeInvalid("key", f"a row of {table.name} has no {notes.key}")
            if operator is not None and operator not in _SIGNS:
                raise TreeInvalid("operator", f"{name} has the operator {operator!r}; the operators are + - ~")
            sign = 1 if operator is None else _SIGNS[operator]
            nodes.append(Node(key=key, parent=parent, name=name, sign=sign, booked=bool(booked)))
        return cls(table.name, notes.key, notes.label, nodes, noun=noun, signed=notes.operator is not None)

    @property
    def roots(self) -> list[Node]:
        return self.children(None)

    @property
    def names(self) -> list[str]:
        return [name for name in self._named if name is not None]

    @property
    def parents(self) -> list[Node]:
        return [node for node in self.nodes.values() if self.children(node.key)]

    def nodes_named(self, name: str) -> list[Node]:
        """The rows with that name. There is usually just one."""
        return self._named.get(name, [])

    def children(self, key: str | None) -> list[Node]:
        return self._children.get(key, [])

    def below(self, key: str) -> Iterator[Node]:
        """The node and everything below it, parents first, whatever their operators."""
        waiting = [self.nodes[key]]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(self.children(node.key))

    def weights(self, key: str) -> dict[str, int]:
        """The weight of each node below the given one: the product of the operators between them, or 0 if excluded.

        The given node's own operator is not part of the product, because it says how the node counts in its parent.
        """
        found = {key: 1}
        for node in self.below(key):
            if node.key != key and node.parent in found and node.sign:
                found[node.key] = found[node.parent] * node.sign
        return found

    def _check(self, nodes: Sequence[Node]) -> None:
        if len(self.nodes) < len(nodes):
            raise TreeInvalid("key", f"{self.key} is not unique in {self.table}")
        orphan = next((n for n in nodes if n.parent is not None and n.parent not in self.nodes), None)
        if orphan:
            raise TreeInvalid(
                "parent", f"{orphan.name} has the parent {orphan.parent}, which does not occur in {self.key}"
            )
        # A node whose path to a root is known to have no cycle is not walked again. That keeps the check linear in the
        # number of nodes, even for one long chain.
        checked: set[str | None] = {None}
        for node in nodes:
            path: dict[str, Node] = {}
            at: str | None = node.key
            while at not in checked and at is not None:
                if at in path:
                    names = " > ".join(str(n.name) for n in [*path.values(), self.nodes[at]][-_SHOWN_OF_A_CYCLE:])
                    raise TreeInvalid("parent", f"a cycle in the tree: {names}")
                path[at] = self.nodes[at]
                at = self.nodes[at].parent
            checked.update(path)


Trees = Mapping[str, Tree]
"""The trees of a workspace by the lower-case names of their tables, as defined in the glossary and the data."""

NO_TREES: Trees = {}


def tree_queries(glossary: GlossaryFile, tables: Tables) -> dict[str, str]:
    """The SQL that reads each tree in the glossary, by the lower-case name of its table."""
    return {
        name.lower(): tree_query(tables[name], notes.hierarchy, tables)
        for name, notes in glossary.tables.items()
        if notes.hierarchy
    }


def tree_from_result(name: str, result: ResultTable, glossary: GlossaryFile, file: Written, tables: Tables) -> Tree:
    """Builds the tree of a table from the result of its `tree_query`.

    Raises `GlossaryInvalid` if the rows are not a tree.
    """
    table, notes = tables[name], glossary.table(name).hierarchy
    written = next((key for key in glossary.tables if key.lower() == name), name)
    column = table.column(notes.label) if notes else None
    if notes is None or column is None:
        raise file.fault(("tables", written), f"{written} has no hierarchy")
    try:
        if result.truncated:
            raise TreeInvalid("key", f"{table.name} has {result.row_count:,} rows; a tree has at most {MOST_NODES:,}")
        return Tree.read(table, notes, result.rows, label(glossary, table.name, column))
    except TreeInvalid as error:
        raise file.fault(("tables", written, "hierarchy", error.field), error.problem) from error


def tree_query(table: Table, notes: Hierarchy, tables: Tables) -> str:
    """SQL for a tree's rows: key, parent, label, operator, and whether rows of another table refer to it."""
    key = f"{quoted(table.name)}.{quoted(notes.key)}"
    booked = [  # names of tables and columns only, each quoted
        f"{key} IN (SELECT {quoted(r.column)} FROM {quoted(r.table)})"  # noqa: S608
        for r in tables.relations
        if r.to_table == table.name and r.to_column.lower() == notes.key.lower()
    ]
    column = table.column(notes.key)
    kind = column.type if column else "VARCHAR"
    columns = [  # a parent is cast to the key's type first, so that 7.0 finds the key 7
        f"CAST({key} AS VARCHAR)",
        f"CAST(CAST({quoted(notes.parent)} AS {kind}) AS VARCHAR)",
        quoted(notes.label),
        f"trim({quoted(notes.operator)})" if notes.operator else "NULL",
        " OR ".join(booked) or "FALSE",
    ]
    return f"SELECT {', '.join(columns)} FROM {quoted(table.name)} ORDER BY {key}"  # noqa: S608
