"""Recognizes a small table that consists of a single hierarchy or chain: every row is part of one final total.

Its figures may be too round to prove each total alone. Together they explain every row, which is unlikely to be a
coincidence.
"""

from collections.abc import Mapping, Sequence
from math import log2

from cfo_kernel.data.total_differences import Differences, turned
from cfo_kernel.data.total_grid import Grid
from cfo_kernel.data.total_proofs import Proof, Sign
from cfo_kernel.data.total_search import Search

_RELIEF = 16.0
_RESULT = 6.0
_NEEDED = 2.0
_FEWEST = 2
_LEAST = 2.0


def completed(
    grid: Grid, places: Sequence[int], signs: Sequence[Sign], proofs: Mapping[int, Proof]
) -> dict[int, Proof]:
    """The proofs, together with those that complete the hierarchy if it can be completed."""
    tops = _tops(places, proofs)
    if len(tops) == 1:
        return dict(proofs)
    more = Search(grid, tops, signs, takes_names=True, relief=_RELIEF).run()
    found = Differences(grid, places, turned(grid, {**more, **proofs}), _RELIEF).run()
    is_complete = len(_tops(places, found)) == 1 and len(found) >= _FEWEST
    return found if is_complete and _are_likely(grid, places, proofs, found) else dict(proofs)


def _are_likely(grid: Grid, places: Sequence[int], known: Mapping[int, Proof], found: Mapping[int, Proof]) -> bool:
    """Whether the proofs together are unlikely to be a coincidence, and each new one adds evidence."""
    tried = log2(2 * len(places))
    surplus = (proof.bits - tried + (_RESULT if grid.rows[at].is_result else 0.0) for at, proof in found.items())
    new = (proof for at, proof in found.items() if at not in known)
    return sum(surplus) >= _NEEDED and all(proof.is_whole and proof.bits >= _LEAST for proof in new)


def _tops(places: Sequence[int], proofs: Mapping[int, Proof]) -> list[int]:
    """The rows that are not part of any total."""
    counted = {part for proof in proofs.values() for part in proof.parts}
    return [at for at in places if at not in counted]
