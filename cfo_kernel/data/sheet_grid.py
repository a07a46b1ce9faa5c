"""The cells of a sheet as rows, with the values of merged cells where they apply.

Runs in the ingest worker. A merged cell has its value in its first cell only. In a header, it stands for all columns
and rows that it covers. Below the header, the value of a cell that is merged downwards applies to each of its rows,
unless it is a figure, which would be added up several times.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from python_calamine import CalamineSheet

from cfo_kernel import column_names
from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind

_DURATION = re.compile(r"PT(\d{1,5})H(\d{1,2})M(\d{1,2}(?:\.\d{1,9})?)S")  # as the parser returns durations from .ods
_HEAD = 60  # rows that are searched for a header
Row = tuple[int, list[Any]]
"""A row that is not empty, with its number in the sheet, counted from zero."""


@dataclass(frozen=True)
class Merged:
    """A merged area. Rows and columns are counted from zero in the sheet, and both ends are included."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Grid:
    """The rows of a sheet, or of a part of it that begins at the column `left` of the sheet.

    `is_last` means that there is nothing below them.
    """

    rows: list[Row]
    left: int = 0
    is_last: bool = True
    merged: Sequence[Merged] = field(default_factory=list[Merged])

    @cached_property
    def width(self) -> int:
        return max((len(row) for _, row in self.rows), default=0)

    def head(self) -> list[list[Any]]:
        """All rows. In the first ones, the values of merged cells are repeated, and empty rows are marked.

        A cell that is merged to the right from the first column is a title or the label of a section.
        """
        rows = self._spread()
        gaps = [i for i in range(1, min(_HEAD, len(rows))) if self.rows[i][0] > self.rows[i - 1][0] + 1]
        for i in reversed(gaps):
            rows.insert(i, [])
        return rows

    def _spread(self) -> list[list[Any]]:
        rows = [row for _, row in self.rows]
        position = {number: i for i, (number, _) in enumerate(self.rows[:_HEAD])}
        for area in self.merged:
            value = self._value(area, position)
            if value is None or (area.left == self.left and area.right > area.left):
                continue
            for number in range(area.top, min(area.bottom, area.top + _HEAD) + 1):
                if (i := position.get(number)) is not None:
                    rows[i] = _replaced(rows[i], area.left - self.left, area.right - self.left, value)
        return rows

    def has_merged_header(self) -> bool:
        """Whether a cell is merged to the right, other than in the first column."""
        return any(area.right > area.left > self.left for area in self.merged)

    def repeated_down(self, first: int, names: Sequence[str]) -> tuple[dict[int, dict[int, Any]], list[Decision]]:
        """The values of cells that are merged downwards, by column and row number, and decisions about them.

        `first` is the position of the first row of data, and `names` are the names of the columns.
        """
        position = {number: i for i, (number, _) in enumerate(self.rows) if i >= first}
        found: dict[int, dict[int, Any]] = {}
        kept: dict[int, list[int]] = {}
        for area in self.merged:
            column = area.left - self.left
            value = self._value(area, position)
            if value is None or area.bottom == area.top or not 0 <= column < len(names):
                continue
            if not _is_label(value, names[column]):
                kept.setdefault(column, []).append(area.top + 1)
                continue
            below = range(area.top + 1, min(area.bottom, self.rows[-1][0]) + 1)
            cells = {number: value for number in below if number in position}
            found.setdefault(column, {}).update(cells)
        return found, [*_repeated(found, names), *_kept(kept, names)]

    def _value(self, area: Merged, position: dict[int, int]) -> Any:
        i = position.get(area.top)
        column = area.left - self.left
        return self.rows[i][1][column] if i is not None and 0 <= column < len(self.rows[i][1]) else None


def read_grid(sheet: CalamineSheet, merged: Sequence[Merged] = ()) -> Grid:
    """The rows of a sheet that are not empty. `merged` are merged areas that the parser does not report."""
    _, left = sheet.start or (0, 0)
    areas = [Merged(*start, *end) for start, end in sheet.merged_cell_ranges or [] if start != end]
    return Grid(list(_rows(sheet)), left, merged=[*areas, *merged])


def _rows(sheet: CalamineSheet) -> Iterator[Row]:
    # Row by row, skipping empty ones at once: a single cell in the last row of a sheet creates a million of them.
    empty: list[Any] = [""] * sheet.width
    for number, cells in enumerate(sheet.iter_rows()):
        if cells == empty:
            continue
        while cells and cells[-1] == "":
            cells.pop()
        if cells:
            yield number, [_text(cell) if isinstance(cell, str) else cell for cell in cells]


def _text(cell: str) -> str | timedelta | None:
    """The value of a text cell, without byte order marks, which are invisible and come from pasted text files."""
    if cell[:2] == "PT" and (found := _DURATION.fullmatch(cell)):
        return timedelta(hours=int(found[1]), minutes=int(found[2]), seconds=float(found[3]))
    return cell.replace("\ufeff", "") or None


def _replaced(row: list[Any], first: int, last: int, value: Any) -> list[Any]:
    """The row with the value in the empty cells from `first` to `last`."""
    cells = [*row, *[None] * (last + 1 - len(row))]
    return [value if first <= i <= last and cell is None else cell for i, cell in enumerate(cells)]


def _is_label(value: Any, name: str) -> bool:
    """Whether the value of a merged cell names its rows, and is not a figure."""
    if isinstance(value, str | date):
        return True
    parts = column_names.words(name)
    return column_names.says_code(parts) or column_names.says_year(parts)


def _repeated(found: dict[int, dict[int, Any]], names: Sequence[str]) -> list[Decision]:
    return [
        Decision(
            kind=DecisionKind.LAYOUT,
            text=f"{names[column]}: the values of merged cells were repeated in each of their rows.",
            column=names[column],
            count=len(cells),
        )
        for column, cells in sorted(found.items())
        if cells
    ]


def _kept(found: dict[int, list[int]], names: Sequence[str]) -> list[Decision]:
    return [
        Decision(
            kind=DecisionKind.LAYOUT,
            text=f"{names[column]}: figures in cells merged over several rows were read in the first row only.",
            column=names[column],
            rows=tuple(rows[:MAX_ROWS]),
            count=len(rows),
            needs_check=True,
        )
        for column, rows in sorted(found.items())
    ]
