"""Rewrites a delimited text file so that every row has the same number of cells.

Runs in the ingest worker, for files that DuckDB's strict parser refuses. Its lenient parser reads everything after a
stray quotation mark as one cell, without an error, so rows would be lost silently. Regular rows are copied. A damaged
row is split where its cell types leave no doubt, and otherwise kept as it is (`row_repair`).
"""

import csv
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from cfo_kernel.data.column_shapes import ColumnShape, column_shapes
from cfo_kernel.data.csv_grammar import Dialect
from cfo_kernel.data.csv_records import Records
from cfo_kernel.data.decisions import Decision
from cfo_kernel.data.row_repair import RowRepair

_SAMPLE = 2_000
_FEW, _RARE = 3, 4  # if more than three rows, and one in four, have extra cells, these are intended


@dataclass
class Rows:
    """The result: the width of the widest row, each row's line number in the file, and decisions about damaged rows."""

    width: int
    lines: "array[int]" = field(default_factory=lambda: array("Q"))
    decisions: list[Decision] = field(default_factory=list[Decision])


def write_even(name: str, body: Path, dialect: Dialect, width: int, lines_above: int, to: Path) -> Rows:
    """Writes the rows of a table with this many columns to the file `to`, separated by commas.

    `lines_above` is the number of the file's lines that come before `body`. Raises `UnreadableFile` if a quotation mark
    is never closed and the row cannot be read without it.
    """
    shapes, may_join = _shapes(body, dialect, width)
    repair = RowRepair(name, dialect, shapes, may_join=may_join)
    rows = Rows(width)
    with to.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        records = Records(_lines(body), dialect, lines_above + 1)
        for record in records:
            cells = record.cells
            is_whole = cells is not None and len(cells) == width and record.height == 1 and not record.is_part
            if cells is None or not is_whole or not repair.fits(cells):
                cells = repair.cells(record, records)
            if any(cells):
                rows.width = max(rows.width, len(cells))
                rows.lines.append(record.line)
                writer.writerow(cells)
    rows.decisions = repair.decisions()
    if rows.width > width:
        _widen(to, rows.width)
    return rows


def _shapes(body: Path, dialect: Dialect, width: int) -> tuple[list[ColumnShape], bool]:
    """The shapes of the columns, and whether extra cells are so rare that they may be parts of other cells."""
    sample = list(islice(Records(_lines(body), dialect), _SAMPLE))
    whole = [r.cells for r in sample if r.cells is not None and any(r.cells) and r.height == 1]
    even = [cells for cells in whole if len(cells) == width]
    if 2 * len(even) < len(whole):  # most rows lack the empty cells at their ends
        even = [cells + [""] * (width - len(cells)) for cells in whole if len(cells) <= width]
    wide = sum(r.cells is not None and len(r.cells) > width and any(r.cells[width:]) for r in sample)
    return column_shapes(even, width), wide <= max(_FEW, len(sample) // _RARE)


def _lines(body: Path) -> Iterator[str]:
    with body.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.removesuffix("\n")


def _widen(path: Path, width: int) -> None:
    """Gives all rows the same number of cells."""
    wide = path.with_suffix(".wide")
    with path.open(encoding="utf-8", newline="") as file, wide.open("w", encoding="utf-8", newline="") as out:
        rows = csv.reader(file)
        csv.writer(out, lineterminator="\n").writerows(row + [""] * (width - len(row)) for row in rows)
    wide.replace(path)
