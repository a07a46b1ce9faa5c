"""Recognizes statements, whose totals are kept because they are lines that people ask for by name.

Totals are left out of a list so that a sum over its rows is its total. In a statement, a sum over all lines is
meaningless anyway: it would add assets to liabilities, or revenue to costs and gross profit.
"""

import re
from collections.abc import Mapping

from cfo_kernel.data.total_certainty import has_name
from cfo_kernel.data.total_grid import Grid
from cfo_kernel.data.total_proofs import Proof

_NAMES = 2
_SIDES = 2
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


def is_statement(grid: Grid, proofs: Mapping[int, Proof]) -> bool:
    """Whether the lines have their own names, and there are years side by side or lines computed from other lines."""
    if not grid.is_whole or grid.has_dates or _has_groups(grid):
        return False
    return _has_years(grid) or any(_is_line(proof) for proof in proofs.values()) or _has_sides(grid, proofs)


def _has_groups(grid: Grid) -> bool:
    """Whether a name occurs in several rows next to another name, like the cost centre of several accounts."""
    if sum(grid.usual) < _NAMES:
        return False
    columns = zip(*(row.keys for row in grid.rows), strict=True)
    usual = [column for column, is_usual in zip(columns, grid.usual, strict=True) if is_usual]
    named = [[key for key in column if key is not None] for column in usual]
    return any(len({*column}) < len(column) for column in named)


def _has_years(grid: Grid) -> bool:
    years = [_YEAR.findall(name) for name in grid.names]
    return 2 * sum(map(bool, years)) >= len(years) and len({year for found in years for year in found}) > 1


def _is_line(proof: Proof) -> bool:
    """Whether a row with a name adds up others, so that a sum over the rows counts them twice in any case."""
    return proof.is_whole and not proof.is_sure and not proof.is_weak


def _has_sides(grid: Grid, proofs: Mapping[int, Proof]) -> bool:
    """Whether only two named totals remain at the top, and they are equal or a named row is their difference."""
    counted = {part for proof in proofs.values() for part in proof.parts}
    tops = [at for at, row in enumerate(grid.rows) if row.has_figures and at not in counted]
    totals = [at for at in tops if at in proofs and proofs[at].is_whole and has_name(grid.rows[at])]
    if len(totals) != _SIDES:
        return False
    (one, other), rest = (grid.rows[at].figures for at in totals), [at for at in tops if at not in totals]
    if not rest:
        return one == other
    apart = tuple(None if a is None or b is None else a - b for a, b in zip(one, other, strict=True))
    return len(rest) == 1 and any(apart) and grid.rows[rest[0]].figures in (apart, tuple(a and -a for a in apart))
