"""Proves by arithmetic which rows of a grid are totals of the rows above or below them.

Each figure of a total has to be the sum of the same rows, within the rounding of the digits shown; a figure that cannot
be added, such as a price, has to follow from the others in the way that it does in every row (`total_ratios`). When a
subtotal is proven, it stands for its parts, so that the total above it is found in the next pass.

A match may be an accident. How unlikely it is is measured in bits: a figure of a million units that agrees exactly is
worth 20 bits. How many bits are needed depends on how many sums were tried and on what else says that the row is a
total: its label, empty cells in its name, or nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from math import isqrt, log2

from cfo_kernel.data import total_ratios
from cfo_kernel.data.total_grid import Grid, Row
from cfo_kernel.data.total_labels import Label

_MOST_BITS = 24.0  # of one figure
_LONGEST = 120  # rows that are added up for a total without a label
_PASSES = 12
_SURE = 5.0
_SURPLUS = 8.0  # bits that the other figures must be worth if a small figure is not exact


class Sign(IntEnum):
    """What says that a row may be a total, apart from its figures."""

    NAMED = 0
    """Nothing: the row has a name like any other."""
    EMPTY = 1
    """Cells are empty that are filled in the rows that it adds up."""
    LABELLED = 2
    """A word for totals."""


@dataclass(frozen=True)
class Proof:
    """That the row at `total` is the sum of the rows at `parts`, which are positions in the grid.

    `columns` are those that add up.
    """

    total: int
    parts: tuple[int, ...]
    sign: Sign
    is_exact: bool
    bits: float
    columns: tuple[int, ...]
    is_natural: bool = True


@dataclass
class Search:
    """The search over the rows at `places`, which are all rows with figures or those with the same name."""

    grid: Grid
    places: Sequence[int]
    signs: Sequence[Sign]
    starts: frozenset[int]
    takes_names: bool
    proofs: dict[int, Proof] = field(default_factory=dict[int, Proof])

    def run(self) -> dict[int, Proof]:
        """The proofs by the position of the total."""
        active = list(self.places)
        for _ in range(_PASSES):
            found = sorted(self._matches(active), key=_priority)
            # A single row is the last resort, because its total may equal another row too.
            found = [proof for proof in found if len(proof.parts) > 1] or found
            used: set[int] = set()
            gone: set[int] = set()
            for proof in found:
                if proof.total in self.proofs or used & {proof.total, *proof.parts}:
                    continue
                self.proofs[proof.total] = proof
                used |= {proof.total, *proof.parts}
                gone |= {*proof.parts}
            if not gone:
                break
            active = [at for at in active if at not in gone]
        return self.proofs

    def _matches(self, active: list[int]) -> Iterator[Proof]:
        rows = [self.grid.rows[at] for at in active]
        prefix = _prefix_sums(rows, len(self.grid.names))
        breaks = {i for i, at in enumerate(active) if i == 0 or at in self.starts or self.is_total(active[i - 1])}
        for i, at in enumerate(active):
            if at in self.proofs or (self.signs[at] is Sign.NAMED and not self.takes_names):
                continue
            run = _Run(self, active, prefix, breaks, i, at)
            if found := [proof for step in (-1, 1) for proof in run.matches(step)]:
                yield min(found, key=_priority)

    def is_total(self, at: int) -> bool:
        return at in self.proofs or self.signs[at] is Sign.LABELLED


def _priority(proof: Proof) -> tuple[bool, int, bool, float, int]:
    """Sorts the surest proof first."""
    return not proof.is_natural, -proof.sign, not proof.is_exact, -round(proof.bits), len(proof.parts)


def _prefix_sums(rows: Sequence[Row], width: int) -> list[list[tuple[int, int]]]:
    """For each column, the sum and the number of the figures above each row."""
    sums: list[list[tuple[int, int]]] = []
    for c in range(width):
        total = count = 0
        column = [(0, 0)]
        for row in rows:
            figure = row.figures[c]
            if figure is not None:
                total, count = total + figure, count + (row.counts[c] if row.counts else 1)
            column.append((total, count))
        sums.append(column)
    return sums


@dataclass(frozen=True)
class _Run:
    """The sums of the rows next to the row `at`, which is the i-th of the active ones."""

    search: Search
    active: list[int]
    prefix: list[list[tuple[int, int]]]
    breaks: set[int]
    i: int
    at: int

    def matches(self, step: int) -> Iterator[Proof]:
        """The proofs with the rows above (-1) or below (1)."""
        row, sign = self.search.grid.rows[self.at], self.search.signs[self.at]
        columns = [c for c, figure in enumerate(row.figures) if figure is not None]
        weights = sorted(columns, key=lambda c: -self._size(row.figures[c], c))[:3]
        count = self.i if step < 0 else len(self.active) - self.i - 1
        longest = count if sign else min(count, _LONGEST)
        for length in range(1 if sign is Sign.LABELLED else 2, longest + 1):
            low = self.i - length if step < 0 else self.i + 1
            if not any(self._difference(c, low, length)[0] for c in weights):
                continue
            if (proof := self._proof(columns, low, length, sign, step)) is not None:
                yield proof

    def _size(self, figure: int | None, column: int) -> int:
        return abs(figure or 0) // self.search.grid.units[column]

    def _difference(self, column: int, low: int, length: int) -> tuple[bool, int, int]:
        """Whether the sum agrees with the figure, by how much it differs, and how many figures it adds."""
        figure = self.search.grid.rows[self.at].figures[column] or 0
        above, below = self.prefix[column][low], self.prefix[column][low + length]
        count = below[1] - above[1]
        apart = abs(below[0] - above[0] - figure)
        return apart <= rounding(count), apart, count

    def _proof(self, columns: list[int], low: int, length: int, sign: Sign, step: int) -> Proof | None:
        grid, bits, is_exact, weak = self.search.grid, 0.0, True, 0
        added: list[int] = []
        others: list[int] = []
        for c in columns:
            agrees, apart, count = self._difference(c, low, length)
            if not agrees or (not count and grid.rows[self.at].figures[c]):
                others.append(c)
                continue
            added.append(c)
            is_exact = is_exact and not apart
            worth = self._bits(c, low, length, rounding(count) if apart else 0)
            bits += worth
            weak += bool(apart) and worth < _SURE
        if not added or len(others) >= max(2, len(added) * 2):
            return None
        places = tuple(self.active[low : low + length])
        needed, is_natural = self._needed(sign, low, length, step, is_exact=is_exact)
        if bits < needed + _SURPLUS * weak or self._is_trivial(places) or not self._fits(sign, places, len(added)):
            return None
        if others and not total_ratios.follow(grid, self.at, places, added, others):
            return None
        return Proof(self.at, places, sign, is_exact, bits, tuple(added), is_natural)

    def _bits(self, column: int, low: int, length: int, allowed: int) -> float:
        """How unlikely it is that a sum agrees with the figure by accident."""
        grid = self.search.grid
        figures = [grid.rows[at].figures[column] or 0 for at in self.active[low : low + length]]
        if sum(figure != 0 for figure in figures) < 2 and length > 1:
            return 0.0  # equal to a single figure
        spread = max(abs(grid.rows[self.at].figures[column] or 0), *map(abs, figures)) // grid.units[column]
        return max(0.0, min(_MOST_BITS, log2((spread + 1) / (2 * allowed / grid.units[column] + 1))))

    def _needed(self, sign: Sign, low: int, length: int, step: int, *, is_exact: bool) -> tuple[float, bool]:
        """How many bits are needed, and whether the rows are all those up to the next total or gap."""
        end = low if step < 0 else low + length
        is_natural = end in self.breaks or end == len(self.active)
        count = len(self.active)
        tried = log2(2 * count)
        match sign:
            case Sign.LABELLED:
                least = 3.0 if length == 1 or not is_exact else 0.0
                bits = least if is_natural else tried + 3
            case Sign.EMPTY:
                is_nameless = length == count - 1 and is_exact and self._lacks_most(low, length)
                bits = 0.0 if is_nameless else 6.0 if is_natural else tried + 10
            case Sign.NAMED:
                bits = 2 * tried + 16
        return bits, is_natural

    def _lacks_most(self, low: int, length: int) -> bool:
        """Whether the row has neither a name nor one of the figures that all others have."""
        grid = self.search.grid
        row, parts = grid.rows[self.at], [grid.rows[at] for at in self.active[low : low + length]]
        lacks = sum(key is None for key in row.keys)
        lacks += sum(f is None and all(p.figures[c] is not None for p in parts) for c, f in enumerate(row.figures))
        return lacks > 1 and all(key is None for key in row.keys)

    def _is_trivial(self, places: tuple[int, ...]) -> bool:
        """Whether the row only repeats another total, and the other rows are empty or zero."""
        filled = [at for at in places if any(self.search.grid.rows[at].figures)]
        return len(places) > 1 and len(filled) == 1 and self.search.is_total(filled[0])

    def _fits(self, sign: Sign, places: tuple[int, ...], added: int) -> bool:
        """Whether the proof is more than an accident of one figure, and the names of the rows allow it."""
        search = self.search
        if sign is Sign.NAMED:
            return added > 1 or len(places) > 3
        row = search.grid.rows[self.at]
        return sign is Sign.LABELLED or all(_lacks(row, search.grid.rows[at]) for at in places)


def _lacks(total: Row, part: Row) -> bool:
    """Whether the part has a name where the total has none, and the same name in the other cells."""
    if part.size > 1:
        return True
    pairs = list(zip(total.keys, part.keys, strict=True))
    is_same = all(a == b for a, b in pairs if a is not None)
    return any(a is None and b is not None for a, b in pairs) and (is_same or total.keys[0] is None)


def rounding(count: int) -> int:
    """By how many units of the last digit a total of rounded figures may differ from their sum."""
    return min((count + 1) // 2, max(1, isqrt(count)))


def sign_of(row: Row, usual: Sequence[bool]) -> Sign:
    """What says that the row may be a total. `usual` says which cells of its name are usually filled."""
    if row.strength is not Label.NONE:
        return Sign.LABELLED
    lacks = any(key is None for key, is_filled in zip(row.keys, usual, strict=True) if is_filled)
    return Sign.EMPTY if lacks and row.size == 1 else Sign.NAMED
