"""What SQL may do: be one SELECT over tables of the workspace, read from DuckDB's own syntax tree.

DuckDB 2 allows COPY, INSERT and DELETE inside a CTE of a SELECT, so the statement's type proves nothing. The tree from
`json_serialize_sql` is walked with allow-lists for nodes, tables and table functions, and a deny-list for functions
that read settings or run SQL of their own. A CTE sees only the names before it (unless it is recursive): with a flat
set of names, `WITH "f.csv" AS (FROM 'f.csv')` would slip a file through.
"""

import json
from collections.abc import Set
from difflib import get_close_matches
from typing import Any

import duckdb

from cfo_kernel.errors import SqlInvalid, SqlPolicyViolation, UnknownTable

_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_SOURCES = {"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "PIVOT", "SHOW_REF"}
_SOURCES |= {"EMPTY", "EMPTY_FROM", "COLUMN_DATA"}
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
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise SqlInvalid(f"The SQL does not parse. {error}") from error
    if len(statements) != 1:
        raise SqlPolicyViolation(f"There are {len(statements)} statements. Send exactly one SELECT.")
    kind = statements[0].type.name
    if kind != "SELECT":
        raise SqlPolicyViolation(f"{kind} is not allowed: data is only read here. Send one SELECT.")
    [(answer,)] = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    tree = json.loads(answer)
    if tree["error"]:
        reason = tree.get("error_message", "")
        raise SqlPolicyViolation(f"This form of SELECT cannot be checked. A PIVOT needs IN (...). {reason}")
    _Walk(tables).visit(tree["statements"], frozenset())


class _Walk:
    def __init__(self, tables: Set[str]) -> None:
        self.tables = tables

    def visit(self, node: Any, ctes: frozenset[str]) -> None:
        if isinstance(node, list):
            for child in node:  # pyright: ignore[reportUnknownVariableType]
                self.visit(child, ctes)
        elif isinstance(node, dict):
            self._object(node, ctes)  # pyright: ignore[reportUnknownArgumentType]

    def _object(self, node: dict[str, Any], ctes: frozenset[str]) -> None:
        kind = node.get("type")
        common = node.get("cte_map")
        if isinstance(common, dict):
            if kind not in _QUERIES:
                raise SqlPolicyViolation(f"{kind} is not allowed inside a query. Only SELECT may stand there.")
            for entry in common.get("map", ()):  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
                ctes = self._common_table(entry, ctes)  # pyright: ignore[reportUnknownArgumentType]
            node = {key: value for key, value in node.items() if key != "cte_map"}
        elif isinstance(kind, str) and kind.endswith("_NODE") and kind not in _QUERIES:
            raise SqlPolicyViolation(f"{kind} is not allowed inside a query. Only SELECT may stand there.")
        if name := node.get("cte_name"):
            ctes |= {name.lower()}
        self._source(node, ctes)
        function = str(node.get("function_name", "")).lower()
        if node.get("class") == "FUNCTION" and function in _DENIED_FUNCTIONS:
            raise SqlPolicyViolation(f"The function {function} is not allowed. Leave it out.")
        for child in node.values():
            self.visit(child, ctes)

    def _common_table(self, entry: dict[str, Any], ctes: frozenset[str]) -> frozenset[str]:
        """Checks one CTE, which sees the ones before it, and itself only if it is recursive."""
        name, value = entry["key"].lower(), entry["value"]
        body: dict[str, Any] = value.get("query_node") or value.get("query", {}).get("node", {})
        own = {name} if body.get("type") == "RECURSIVE_CTE_NODE" else set[str]()
        self.visit(value, ctes | own)
        return ctes | {name}

    def _source(self, node: dict[str, Any], ctes: frozenset[str]) -> None:
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

    def _table(self, node: dict[str, Any], ctes: frozenset[str]) -> None:
        name, schema, catalog = (node.get(k) or "" for k in ("table_name", "schema_name", "catalog_name"))
        if name.lower() in ctes and not schema and not catalog:
            return
        if catalog or schema not in ("", "main"):
            full = ".".join(part for part in (catalog, schema, name) if part)
            raise SqlPolicyViolation(f"{full} is not a table of the workspace. Use its tables by their plain names.")
        if name.lower() not in self.tables:
            close = get_close_matches(name.lower(), self.tables, n=3, cutoff=0.5) or sorted(self.tables)[:30]
            raise UnknownTable(f"There is no table {name}. There is: {', '.join(close) or 'none yet'}.")
