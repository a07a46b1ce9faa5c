"""Finds the columns of a query that certainly contain fractions, and can therefore be shown as percentages.

A column like `variance_percent` contains a fraction if the query divides one figure by another, and nothing in the
query multiplies by 100 or by another number. A column that only passes on or averages fractions also contains
fractions. In all other cases it is unknown, because 64.48 and 0.6448 may both mean 64.48 percent.
"""

import itertools
import json
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import duckdb

from cfo_kernel import column_names
from cfo_kernel.executors import stored_formats
from cfo_kernel.executors.sql_names import fold_case

Node = dict[str, Any]
_KEEPS_UNIT = {
    "min", "max", "avg", "mean", "median", "first", "last", "any_value", "arg_min", "arg_max", "coalesce", "round",
    "quantile_cont", "quantile_disc", "lag", "lead", "first_value", "last_value",
}  # fmt: skip
"""Functions whose values have the unit of their first argument."""
_MAX_NODES = 20_000
"""The maximum number of nodes in a query. Larger ones, such as generated SQL, are not worth a slow walk."""
_MAX_STEPS = 50_000
"""The maximum number of nodes that are visited for all columns of a query together."""
_NEUTRAL = (None, "1", "1.0", "0", "-1")
_SCALES = {"*", "/", "//", "pow", "power", "^", "**"}


def fraction_columns(
    sql: str,
    names: list[str],
    tables: Mapping[str, str],
    connection: duckdb.DuckDBPyConnection,
    role: Literal["percent", "points", "month"] = "percent",
) -> frozenset[str]:
    """The columns among `names` that certainly contain fractions. `sql` is one SELECT over `tables` (name to file).

    With the role `points`, the columns that only pass on or average figures that are already in percent, and with the
    role `month`, those that pass on months.
    """
    [(answer,)] = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    tree = json.loads(answer)
    nodes = list(itertools.islice(_nodes(tree), _MAX_NODES + 1))
    if len(nodes) > _MAX_NODES or any(map(_hides_origins, nodes)):
        return frozenset()
    query = _Query(tree, _stored(tree, tables, role), may_divide=role == "percent")
    return frozenset(name for name in names if query.holds_fractions(name.lower()))


def _hides_origins(node: Node) -> bool:
    """Whether a column of this node may come from several queries, or have a different name in its query."""
    is_several = node.get("type") in ("SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "PIVOT")
    is_renamed = node.get("column_name_alias") or node.get("aliases")
    is_replaced = node.get("class") == "STAR" and (node.get("replace_list") or node.get("columns"))
    return bool(is_several or is_renamed or is_replaced or node.get("rename_list"))


def _stored(tree: Node, tables: Mapping[str, str], role: str) -> dict[str, bool]:
    """The tables' columns, in lower case, and whether each has this role in every table that contains it."""
    used = {fold_case(str(node["table_name"])) for node in _nodes(tree) if node.get("type") == "BASE_TABLE"}
    found: dict[str, bool] = {}
    for table in used & tables.keys():
        for name, format in stored_formats.read(Path(tables[table])).items():
            found[name.lower()] = format.role == role and found.get(name.lower(), True)
    return found


class _Query:
    """The expressions in all parts of a query, by alias in lower case.

    `known` maps the tables' columns to whether they contain fractions. `may_divide` says whether a quotient also counts
    as a fraction.
    """

    def __init__(self, tree: Node, known: Mapping[str, bool], *, may_divide: bool) -> None:
        self._known, self._may_divide = known, may_divide
        self._steps = 0
        self._named: dict[str, list[Node]] = {}
        items = [item for node in _nodes(tree) for item in cast("list[Node]", node.get("select_list") or [])]
        for item in items:
            if alias := str(item.get("alias") or ""):
                self._named.setdefault(alias.lower(), []).append(item)

    def holds_fractions(self, name: str) -> bool:
        """Whether everything with this name in the query is a fraction.

        Follows the name to the columns and quotients that the query passes on under that name.
        """
        seen: dict[str, bool] = {}  # whether the name, or another name of the same values, suggests a percentage
        waiting = [(name, False)]
        while waiting:
            name, is_part = waiting.pop()
            is_part = is_part or column_names.says_part(column_names.words(name))
            if seen.get(name) in (is_part, False):
                continue
            seen[name] = is_part
            items = self._definitions(name)
            if not items and not self._known.get(name, False):
                return False
            for item in items:
                if source := _passed_on(item):
                    waiting.append((source, is_part))
                elif not (self._may_divide and is_part and self._is_quotient(item, seen)):
                    return False
        return any(self._is_grounded(name) for name in seen)

    def _definitions(self, name: str) -> list[Node]:
        """The expressions with that name, except those that only pass on an earlier column of the same name."""
        return [item for item in self._named.get(name, []) if _passed_on(item) != name]

    def _is_grounded(self, name: str) -> bool:
        """Whether the name leads to a table's column or an expression, and not only to other names."""
        items = self._definitions(name)
        return (not items and self._known.get(name, False)) or any(_passed_on(item) is None for item in items)

    def _is_quotient(self, item: Node, names: Container[str]) -> bool:
        """Whether the expression divides, and neither it nor any expression that it uses multiplies by a number.

        `names` are the names under which its values are passed on.
        """
        divides = False
        seen: set[str] = set()
        waiting = [item]
        while waiting:
            for node in _nodes(waiting.pop()):
                self._steps += 1
                if self._steps > _MAX_STEPS:
                    return False
                divides |= node.get("function_name") == "/"
                reference = _reference(node)
                if _multiplies(node):
                    return False
                if reference is None or reference in seen:
                    continue
                seen.add(reference)
                if column_names.says_percent(column_names.words(reference)) and reference not in names:
                    return False  # it may be a sum of percentages divided by a count
                waiting += self._named.get(reference, [])
        return divides


def _passed_on(item: Node) -> str | None:
    """The column whose values, or whose average, the expression returns."""
    while item.get("function_name") in _KEEPS_UNIT and (arguments := cast("list[Node]", item.get("arguments") or [])):
        item = cast("Node", arguments[0]["expression"])
    return _reference(item)


def _multiplies(node: Node) -> bool:
    """Whether the node multiplies by a number, or divides by one."""
    if node.get("function_name") not in _SCALES:
        return False
    arguments = cast("list[Node]", node.get("arguments") or [])
    return any(_constant(argument["expression"]) not in _NEUTRAL for argument in arguments)


def _constant(node: Node) -> str | None:
    """The text of a constant, even inside a cast."""
    while node.get("class") == "CAST":
        node = node["child"]
    literal = node.get("literal")
    return str(cast("Node", literal)["text"]) if isinstance(literal, dict) and "text" in literal else None


def _reference(node: Node) -> str | None:
    return str(node["column_names"][-1]).lower() if node.get("class") == "COLUMN_REF" else None


def _nodes(value: Any) -> Iterator[Node]:
    """All objects in a tree."""
    waiting: list[Any] = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield (node := cast("Node", part))
            waiting += node.values()
        elif isinstance(part, list):
            waiting += cast("list[Any]", part)
