"""Finds tables that are side by side in a delimited text file, as in a sheet that was saved as text.

Runs in the ingest worker. Each table is written to a separate file, with its rows on the same lines.
"""

import csv
import io
from pathlib import Path
from typing import Any

from cfo_kernel.data import side_tables
from cfo_kernel.data.csv_grammar import Dialect
from cfo_kernel.data.csv_records import Record, Records
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.sheet_grid import Grid, Row
from cfo_kernel.data.text_encoding import Text

_MOST_ROWS, _LEAST_COLUMNS = 5_000, 4  # financial statements are no larger


def divided(text: Text, dialect: Dialect, scratch: Path) -> list[Text]:
    """The text of each table. Most files have one."""
    with text.path.open(encoding=text.encoding) as file:
        lines = [line.rstrip("\n") for _, line in zip(range(_MOST_ROWS + 1), file, strict=False)]
    if (
        len(lines) > _MOST_ROWS
        or max((line.count(dialect.delimiter) for line in lines), default=0) < _LEAST_COLUMNS - 1
    ):
        return [text]
    records = list(Records(lines, dialect))
    if any(record.cells is None for record in records):
        return [text]
    parts = side_tables.side_by_side(Grid([row for record in records if (row := _row(record))]))
    if len(parts) == 1:
        return [text]
    tables: list[Text] = []
    for number, part in enumerate(parts, 1):
        path = scratch / f"{text.path.stem}_side_{number}.csv"
        path.write_text(_written(part, records, dialect), encoding="utf-8", newline="\n")
        columns = f"columns {part.left + 1} to {part.left + part.width}"
        where = f"The file has {len(parts)} tables side by side, and this is table {number} ({columns})."
        tables.append(Text(path, "utf-8", [*text.decisions, Decision(kind=DecisionKind.LAYOUT, text=where)]))
    return tables


def _row(record: Record) -> Row | None:
    cells: list[Any] = [cell.strip() or None for cell in record.cells or []]
    while cells and cells[-1] is None:
        cells.pop()
    return (record.line, cells) if cells else None


def _written(part: Grid, records: list[Record], dialect: Dialect) -> str:
    """The rows of a table, each on the same line as in the file."""
    rows = dict(part.rows)
    lines: list[str] = []
    for record in records:
        out = io.StringIO()
        if row := rows.get(record.line):
            cells = [*row, *[None] * (part.width - len(row))]
            csv.writer(out, delimiter=dialect.delimiter, quotechar=dialect.quote, lineterminator="").writerow(cells)
        written = out.getvalue()
        lines.append(written + "\n" * (record.height - 1 - written.count("\n")))
    return "\n".join(lines) + "\n"
