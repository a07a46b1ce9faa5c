"""The SQL policy: a query must be a single SELECT over the workspace's tables, according to DuckDB's own syntax tree.

Another parser could read a statement differently from DuckDB, and any difference would be a security hole. The
statement's type proves nothing either: DuckDB 2 allows COPY, INSERT and DELETE inside a CTE of a SELECT. The tree from
`json_serialize_sql` is therefore walked with allow-lists for nodes, expressions, tables and table functions, and a
deny-list for other functions (`sql_policy_functions`).
"""

import json
from collections.abc import Iterable, Set
from typing import Any, cast

import duckdb

from cfo_kernel.errors import SqlInvalid, SqlPolicyViolation, UnknownTable
from cfo_kernel.executors.sql_names import fold_case
from cfo_kernel.executors.sql_policy_functions import TABLE_FUNCTIONS, is_denied
from cfo_kernel.similar_names import similar

Node = dict[str, Any]
MAX_LENGTH = 200_000
"""The maximum number of characters of SQL. Longer SQL contains data, not just a question."""
_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_SOURCES = {
    "BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "PIVOT", "SHOW_REF", "EMPTY", "EMPTY_FROM",
    "COLUMN_DATA",
}  # fmt: skip
_EXPRESSIONS = {
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA",
    "LAMBDA_REF", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW",
}  # fmt: skip


def check(sql: str, tables: Set[str], connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The tables that `sql` reads, out of `tables` (both in lower case). No part of `sql` is executed.

    Raises `SqlInvalid`, `SqlPolicyViolation` or `UnknownTable` unless `sql` is one SELECT over `tables`. The error's
    `details["retryable"]` says whether different SQL could do what was intended.
    """
    _check_text(sql)
    try:
        _check_kind(connection.extract_statements(sql))
        [(answer,)] = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
        tree = json.loads(answer)
        if tree["error"]:
            reason = tree.get("error_message", "")
            raise _violation(f"This form of SELECT cannot be checked: {reason}", retryable=True)
        walk = _TreeWalk(tables)
        walk.visit(tree["statements"], frozenset())
    except (RecursionError, duckdb.OutOfMemoryException) as error:  # the parser reports a full stack as out of memory
        raise _too_deep() from error
    except duckdb.Error as error:
        message = str(error).split("\n\nLINE")[0]
        if "expression depth" in message:  # DuckDB's message suggests changing a setting, but the settings are locked
            raise _too_deep() from error
        raise SqlInvalid(f"The SQL does not parse. {message}", retryable=True) from error
    return frozenset(walk.used)


def without_trailing_comments(sql: str) -> str:
    """The SQL up to a semicolon that only comments follow, because DuckDB's parser refuses a comment there.

    Raises `SqlInvalid` if the text cannot be SQL.
    """
    _check_text(sql)
    end: int | None = None
    encoded = sql.encode()
    tokens = duckdb.tokenize(sql) if ";" in sql else []
    for offset, kind in tokens:
        is_comment = kind.name == "comment"
        if is_comment and encoded[offset:].startswith(b"/*") and b"*/" not in encoded[offset:]:
            return sql  # something is not closed, which the parser reports
        if not is_comment:
            is_end = encoded[offset : offset + 1] == b";"
            end = (offset if end is None else end) if is_end else None
    return sql if end is None else encoded[:end].decode()


def unknown_table(name: str, tables: Iterable[str]) -> UnknownTable:
    """The error for a table that does not exist, with the most similar names."""
    known = sorted(tables)
    close = similar(name, known)
    if close:
        advice = f"Did you mean {' or '.join(close)}?"
    else:
        advice = f"The tables are: {', '.join(known[:30])}." if known else "There are no tables yet."
    message = f"There is no table {name[:80]!r}. {advice}"
    return UnknownTable(message, name=name, nearest=close or known[:30], retryable=bool(known))


def _too_deep() -> SqlInvalid:
    return SqlInvalid("The SQL is too long or nested too deeply. Break it up with WITH.", retryable=True)


def _violation(message: str, *, retryable: bool) -> SqlPolicyViolation:
    return SqlPolicyViolation(message, retryable=retryable)


def _check_text(sql: str) -> None:
    if "\0" in sql or any("\ud800" <= c <= "\udfff" for c in sql):
        raise SqlInvalid("The SQL contains a NUL or an incomplete character. Remove that character.", retryable=True)
    if len(sql) > MAX_LENGTH:
        raise SqlInvalid(
            f"The SQL is longer than {MAX_LENGTH:,} characters. Shorten it: instead of listing many values, "
            f"join a table that contains them.",
            retryable=True,
        )


def _check_kind(statements: "list[duckdb.Statement]") -> None:
    if not statements:
        raise _violation("There is no statement, only white space or comments. Send one SELECT.", retryable=True)
    if len(statements) != 1:
        raise _violation(f"There are {len(statements)} statements. Send exactly one SELECT.", retryable=True)
    try:
        kind = statements[0].type.name
    except ValueError:  # the Python package knows fewer kinds of statements than the parser (UPDATE EXTENSIONS)
        kind = "This statement"
    if kind == "MULTI":  # a PIVOT without IN becomes several statements, one of which reads the columns' names
        message = "A PIVOT that takes its columns from the data is not allowed. List the columns with IN (...)."
        raise _violation(message, retryable=True)
    if kind == "EXPLAIN":
        raise _violation("EXPLAIN is not allowed. Send the SELECT itself.", retryable=True)
    if kind == "PRAGMA":
        raise _violation("PRAGMA and SHOW are not allowed. Ask for the dataset's schema.", retryable=True)
    if kind != "SELECT":
        raise _violation(f"{kind} is not allowed: data is read-only here. Send one SELECT.", retryable=False)


class _TreeWalk:
    """Visits every node of the tree with the CTE names that are in scope there. `used` collects the tables.

    The scope must be exact. A CTE sees only the names before it (unless it is recursive): with one flat set of names,
    `WITH "f.csv" AS (FROM 'f.csv')` would pass, and DuckDB would read the file.
    """

    def __init__(self, tables: Set[str]) -> None:
        self.tables = tables
        self.used: set[str] = set()

    def visit(self, node: Any, ctes: frozenset[str]) -> None:
        if isinstance(node, list):
            for child in cast("list[Any]", node):
                self.visit(child, ctes)
        elif isinstance(node, dict):
            self._check_node(cast("Node", node), ctes)

    def _check_node(self, node: Node, ctes: frozenset[str]) -> None:
        kind = str(node.get("type"))
        common: Node | None = node.get("cte_map")
        # Every statement has a map of CTEs, and its type ends in _NODE, so that statements of unknown types are caught.
        if kind not in _QUERIES and (common is not None or kind.endswith("_NODE")):
            what = kind.removesuffix("_NODE").removesuffix("_QUERY")
            message = f"{what} is not allowed inside a query. Use SELECT there."
            raise _violation(message, retryable=False)
        if common is not None:
            for entry in common["map"]:
                self.visit(entry["value"], ctes)
                ctes |= {fold_case(entry["key"])}  # the next CTE can see this one
            node = {key: value for key, value in node.items() if key != "cte_map"}
        if name := node.get("cte_name"):
            # The first part of a recursive CTE does not see the CTE yet: its name there would be a table or a file.
            start = "left" if kind == "RECURSIVE_CTE_NODE" else "query"
            self.visit(node.get(start), ctes)
            node = {key: value for key, value in node.items() if key != start}
            ctes |= {fold_case(name)}
        self._check_source(node, ctes)
        self._check_expression(node)
        for child in node.values():
            self.visit(child, ctes)

    def _check_expression(self, node: Node) -> None:
        kind = node.get("class")
        if kind is not None and kind not in _EXPRESSIONS:
            what = "A parameter" if kind == "PARAMETER" else f"The expression {kind}"
            raise _violation(f"{what} is not allowed. Write the value itself.", retryable=True)
        function = str(node.get("function_name", "")).lower()
        if is_denied(function):
            raise _violation(f"The function {function} is not allowed. Leave it out.", retryable=False)

    def _check_source(self, node: Node, ctes: frozenset[str]) -> None:
        kind = node.get("type")
        if kind == "BASE_TABLE":
            self._check_table(node, ctes)
        elif kind == "TABLE_FUNCTION":
            function = str(node.get("function", {}).get("function_name", "")).lower()
            if function not in TABLE_FUNCTIONS:
                message = f"The table function {function} is not allowed. Read the tables of the workspace by name."
                raise _violation(message, retryable=True)
        elif kind == "SHOW_REF" and not isinstance(node.get("query"), dict):
            raise _violation("SHOW and DESCRIBE are not allowed. Ask for the dataset's schema.", retryable=True)
        # Every source in FROM has a sample and an alias; an expression has a class as well.
        elif "sample" in node and "alias" in node and "class" not in node and kind not in _SOURCES:
            raise _violation(
                f"{kind} is not allowed in FROM. Read the tables of the workspace by name.", retryable=True
            )

    def _check_table(self, node: Node, ctes: frozenset[str]) -> None:
        """Allows only CTEs in scope, and tables of the workspace by their names or as `main.name`."""
        name, schema, catalog = (node.get(k) or "" for k in ("table_name", "schema_name", "catalog_name"))
        qualified = cast("Node", node.get("qualified_name") or {})
        path = cast("list[str]", qualified.get("path") or [name])
        is_plain = not schema and not catalog and path == [name]
        if is_plain and fold_case(name) in ctes:
            return
        if not is_plain and (catalog or fold_case(schema) != "main" or len(path) != 2 or path[1] != name):
            full = ".".join(path) if len(path) > 1 else ".".join(part for part in (catalog, schema, name) if part)
            message = f"{full[:200]} is not a table of the workspace. Use its tables by their plain names."
            raise _violation(message, retryable=True)
        if fold_case(name) not in self.tables:
            raise unknown_table(name, self.tables)
        self.used.add(fold_case(name))
