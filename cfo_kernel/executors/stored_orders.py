"""The order of the labels in each column of periods, stored in the footer of a Parquet file.

Such a column is opened as an ENUM, so that `ORDER BY`, `min` and `max` are chronological: P3 comes before P10.
"""

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from cfo_kernel.sql_text import quoted, text_literal

KEY = "cfo_kernel.orders"
_MAX_SIZE = 1_000_000  # of the JSON
_ENUM = re.compile(r"ENUM\('(?:[^']|'')*'(?:, '(?:[^']|'')*')*\)")
_LABEL = re.compile(r"'((?:[^']|'')*)'")
Orders = dict[str, list[str]]


def to_text(orders: Mapping[str, Sequence[str]]) -> str:
    """The orders as JSON, by column name."""
    return json.dumps(orders)


def read(file: Path) -> Orders:
    """The orders in a Parquet file, by column name. Empty for files from other programs."""
    import pyarrow.parquet as pq

    parquet: Any = pq  # its stubs are incomplete
    try:
        metadata: dict[bytes, bytes] = parquet.read_metadata(file).metadata or {}
        text = metadata.get(KEY.encode(), b"{}")
        found: dict[str, list[str]] = json.loads(text) if len(text) <= _MAX_SIZE else {}
        return {str(name): [str(label) for label in labels] for name, labels in found.items()}
    except (ValueError, OSError, TypeError, AttributeError, RecursionError):
        return {}


def create_view(connection: duckdb.DuckDBPyConnection, name: str, file: str) -> None:
    """Creates a view of a Parquet file, with its orders."""
    view = f"CREATE VIEW {quoted(name)} AS "
    rows = f"FROM read_parquet({text_literal(file)})"
    columns = ", ".join(
        f"TRY_CAST({quoted(name)} AS ENUM({', '.join(map(text_literal, labels))})) AS {quoted(name)}"
        for name, labels in read(Path(file)).items()
    )
    if columns:
        # A file written by a program may name columns or labels that do not exist.
        with contextlib.suppress(duckdb.Error):
            connection.execute(f"{view} SELECT * REPLACE ({columns}) {rows}")
            return
    connection.execute(view + rows)


def as_text(kind: str) -> str:
    """The type of a column as callers see it, with text instead of an ENUM."""
    return _ENUM.sub("VARCHAR", kind)


def labels(kind: str) -> list[str]:
    """The labels of an ENUM in order. Empty for any other type."""
    return [label.replace("''", "'") for label in _LABEL.findall(kind)] if _ENUM.fullmatch(kind) else []
