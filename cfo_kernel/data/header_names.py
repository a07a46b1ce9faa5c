"""Joins the rows of a header into one name for each column.

A cell of an upper row may stand for several columns: if it is merged, for the columns that it covers; otherwise, for
neighbouring columns that are empty in its row. It is repeated over columns of the same kind: for example over years,
but not over a column of changes next to them.
"""

import re
from collections.abc import Sequence
from typing import Any

from cfo_kernel.data.cell_kinds import CellKind, kind_of

_PERIOD = re.compile(r"(?<!\d)(19|20)\d\d(?!\d)")


def spread(rows: Sequence[Sequence[Any]], width: int, first: int, *, merged: bool) -> list[list[Any]]:
    """The rows of a header, with the cells of the upper rows repeated over the columns that they stand for.

    Each row has `width` cells. If there are `merged` cells, their values have already been repeated. No cell is
    repeated over the columns of labels, which end before `first`.
    """
    result = [[row[i] if i < len(row) else None for i in range(width)] for row in rows]
    if not merged:
        for i in reversed(range(len(result) - 1)):
            _fill(result[i], result[i + 1 :], max(first, 1))
    return result


def _fill(row: list[Any], below: list[list[Any]], first: int) -> None:
    """Fills the gaps in a row by repeating the cells next to them."""
    named = [any(lower[i] is not None for lower in below) for i in range(len(row))]
    columns = [i for i in range(first, len(row)) if row[i] is not None or named[i]]
    cells = [i for i in columns if row[i] is not None]
    if not cells or len(cells) == len(columns):
        return
    sorts = {i: _sort([lower[i] for lower in below]) for i in columns}
    for position, span in zip(cells, _spans(columns, cells), strict=True):
        value = row[position]
        for side in (reversed([i for i in span if i < position]), [i for i in span if i > position]):
            for i in side:
                if sorts[i] != sorts[position]:
                    break
                row[i] = value


def _spans(columns: list[int], cells: list[int]) -> list[list[int]]:
    """The columns that each cell stands for: those up to the next cell or, for centred cells, as many on its left."""
    position = {column: i for i, column in enumerate(columns)}
    places = [position[cell] for cell in cells]
    ends = [*places[1:], len(columns)]
    sizes = [end - start for start, end in zip(places, ends, strict=True)]
    if places[0] == 0 or (len(set(sizes)) == 1 and len(sizes) > 1 and sizes[0] > 1):
        return [columns[start:end] for start, end in zip(places, ends, strict=True)]
    if len(places) == 1:
        reach = max(places[0], len(columns) - 1 - places[0])
        is_centred = abs(2 * places[0] - (len(columns) - 1)) <= 1
        return [columns if is_centred else columns[places[0] : places[0] + reach + 1]]
    spans: list[list[int]] = []
    start = 0
    for place, following in zip(places, [*places[1:], len(columns)], strict=True):
        end = min(max(2 * place - start + 1, place + 1), following)
        spans.append(columns[start:end])
        start = end
    return spans


def _sort(cells: list[Any]) -> bool:
    """Whether the first cell below is a period."""
    cell = next((cell for cell in cells if cell is not None), None)
    return kind_of(cell) in (CellKind.YEAR, CellKind.DATE) or bool(_PERIOD.search(str(cell)))


def joined(cells: Sequence[str]) -> str:
    """Joins the parts of a name from top to bottom, without repeating any."""
    parts: list[str] = []
    for cell in cells:
        if cell and cell not in parts:
            parts.append(cell)
    return " ".join(parts)
