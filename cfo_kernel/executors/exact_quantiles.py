"""Computes medians and quantiles of decimals without losing digits.

DuckDB gives the result the column's type and truncates the rest: the median of 698.5 and 800.0 would be 749.2. The
column inside such a call is therefore cast to a larger scale before the query runs. Only DuckDB's binder knows the type
of an expression in a query. To find it, the query is bound with a function inside the call that accepts no decimals,
and the resulting error names the type.

DuckDB interpolates in doubles, so the last digits of a figure with more than 15 digits may differ.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

import duckdb

from cfo_kernel.sql_text import text_literal

Node = dict[str, Any]
_MORE_DIGITS = {"median": 1, "mad": 2, "quantile_cont": 0, "approx_quantile": 2}
"""The decimal places that a result may have beyond those of its column. Those of a fraction are added."""
_BY_NAME = {"list_aggregate", "list_aggr", "array_aggregate", "array_aggr"}
"""List functions whose second argument names the aggregate."""
_SCHEMAS = {"main", "system", "pg_catalog", "temp"}
"""The schemas that may precede a function's name. In a call written as a method, the column precedes it instead."""
_MENTIONED = re.compile(r"median|\bmad\b|list_mad|quantile|percentile", re.IGNORECASE)
_MOST_DIGITS = 20
"""The largest scale that a column is cast to. It leaves 18 digits before the point."""
_GUARD_DIGITS = 2
"""Extra digits that are computed and then rounded away, because a fraction such as 0.57 is not exact in a double."""
_DIGITS_OF_A_DIVISION = 6
"""The decimal places of a computed fraction, such as 1 / 3."""
_TAKES_NO_DECIMAL = "isoyear"
_DECIMAL = re.compile(rf"'{_TAKES_NO_DECIMAL}\(DECIMAL\(\d+,(\d+)\)((?:\[\])?)\)'")


def with_exact_quantiles(sql: str, connection: duckdb.DuckDBPyConnection) -> str:
    """The SQL with larger scales inside its medians and quantiles of decimals. SQL without any is returned unchanged.

    `connection` has the query's tables. No query is executed.
    """
    if not _MENTIONED.search(sql):
        return sql
    with connection.cursor() as cursor:
        try:
            return _Rewriting(sql, cursor).sql()
        except duckdb.Error:  # DuckDB cannot turn every tree that it can parse back into SQL
            return sql


@dataclass(frozen=True)
class _Call:
    """A call to an interpolating aggregate. `holder[key]` is its input column."""

    node: Node
    aggregate: str
    holder: Node
    key: str
    in_pivot: bool
    """Whether the call is an aggregate in a PIVOT, where it cannot be the argument of another function."""

    @property
    def fractions(self) -> list[Node]:
        """The arguments of a quantile that specify its fractions."""
        if self.aggregate != "quantile_cont":
            return []
        return [argument["expression"] for argument in self.node["arguments"] if argument is not self.holder]

    @property
    def fraction_digits(self) -> int:
        """The number of decimal places in a quantile's fractions."""
        parts = [part for fraction in self.fractions for part in _nodes(fraction)]
        if any(part.get("is_operator") and part.get("function_name") != "-" for part in parts):
            return _DIGITS_OF_A_DIVISION
        literals = [part["literal"] for part in parts if isinstance(part.get("literal"), dict)]
        numbers = [Decimal(str(one["text"])) for one in literals if one["kind"] == "NUMERIC"]
        return max((-int(number.as_tuple().exponent) for number in numbers), default=0)


class _Rewriting:
    """Rewrites one query as a syntax tree, which DuckDB parses and turns back into SQL."""

    def __init__(self, sql: str, cursor: duckdb.DuckDBPyConnection) -> None:
        self._original, self._cursor = sql, cursor
        self._tree = self._parse(sql)

    def sql(self) -> str:
        names = [(item, self._name(item)) for item in _unnamed_items(self._tree)]
        calls = list(_calls(self._tree))
        holders = {id(call.holder) for call in calls}
        named = [(item, name) for item, name in names if any(id(node) in holders for node in _nodes(item))]
        changes = [self._widen(call) for call in calls]
        if not any(changes):
            return self._original
        for item, name in named:
            item["alias"] = name
        written = self._written(self._tree)
        try:
            same = self._columns(written) == self._columns(self._original)
        except duckdb.Error:
            same = False
        return written if same else self._original

    def _widen(self, call: _Call) -> bool:
        """Casts the column inside the call to a larger scale if it is a decimal."""
        scale, brackets = self._scale(call)
        if scale is None:
            return False
        digits = scale + _MORE_DIGITS[call.aggregate] + call.fraction_digits
        rounds = call.aggregate == "quantile_cont" and not call.in_pivot and digits + _GUARD_DIGITS <= _MOST_DIGITS
        width = min(digits + _GUARD_DIGITS if rounds else digits, _MOST_DIGITS)
        if width <= scale:
            return False
        column = call.holder[call.key]
        call.holder[call.key] = self._expression(f"CAST(x AS DECIMAL(38, {width}){brackets})", column)
        if rounds:
            several = any(_is_list(fraction) for fraction in call.fractions)
            text = f"list_transform(x, lambda v: round(v, {digits}))" if several else f"round(x, {digits})"
            _replace(call.node, self._expression(text, dict(call.node)))
        return True

    def _scale(self, call: _Call) -> tuple[int | None, str]:
        """The column's scale if it is a decimal, with `[]` if it is a list of decimals."""
        column = call.holder[call.key]
        call.holder[call.key] = self._expression(f"{_TAKES_NO_DECIMAL}(x)", column)
        try:
            self._columns(self._written(self._tree))
        except duckdb.Error as error:
            found = _DECIMAL.search(str(error))
            return (int(found[1]), found[2]) if found else (None, "")
        finally:
            call.holder[call.key] = column
        return None, ""

    def _name(self, item: Node) -> str:
        """The name that DuckDB gives to a result column: the text of its expression."""
        statement = self._parse("SELECT x")
        statement["statements"][0]["node"]["select_list"] = [item]
        return self._written(statement).removeprefix("SELECT ")

    def _expression(self, text: str, x: Node) -> Node:
        """The tree of an expression, with `x` in place of its column x."""
        statement = self._parse(f"SELECT {text}")
        [item] = statement["statements"][0]["node"]["select_list"]
        for node in _nodes(item):
            if node.get("column_names") == ["x"]:
                _replace(node, x)
                break
        return item

    def _parse(self, sql: str) -> Node:
        [(answer,)] = self._cursor.execute(f"SELECT json_serialize_sql({text_literal(sql)})").fetchall()
        return json.loads(answer)

    def _written(self, tree: Node) -> str:
        [(sql,)] = self._cursor.execute("SELECT json_deserialize_sql(?)", [json.dumps(tree)]).fetchall()
        return sql

    def _columns(self, sql: str) -> list[str]:
        return self._cursor.sql(sql).columns


def _calls(tree: Node) -> Iterator[_Call]:
    """The calls to interpolating aggregates in a tree."""
    in_pivot = [id(one) for node in _nodes(tree) if node.get("type") == "PIVOT" for one in node["aggregates"]]
    for node in _nodes(tree):
        if node.get("class") not in ("FUNCTION", "WINDOW"):
            continue
        arguments = _with_receiver(node)
        aggregate = _aggregate(node["function_name"].lower(), arguments)
        if aggregate is None:
            continue
        orders: list[Node] = node["arg_orders"] if node["class"] == "WINDOW" else node["order_bys"]["orders"]
        # `percentile_cont(0.5) WITHIN GROUP (ORDER BY amount)` has the column in its ORDER BY.
        holder = orders[0] if aggregate == "quantile_cont" and len(arguments) == 1 and orders else arguments[0]
        yield _Call(node, aggregate, holder, "expression", id(node) in in_pivot)


def _aggregate(function: str, arguments: list[Node]) -> str | None:
    """The interpolating aggregate that a call to this function computes."""
    if function in _BY_NAME and len(arguments) > 1:
        function = str(arguments[1]["expression"].get("literal", {}).get("text", "")).lower()
    name = function.removeprefix("list_")
    return name if name in _MORE_DIGITS and arguments else None


def _with_receiver(call: Node) -> list[Node]:
    """The arguments of a call, after `amount.median()` has been turned into `median(amount)`."""
    *column, name = call["qualified_name"]["path"]
    if column and column[0].lower() not in _SCHEMAS:
        reference = {"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": "", "column_names": column}
        call["arguments"].insert(0, {"name": "", "expression": reference})
        call |= {"schema": "", "catalog": "", "qualified_name": {"path": [name]}}
    return call["arguments"]


def _is_list(node: Node) -> bool:
    return node.get("function_name") == "list_value" or node.get("type") == "ARRAY_CONSTRUCTOR"


def _unnamed_items(tree: Node) -> Iterator[Node]:
    """The expressions without an alias in all SELECT lists."""
    for node in _nodes(tree):
        items = node.get("select_list")
        if isinstance(items, list):
            yield from (item for item in cast("list[Node]", items) if not item.get("alias"))


def _replace(node: Node, by: Node) -> None:
    """Replaces the content of a node in place, so that its parent need not be known."""
    content = dict(by)
    node.clear()
    node.update(content)


def _nodes(tree: Any) -> Iterator[Node]:
    """All objects in a tree, parents first."""
    waiting = [tree]
    while waiting:
        part: Any = waiting.pop()
        if isinstance(part, dict):
            yield cast("Node", part)
            waiting.extend(cast("Node", part).values())
        elif isinstance(part, list):
            waiting.extend(cast("list[Any]", part))
