"""Turns the headings of blocks (`block_headings`) into columns of the table `staging`.

Runs in the ingest worker. Before types are inferred, each heading becomes the label of its row, or is cleared if it
would be in a column of dates or figures. Headings and labels help to identify total rows. Once those have been removed,
the columns are added and the headings deleted.
"""

from collections.abc import Collection, Mapping, Sequence

import duckdb

from cfo_kernel.data import block_headings, type_inference
from cfo_kernel.data.decisions import Decision
from cfo_kernel.data.headers import Header
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.executors.sql_names import unique_names
from cfo_kernel.sql_text import quoted

_TABLE, _HEADINGS = "block_values", "block_headings"


def take_from_staging(connection: duckdb.DuckDBPyConnection, header: Header, source: SourceRows) -> list[Decision]:
    """Clears the headings from the table `staging`, whose columns are text, and stores them for `add_columns`."""
    [(count,)] = connection.execute("SELECT count(*) FROM staging").fetchall()
    if (
        not 2 < count <= block_headings.MOST_ROWS
        or not 1 < len(header.names) <= block_headings.MOST_COLUMNS
        or not header.values
    ):
        return []
    rows = connection.execute("SELECT rowid, * FROM staging ORDER BY 1").fetchall()
    found = block_headings.find([row[1:] for row in rows], header)
    if found is None:
        return []
    labels = {rows[i][0]: text for i, text in found.headings.items()}
    emptied = ", ".join(f"{quoted(name)} = NULL" for name in header.names)
    connection.execute(f"UPDATE staging SET {emptied} WHERE rowid IN ({', '.join(map(str, labels)) or -1})")  # noqa: S608 - quoted
    if 0 not in header.values:
        named = f"UPDATE staging SET {quoted(header.names[0])} = ? WHERE rowid = ?"  # noqa: S608 - quoted
        connection.executemany(named, [[text, rowid] for rowid, text in labels.items()])
    values = {rows[i][0]: row for i, row in found.values.items()}
    keep(connection, found.names, values, list(labels) if 0 not in header.values else [])
    return found.decisions(source.of(list(labels)), len(labels))


def keep(
    connection: duckdb.DuckDBPyConnection,
    names: Sequence[str],
    values: Mapping[int, list[str | None]],
    headings: Collection[int],
) -> None:
    """Stores values for rows of `staging`, by `rowid`, and the rowids of its `headings`, for `add_columns`."""
    columns = ", ".join(f"{quoted(name)} VARCHAR" for name in unique_names(["row", *names])[1:])
    connection.execute(f"CREATE TABLE {_TABLE} (row BIGINT, {columns})")
    rows = [[row, *some] for row, some in values.items()] + [[row, *[None] * len(names)] for row in headings]
    places = ", ".join("?" * (len(names) + 1))
    connection.executemany(f"INSERT INTO {_TABLE} VALUES ({places})", rows)  # noqa: S608 - built here
    connection.execute(f"CREATE TABLE {_HEADINGS} AS SELECT unnest(?::BIGINT[]) AS row", [list(headings)])


def stored(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The tables that `keep` has created, which have row ids in their column `row`."""
    tables = [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
    return [name for name in (_TABLE, _HEADINGS) if name in tables]


def add_columns(connection: duckdb.DuckDBPyConnection, rows: SourceRows) -> list[Decision]:
    """Adds the columns made of headings to `staging`. Total rows must already have been removed."""
    if not stored(connection):
        return []
    known = [name for name, *_ in connection.execute("DESCRIBE staging").fetchall()]
    kept = [name for name, *_ in connection.execute(f"DESCRIBE {_TABLE}").fetchall()][1:]
    added = unique_names([*known, *kept])[len(known) :]
    for name, source in zip(added, kept, strict=True):
        connection.execute(f"ALTER TABLE staging ADD COLUMN {quoted(name)} VARCHAR")
        value = f"b.{quoted(source)}"
        connection.execute(f"UPDATE staging SET {quoted(name)} = {value} FROM {_TABLE} b WHERE b.row = staging.rowid")  # noqa: S608 - quoted
    connection.execute(f"DELETE FROM staging WHERE rowid IN (SELECT row FROM {_HEADINGS})")  # noqa: S608 - built here
    connection.execute(f"DROP TABLE {_TABLE}; DROP TABLE {_HEADINGS}")
    return type_inference.infer_again(connection, rows, set(added), ())
