"""Finds the rows that look like totals although their figures do not prove it.

A word for totals is not enough: `Total expenditure per person` is a figure like any other, and so is the total of a
column of percentages. Such a row is in doubt if its figures nearly add up, or if its label only says that it is a total
and they are at least as large as those of the rows above or below it, up to the next total. Figures with mixed signs
can add up to anything, large or small. A row with more words in columns that are usually empty than figures is not a
total, but a repeated header.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from cfo_kernel.data.total_certainty import has_name, is_common
from cfo_kernel.data.total_grid import Grid
from cfo_kernel.data.total_labels import Label, is_subtotal
from cfo_kernel.data.total_proofs import Proof, rounding

_NEARLY = 0.05
_MOST_LABELLED = 0.5


def doubtful_totals(grid: Grid, proofs: Mapping[int, Proof]) -> list[int]:
    """The positions of the rows that look like totals and are not proven."""
    places = [at for at, row in enumerate(grid.rows) if row.has_figures]
    labelled = [at for at in places if grid.rows[at].strength >= Label.WORD and not _is_header(grid, at)]
    unproven = [at for at in labelled if at not in proofs]
    if is_common(grid) or len(unproven) > _MOST_LABELLED * len(places):
        return [at for at in unproven if grid.rows[at].strength is Label.BARE and not has_name(grid.rows[at])]
    ends = {*labelled, *proofs}
    counted = {part for proof in proofs.values() if proof.is_sure for part in proof.parts}
    # A subtotal of damaged rows may be proven as a part of the grand total, and still counts these rows twice.
    subtotals = {at for at in unproven if is_subtotal(grid.rows[at].label)}
    return [at for at in unproven if at in subtotals or (at not in counted and _is_in_doubt(grid, at, places, ends))]


def _is_header(grid: Grid, at: int) -> bool:
    row = grid.rows[at]
    words = sum(key is not None and not usual for key, usual in zip(row.keys, grid.usual, strict=True))
    return words > max(1, _count(grid, at))


def _is_in_doubt(grid: Grid, at: int, places: Sequence[int], ends: set[int]) -> bool:
    is_bare = grid.rows[at].strength is Label.BARE
    for side in ([place for place in places if place < at][::-1], [place for place in places if place > at]):
        run = [*takewhile(lambda place: place not in ends, side)]
        totals = [place for place in side if place in ends]  # a total may also add up other totals
        if (
            _nearly_adds_up(grid, at, run)
            or _nearly_adds_up(grid, at, totals)
            or (is_bare and _is_large(grid, at, run or totals))
        ):
            return True
    return False


def _nearly_adds_up(grid: Grid, at: int, run: Sequence[int]) -> bool:
    near = 0
    for figure, parts in _pairs(grid, at, run):
        near += len(parts) > 1 and abs(sum(parts) - figure) <= max(rounding(len(parts)), _NEARLY * abs(figure))
    return 2 * near >= _count(grid, at)


def _is_large(grid: Grid, at: int, run: Sequence[int]) -> bool:
    """Whether at least half of the figures are as large as those of the other rows, or the latter have mixed signs."""
    large = sum(
        abs(figure) >= max(map(abs, parts)) or min(parts) < 0 < max(parts) for figure, parts in _pairs(grid, at, run)
    )
    return 2 * large >= _count(grid, at)


def _pairs(grid: Grid, at: int, run: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Each figure of the row, with those of the other rows in its column."""
    for c, figure in enumerate(grid.rows[at].figures):
        parts = [part for place in run if (part := grid.rows[place].figures[c]) is not None]
        if figure is not None and parts:
            yield figure, parts


def _count(grid: Grid, at: int) -> int:
    return sum(figure is not None for figure in grid.rows[at].figures)
