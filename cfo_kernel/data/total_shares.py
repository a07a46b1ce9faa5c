"""Recognizes rows with the shares of a total, such as `Percentage of total` below the ageing of receivables."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from fractions import Fraction

from cfo_kernel.data.total_grid import Grid, Row

_FEWEST = 2
_WHOLE = 100


def without_shares(rows: Sequence[Row], percentages: Sequence[Set[int]]) -> Sequence[Row]:
    """The rows, with `shares` instead of figures in those that have only percentages in the columns of amounts.

    `percentages` are the ids of the rows with a percentage, for each column of figures.
    """
    filled = [{row.rowid for row in rows if row.figures[c] is not None} for c in range(len(percentages))]
    of_amounts = [c for c, found in enumerate(percentages) if filled[c] - found]
    of_shares = {
        rowid
        for rowid in set[int]().union(*(percentages[c] for c in of_amounts))
        if all(rowid in percentages[c] for c in of_amounts if rowid in filled[c])
    }
    return [_as_shares(row, of_amounts) if row.rowid in of_shares else row for row in rows] if of_shares else rows


def _as_shares(row: Row, columns: Sequence[int]) -> Row:
    figures = tuple(None if c in columns else figure for c, figure in enumerate(row.figures))
    shares = tuple(figure if c in columns else None for c, figure in enumerate(row.figures))
    return replace(row, figures=figures, shares=shares)


def share_rows(grid: Grid, totals: Iterable[int]) -> list[int]:
    """The positions of rows with only percentages that are the shares of one of these totals."""
    known = [*totals]
    return [
        at
        for at, row in enumerate(grid.rows)
        if row.shares and any(_has_shares(grid, row, grid.rows[t]) for t in known)
    ]


def _has_shares(grid: Grid, row: Row, total: Row) -> bool:
    """Whether the percentages are the shares of the total's figures, relative to the figure at 100%."""
    both = [c for c, share in enumerate(row.shares) if share is not None and total.figures[c] is not None]
    shares = {c: Fraction(row.shares[c] or 0, 10 ** grid.scales[c]) for c in both}
    figures = {c: Fraction(total.figures[c] or 0, 10 ** grid.scales[c]) for c in both}
    if sum(figure != 0 for figure in figures.values()) <= _FEWEST:
        return False
    digits = range(max(grid.scales) + 1)
    decimals = next(d for d in digits if all((share * 10**d).denominator == 1 for share in shares.values()))
    allowed = Fraction(51, _WHOLE * 10**decimals)
    return any(
        all(abs(share - _WHOLE * figures[c] / figures[whole]) <= allowed for c, share in shares.items())
        for whole, share in shares.items()
        if share == _WHOLE and figures[whole]
    )
