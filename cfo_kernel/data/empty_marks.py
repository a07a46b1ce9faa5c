"""Remembers cells that were read as empty and whose text the search for totals needs.

A dash may be a zero, which a total of its column can prove. A word for totals among dates labels its row.
"""

from dataclasses import dataclass, field

import duckdb

from cfo_kernel.data import total_labels
from cfo_kernel.data.text_column import TextColumn
from cfo_kernel.data.total_labels import Label
from cfo_kernel.sql_text import text_literal

_DASHES = "[-–—]+"
_MOST = 10_000


@dataclass(frozen=True)
class EmptyMarks:
    """The rows of `staging` with a dash, by column, and the labels of totals by row."""

    dashes: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    labels: dict[int, str] = field(default_factory=dict[int, str])


def remember_dashes(column: TextColumn) -> None:
    """Must be called before a column with placeholders is converted."""
    _remember(column, f"{column.value} IS NULL AND regexp_full_match({column.trimmed}, '{_DASHES}')")


def remember_labels(column: TextColumn) -> None:
    """Must be called before a column with odd cells is converted."""
    labels = [cell for cell in column.odd if total_labels.label_of(cell) is not Label.NONE]
    if labels:
        _remember(column, f"{column.trimmed} IN ({', '.join(map(text_literal, labels))})")


def _remember(column: TextColumn, condition: str) -> None:
    column.connection.execute("CREATE TABLE IF NOT EXISTS empty_marks (name VARCHAR, row BIGINT, cell VARCHAR)")
    found = f"SELECT ?, rowid, {column.trimmed} FROM {column.table} WHERE {condition} LIMIT {_MOST}"  # noqa: S608 - quoted
    column.connection.execute("DELETE FROM empty_marks WHERE name = ?", [column.name])
    column.connection.execute(f"INSERT INTO empty_marks {found}", [column.name])


def read_marks(connection: duckdb.DuckDBPyConnection) -> EmptyMarks:
    """The cells that were remembered while the table was read."""
    marks = EmptyMarks()
    if not connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'empty_marks'").fetchall():
        return marks
    for name, row, cell in connection.execute("SELECT name, row, cell FROM empty_marks ORDER BY ALL").fetchall():
        if total_labels.label_of(cell) is Label.NONE:
            marks.dashes.setdefault(name, []).append(row)
        else:
            marks.labels[row] = cell
    return marks
