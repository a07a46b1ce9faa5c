"""Finds the rows of a raw table that hold its header: one row, or several rows that together name the columns.

Rows are judged by the kinds of their cells. The data begins with the first row that has a value of its column's kind: a
figure in a column of figures. The rows above it are titles, the header, rows of units, and section labels. A row of
numbers can be a header only if they are periods: years, months such as 202401, months 1 to 12, or days past due.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from cfo_kernel.data import units
from cfo_kernel.data.cell_kinds import CellKind, column_kinds, is_pending, kind_of

_SEARCHED_ROWS = 40  # data that begins further down is not found
_MOST_CELLS = 40_000  # how many cells are examined, so that a very wide table costs no more than a long one
_MIN_FILLED = 0.6  # share of the widest row below: titles fill one or two cells, headers may leave some empty
_MOST_ROWS = 8
_PAIR = 2  # cells
_ROWS_ABOVE = 6  # this many rows that describe the file may precede a header


@dataclass(frozen=True)
class HeaderRows:
    """The positions of a header's rows: `names` are the rows with column names, and `units` the rows with units.

    The data begins at row `first`, and `values` are the columns of figures, years and dates.
    """

    names: list[int]
    first: int
    units: list[int] = field(default_factory=list[int])
    values: frozenset[int] = frozenset()


def find_rows(rows: Sequence[Sequence[Any]], width: int) -> HeaderRows | None:
    """The rows of the header, or None if there is none."""
    table = _RawTable(rows[: max(_SEARCHED_ROWS + 10, _MOST_CELLS // max(width, 1))], width)
    if not table.values:
        return None
    first = table.first_of_data()
    if first is None or (last := table.last_of_header(first)) is None:
        return None
    top = table.first_of_header(last)
    header = [i for i in range(top, last + 1) if table.headed(i)]
    if not table.is_wide_enough(header, first):
        return None
    unit_rows = [i for i in header if len(header) > 1 and table.is_of_units(i)]
    if len(unit_rows) == len(header):
        unit_rows = unit_rows[1:]
    names = [i for i in header if i not in unit_rows]
    below = table.units_below(last, first)
    return HeaderRows(names, last + 1 + len(below), unit_rows + below, table.values)


class _RawTable:
    """The first rows of a table, with the kinds of their cells."""

    def __init__(self, rows: Sequence[Sequence[Any]], width: int) -> None:
        self._rows = rows
        self._kinds = [[kind_of(cell) for cell in row[:width]] for row in rows]
        repeated = self._repeated()
        self._columns = column_kinds([self._judged(i) for i in range(len(rows)) if i not in repeated], width)
        self.values = frozenset(i for i, kind in enumerate(self._columns) if kind is not CellKind.WORDS)
        self._filled = [sum(kind is not CellKind.EMPTY for kind in row) for row in self._kinds]

    def _repeated(self) -> set[int]:
        """The rows of words that repeat an earlier row.

        They may be a header, so they are not evidence about their columns.
        """
        seen: set[tuple[str, ...]] = set()
        found: set[int] = set()
        for i, (row, kinds) in enumerate(zip(self._rows, self._kinds, strict=True)):
            if CellKind.WORDS in kinds and not {CellKind.FIGURE, CellKind.DATE}.intersection(kinds):
                cells = tuple("" if cell is None else str(cell) for cell in row)
                if cells in seen:
                    found.add(i)
                seen.add(cells)
        return found

    def _judged(self, i: int) -> list[CellKind]:
        """The kinds of a row's cells.

        Words such as `TBD` count as blank, because they say nothing about their column.
        """
        row, kinds = self._rows[i], self._kinds[i]
        return [
            CellKind.BLANK if kind is CellKind.WORDS and is_pending(str(cell)) else kind
            for cell, kind in zip(row, kinds, strict=False)
        ]

    def first_of_data(self) -> int | None:
        """The first row with a value of its column's kind."""
        for i in range(min(len(self._rows), _SEARCHED_ROWS)):
            has_value = any(self._is_value(i, column) for column in self.values)
            if has_value and not self._is_of_periods(i) and not self._describes(i) and not self._is_pair(i):
                return i
        return None

    def _describes(self, i: int) -> bool:
        """Whether the row is above a header and describes the file, although it has figures or dates."""
        if len(self.values) < 2 or all(self._is_value(i, column) for column in self.values):
            return False
        if any(self._is_header(above) for above in range(i)):
            return False  # a header below is repeated on another page
        return any(self._is_header(below) for below in range(i + 1, min(i + _ROWS_ABOVE, len(self._rows))))

    def _is_pair(self, i: int) -> bool:
        """Whether the row is a name and its value, such as `Currency:` and EUR, above a wider header."""
        if self._filled[i] != _PAIR or not self._text(i, 0).endswith(":"):
            return False
        below = range(i + 1, min(i + _ROWS_ABOVE, len(self._rows)))
        return any(self._filled[row] > _PAIR and self._is_header(row) for row in below)

    def _is_header(self, i: int) -> bool:
        """Whether the row has words above all columns of values, no two of them the same."""
        cells = [self._text(i, column) for column in self.values]
        return len(set(cells)) == len(cells) and all(self._kind(i, c) is CellKind.WORDS for c in self.values)

    def last_of_header(self, first: int) -> int | None:
        """The last row above the data that names columns."""
        headed = [i for i in range(first) if self.headed(i) and not self._is_section(i, first) and not self._is_pair(i)]
        while len(headed) > 1 and self._is_complete(headed[-2]) and not self._continues(*headed[-2:]):
            headed.pop(-2 if self._is_of_values(headed[-2]) else -1)
        return headed[-1] if headed else None

    def first_of_header(self, last: int) -> int:
        """The first row of the header that ends with the row `last`."""
        top = last
        while top and last - top < _MOST_ROWS and self._filled[top - 1] and self._spans(top - 1, top, last):
            top -= 1
        return top

    def headed(self, i: int) -> bool:
        """Whether the row has a cell above the values of a column."""
        return any(self._kind(i, column) is not CellKind.EMPTY for column in self.values)

    def is_of_units(self, i: int) -> bool:
        """Whether the row has only units in the columns of values."""
        cells = [self._text(i, column) for column in sorted(self.values) if self._text(i, column)]
        if not cells or any(self._kind(i, column) is CellKind.YEAR for column in self.values):
            return False
        return all(units.is_unit(cell) for cell in cells)

    def units_below(self, last: int, first: int) -> list[int]:
        """The rows between the header and the data that have only a unit, in the first column."""
        below: list[int] = []
        for i in range(last + 1, first):
            if self._filled[i] != 1 or not units.is_unit(self._text(i, 0)):
                break
            below.append(i)
        return below

    def is_wide_enough(self, header: list[int], first: int) -> bool:
        """Whether the header names nearly as many columns as the rows below it have."""
        widest = max(self._filled[first : first + 50], default=0)
        named = {j for i in header for j, kind in enumerate(self._kinds[i]) if kind is not CellKind.EMPTY}
        spread = len(header) > 1 and len(named) > 1
        return len(named) >= _MIN_FILLED * widest or (spread and len(named) >= _MIN_FILLED * (widest - 1))

    def _kind(self, i: int, column: int) -> CellKind:
        return self._kinds[i][column] if column < len(self._kinds[i]) else CellKind.EMPTY

    def _text(self, i: int, column: int) -> str:
        cell = self._rows[i][column] if column < len(self._rows[i]) else None
        return "" if cell is None else str(cell).strip()

    def _is_value(self, i: int, column: int) -> bool:
        kind, usual = self._kind(i, column), self._columns[column]
        return kind is usual or (usual is CellKind.FIGURE and kind is CellKind.YEAR)

    def _is_of_periods(self, i: int) -> bool:
        """Whether the numbers in the row are periods that name columns.

        If a row above already names these columns, the numbers must be years, and the row must have no label.
        """
        columns = [column for column in range(1, len(self._kinds[i])) if self._kinds[i][column] is not CellKind.EMPTY]
        numbers = [column for column in columns if self._kinds[i][column] in (CellKind.FIGURE, CellKind.YEAR)]
        others = set(columns).difference(numbers)
        if not numbers or any(self._kinds[i][column] is CellKind.BLANK for column in others):
            return False
        if self._kind(i, 0) not in (CellKind.WORDS, CellKind.EMPTY) or any(
            self._is_value(i, column) for column in self.values.intersection(others)
        ):
            return False
        years = all(self._kinds[i][column] is CellKind.YEAR for column in numbers)
        are_named = any(self._names(above, numbers) for above in range(i))
        if are_named and (not years or self._kind(i, 0) is not CellKind.EMPTY):
            return False
        return _are_periods([self._text(i, column) for column in numbers], years=years)

    def _names(self, i: int, columns: list[int]) -> bool:
        """Whether the row has names for these columns. Pairs such as `Currency: EUR` are not names."""
        cells = [self._text(i, column) for column in columns]
        return all(cells) and not any(": " in cell for cell in cells)

    def _is_complete(self, i: int) -> bool:
        """Whether the row names each column of values, and has a cell in the first column."""
        return self._kind(i, 0) is not CellKind.EMPTY and all(
            self._kind(i, column) is not CellKind.EMPTY for column in self.values
        )

    def _continues(self, above: int, i: int) -> bool:
        """Whether the row belongs to a header although the row `above` it has a name for each column."""
        label = self._text(i, 0)
        if not label or label.startswith("(") or units.is_unit(label) or self.is_of_units(i):
            return True
        kinds = [CellKind.BLANK if is_pending(self._text(i, c)) else self._kind(i, c) for c in self.values]
        is_title = all(self._kind(above, column) in (CellKind.YEAR, CellKind.DATE) for column in self.values)
        return (len(kinds) > 1 or is_title) and not {CellKind.EMPTY, CellKind.BLANK}.intersection(kinds)

    def _is_section(self, i: int, first: int) -> bool:
        """Whether the row has only a section label, like those between the rows of data below."""
        if self._filled[i] != 1:
            return False
        [column] = [c for c, kind in enumerate(self._kinds[i]) if kind is not CellKind.EMPTY]
        text = self._text(i, column)
        if text.endswith(":"):
            return column in self.values
        if self._kind(i, column) is not CellKind.WORDS or text.startswith("(") or units.is_unit(text):
            return False
        below = [j for j in range(first + 1, len(self._rows)) if self._filled[j] == 1]
        return any(self._kind(j, column) is CellKind.WORDS for j in below)

    def _spans(self, i: int, top: int, last: int) -> bool:
        """Whether the row belongs to the header that reaches from `top` to `last`, and is not a title."""
        filled = [j for j, kind in enumerate(self._kinds[i]) if kind is not CellKind.EMPTY]
        if not self.headed(i):
            return False
        if not filled[0] and any(": " in self._text(i, column) for column in filled):
            return False
        if self._is_of_values(i):
            return False
        labelled = any(
            self._kind(row, 0) is not CellKind.EMPTY for row in range(top, last + 1) if not self._is_measured(row)
        )
        if filled[0] or not labelled:
            return bool(filled[0]) or len(filled) > 1
        if self._is_complete(top) and self._is_header(top) and self._is_apart(i, top):
            return False
        is_packed = filled == list(range(len(filled)))
        if is_packed and not self._is_complete(i):
            return False
        cells = [self._text(i, column) for column in filled[1:]]
        return len(set(cells)) < len(cells) or not is_packed

    def _is_apart(self, i: int, below: int) -> bool:
        """Whether no cell of the row occurs twice, or again in the same column of the row `below`."""
        cells = [(column, self._text(i, column)) for column in range(len(self._kinds[i])) if self._text(i, column)]
        is_repeated = any(text == self._text(below, column) for column, text in cells)
        return not is_repeated and len({text for _, text in cells}) == len(cells)

    def _is_of_values(self, i: int) -> bool:
        """Whether the row has figures that are not periods, so that it describes the file instead of naming columns."""
        cells = [self._text(i, c) for c, kind in enumerate(self._kinds[i]) if kind is CellKind.FIGURE]
        cells = [cell for cell in cells if not units.is_unit(cell)]
        return bool(cells) and not _are_periods(cells, years=False)

    def _is_measured(self, i: int) -> bool:
        """Whether the row has units, or a unit as its label."""
        return self.is_of_units(i) or units.is_unit(self._text(i, 0))


def _are_periods(cells: list[str], *, years: bool) -> bool:
    """Whether the numbers are years, months such as 202401, consecutive months from 0 or 1, or days past due."""
    if years:
        return True
    numbers = [int(float(cell)) for cell in cells if cell.replace(".0", "").isdecimal()]
    steps = {b - a for a, b in pairwise(numbers)}
    if len(numbers) != len(cells) or len(numbers) < 2 or (min(steps) <= 0 < max(steps)) or 0 in steps:
        return False
    if all(190001 <= number <= 210012 and 1 <= number % 100 <= 12 for number in numbers):
        return True
    days = steps and min(steps) > 0 and all(number % 30 in (0, 1) for number in numbers) and 0 < numbers[-1] <= 720
    return (steps == {1} and numbers[0] in (0, 1)) or bool(days)
