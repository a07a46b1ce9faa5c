"""The sums of neighbouring rows, and how well they agree with the figures of a row."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd, log2

from cfo_kernel.data import total_ratios
from cfo_kernel.data.total_grid import Grid
from cfo_kernel.data.total_proofs import rounding

_MOST_BITS = 24.0  # of one figure
_SURE = 5.0
_HEAVIEST = 3  # columns that are compared first
_SURPLUS = 8.0  # bits that the other figures must be worth if a small figure is not exact


@dataclass(frozen=True)
class Evidence:
    """How the figures of a row agree with the sums of other rows.

    `added` are the columns that agree. `is_whole` means that the other columns follow from them, and `wrong` counts
    those that neither agree nor follow, although no part lacks a figure there. `lacking` is the number of extra bits
    that a proof needs because small figures are not exact.
    """

    added: tuple[int, ...]
    bits: float
    is_exact: bool
    is_whole: bool
    wrong: int
    lacking: float


@dataclass(frozen=True)
class Sums:
    """The sums of consecutive rows among `places`."""

    grid: Grid
    places: Sequence[int]

    @cached_property
    def _prefix(self) -> list[list[tuple[int, int]]]:
        """For each column, the sum and the count of the figures above each row."""
        sums: list[list[tuple[int, int]]] = []
        for c in range(len(self.grid.names)):
            total = count = 0
            column = [(0, 0)]
            for at in self.places:
                row = self.grid.rows[at]
                figure = row.figures[c]
                if figure is not None:
                    total, count = total + figure, count + (row.counts[c] if row.counts else 1)
                column.append((total, count))
            sums.append(column)
        return sums

    @cached_property
    def _sorted(self) -> list[list[tuple[int, int]]]:
        """For each column, the sums above the rows in ascending order, each with the position of its row."""
        return [sorted((total, i) for i, (total, _) in enumerate(column)) for column in self._prefix]

    def ranges(self, i: int, shortest: int, longest: int, *, is_above: bool) -> list[tuple[int, int]]:
        """The ranges of rows above or below the i-th row that may add up to it, judged by its largest figures."""
        figures = self.grid.rows[self.places[i]].figures
        sizes = [
            (abs(figure) // self.grid.units[c], c, figure) for c, figure in enumerate(figures) if figure is not None
        ]
        start = i if is_above else i + 1
        found: set[int] = set()
        for _, c, figure in sorted(sizes, reverse=True)[:_HEAVIEST]:
            wanted = self._prefix[c][start][0] + (-figure if is_above else figure)
            allowed = rounding(longest) * self.grid.units[c]
            ordered = self._sorted[c]
            for at in range(bisect_left(ordered, (wanted - allowed, -1)), len(ordered)):
                total, end = ordered[at]
                if total > wanted + allowed:
                    break
                if shortest <= (start - end if is_above else end - start) <= longest:
                    found.add(end)
        return [(end, start) if is_above else (start, end) for end in sorted(found, key=lambda end: abs(end - start))]

    def difference(self, at: int, column: int, low: int, high: int) -> tuple[int, int]:
        """The difference between the sum and the figure of a row, and the number of figures in the sum."""
        above, below = self._prefix[column][low], self._prefix[column][high]
        return abs(below[0] - above[0] - (self.grid.rows[at].figures[column] or 0)), below[1] - above[1]

    def nearly(self, at: int, column: int, low: int, high: int) -> bool:
        """Whether the figure agrees with the sum, allowing for rounding, for example to fives or hundreds."""
        apart, count = self.difference(at, column, low, high)
        return apart <= rounding(count) * self.grid.units[column]

    def evidence(self, at: int, low: int, high: int) -> Evidence | None:
        """How the figures of the row agree with the sums of the rows from `low` to before `high`."""
        row = self.grid.rows[at]
        places = self.places[low:high]
        added: list[int] = []
        others: list[int] = []
        bits, lacking, is_exact, is_whole, missing = 0.0, 0.0, True, True, 0
        seen: set[tuple[int, ...]] = set()
        for c, figure in enumerate(row.figures):
            if figure is None:
                continue
            apart, count = self.difference(at, c, low, high)
            if apart and total_ratios.is_balance(self.grid, at, places, c):
                continue
            is_code = apart and total_ratios.is_same(self.grid, at, places, c)
            if is_code or not self.nearly(at, c, low, high) or (not count and figure):
                others.append(c)
                missing += any(self.grid.rows[place].figures[c] is None for place in places)
                continue
            added.append(c)
            is_exact, is_whole = is_exact and not apart, is_whole and apart <= rounding(count)
            if (pattern := self._pattern(at, places, c)) in seen:
                continue  # the same figures in another unit prove nothing more
            seen.add(pattern)
            worth = self._bits(at, places, c, rounding(count) if apart else 0)
            bits += worth
            lacking += _SURPLUS if apart and worth < _SURE else 0.0
        if not added:
            return None
        follows = total_ratios.follow(self.grid, at, places, added, others) if bits > _SURE else None
        if others and follows is None:
            return Evidence(tuple(added), bits, is_exact, False, len(others) - missing, lacking)
        return Evidence(tuple(added), bits + (follows or 0.0), is_exact, is_whole, 0, lacking)

    def _pattern(self, at: int, places: Sequence[int], column: int) -> tuple[int, ...]:
        figures = [self.grid.rows[place].figures[column] or 0 for place in (at, *places)]
        unit = gcd(*figures) or 1
        return tuple(figure // unit for figure in figures)

    def _bits(self, at: int, places: Sequence[int], column: int, allowed: int) -> float:
        """How unlikely it is that a sum matches the figure by chance. Up to `allowed` units may be lost to rounding."""
        figures = [self.grid.rows[place].figures[column] or 0 for place in places]
        if len(figures) > 1 and sum(figure != 0 for figure in figures) < 2:
            return 0.0  # equal to a single figure
        spread = max(abs(self.grid.rows[at].figures[column] or 0), *map(abs, figures)) // self.grid.units[column]
        return max(0.0, min(_MOST_BITS, log2((spread + 1) / (2 * allowed + 1))))
