"""Finds the tables of a sheet: one below the other with an empty row between them, or side by side.

Empty rows and columns also divide the sections of one table. The rows below a gap are a separate table only if they
have their own header: different names above columns of values. A header that repeats the names of the table above
continues it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cfo_kernel.data import header_rows, side_tables, units
from cfo_kernel.data.cell_kinds import CellKind, is_pending, kind_of
from cfo_kernel.data.sheet_grid import Grid, Row

_MOST_PARTS = 100  # a sheet with more empty rows is a list with gaps


def split(grid: Grid) -> list[Grid]:
    """The tables of the sheet, each with its own header. Most sheets have one."""
    return [block for side in side_tables.side_by_side(grid) for block in _stacked(side)]


def _stacked(grid: Grid) -> list[Grid]:
    starts = [i for i in range(1, len(grid.rows)) if grid.rows[i][0] > grid.rows[i - 1][0] + 1]
    if not starts or len(starts) > _MOST_PARTS:
        return [grid]
    blocks: list[list[Row]] = []
    names: list[str] = []
    for start, end in zip([0, *starts], [*starts, len(grid.rows)], strict=True):
        rows = grid.rows[start:end]
        header = _header(rows) if blocks else _names(rows)
        if blocks and (header is None or header == names):
            blocks[-1] += rows
        elif blocks and not _has_figures(blocks[-1]):
            blocks[-1] += rows  # the rows above are the titles of this table
            names = _names(blocks[-1]) or []
        else:
            blocks.append(rows)
            names = header or names
        names = names or _names(blocks[-1]) or []
    return [replace(grid, rows=rows, is_last=rows is blocks[-1]) for rows in blocks]


def _header(rows: Sequence[Row]) -> list[str] | None:
    """The names of the columns if these rows begin a table of their own."""
    found = header_rows.find_rows([row for _, row in rows], max(len(row) for _, row in rows))
    if found is None or not found.names:
        return None
    header = rows[found.names[-1]][1]
    cells = [cell for cell in header if cell is not None]
    if len(cells) < 2 or any(kind_of(header[i]) is CellKind.EMPTY for i in found.values if i < len(header)):
        return None
    if any(kind_of(c) is CellKind.BLANK or is_pending(str(c)) or units.is_unit(str(c)) for c in cells):
        return None
    return _texts(header)


def _names(rows: Sequence[Row]) -> list[str] | None:
    found = header_rows.find_rows([row for _, row in rows], max(len(row) for _, row in rows))
    return _texts(rows[found.names[-1]][1]) if found and found.names else None


def _texts(row: Sequence[Any]) -> list[str]:
    return [" ".join(str(cell).split()).lower() for cell in row if cell is not None]


def _has_figures(rows: Sequence[Row]) -> bool:
    """Whether the rows are a table: one of them has at least two cells, including a figure."""
    return any(
        sum(cell is not None for cell in row) > 1 and any(kind_of(cell) is CellKind.FIGURE for cell in row)
        for _, row in rows
    )
