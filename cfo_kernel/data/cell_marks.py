"""Collects what a workbook records about its cells besides values: which lost their value, and which numbers are codes.

Runs in the ingest worker. The workbook parser returns only values: an error as an empty cell, 00124 as 124. Each
workbook format is examined by a separate module.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cfo_kernel.data import hidden_rows, lost_cells, number_masks
from cfo_kernel.data.hidden_rows import Hidden
from cfo_kernel.data.lost_cells import LostCells
from cfo_kernel.data.sheet_grid import Merged
from cfo_kernel.data.sheet_values import MAX_COLUMNS, MAX_ROWS
from cfo_kernel.data.workbook_package import Suspects

_MOST_MERGED = 100_000


class CellMarks(Protocol):
    """The marks in the sheets of a workbook. `below` is the row above the first row of data, counted from zero."""

    def lost(self, sheet: str, below: int) -> LostCells:
        """The cells of a sheet that lost their value."""
        ...

    def masks(self, sheet: str, below: int) -> dict[int, str]:
        """The mask of each column whose numbers all have the same mask (`number_masks`)."""
        ...

    def hidden(self, sheet: str) -> Hidden:
        """The hidden rows and columns of a sheet."""
        ...

    def merged(self, sheet: str, /) -> list[Merged]:
        """The merged cells of a sheet, if the parser does not return them."""
        ...


@dataclass
class SheetMarks:
    """The marks in one sheet: the rows with lost cells, and the last row with each mask, both by column."""

    errors: dict[int, list[int]] = field(default_factory=lambda: defaultdict[int, list[int]](list))
    uncalculated: dict[int, list[int]] = field(default_factory=lambda: defaultdict[int, list[int]](list))
    shown: dict[int, dict[str, int]] = field(default_factory=lambda: defaultdict[int, dict[str, int]](dict))
    example: str = ""
    hidden: Hidden = field(default_factory=Hidden)
    merged: list[Merged] = field(default_factory=list[Merged])

    def hide_columns(self, first: int, last: int) -> None:
        self.hidden.columns.update(range(first, min(last, MAX_COLUMNS) + 1))

    def add_merged(self, top: int, left: int, height: int, width: int) -> None:
        """Records a merged cell of this height and width, unless it covers a single cell."""
        if (height > 1 or width > 1) and len(self.merged) < _MOST_MERGED:
            bottom, right = min(top + height, MAX_ROWS) - 1, min(left + width, MAX_COLUMNS) - 1
            self.merged.append(Merged(top, left, bottom, right))

    def add_error(self, row: int, column: int, error: str) -> None:
        self.errors[column].append(row)
        self.example = self.example or error

    def add_number(self, row: int, column: int, mask: str) -> None:
        """Records a number and its mask, which is an empty string if it has none."""
        self.shown[column][mask] = row


class ExaminedMarks:
    """The marks of a workbook that was examined as a whole."""

    def __init__(self, sheets: dict[str, SheetMarks]) -> None:
        self._sheets = sheets

    def lost(self, sheet: str, below: int) -> LostCells:
        marks = self._sheets.get(sheet, SheetMarks())
        found = LostCells(example=marks.example)
        for counts, cells in ((found.errors, marks.errors), (found.uncalculated, marks.uncalculated)):
            for column, rows in cells.items():
                for row in rows:
                    if row > below:
                        counts.add(row, column)
        return found

    def masks(self, sheet: str, below: int) -> dict[int, str]:
        shown = self._sheets.get(sheet, SheetMarks()).shown
        found = {column: [mask for mask, row in last.items() if row > below] for column, last in shown.items()}
        return {column: masks[0] for column, masks in found.items() if len(masks) == 1 and masks[0]}

    def hidden(self, sheet: str) -> Hidden:
        return self._sheets.get(sheet, SheetMarks()).hidden

    def merged(self, sheet: str, /) -> list[Merged]:
        return self._sheets.get(sheet, SheetMarks()).merged


class PackageMarks:
    """The marks of an Office Open XML workbook. A sheet is examined only if it may contain marks."""

    def __init__(self, path: Path, suspects: Suspects) -> None:
        self._path, self._suspects = path, suspects
        self._styles = number_masks.mask_styles(path)
        self._parts = lost_cells.parts(path) if suspects.lost or suspects.hidden or self._styles else {}

    def lost(self, sheet: str, below: int) -> LostCells:
        part = self._parts.get(sheet, "")
        return lost_cells.count_lost_cells(self._path, part, below) if part in self._suspects.lost else LostCells()

    def masks(self, sheet: str, below: int) -> dict[int, str]:
        part = self._parts.get(sheet, "")
        return number_masks.column_masks(self._path, part, self._styles, below) if self._styles and part else {}

    def hidden(self, sheet: str) -> Hidden:
        part = self._parts.get(sheet, "")
        return hidden_rows.find_hidden(self._path, part) if part in self._suspects.hidden else Hidden()

    def merged(self, _sheet: str, /) -> list[Merged]:
        return []
