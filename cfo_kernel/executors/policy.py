"""What SQL may do: be one SELECT over tables of the workspace, read from DuckDB's own syntax tree.

DuckDB 2 allows COPY, INSERT and DELETE inside a CTE of a SELECT, so the statement's type proves nothing. The tree from
`json_serialize_sql` is walked with allow-lists for nodes, tables and table functions, and a deny-list for functions
that read settings or run SQL of their own. A CTE sees only the names before it (unless it is recursive): with a flat
set of names, `WITH "f.csv" AS (FROM 'f.csv')` would slip a file through.
"""

import json
from collections.abc import Set
from difflib import get_close_matches
from typing import Any, cast

import duckdb

from cfo_kernel.errors import SqlInvalid, SqlPolicyViolation, UnknownTable

Node = dict[str, Any]
_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_SOURCES = {
    "BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "PIVOT", "SHOW_REF", "EMPTY", "EMPTY_FROM",
    "COLUMN_DATA",
}  # fmt: skip
_TABLE_FUNCTIONS = {"range", "generate_series", "unnest", "json_each", "json_tree"}
_DENIED_FUNCTIONS = {
    "getvariable", "current_setting", "getenv", "query", "query_table", "nextval", "currval", "setval",
    "json_serialize_sql", "json_deserialize_sql", "json_execute_serialized_sql", "json_serialize_plan",
    "write_log", "sleep_ms", "current_query", "in_search_path", "txid_current", "current_database",
    "current_catalog", "current_schemas", "current_user", "session_user", "user", "version", "parse_path", "read_text",
    "read_blob", "read_file", "glob", "which_secret", "add_parquet_key", "pg_read_file",
}  # fmt: skip


def check(sql: str, tables: Set[str], connection: duckdb.DuckDBPyConnection) -> None:
    """Raises `SqlInvalid`, `SqlPolicyViolation` or `UnknownTable` unless `sql` is one SELECT over `tables`.

    `tables` are names in lower case. Nothing of `sql` is executed.
    """
    if "\0" in sql or any("\ud800" <= c <= "\udfff" for c in sql):
        raise SqlInvalid("The SQL holds a NUL or half a character. Leave it out.")
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise SqlInvalid(f"The SQL does not parse. {error}") from error
    if len(statements) != 1:
        raise SqlPolicyViolation(f"There are {len(statements)} statements. Send exactly one SELECT.")
    kind = statements[0].type.name
    if kind == "MULTI":  # what a PIVOT becomes that has to look at the data for its columns
        raise SqlPolicyViolation("This form of SELECT cannot be checked. A PIVOT needs IN (...) with its columns.")
    if kind != "SELECT":
        raise SqlPolicyViolation(f"{kind} is not allowed: data is only read here. Send one SELECT.")
    [(answer,)] = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    tree = json.loads(answer)
    if tree["error"]:
        reason = tree.get("error_message", "")
        raise SqlPolicyViolation(f"This form of SELECT cannot be checked: {reason}")
    _Walk(tables).visit(tree["statements"], frozenset())


class _Walk:
    def __init__(self, tables: Set[str]) -> None:
        self.tables = tables

    def visit(self, node: Any, ctes: frozenset[str]) -> None:
        if isinstance(node, list):
            for child in cast("list[Any]", node):
                self.visit(child, ctes)
        elif isinstance(node, dict):
            self._object(cast("Node", node), ctes)

    def _object(self, node: Node, ctes: frozenset[str]) -> None:
        kind = str(node.get("type"))
        common: Node | None = node.get("cte_map")
        if kind not in _QUERIES and (common is not None or kind.endswith("_NODE")):
            raise SqlPolicyViolation(f"{kind} is not allowed inside a query. Only SELECT may stand there.")
        if common is not None:
            for entry in common["map"]:
                self.visit(entry["value"], ctes)
                ctes |= {entry["key"].lower()}  # a CTE sees the ones before it
            node = {key: value for key, value in node.items() if key != "cte_map"}
        if name := node.get("cte_name"):
            # what a CTE starts from does not see it yet: there, its name would be a table, or a file
            start = "left" if kind == "RECURSIVE_CTE_NODE" else "query"
            self.visit(node.get(start), ctes)
            node = {key: value for key, value in node.items() if key != start}
            ctes |= {name.lower()}
        self._source(node, ctes)
        function = str(node.get("function_name", "")).lower()
        if node.get("class") == "FUNCTION" and function in _DENIED_FUNCTIONS:
            raise SqlPolicyViolation(f"The function {function} is not allowed. Leave it out.")
        for child in node.values():
            self.visit(child, ctes)

    def _source(self, node: Node, ctes: frozenset[str]) -> None:
        kind = node.get("type")
        if kind == "BASE_TABLE":
            self._table(node, ctes)
        elif kind == "TABLE_FUNCTION":
            function = str(node.get("function", {}).get("function_name", "")).lower()
            if function not in _TABLE_FUNCTIONS:
                message = f"The table function {function} is not allowed. Read the tables of the workspace by name."
                raise SqlPolicyViolation(message)
        elif kind == "SHOW_REF" and not isinstance(node.get("query"), dict):
            raise SqlPolicyViolation("SHOW and DESCRIBE are not allowed. Ask for the dataset's schema.")
        elif "sample" in node and "alias" in node and "class" not in node and kind not in _SOURCES:
            raise SqlPolicyViolation(f"{kind} is not allowed in FROM. Read the tables of the workspace by name.")

    def _table(self, node: Node, ctes: frozenset[str]) -> None:
        name, schema, catalog = (node.get(k) or "" for k in ("table_name", "schema_name", "catalog_name"))
        if name.lower() in ctes and not schema and not catalog:
            return
        if catalog or schema not in ("", "main"):
            full = ".".join(part for part in (catalog, schema, name) if part)
            raise SqlPolicyViolation(f"{full} is not a table of the workspace. Use its tables by their plain names.")
        if name.lower() not in self.tables:
            close = get_close_matches(name.lower(), self.tables, n=3, cutoff=0.5) or sorted(self.tables)[:30]
            raise UnknownTable(f"There is no table {name}. There is: {', '.join(close) or 'none yet'}.")
