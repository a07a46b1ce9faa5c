"""Finds the rows that look like totals although their figures do not prove it.

A word for totals is not enough: `Total expenditure per person` is a figure like any other, and so is the total of a
column of percentages. Such a row is in doubt if its figures nearly add up, or if its label only says that it is a total
and they are at least as large as those of the rows above or below it, up to the next total. Figures with mixed signs
can add up to anything, large or small. A row with more words in columns that are usually empty than figures is not a
total, but a repeated header. A row without a name is in doubt if it would add up the others, apart from their empty
cells.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from cfo_kernel.data.total_certainty import has_name, is_common
from cfo_kernel.data.total_grid import Grid
from cfo_kernel.data.total_labels import Label, is_subtotal
from cfo_kernel.data.total_proofs import Proof, rounding

_FEWEST = 2  # parts
_NEARLY = 0.05
_MOST_LABELLED = 0.5


def doubtful_totals(grid: Grid, proofs: Mapping[int, Proof]) -> list[int]:
    """The positions of the rows that look like totals and are not proven."""
    places = [at for at, row in enumerate(grid.rows) if row.has_figures]
    labelled = [at for at in places if grid.rows[at].strength >= Label.WORD and not _is_header(grid, at)]
    unproven = [at for at in labelled if at not in proofs]
    if is_common(grid) or len(unproven) > _MOST_LABELLED * len(places):
        return [at for at in unproven if grid.rows[at].strength is Label.BARE and not has_name(grid.rows[at])]
    nameless = [at for at in places if at not in proofs and _is_nameless(grid, at)]
    ends = {*labelled, *proofs, *nameless}
    counted = {part for proof in proofs.values() if proof.is_sure for part in proof.parts}
    # A subtotal of damaged rows may be proven as a part of the grand total, and still counts these rows twice.
    subtotals = {at for at in unproven if is_subtotal(grid.rows[at].label)}
    lost = [at for at in nameless if _adds_up_known_cells(grid, at, _run_above(at, ends))]
    doubted = [at for at in unproven if at in subtotals or (at not in counted and _is_in_doubt(grid, at, places, ends))]
    return [*doubted, *(at for at in lost if at not in unproven)]


def _is_nameless(grid: Grid, at: int) -> bool:
    """Whether the row lacks all names that rows usually have."""
    row = grid.rows[at]
    names = [key for key, usual in zip(row.keys, grid.usual, strict=True) if usual]
    return grid.is_whole and bool(names) and not any(key is not None for key in (*names, *row.keys))


def _run_above(at: int, ends: set[int]) -> list[int]:
    """The rows up to the next total above, also those that have lost all figures."""
    return [*takewhile(lambda place: place not in ends, reversed(range(at)))]


def _adds_up_known_cells(grid: Grid, at: int, run: Sequence[int]) -> bool:
    """Whether each figure is the sum of the others in its column, or some of these are missing and it exceeds them."""
    exact = exceeding = 0
    for c, figure in enumerate(grid.rows[at].figures):
        known = [part for place in run if (part := grid.rows[place].figures[c]) is not None]
        if figure is None or (not known and not figure):
            continue
        if abs(sum(known) - figure) <= rounding(len(known)):
            exact += len(known) > 1
        elif len(known) == len(run) or len(known) < _FEWEST or not _exceeds(figure, known):
            return False
        else:
            exceeding += 1
    return exceeding > 0 and (exact > 0 or at == len(grid.rows) - 1)


def _exceeds(figure: int, parts: Sequence[int]) -> bool:
    """Whether the parts have the sign of the figure, and their sum is smaller."""
    return all(part * figure >= 0 for part in parts) and abs(sum(parts)) < abs(figure)


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
