"""Leaves out headers that are repeated further down in a delimited text file, and the rows that are repeated with them.

Runs in the ingest worker, on the table `staging`, before its types are inferred.
"""

import duckdb

from cfo_kernel.data import csv_body, headers
from cfo_kernel.data.column_blocks import batches
from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.sql_text import quoted, text_literal


def empty_repeated_headers(
    connection: duckdb.DuckDBPyConnection, header: headers.Header, cells: list[str | None], rows: SourceRows
) -> list[Decision]:
    """Clears rows that are equal to the header, as in files that were put together from several exports.

    `cells` are the cells of the header. In a table of one column, such a row may be a value that happens to be the
    column's name.
    """
    if sum(cell is not None for cell in cells) < 2 and cells not in header.rows:
        return []
    named = [*zip(header.names, [*cells, *[None] * len(header.names)], strict=False)]
    same, found = "true", list[tuple[int]]()
    for some in batches(named):  # a row that differs in the first columns needs no look at thousands of others
        same += "".join(f" AND coalesce(trim({quoted(name)}), '') = {text_literal(cell or '')}" for name, cell in some)
        found = connection.execute(f"SELECT rowid FROM staging WHERE {same} ORDER BY 1").fetchall()  # noqa: S608 - quoted
        if not found:
            return []
    # Not deleted at once: a deleted row is still converted with its column, which may hold numbers.
    emptied = ", ".join(f"{quoted(name)} = NULL" for name in header.names)
    first, count = found[0][0], len(found)
    if _repeats_the_table(connection, header.names, [rowid for (rowid,) in found]):
        connection.execute(f"UPDATE staging SET {emptied} WHERE rowid >= {first}")  # noqa: S608 - quoted
        again = "1 more time" if count == 1 else f"{count:,} more times"
        where = rows.of([first])
        text = f"The same rows occur {again} below a repeated header (row {where[0]:,}), and were left out. Check them."
        return [Decision(kind=DecisionKind.LAYOUT, text=text, rows=where, count=count, needs_check=True)]
    connection.execute(f"UPDATE staging SET {emptied} WHERE {same}")  # noqa: S608 - quoted
    repeated = "1 row that repeats the header was" if count == 1 else f"{count:,} rows that repeat the header were"
    where = rows.of([rowid for (rowid,) in found[:MAX_ROWS]])
    return [Decision(kind=DecisionKind.LAYOUT, text=f"{repeated} left out.", rows=where, count=count)]


def _repeats_the_table(connection: duckdb.DuckDBPyConnection, names: list[str], repeated: list[int]) -> bool:
    """Whether exactly the same rows follow each header. `repeated` are the rows of `staging` that repeat the header."""
    length, count = repeated[0], len(repeated)
    is_regular = repeated == [length + i * (length + 1) for i in range(count)]
    if length < 2 or not is_regular or csv_body.row_count(connection) != (length + 1) * (count + 1) - 1:
        return False
    for some in batches([quoted(name) for name in names]):
        differ = " OR ".join(f"a.{column} IS DISTINCT FROM b.{column}" for column in some)
        below = f"staging b ON b.rowid % {length + 1} = a.rowid AND b.rowid > {length}"
        [(other,)] = connection.execute(
            f"SELECT count(*) FROM staging a JOIN {below} WHERE a.rowid < {length} AND ({differ})"  # noqa: S608 - quoted
        ).fetchall()
        if other:
            return False
    return True
