"""Finds the lines of a statement that are differences, such as gross profit: a line above, less the costs in between.

Judging by the figures alone, the line above might also be the total of the lines below it. The label decides: revenue
is not the total of costs and profit.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, log2

from cfo_kernel.data.total_evidence import Sums
from cfo_kernel.data.total_grid import Grid
from cfo_kernel.data.total_proofs import Proof, Sign, rounding

_FEWEST = 3
_LONGEST = 120  # rows from the first line to its difference
_NAMED = 12.0  # bits that prove a difference of lines without a word for results
_RESULT = 3.0
_SAME = 6.0  # a result that equals the one above


def turned(grid: Grid, proofs: Mapping[int, Proof]) -> dict[int, Proof]:
    """The proofs, with differences in place of totals where a result stands below the rows that it follows from."""
    found = dict(proofs)
    for at in sorted(proofs, reverse=True):
        proof = found[at]
        *others, last = proof.parts
        is_above = at < others[0] if others else False
        if proof.sign is Sign.NAMED and is_above and last not in found and grid.rows[last].is_result:
            del found[at]
            found[last] = replace(proof, total=last, parts=(at, *others), is_difference=True)
    return found


@dataclass
class Differences:
    """The search for differences among the rows at `places`, of which some are proven to be totals.

    The `relief` is subtracted from the bits that a proof needs.
    """

    grid: Grid
    places: Sequence[int]
    proofs: Mapping[int, Proof]
    relief: float = 0.0

    def run(self) -> dict[int, Proof]:
        """The proofs, including those of differences."""
        found = dict(self.proofs)
        parts = {part for proof in found.values() for part in proof.parts}
        for at in self.places:
            counted = {part for proof in found.values() if proof.total < at for part in proof.parts}
            is_named = self.grid.rows[at].is_result or at not in parts
            if is_named and at not in found and at not in counted and (proof := self._proof(found, counted, at)):
                found[at] = proof
        return found

    def _proof(self, found: Mapping[int, Proof], counted: set[int], at: int) -> Proof | None:
        active = [place for place in self.places if place not in counted and place <= at][-_LONGEST:]
        if not self.grid.rows[at].is_result:
            # It can only be the difference of two totals. Otherwise, it is the last part of the first row.
            active = active[-_FEWEST:]
            if len(active) < _FEWEST or not found.keys() >= {*active[:-1]}:
                return None
        end = len(active)
        for i in self._starts(active):
            sums = Sums(self.grid, active[i:])
            evidence = sums.evidence(active[i], 1, end - i)
            if evidence is None or not evidence.is_whole or not evidence.is_exact:
                continue
            parts = tuple(active[i:-1])
            if evidence.bits >= self._needed(at, parts):
                return Proof(
                    total=at,
                    parts=parts,
                    sign=Sign.NAMED,
                    columns=evidence.added,
                    is_whole=True,
                    is_exact=True,
                    is_natural=i == 0 or active[i] in found,
                    bits=evidence.bits,
                    is_difference=len(parts) > 1,
                )
        return None

    def _starts(self, active: Sequence[int]) -> Iterator[int]:
        """The rows from which the last row may result when the rows in between are subtracted, nearest first.

        They are judged by the largest figure of the last row.
        """
        *others, last = (self.grid.rows[at].figures for at in active)
        units = self.grid.units
        column = max(
            (c for c, figure in enumerate(last) if figure is not None), key=lambda c: abs(last[c] or 0) // units[c]
        )
        taken = last[column] or 0
        for i in reversed(range(len(others))):
            start = others[i][column] or 0
            if abs(start - taken) <= rounding(len(active) - i) * units[column]:
                yield i
            taken += start

    def _needed(self, at: int, parts: Sequence[int]) -> float:
        tried = log2(2 * len(self.places))
        if self.grid.rows[at].is_result:
            return tried + (_RESULT if len(parts) > 1 else _SAME) - self.relief
        return 2 * tried + _NAMED - self.relief if len(parts) > 1 else inf
