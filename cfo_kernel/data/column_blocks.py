"""Divides wide tables, because a statement's time and memory in DuckDB grow faster than its number of columns.

Runs in the ingest worker. Forty statements with 50 columns each take milliseconds, while one statement with all 2,000
columns may need gigabytes. In a table with few rows, planning takes most of the time, so aggregates are computed over
the cells of all columns, stacked into one column.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeVar

import duckdb

from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.sql_text import quoted, text_literal

_WIDTH = 50
_WIDTH_OF_FEW_ROWS = 200
_MOST_BELOW = 2_000  # columns
FEW_ROWS = 2_000
"""A table with more rows is read in batches of columns."""

T = TypeVar("T")


def batches(columns: Sequence[T], width: int = _WIDTH) -> Iterator[Sequence[T]]:
    """The columns in groups that one statement can handle."""
    return (columns[i : i + width] for i in range(0, len(columns), width))


def figures(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[str],
    aggregates: Callable[[str], Sequence[str]],
    table: str = "staging",
    *,
    rows: int,
) -> list[tuple[Any, ...]]:
    """The figures for each of these columns, which are all of one type.

    `aggregates` returns SQL for the figures, given SQL for a cell. `rows` is the number of rows in the table.
    """
    found: list[tuple[Any, ...]] = []
    if not 0 < rows <= FEW_ROWS:
        for some in batches(columns):
            wanted = [aggregates(quoted(name)) for name in some]
            sql = f"SELECT {', '.join(one for group in wanted for one in group)} FROM {table}"  # noqa: S608 - quoted
            cells = iter(connection.execute(sql).fetchall()[0])
            found += [tuple(next(cells) for _ in group) for group in wanted]
        return found
    for some in batches(columns, _MOST_BELOW):
        found += connection.execute(
            f"SELECT {', '.join(aggregates('v'))} FROM {stacked(some, table)} GROUP BY i ORDER BY i"  # noqa: S608 - quoted
        ).fetchall()
    return found


def stacked(columns: Sequence[str], table: str = "staging") -> str:
    """SQL that stacks these columns, all of one type, into cells `v`, with column position `i` and row position `r`."""
    cells = ", ".join(map(quoted, columns))
    places = f"row_number() OVER () AS r, unnest(range({len(columns)})) AS i"
    return f"(SELECT {places}, unnest([{cells}]) AS v FROM {table})"  # noqa: S608


def by_type(described: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Groups the names of the columns by type."""
    found: dict[str, list[str]] = {}
    for name, kind in described:
        found.setdefault(kind, []).append(name)
    return found


def close_gaps(connection: duckdb.DuckDBPyConnection, rows: SourceRows, others: Sequence[str]) -> SourceRows:
    """Makes the row ids of a wide table `staging` consecutive. Returns the rows' positions in the file.

    The tables `others` have row ids in their column `row`, which are changed too.
    """
    width = len(connection.execute("DESCRIBE staging").fetchall())
    [(count, last)] = connection.execute("SELECT count(*), max(rowid) FROM staging").fetchall()
    if width <= _WIDTH or not count or count == last + 1:
        return rows
    ids = [rowid for (rowid,) in connection.execute("SELECT rowid FROM staging ORDER BY rowid").fetchall()]
    for table in others:
        above = "SELECT count(*) FROM staging WHERE staging.rowid < row"
        connection.execute(f"UPDATE {table} SET row = ({above})")  # noqa: S608 - a name of ours
    comments = _comments(connection, "table_name = 'staging'")
    connection.execute("CREATE TABLE whole AS FROM staging; DROP TABLE staging; ALTER TABLE whole RENAME TO staging")
    _comment(connection, comments)
    return SourceRows(numbers=rows.of(ids, len(ids)))


def _comments(connection: duckdb.DuckDBPyConnection, condition: str) -> list[tuple[str, str]]:
    """The names of the columns with a comment, and the comments."""
    found = f"SELECT column_name, comment FROM duckdb_columns() WHERE {condition} AND comment IS NOT NULL"  # noqa: S608
    return connection.execute(found).fetchall()


def _comment(connection: duckdb.DuckDBPyConnection, comments: Sequence[tuple[str, str]]) -> None:
    for name, comment in comments:
        connection.execute(f"COMMENT ON COLUMN staging.{quoted(name)} IS {text_literal(comment)}")


@contextlib.contextmanager
def divided(connection: duckdb.DuckDBPyConnection) -> Generator[list[str]]:
    """Divides a wide table `staging` for the duration of the `with` block, and then joins the parts to `staging` again.

    Yields the names of the parts, or only `staging` if it is not wide. The block may change the types of their columns,
    but not their rows. The ids of the rows stay the same if they are consecutive (`close_gaps`).
    """
    names = [name for name, *_ in connection.execute("DESCRIBE staging").fetchall()]
    if len(names) <= _WIDTH:
        yield ["staging"]
        return
    said = _comments(connection, "table_name = 'staging'")
    [(rows,)] = connection.execute("SELECT count(*) FROM staging").fetchall()
    blocks: list[str] = []
    for i, some in enumerate(batches(names, _WIDTH_OF_FEW_ROWS if rows <= FEW_ROWS else _WIDTH)):
        blocks.append(f"block_{i}")
        columns = ", ".join(map(quoted, some))
        connection.execute(f"CREATE TABLE {blocks[-1]} AS SELECT {columns} FROM staging")  # noqa: S608 - quoted
    connection.execute("DROP TABLE staging")
    yield blocks
    comments = _comments(connection, "table_name LIKE 'block_%'")
    connection.execute(f"CREATE TABLE staging AS FROM {' POSITIONAL JOIN '.join(blocks)}")
    _comment(connection, [*said, *comments])
    for block in blocks:
        connection.execute(f"DROP TABLE {block}")
