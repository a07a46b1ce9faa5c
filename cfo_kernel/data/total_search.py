"""Searches a grid for totals of the rows above or below them.

Once a subtotal is proven, it replaces its parts, so that the next pass can find the total above it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cfo_kernel.data.total_evidence import Evidence, Sums
from cfo_kernel.data.total_grid import Grid
from cfo_kernel.data.total_proofs import Proof, Sign, bits_needed, is_nameless, is_numbered_above, may_add_up

_LONGEST = 120  # rows that are added up for a total without a label
_PASSES = 12
_CODED = 10.0
_CLEAR = 16.0  # bits, for a single figure that adds up two or three others
_STARRED = 3.0
_RESULT = 6.0


@dataclass
class Search:
    """The search over the rows at `places`, which are all rows with figures or those with similar names.

    `signs` has the signs of all rows in the grid, and `starts` the rows below a gap. If the search `takes_names`, rows
    that only have a name may be totals too. The `relief` is subtracted from the bits that their proofs need.
    """

    grid: Grid
    places: Sequence[int]
    signs: Sequence[Sign]
    starts: frozenset[int] = frozenset()
    takes_names: bool = False
    relief: float = 0.0
    proofs: dict[int, Proof] = field(default_factory=dict[int, Proof])

    def run(self) -> dict[int, Proof]:
        """The proofs by the position of the total."""
        active = list(self.places)
        for _ in range(_PASSES):
            found = sorted(self._matches(active), key=_priority)
            # A total of a single row is the last resort, because it may equal another row too.
            found = [proof for proof in found if len(proof.parts) > 1] or found
            found = [proof for proof in found if not self._waits(proof, found)] or found
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
        sums = Sums(self.grid, active)
        breaks = {i for i, at in enumerate(active) if i == 0 or at in self.starts or self._is_total(active[i - 1])}
        for i, at in enumerate(active):
            if at in self.proofs or (self.signs[at] is Sign.NAMED and not self.takes_names):
                continue
            if found := [*self._proofs(sums, breaks | {len(active)}, i)]:
                yield min(found, key=_priority)

    def _waits(self, proof: Proof, found: Sequence[Proof]) -> bool:
        """Whether a part of a named total is itself a total.

        Its parts are found first, because statements are chains.
        """
        totals = {other.total for other in found} - {*self.proofs}
        return proof.sign is Sign.NAMED and not totals.isdisjoint(proof.parts)

    def _is_total(self, at: int) -> bool:
        return at in self.proofs or self.signs[at] is Sign.LABELLED

    def _proofs(self, sums: Sums, breaks: set[int], i: int) -> Iterator[Proof]:
        """The proofs for the i-th of the active rows, from the rows above and below it."""
        at, count = sums.places[i], len(sums.places)
        shortest = 1 if self.signs[at] is Sign.LABELLED else 2
        for longest, is_above in ((i, True), (count - i - 1, False)):
            most = longest if self.signs[at] else min(longest, _LONGEST)
            for low, high in sums.ranges(i, shortest, most, is_above=is_above):
                end = low if is_above else high
                if proof := self._proof(sums, at, low, high, is_natural=end in breaks):
                    yield proof

    def _proof(self, sums: Sums, at: int, low: int, high: int, *, is_natural: bool) -> Proof | None:
        sign, parts = self.signs[at], tuple(sums.places[low:high])
        if (found := sums.evidence(at, low, high)) is None or not self._fits(at, parts, found):
            return None
        rows = [self.grid.rows[part] for part in parts]
        nameless = len(parts) == len(sums.places) - 1 and found.is_exact and is_nameless(self.grid.rows[at], rows)
        needed = bits_needed(
            sign if found.is_whole else Sign.NAMED,
            len(sums.places),
            is_single=len(parts) == 1,
            is_natural=is_natural,
            is_exact=found.is_exact,
            is_nameless=nameless,
        )
        needed -= _CODED if is_numbered_above(self.grid.rows[at], rows) else 0.0
        needed -= _STARRED if self.grid.rows[at].stars else 0.0
        if sign is Sign.NAMED:
            needed -= self.relief + (_RESULT if self.grid.rows[at].is_result else 0.0)
        if found.bits < needed + found.lacking:
            return None
        return Proof(at, parts, sign, found.added, found.is_whole, found.is_exact, is_natural, found.bits)

    def _fits(self, at: int, parts: tuple[int, ...], found: Evidence) -> bool:
        """Whether the proof is more than a coincidence in one figure, and the names of the rows allow it."""
        filled = [part for part in parts if any(self.grid.rows[part].figures)]
        if len(parts) > 1 and len(filled) == 1 and self._is_total(filled[0]):
            return False  # it only repeats another total
        if len(parts) == 1 and self.signs[parts[0]] is Sign.LABELLED and parts[0] not in self.proofs:
            return False  # the other row may as well be the total of this one
        if not found.is_whole and (len(found.added) < 2 or found.wrong > len(found.added)):
            return False
        match self.signs[at]:
            case Sign.LABELLED:
                row = self.grid.rows[at]
                return bool(row.strength) or all(self.grid.rows[part].stars < row.stars for part in parts)
            case Sign.EMPTY:
                row = self.grid.rows[at]
                return all(part in self.proofs or may_add_up(row, self.grid.rows[part]) for part in parts)
            case Sign.NAMED:
                explained = sum(figure is not None for figure in self.grid.rows[at].figures)
                is_clear = len(found.added) > 1 or len(parts) > 3 or found.bits >= _CLEAR - self.relief
                return is_clear or (found.is_whole and explained > 1)


def _priority(proof: Proof) -> tuple[bool, bool, int, bool, int, bool, int]:
    """A sort key that puts the surest proof first.

    If two are equally sure, a total of the rows above it comes first.
    """
    strength = not proof.is_natural, not proof.is_whole, -proof.sign, not proof.is_exact, -round(proof.bits)
    return *strength, proof.parts[0] > proof.total, len(proof.parts)
