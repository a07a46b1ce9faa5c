"""Divides wide tables: DuckDB's time and memory for a statement grow faster than the number of its columns.

Runs in the ingest worker. A statement with 50 columns takes milliseconds, even for 40 tables one after the other. One
statement with all 2,000 columns may need gigabytes.
"""

import contextlib
from collections.abc import Generator, Iterator, Sequence
from typing import TypeVar

import duckdb

from cfo_kernel.sql_text import quoted, text_literal

_WIDTH = 50

T = TypeVar("T")


def batches(columns: Sequence[T]) -> Iterator[Sequence[T]]:
    """The columns in groups that one statement can handle."""
    return (columns[i : i + _WIDTH] for i in range(0, len(columns), _WIDTH))


@contextlib.contextmanager
def divided(connection: duckdb.DuckDBPyConnection) -> Generator[list[str]]:
    """The tables into which `staging` is divided, and which become `staging` again at the end. If `staging` is not
    wide, it is the only one. The types of their columns may be changed, but not their rows.
    """
    names = [name for name, *_ in connection.execute("DESCRIBE staging").fetchall()]
    if len(names) <= _WIDTH:
        yield ["staging"]
        return
    said = connection.execute(
        "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'staging' AND comment IS NOT NULL"
    ).fetchall()
    blocks: list[str] = []
    for i, some in enumerate(batches(names)):
        blocks.append(f"block_{i}")
        columns = ", ".join(map(quoted, some))
        connection.execute(f"CREATE TABLE {blocks[-1]} AS SELECT {columns} FROM staging")  # noqa: S608 - quoted
    connection.execute("DROP TABLE staging")
    yield blocks
    comments = connection.execute(
        "SELECT column_name, comment FROM duckdb_columns() WHERE table_name LIKE 'block_%' AND comment IS NOT NULL"
    ).fetchall()
    connection.execute(f"CREATE TABLE staging AS FROM {' POSITIONAL JOIN '.join(blocks)}")
    for name, comment in (*said, *comments):
        connection.execute(f"COMMENT ON COLUMN staging.{quoted(name)} IS {text_literal(comment)}")
    for block in blocks:
        connection.execute(f"DROP TABLE {block}")
