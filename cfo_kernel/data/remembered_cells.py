"""Remembers cells that the search for totals needs, but that are lost when their columns are converted.

A dash may be a zero, which a total of its column can prove. A word for totals among dates labels its row. A percentage
among amounts is not an amount.
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
class RememberedCells:
    """The rows of `staging` with a dash and those with a percentage, by column, and the labels of totals by row."""

    dashes: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    labels: dict[int, str] = field(default_factory=dict[int, str])
    percentages: dict[str, list[int]] = field(default_factory=dict[str, list[int]])


def remember_dashes(column: TextColumn) -> None:
    """Remembers the cells that are dashes. Must be called before a column with placeholders is converted."""
    _remember(column, f"{column.value} IS NULL AND regexp_full_match({column.trimmed}, '{_DASHES}')")


def remember_labels(column: TextColumn) -> None:
    """Remembers the cells that label totals. Must be called before a column with odd cells is converted."""
    labels = [cell for cell in column.odd if total_labels.label_of(cell) is not Label.NONE]
    if labels:
        _remember(column, f"{column.trimmed} IN ({', '.join(map(text_literal, labels))})")


def remember_percentages(column: TextColumn) -> None:
    """Remembers the percentages among amounts. Must be called before their column is converted."""
    _remember(column, f"regexp_matches({column.value}, '[%％]')")


def _remember(column: TextColumn, condition: str) -> None:
    column.connection.execute("CREATE TABLE IF NOT EXISTS remembered (name VARCHAR, row BIGINT, cell VARCHAR)")
    found = f"FROM {column.table} WHERE {condition} LIMIT {_MOST}"
    again = f"DELETE FROM remembered WHERE name = ? AND row IN (SELECT rowid {found})"  # noqa: S608 - quoted
    column.connection.execute(again, [column.name])
    column.connection.execute(f"INSERT INTO remembered SELECT ?, rowid, {column.trimmed} {found}", [column.name])


def read_remembered(connection: duckdb.DuckDBPyConnection) -> RememberedCells:
    """The cells that were remembered while the table was read."""
    cells = RememberedCells()
    if not connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'remembered'").fetchall():
        return cells
    for name, row, cell in connection.execute("SELECT name, row, cell FROM remembered ORDER BY ALL").fetchall():
        if cell.rstrip(") ").endswith(("%", "％")):
            cells.percentages.setdefault(name, []).append(row)
        elif total_labels.label_of(cell) is Label.NONE:
            cells.dashes.setdefault(name, []).append(row)
        else:
            cells.labels[row] = cell
    return cells
