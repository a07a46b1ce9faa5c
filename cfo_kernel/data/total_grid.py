"""The figures of a table as integers in units of their last digit, for the search for totals."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import Any

from cfo_kernel.data import total_labels
from cfo_kernel.data.total_labels import Label

_STARS = re.compile(r"\s*(\*{1,6})\s*")


@dataclass(frozen=True)
class Row:
    """A row of the table `staging`, or the sums of `size` consecutive rows.

    `keys` are the cells that name it, and `figures` its numbers, with None for an empty cell. `counts` says how many
    figures were added up in each column. `label_of_cell` is a word for totals that was read as empty in another cell.
    If a row among amounts has only percentages, they are its `shares` instead of its figures.
    """

    rowid: int
    keys: tuple[Any, ...]
    figures: tuple[int | None, ...]
    size: int = 1
    counts: tuple[int, ...] = ()
    label_of_cell: str | None = None
    shares: tuple[int | None, ...] = ()

    @property
    def has_figures(self) -> bool:
        return any(figure is not None for figure in self.figures)

    @cached_property
    def label(self) -> str:
        """The string that names the row: a bare word for totals in any cell, or else the first string."""
        if self.label_of_cell:
            return self.label_of_cell
        texts = [key.strip() for key in self.keys if isinstance(key, str) and key.strip()]
        bare = (text for text in texts if total_labels.label_of(text) is Label.BARE)
        return next(bare, texts[0] if texts else "")

    @cached_property
    def strength(self) -> Label:
        """How strongly the label says that the row is a total."""
        return total_labels.label_of(self.label) if self.size == 1 else Label.NONE

    @cached_property
    def is_result(self) -> bool:
        """Whether the label is that of a result, such as a gross profit."""
        return self.size == 1 and total_labels.is_result(self.label)

    @cached_property
    def stars(self) -> int:
        """How many asterisks mark the row as a total, as in SAP exports: more of them for a total of totals."""
        found = (_STARS.fullmatch(key) for key in self.keys if isinstance(key, str))
        return max((len(match[1]) for match in found if match), default=0)


@dataclass(frozen=True)
class Grid:
    """The rows with their figures.

    For each column of figures, `names` has its name, `scales` its decimals and `units` the greatest common divisor of
    its figures. `usual` says which of the cells that name a row are usually filled, and `has_dates` whether some of
    them are dates. If the grid `is_whole`, it has every row of the table.
    """

    names: Sequence[str]
    scales: Sequence[int]
    rows: Sequence[Row]
    usual: Sequence[bool]
    is_whole: bool = True
    has_dates: bool = False

    @cached_property
    def units(self) -> Sequence[int]:
        return [gcd(*(row.figures[i] or 0 for row in self.rows)) or 1 for i in range(len(self.names))]
