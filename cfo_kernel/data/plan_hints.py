"""Notes on filters and names that may be misunderstood: misspelt values, empty cells, shared names."""

import re
from collections.abc import Iterator

from cfo_kernel.data.compiler import Compiler
from cfo_kernel.data.hierarchies import Tree, Trees
from cfo_kernel.data.plan import Filter, QueryPlan, aggregates_in
from cfo_kernel.data.scope import nearest
from cfo_kernel.data.table_joins import ColumnRef
from cfo_kernel.data.tables import Kind

_MOST_NAMES = 3
_MOST_SUGGESTIONS = 5  # each is a search of all values, and a list may have thousands


def plan_hints(plan: QueryPlan, compiler: Compiler, trees: Trees) -> Iterator[str]:
    """Returns the notes on a plan that compiles."""
    nodes = [node for measure in plan.select for node in aggregates_in(measure.expression)]
    for wanted in (*plan.filters, *(f for node in nodes for f in node.where)):
        ref = compiler.scope.find_in_filter(wanted.column)
        yield from _unknown_values(wanted, ref, compiler)
        yield from _empty_cells(wanted, ref)
        if wanted.op == "like" and (tree := _labelled_tree(ref, compiler, trees)):
            yield from _parents_matched(str(wanted.value), tree)
    for group in plan.group_by:
        ref = compiler.scope.find(group.column)
        tree = _labelled_tree(ref, compiler, trees) if group.within is None else None
        if tree:
            yield from _shared_names(plan, compiler, tree)


def _unknown_values(wanted: Filter, ref: ColumnRef, compiler: Compiler) -> Iterator[str]:
    """A note for each value in a text filter that occurs in no row. Case matters."""
    known = ref.column.values
    if wanted.op not in ("=", "!=", "in", "not in") or ref.column.kind is not Kind.TEXT or known is None:
        return
    if (selection := compiler.rollups.selection(wanted)) and selection.is_rolled:
        return
    values = wanted.value if isinstance(wanted.value, list) else [wanted.value]
    unknown = [str(value) for value in values if value is not None and str(value) not in known]
    for i, value in enumerate(unknown):
        suggestion = nearest(value, list(known)) if i < _MOST_SUGGESTIONS else ""
        yield f"{ref.name} is never {value}.{' ' + suggestion if suggestion.startswith('Did') else ''}"


def _empty_cells(wanted: Filter, ref: ColumnRef) -> Iterator[str]:
    """A note that `!=` excludes rows without a value, because SQL treats a comparison with null as false."""
    if wanted.op in ("!=", "not in") and ref.column.nulls:
        rows = f"{ref.column.nulls:,} row{'' if ref.column.nulls == 1 else 's'}"
        yield f"{ref.name} is empty in {rows} of {ref.table.name}: '{wanted.op}' excludes them too."


def _labelled_tree(ref: ColumnRef, compiler: Compiler, trees: Trees) -> Tree | None:
    """The tree whose names the column contains, if rows in the plan refer to it."""
    tree = trees.get(ref.table.name.lower())
    is_label = tree is not None and tree.label.lower() == ref.column.name.lower()
    return tree if tree and is_label and compiler.scope.pointers(tree.table, tree.key) else None


def _parents_matched(pattern: str, tree: Tree) -> Iterator[str]:
    wildcards = {"%": ".*", "_": "."}
    matches = re.compile("".join(wildcards.get(c) or re.escape(c) for c in pattern), re.DOTALL)
    names = [node.name for node in tree.parents if node.name and matches.fullmatch(node.name)]
    if names:
        shown = " and ".join(names[:_MOST_NAMES])
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        yield f"'like' matches {tree.noun}s by their own names, not what is below {shown}{more}. Use = for a roll-up."


def _shared_names(plan: QueryPlan, compiler: Compiler, tree: Tree) -> Iterator[str]:
    """A note for each name shared by two booked rows: they form one group, unless their key is a group too."""
    keys = {ref.name for ref in compiler.scope.pointers(tree.table, tree.key)}
    groups = [compiler.scope.find(group.column) for group in plan.group_by]
    if any(p.name in keys or (p.table.name, p.column.name) == (tree.table, tree.key) for p in groups):
        return
    # A name is shared only if the plan's filters leave both rows in the result.
    chosen = [compiler.rollups.selection(f) for f in compiler.rollups.filters if f.op in ("=", "in")]
    kept = [selection.weights for selection in chosen if selection and selection.tree is tree]
    for name in tree.names:
        booked = [n for n in tree.nodes_named(name) if n.booked and all(n.key in weights for weights in kept)]
        if len(booked) > 1:
            shared = f"{len(booked)} {tree.noun}s are called {name}, and they are one group here"
            yield f"{shared}: group by {tree.table}.{tree.key} too."
