"""Recognizes the figures of a total that are not sums, because their column cannot be added.

Prices, percentages and averages follow from other columns of the same row, in the same way in every row, or are the
mean of the parts. Such figures are therefore no additional evidence.
"""

from collections.abc import Callable, Sequence
from itertools import permutations

from cfo_kernel import column_names
from cfo_kernel.data.total_grid import Grid
from cfo_kernel.data.vocabulary import listed, plain

_FACTORS = (1, 100)
_MOST_COLUMNS = 40
_MOST_ROWS = 50
_FEWEST = 2
_BITS = 4.0
_BALANCES = listed("balance saldo solde kontostand bestand running cumulative kumuliert cumule")

Relation = Callable[[float, float], float]
_RELATIONS: tuple[Relation, ...] = (
    lambda a, b: a / b,
    lambda a, b: (a - b) / b,
    lambda a, b: a / (a + b),
)


def follow(grid: Grid, total: int, parts: Sequence[int], added: Sequence[int], others: Sequence[int]) -> float | None:
    """How unlikely it is, in bits, that the columns `others` of the total follow from its other columns by chance.

    None if one of them does not follow.
    """
    bits = 0.0
    for c in others:
        if is_same(grid, total, parts, c):
            continue
        if not (_is_mean(grid, total, parts, added, c) or _is_ratio(grid, total, parts, c)):
            return None
        bits += _BITS
    return bits


def is_same(grid: Grid, total: int, parts: Sequence[int], c: int) -> bool:
    """Whether all rows have the same figure in the column, such as a year."""
    figures = [grid.rows[at].figures[c] for at in parts]
    return len(figures) > 1 and all(figure == grid.rows[total].figures[c] for figure in figures)


def is_balance(grid: Grid, total: int, parts: Sequence[int], c: int) -> bool:
    """Whether the column is a running balance, and the total repeats the figure of the last row."""
    if grid.rows[total].figures[c] != grid.rows[max(parts)].figures[c]:
        return False
    return not _BALANCES.isdisjoint(map(plain, column_names.words(grid.names[c])))


def _is_mean(grid: Grid, total: int, parts: Sequence[int], added: Sequence[int], c: int) -> bool:
    """Whether the figure is the mean of the parts, possibly weighted by a column that adds up."""
    figure = grid.rows[total].figures[c]
    pairs = [(grid.rows[at], grid.rows[at].figures[c]) for at in parts]
    known = [(row, value) for row, value in pairs if value is not None]
    if figure is None or len(known) < _FEWEST or any(row.size > 1 for row, _ in known):
        return False
    spread = max(value for _, value in known) - min(value for _, value in known)
    if spread < 8:  # too narrow to tell
        return False
    weights = [[1.0] * len(known), *([float(row.figures[w] or 0) for row, _ in known] for w in added[:_MOST_COLUMNS])]
    return any(
        abs(sum(w * value for w, (_, value) in zip(some, known, strict=True)) / sum(some) - figure) <= 1
        for some in weights
        if sum(some)
    )


def _is_ratio(grid: Grid, total: int, parts: Sequence[int], c: int) -> bool:
    """Whether the figure is the same ratio of two other columns as in the parts, or as in all rows if parts are few."""
    rows = [grid.rows[at] for at in (total, *parts) if grid.rows[at].figures[c] is not None]
    if len(rows) <= _FEWEST:
        rows = [row for row in grid.rows[:_MOST_ROWS] if row.figures[c] is not None]
    if len(rows) <= _FEWEST or len(grid.names) > _MOST_COLUMNS or any(row.size > 1 for row in rows):
        return False
    if len({row.figures[c] for row in rows}) < _FEWEST:
        return False
    values = [[None if f is None else f / 10**s for f, s in zip(row.figures, grid.scales, strict=True)] for row in rows]
    units = [10.0**-scale for scale in grid.scales]
    others = [i for i in range(len(grid.names)) if i != c]
    return any(
        all(_agrees(relation, row, units, (a, b, c), factor) for row in values)
        for a, b in permutations(others, 2)
        for relation in _RELATIONS
        for factor in _FACTORS
    )


def _agrees(
    relation: Relation, row: Sequence[float | None], units: Sequence[float], at: tuple[int, int, int], factor: int
) -> bool:
    """Whether the figure agrees with this ratio, within the rounding of all three figures."""
    a, b, value = (row[i] for i in at)
    if a is None or b is None or value is None or not b or not a + b:
        return False
    found = factor * relation(a, b)
    inexact = sum(units[i] / abs(x) if x else 0.0 for i, x in zip(at[:2], (a, b), strict=True))
    allowed = 0.51 * units[at[2]] + 0.5 * factor * abs(a / b) * inexact
    return abs(found - value) <= allowed < max(abs(found), abs(value)) / 4 + units[at[2]]
