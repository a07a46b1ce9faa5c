"""Checks which nodes of a tree are below a node and with which sign, and which rows do not form a tree."""

import time
from collections.abc import Sequence

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfo_kernel.data.glossary import GlossaryFile, Hierarchy
from cfo_kernel.data.glossary_reader import Written
from cfo_kernel.data.hierarchies import Node, Tree, TreeInvalid, tree_from_result, tree_query
from cfo_kernel.data.tables import Column, Table, Tables
from cfo_kernel.errors import GlossaryInvalid
from cfo_kernel.replies import Query, ResultTable

TABLE = Table(name="accounts", dataset="d", columns=(), row_count=0)
NOTES = Hierarchy(key="account_key", parent="parent_key", label="account", operator="operator")
ROWS = [
    ("1", None, "Profit", "+", False),
    ("2", "1", "Sales", "+", True),
    ("3", "1", "Costs", "-", True),
    ("4", "3", "Wages", None, True),
    ("5", "3", "Refunds", "-", True),
    ("6", "1", "Memo", "~", False),
    ("7", "6", "Heads", "+", True),
]


def read(rows: Sequence[tuple[str | None, str | None, str | None, str | None, bool]]) -> Tree:
    return Tree.read(TABLE, NOTES, rows, "account")


def test_weights_are_the_product_of_the_operators_on_the_path_up() -> None:
    tree = read(ROWS)
    assert tree.weights("1") == {"1": 1, "2": 1, "3": -1, "4": -1, "5": 1}
    assert tree.weights("3") == {"3": 1, "4": 1, "5": -1}
    assert tree.weights("5") == {"5": 1}


def test_a_node_that_its_parent_leaves_out_counts_when_it_is_named() -> None:
    assert read(ROWS).weights("6") == {"6": 1, "7": 1}


def test_roots_children_parents_and_names() -> None:
    tree = read(ROWS)
    assert [node.name for node in tree.roots] == ["Profit"]
    assert [node.name for node in tree.children("1")] == ["Sales", "Costs", "Memo"]
    assert [node.key for node in tree.below("1")] == ["1", "2", "3", "4", "5", "6", "7"]
    assert [node.name for node in tree.parents] == ["Profit", "Costs", "Memo"]
    assert [node.key for node in tree.nodes_named("Costs")] == ["3"]
    assert tree.nodes_named("costs") == []


@pytest.mark.parametrize(
    ("row", "field", "says"),
    [
        (("8", "9", "Lost", "+", True), "parent", "Lost has the parent 9, which does not occur in account_key"),
        (("8", "8", "Self", "+", True), "parent", "a cycle in the tree: Self > Self"),
        (("7", "1", "Twice", "+", True), "key", "account_key is not unique in accounts"),
        ((None, "1", "Nothing", "+", True), "key", "a row of accounts has no account_key"),
        (("8", "1", "Odd", "/", True), "operator", "Odd has the operator '/'; the operators are + - ~"),
    ],
)
def test_rows_that_do_not_form_a_tree_are_refused(
    row: tuple[str | None, str | None, str | None, str | None, bool], field: str, says: str
) -> None:
    with pytest.raises(TreeInvalid) as caught:
        read([*ROWS, row])
    assert (caught.value.field, caught.value.problem) == (field, says)


def test_a_long_cycle_is_found_and_a_long_branch_is_accepted() -> None:
    ring = [(str(i), str((i + 1) % 4), f"n{i}", "+", True) for i in range(4)]
    with pytest.raises(TreeInvalid, match="n0 > n1 > n2 > n3 > n0"):
        read(ring)
    branch = read([(str(i), str(i - 1) if i else None, f"n{i}", "-", True) for i in range(5000)])
    assert branch.weights("0")["4999"] == -1
    assert sum(1 for _ in branch.below("0")) == 5000


@st.composite
def trees(draw: st.DrawFn) -> list[Node]:
    """Draws nodes. The parent of each is an earlier node, or none."""
    size = draw(st.integers(1, 30))
    parents = [draw(st.none() | st.integers(0, i - 1)) if i else None for i in range(size)]
    signs = draw(st.lists(st.sampled_from([1, -1, 0]), min_size=size, max_size=size))
    return [
        Node(key=str(i), parent=None if p is None else str(p), name=f"n{i}", sign=s)
        for i, (p, s) in enumerate(zip(parents, signs, strict=True))
    ]


@given(nodes=trees(), amounts=st.lists(st.integers(-1000, 1000), min_size=30, max_size=30), shuffle=st.randoms())
def test_a_roll_up_is_the_signed_sum_by_brute_force(nodes: list[Node], amounts: list[int], shuffle: object) -> None:
    amount = {node.key: amounts[int(node.key)] for node in nodes}

    def total(key: str) -> int:
        return amount[key] + sum(child.sign * total(child.key) for child in nodes if child.parent == key)

    shuffle.shuffle(nodes)  # type: ignore[attr-defined] - a random.Random
    tree = Tree("t", "key", "label", nodes, noun="node", signed=True)
    for node in nodes:
        weights = tree.weights(node.key)
        assert sum(weight * amount[key] for key, weight in weights.items()) == total(node.key)
        assert set(weights.values()) <= {1, -1}
        assert set(weights) <= {below.key for below in tree.below(node.key)}


def test_the_check_of_a_long_chain_is_linear() -> None:
    nodes = [Node(key=str(i), parent=str(i + 1) if i < 19_999 else None, name=str(i)) for i in range(20_000)]
    begun = time.process_time()
    Tree("t", "key", "label", nodes, noun="account", signed=False)
    assert time.process_time() - begun < 1  # usually 0.03 s of CPU time; a quadratic check takes half a minute


def _column(name: str, kind: str = "BIGINT", distinct: int = 2) -> Column:
    return Column(name=name, type=kind, distinct=distinct)


def test_a_row_is_booked_if_the_key_of_the_tree_is_pointed_at() -> None:
    """The ledger refers to accounts by number, which says nothing about their keys."""
    accounts = (_column("account_key"), _column("parent"), _column("account", "VARCHAR"), _column("account_no"))
    tables = Tables([
        Table(name="accounts", dataset="d", columns=accounts, row_count=2),
        Table(name="budget", dataset="d", columns=(_column("account_key", distinct=1),), row_count=3),
        Table(name="ledger", dataset="d", columns=(_column("account_no", distinct=1),), row_count=3),
    ])  # fmt: skip
    notes = Hierarchy(key="account_key", parent="parent", label="account")
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE accounts AS SELECT * FROM (VALUES (1, NULL, 'Top', 2), (2, 1, 'Rent', 1)) "
                           "v(account_key, parent, account, account_no)")  # fmt: skip
        connection.execute("CREATE TABLE budget AS SELECT 2 AS account_key")
        connection.execute("CREATE TABLE ledger AS SELECT 1 AS account_no")
        rows = connection.execute(tree_query(tables["accounts"], notes, tables)).fetchall()
    assert rows == [("1", None, "Top", None, False), ("2", "1", "Rent", None, True)]


def test_a_tree_with_too_many_rows_is_refused() -> None:
    accounts = Table(name="accounts", dataset="d", columns=(_column("account", "VARCHAR"),), row_count=0)
    notes = {"hierarchy": {"key": "account_key", "parent": "parent_key", "label": "account"}}
    glossary = GlossaryFile.model_validate({"tables": {"accounts": notes}})
    query = Query(mode="sql", sql="")
    result = ResultTable(
        columns=(), rows=(("1", None, "Top", None, True),), row_count=20_001, truncated=True, query=query
    )
    with pytest.raises(GlossaryInvalid, match="accounts has 20,001 rows; a tree has at most 20,000"):
        tree_from_result("accounts", result, glossary, Written(), Tables([accounts]))
