"""Proofs by arithmetic that a row is the total of rows above or below it, and how sure they have to be.

Each figure of a total has to be the sum of the same rows, within the rounding of the digits shown; a figure that cannot
be added, such as a price, has to follow from the others in the way that it does in every row (`total_ratios`).

A match may be a coincidence. Bits measure how unlikely that is: a figure of a million units that agrees exactly is
worth 20 bits. How many bits are needed depends on how many sums were tried, and on the other evidence for a total: its
label, empty cells in its name, or none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import isqrt, log2

from cfo_kernel.data.total_grid import Row
from cfo_kernel.data.total_labels import Label


class Sign(IntEnum):
    """The evidence that a row may be a total, apart from its figures."""

    NAMED = 0
    """None: the row has a name like any other."""
    EMPTY = 1
    """Some of its cells are empty, but filled in the rows that it adds up."""
    LABELLED = 2
    """A word for totals."""


@dataclass(frozen=True)
class Proof:
    """A proof that the row at `total` is the sum of the rows at `parts`, which are positions in the grid.

    `columns` are those that add up. The proof is `whole` if each figure of the total is explained; otherwise a figure
    of a part is missing, or a few figures do not agree. `bits` says how unlikely a coincidence is. The parts are
    `natural` if they are all rows up to the next total or gap. The proof is `weak` if the label may be the name of a
    line. The total may also be a `difference`: the first of the parts less the others.
    """

    total: int
    parts: tuple[int, ...]
    sign: Sign
    columns: tuple[int, ...]
    is_whole: bool
    is_exact: bool
    is_natural: bool
    bits: float
    is_weak: bool = False
    is_difference: bool = False

    @property
    def is_sure(self) -> bool:
        """Whether the row may be left out."""
        return self.is_whole and self.sign is not Sign.NAMED and not self.is_weak and not self.is_difference


def sign_of(row: Row, usual: Sequence[bool]) -> Sign:
    """The evidence that the row may be a total. `usual` says which cells of its name are usually filled."""
    if row.strength is not Label.NONE or row.stars:
        return Sign.LABELLED
    lacks = any(key is None for key, is_filled in zip(row.keys, usual, strict=True) if is_filled)
    return Sign.EMPTY if lacks and row.size == 1 else Sign.NAMED


def rounding(count: int) -> int:
    """The number of units of the last digit by which a total of rounded figures may differ from their sum."""
    return min((count + 1) // 2, max(1, isqrt(count)))


def bits_needed(
    sign: Sign, rows: int, *, is_single: bool, is_natural: bool, is_exact: bool, is_nameless: bool
) -> float:
    """The number of bits needed to prove a total among this many rows."""
    tried = log2(2 * rows)
    match sign:
        case Sign.LABELLED:
            least = 3.0 if is_single or not is_exact else 0.0
            return least if is_natural else tried + 3
        case Sign.EMPTY:
            return 0.0 if is_nameless else 6.0 if is_natural else tried + 10
        case Sign.NAMED:
            return tried + 10 if is_natural else 2 * tried + 12


def may_add_up(total: Row, part: Row) -> bool:
    """Whether the part has a name where the total has none, and the same name in the other cells."""
    if part.size > 1:
        return True
    pairs = list(zip(total.keys, part.keys, strict=True))
    is_same = all(a == b for a, b in pairs if a is not None)
    return any(a is None and b is not None for a, b in pairs) and (is_same or total.keys[0] is None)


def is_nameless(total: Row, parts: Sequence[Row]) -> bool:
    """Whether the total has no name, and lacks more than one cell that all parts have."""
    lacks = sum(key is None for key in total.keys)
    lacks += sum(f is None and all(p.figures[c] is not None for p in parts) for c, f in enumerate(total.figures))
    return lacks > 1 and all(key is None for key in total.keys)


def is_numbered_above(total: Row, parts: Sequence[Row]) -> bool:
    """Whether the names begin with codes that place the parts below the total, as `4.1` and `4.2` are below `4`."""
    code = total.label.split(" ")[0].rstrip(".:)")
    below = [part.label.split(" ")[0].rstrip(".:)") for part in parts]
    is_code = any(c.isdigit() for c in code) and len({*below}) == len(below)
    return is_code and all(len(one) > len(code) and one.startswith(code) for one in below)
