"""Moves section headings from columns of figures to the column of labels.

Runs in the ingest worker, before columns have types. Reports centre such headings over their figures, where they would
turn a column of figures into text.
"""

from collections.abc import Sequence
from typing import Any

import duckdb

from cfo_kernel.data.cell_kinds import CellKind, is_pending, kind_of
from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind
from cfo_kernel.data.headers import Header
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.sql_text import quoted

_MOST_ROWS, _MOST_COLUMNS = 20_000, 100  # reports are no larger


def place_of(row: Sequence[Any], values: frozenset[int]) -> int | None:
    """The column of figures, years or dates in which the row has a heading and nothing else, or None."""
    filled = [i for i, cell in enumerate(row) if cell is not None]
    if len(filled) != 1 or filled[0] not in values or 0 in values:
        return None
    cell = row[filled[0]]
    return filled[0] if kind_of(cell) is CellKind.WORDS and not is_pending(str(cell)) else None


def move_in_rows(rows: list[tuple[int, list[Any]]], header: Header) -> list[Decision]:
    """Moves the headings in the rows of a sheet, which come with their row numbers, counted from zero."""
    moved: list[int] = []
    for i, (number, row) in enumerate(rows):
        if row[0] is None and (place := place_of(row, header.values)) is not None:
            rows[i] = number, [row[place]]
            moved.append(number + 1)
    return _decisions(moved[:MAX_ROWS], len(moved), header)


def move_in_staging(connection: duckdb.DuckDBPyConnection, header: Header, source: SourceRows) -> list[Decision]:
    """Moves the headings in the table `staging`, whose columns are text."""
    [(count,)] = connection.execute("SELECT count(*) FROM staging").fetchall()
    if count > _MOST_ROWS or len(header.names) > _MOST_COLUMNS or not header.values or 0 in header.values:
        return []
    label = quoted(header.names[0])
    found = connection.execute(f"SELECT rowid, * FROM staging WHERE {label} IS NULL ORDER BY 1").fetchall()  # noqa: S608 - quoted
    moved: list[int] = []
    for rowid, *row in found:
        if (place := place_of(row, header.values)) is not None:
            column = quoted(header.names[place])
            connection.execute(f"UPDATE staging SET {label} = {column}, {column} = NULL WHERE rowid = ?", [rowid])  # noqa: S608
            moved.append(rowid)
    return _decisions(source.of(moved), len(moved), header)


def _decisions(rows: Sequence[int], count: int, header: Header) -> list[Decision]:
    if not count:
        return []
    headings = "1 heading" if count == 1 else f"{count:,} headings"
    text = f"{headings} in a column of figures {'was' if count == 1 else 'were'} moved to the column {header.names[0]}."
    return [Decision(kind=DecisionKind.LAYOUT, text=text, rows=tuple(rows), count=count)]
