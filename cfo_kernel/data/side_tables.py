"""Finds tables that are side by side, with or without an empty column between them, such as assets and liabilities.

Groups of columns in one table share their rows, and have no labels of their own. Separate tables each have a header and
labels before their values, and either the same names, or names such as *Assets* and *Liabilities*, or different numbers
of rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from cfo_kernel.data import header_rows, total_labels
from cfo_kernel.data.cell_kinds import CellKind, kind_of
from cfo_kernel.data.header_rows import HeaderRows
from cfo_kernel.data.sheet_grid import Grid
from cfo_kernel.data.total_labels import Label
from cfo_kernel.data.vocabulary import SIDES, plain

_SAMPLE = 500
_MOST_COLUMNS, _HEAD = 60, 12


def side_by_side(grid: Grid) -> list[Grid]:
    """The tables, from left to right. Most grids have one."""
    edges = _edges(grid)
    parts = [_part(grid, first, last) for first, last in edges] if len(edges) > 1 else []
    if parts and _are_tables(parts) and _differ(parts):
        return parts
    middle = _middle(grid) if 3 < grid.width <= _MOST_COLUMNS else None
    return [_part(grid, 0, middle - 1), _part(grid, middle, grid.width - 1)] if middle else [grid]


def _edges(grid: Grid) -> list[tuple[int, int]]:
    """The first and last column of each group of adjacent columns that are not empty."""
    filled = [False] * grid.width
    for rows in (grid.rows[:_SAMPLE], grid.rows[_SAMPLE:]):
        for _, row in rows:
            for i, cell in enumerate(row):
                if cell is not None:
                    filled[i] = True
        if all(filled):
            return [(0, grid.width - 1)]
    edges: list[tuple[int, int]] = []
    for i, is_filled in enumerate(filled):
        if is_filled and edges and edges[-1][1] == i - 1:
            edges[-1] = (edges[-1][0], i)
        elif is_filled:
            edges.append((i, i))
    return edges


def _part(grid: Grid, first: int, last: int) -> Grid:
    rows = [(number, row[first : last + 1]) for number, row in grid.rows]
    trimmed = [(number, _trimmed(row)) for number, row in rows]
    return replace(grid, rows=[(number, row) for number, row in trimmed if row], left=grid.left + first)


def _trimmed(row: list[Any]) -> list[Any]:
    end = len(row)
    while end and row[end - 1] is None:
        end -= 1
    return row[:end]


def _found(part: Grid) -> HeaderRows | None:
    return header_rows.find_rows([row for _, row in part.rows[:_SAMPLE]], part.width)


def _names(part: Grid) -> list[str]:
    found = _found(part)
    return _texts(part.rows[found.names[-1]][1], part.width) if found and found.names else []


def _texts(row: Sequence[Any], width: int) -> list[str]:
    cells = [*row, *[None] * (width - len(row))]
    return ["" if cell is None else plain(" ".join(str(cell).split())) for cell in cells]


def _are_tables(parts: Sequence[Grid]) -> bool:
    """Whether each part has a header of its own, with labels before values, or all have the same names with values."""
    headers = [_found(part) for part in parts]
    if any(not found or not found.names or part.width < 2 for found, part in zip(headers, parts, strict=True)):
        return False
    if all(found and 0 not in found.values for found in headers):
        return True
    names = [_names(part) for part in parts]
    has_words = all(found and len(found.values) < part.width for found, part in zip(headers, parts, strict=True))
    return has_words and all(other == names[0] for other in names)


def _differ(parts: Sequence[Grid]) -> bool:
    """Whether the tables end in different rows or have the same names, unlike groups of columns of one table."""
    names = [_names(part) for part in parts]
    ends = {part.rows[-1][0] for part in parts}
    return len(ends) > 1 or any(a[:1] == b[:1] or _are_sides(a, b) for a, b in pairwise(names))


def _are_sides(names: Sequence[str], others: Sequence[str]) -> bool:
    """Whether these are the names of the two sides of a statement, such as assets and liabilities."""
    pairs = [{*names[:1]}, {*others[:1]}]
    return any(pairs[0] & left and pairs[1] & right for left, right in SIDES)


def _middle(grid: Grid) -> int | None:
    """The first column of a second table that directly follows the first one, or None if there is no such table."""
    head = [_texts(row, grid.width) for _, row in grid.rows[:_HEAD]]
    for size in range(2, grid.width - 1):
        names = [(row[:size], row[size:]) for row in head]
        at = next((i for i, (left, right) in enumerate(names) if _are_alike(left, right)), None)
        if at is not None and _is_beside(grid, size, at):
            return size
    return None


def _are_alike(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether a row names the columns of two tables: two sides of a statement, or equal names apart from the labels."""
    if not left[0] or not right[0] or (len(left) != len(right) and not _are_sides(left, right)):
        return False
    names = [name for name in (*left, *right) if name]
    if any(kind_of(name) is CellKind.FIGURE for name in names):
        return False
    return _are_sides(left, right) or ([*left[1:]] == [*right[1:]] and any(left[1:]))


def _is_beside(grid: Grid, size: int, at: int) -> bool:
    """Whether both parts have labels before figures, and rows that do not belong together."""
    rows = [row for _, row in grid.rows[at + 1 :][:_SAMPLE]]
    parts = [[_cells(row, 0, size) for row in rows], [_cells(row, size, grid.width) for row in rows]]
    header = _texts(grid.rows[at][1], grid.width)
    is_same = header[:size] == header[size:]
    if not all(_has_labels_and_figures(part, 2 if is_same else 1) for part in parts):
        return False
    left, right = ([row[0] for row in part] for part in parts)
    if is_same or _are_sides(header[:size], header[size:]):
        return True
    ends = {max((i for i, label in enumerate(labels) if label is not None), default=0) for labels in (left, right)}
    totals = [
        all(cell is not None and total_labels.label_of(str(cell)) >= Label.WORD for cell in pair)
        for pair in zip(left, right, strict=True)
    ]
    return len(ends) > 1 or any(totals)


def _cells(row: Sequence[Any], first: int, end: int) -> list[Any]:
    return [row[i] if i < len(row) else None for i in range(first, end)]


def _has_labels_and_figures(rows: Sequence[Sequence[Any]], labels: int) -> bool:
    """Whether most rows that are not empty have words in the first `labels` columns, and a figure further right."""
    filled = [row for row in rows if any(cell is not None for cell in row)]
    words = sum(any(kind_of(cell) is CellKind.WORDS for cell in row[:labels]) for row in filled)
    figures = sum(any(kind_of(cell) in (CellKind.FIGURE, CellKind.YEAR) for cell in row[1:]) for row in filled)
    return len(filled) > 1 and 2 * words > len(filled) and 2 * figures >= len(filled)
