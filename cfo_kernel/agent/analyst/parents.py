"""Handles parents in a tree: 'Inventory' may have no rows itself, but include Raw Materials and others."""

from collections.abc import Generator
from typing import Any

from cfo_kernel.agent.analyst.marks import cut
from cfo_kernel.agent.analyst.question import Reader
from cfo_kernel.agent.analyst.reading import Pick
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.words import split
from cfo_kernel.data.plan import Filter, Group, QueryPlan

_MOST_CHILDREN = 24


def children(
    reader: Reader, question: str, picks: tuple[Pick, ...]
) -> Generator[tuple[QueryPlan, ...], list[dict[str, Any]], tuple[str, ...]]:
    """Variants of the question with its first parent replaced by each name below it."""
    words = split(question)
    marks = cut(words, reader.lexicon)
    for pick in picks:
        table, column = reader.schema.column(pick.column)
        tree = reader.schema.parent_of(table)
        mark = next((m for m in marks if any(v.path == pick.column and v.value in pick.values for v in m.values)), None)
        if tree is None or mark is None or pick.negated or not reader.schema.names_rows(table, column):
            continue
        key, parent = (f"{table.name}.{c.name}" for c in tree)
        (found,) = yield (_list(table.name, (key,), Filter(column=pick.column, op="in", value=list(pick.values))),)
        names: list[str] = []
        keys = [row[0] for row in found["rows"]]
        while keys and len(names) < _MOST_CHILDREN:
            (found,) = yield (_list(table.name, (key, pick.column), Filter(column=parent, op="in", value=keys)),)
            keys = [row[0] for row in found["rows"]]
            names += [str(row[1]) for row in found["rows"]]
        if names:
            start, end = words[mark.start].start, words[mark.end - 1].end
            return tuple(f"{question[:start]}{name}{question[end:]}" for name in dict.fromkeys(names))
    return ()


def is_one_parent(schema: Schema, picks: tuple[Pick, ...], column: str) -> bool:
    """Whether the picks name exactly one signed parent in the column's table, whose operators define the signs."""
    table = column.partition(".")[0]
    own = [p for p in picks if not p.negated and p.column.partition(".")[0] == table]
    signed = [p for p in own if any(schema.is_signed_parent(p.column, v) for v in p.values)]
    return len(signed) == 1 == len(signed[0].values) and [p.column for p in own].count(signed[0].column) == 1


def contradicted(schema: Schema, picks: tuple[Pick, ...]) -> tuple[str, ...]:
    """The wanted names whose rows are all excluded by another name in the same column."""
    named = [(p.column, value) for p in picks if not p.negated for value in p.values]
    left_out = {
        (p.column, name) for p in picks if p.negated for value in p.values for name in _with_below(schema, p, value)
    }
    return tuple(dict.fromkeys(value for column, value in named if (column, value) in left_out))


def _with_below(schema: Schema, pick: Pick, value: str) -> set[str]:
    """The name and, in a tree, every name below it."""
    found = schema.parent(pick.column, value)
    return {value, *(str(n.name) for n in found[0].below(found[1].key))} if found else {value}


def adds_all(schema: Schema, pick: Pick) -> bool:
    """Whether the pick is a single parent whose figure is the plain sum of everything below it."""
    found = schema.parent(pick.column, pick.values[0]) if len(pick.values) == 1 and not pick.negated else None
    if found is None:
        return False
    tree, node = found
    weights = tree.weights(node.key)
    return all(weights.get(below.key) == 1 for below in tree.below(node.key))


def same_leaves(
    schema: Schema, parent_of: Pick, other: Pick
) -> Generator[tuple[QueryPlan, ...], list[dict[str, Any]], bool]:
    """Whether a name has nothing below it, or exactly the same leaves as the other name in the same table."""
    table, column = schema.column(parent_of.column)
    tree = schema.parent_of(table)
    if tree is None or not schema.names_rows(table, column):
        return True
    key, parent = (f"{table.name}.{c.name}" for c in tree)
    wanted = Filter(column=parent_of.column, op="in", value=list(parent_of.values))
    (found,) = yield (_list(table.name, (key,), wanted),)
    keys = [row[0] for row in found["rows"]]
    edges: list[list[Any]] = []
    while keys:
        (found,) = yield (_list(table.name, (key, parent), Filter(column=parent, op="in", value=keys)),)
        if found["row_count"] > len(found["rows"]):
            return False
        edges += found["rows"]
        keys = [row[0] for row in found["rows"]]
    if not edges:
        return True
    if other.column.partition(".")[0] != table.name:
        return False
    wanted = Filter(column=other.column, op="in", value=list(other.values))
    (found,) = yield (_list(table.name, (key, parent), wanted),)
    return found["row_count"] == len(found["rows"]) and _leaves(found["rows"]) == _leaves(edges)


def _leaves(edges: list[list[Any]]) -> set[Any]:
    return {key for key, _ in edges} - {parent for _, parent in edges}


def _list(table: str, columns: tuple[str, ...], wanted: Filter) -> QueryPlan:
    return QueryPlan(table=table, filters=(wanted,), group_by=tuple(Group(column=c) for c in columns), limit=1000)
