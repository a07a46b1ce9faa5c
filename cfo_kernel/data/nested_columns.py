"""Replaces the nested columns of the table `staging` with plain ones, because sums and filters need them.

Runs in the ingest worker. A struct becomes a column for each of its fields, and a list or map becomes JSON text.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, cast

import duckdb
from duckdb.sqltypes import DuckDBPyType

from cfo_kernel.data import headers
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.read_limits import check_columns
from cfo_kernel.sql_text import quoted, text_literal

_LISTED = 10  # columns that a note names


@dataclass(frozen=True)
class _PlainColumn:
    """A column of the table, as SQL over the file. `source` says what it was in the file, unless it was plain there."""

    name: str
    sql: str
    source: Literal["struct", "list"] | None = None


def flatten(connection: duckdb.DuckDBPyConnection) -> list[Decision]:
    """Replaces the nested columns of `staging`, if there are any. Returns decisions about them."""
    columns = _plain_columns(connection)
    if not any(column.source for column in columns):
        return []
    check_columns("The table", len(columns))
    names = headers.column_names([column.name for column in columns])
    selected = ", ".join(f"{c.sql} AS {quoted(name)}" for c, name in zip(columns, names, strict=True))
    connection.execute(f"CREATE TABLE plain AS SELECT {selected} FROM staging")  # noqa: S608 - quoted
    connection.execute("DROP TABLE staging")
    connection.execute("ALTER TABLE plain RENAME TO staging")
    return _decisions(dict(zip(names, columns, strict=True)))


def _plain_columns(connection: duckdb.DuckDBPyConnection) -> list[_PlainColumn]:
    relation = connection.table("staging")
    return [
        column
        for name, kind in zip(relation.columns, relation.types, strict=True)
        for column in _fields(name, quoted(name), kind)
    ]


def _fields(name: str, sql: str, kind: DuckDBPyType) -> Iterator[_PlainColumn]:
    """The plain columns that replace a column, in the order of its fields."""
    if kind.id == "struct":
        for field, inner in cast("list[tuple[str, DuckDBPyType]]", kind.children):
            for column in _fields(f"{name}_{field}", f"struct_extract({sql}, {text_literal(field)})", inner):
                yield replace(column, source=column.source or "struct")
    elif kind.id in ("list", "array", "map", "union"):
        yield _PlainColumn(name, f"CAST(to_json({sql}) AS VARCHAR)", "list")
    else:
        yield _PlainColumn(name, sql)


def _decisions(columns: dict[str, _PlainColumn]) -> list[Decision]:
    """Decisions about columns that were nested in the file."""
    fields = [name for name, column in columns.items() if column.source == "struct"]
    lists = [name for name, column in columns.items() if column.source == "list"]
    decisions: list[Decision] = []
    if fields:
        text = f"Structs became separate columns: {', '.join(fields[:_LISTED])[:300]}."
        decisions.append(Decision(kind=DecisionKind.LAYOUT, text=text, count=len(fields)))
    for name in lists:
        text = f"{name}: lists were kept as JSON text."
        decisions.append(Decision(kind=DecisionKind.LAYOUT, text=text, column=name))
    return decisions
