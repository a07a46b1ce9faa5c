"""Finds the proofs of totals that are too weak to leave a row out, because its label may be the name of a line.

`Total Energies` may be a supplier whose amount happens to equal the one above, and `Sales total` may be a line in a
table where every line contains the word. Such a row is left out only if it also takes the place of its parts in another
total, which would otherwise count them twice, or if the rest of its label names the rows that it adds up.
"""

from collections.abc import Mapping
from itertools import takewhile

from cfo_kernel.data.total_grid import Grid, Row
from cfo_kernel.data.total_labels import Label, is_subtotal, name_in
from cfo_kernel.data.total_proofs import Proof, Sign

_FEW = 2  # parts
_BITS = 12.0
_MOST_LABELLED = 0.5


def weak_totals(grid: Grid, proofs: Mapping[int, Proof]) -> set[int]:
    """The positions of rows that may not be totals although their figures add up."""
    said = is_common(grid)
    weak = {at for at, proof in proofs.items() if _is_weak(grid, proof, is_common=said)}
    while True:
        counted = {part for at, proof in proofs.items() if proof.is_sure and at not in weak for part in proof.parts}
        supported = {at for at in weak & counted if grid.rows[at].strength is not Label.HINT}
        if not supported:
            return weak
        weak -= supported


def is_common(grid: Grid) -> bool:
    """Whether most lines have a word for totals in their names, in which case the word says nothing."""
    rows = [row for row in grid.rows if row.has_figures]
    return sum(has_name(row) for row in rows) > _MOST_LABELLED * sum(row.size for row in rows)


def has_name(row: Row) -> bool:
    """Whether the label is more than a word for totals: a name, or a code as in `4000 total`."""
    if is_subtotal(row.label):
        return False
    is_coded = row.strength is Label.BARE and any(c.isdigit() for c in row.label)
    return row.strength in (Label.HINT, Label.WORD) or is_coded


def _is_weak(grid: Grid, proof: Proof, *, is_common: bool) -> bool:
    row = grid.rows[proof.total]
    if proof.sign is not Sign.LABELLED or not proof.is_whole or not (has_name(row) or row.stars):
        return False
    if row.stars and proof.is_natural and len(proof.parts) > 1:
        return False
    if row.strength is Label.HINT or is_common:
        return True
    if len(proof.parts) > 1 and (proof.bits >= _BITS or len(proof.parts) > _FEW):
        return False
    return not _is_named_after(grid, proof)


def _is_named_after(grid: Grid, proof: Proof) -> bool:
    """Whether the rest of the label is the name of the parts, or of the rows without figures above them."""
    wanted = name_in(grid.rows[proof.total].label)
    above = takewhile(lambda row: not row.has_figures, reversed(grid.rows[: min(proof.parts)]))
    rows = [grid.rows[part] for part in proof.parts]
    return bool(wanted) and (all(_says(row, wanted) for row in rows) or any(_says(row, wanted) for row in above))


def _says(row: Row, wanted: frozenset[str]) -> bool:
    return any(isinstance(key, str) and wanted <= name_in(key) for key in row.keys)
