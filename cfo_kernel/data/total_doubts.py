"""Which rows look like totals although their figures prove nothing.

A word for totals is not enough: `Total expenditure per person` is a figure like others, and so is the total of a column
of percentages. Such a row is in doubt if its figures nearly add up, or if its label says nothing else and they are at
least as large as those of the rows above or below it, up to the next total.
"""

from collections.abc import Mapping, Sequence

from cfo_kernel.data.total_grid import Grid
from cfo_kernel.data.total_labels import Label
from cfo_kernel.data.total_proofs import Proof, rounding

_NEARLY = 0.05
_MOST_LABELLED = 0.5


def doubtful_totals(grid: Grid, proofs: Mapping[int, Proof]) -> list[int]:
    """The positions of the rows that look like totals and are not proven."""
    places = [at for at, row in enumerate(grid.rows) if row.has_figures]
    labelled = [at for at in places if grid.rows[at].strength is not Label.NONE]
    unproven = [at for at in labelled if at not in proofs]
    if len(unproven) > _MOST_LABELLED * len(places):
        return []  # the word is part of every name
    ends = {*labelled, *proofs}
    return [at for at in unproven if any(_is_in_doubt(grid, at, run) for run in _runs(places, at, ends))]


def _runs(places: Sequence[int], at: int, ends: set[int]) -> list[list[int]]:
    """The rows above and below a row, up to the next total."""
    above = [place for place in places if place < at][::-1]
    below = [place for place in places if place > at]
    runs: list[list[int]] = []
    for side in (above, below):
        run: list[int] = []
        for place in side:
            if place in ends:
                break
            run.append(place)
        # A total may also add up other totals.
        runs += [run, [place for place in side if place in ends]]
    return [run for run in runs if run]


def _is_in_doubt(grid: Grid, at: int, run: Sequence[int]) -> bool:
    row = grid.rows[at]
    columns = [c for c, figure in enumerate(row.figures) if figure is not None]
    large = near = 0
    for c in columns:
        figure = row.figures[c] or 0
        parts = [part for place in run if (part := grid.rows[place].figures[c]) is not None]
        large += bool(parts) and abs(figure) >= max(map(abs, parts))
        near += len(parts) > 1 and abs(sum(parts) - figure) <= max(rounding(len(parts)), _NEARLY * abs(figure))
    is_bare = row.strength is Label.BARE
    return 2 * (large if is_bare else near) >= len(columns)
