"""The row numbers of a file, for decisions about single rows and cells."""

from collections.abc import Sequence
from dataclasses import dataclass

from cfo_kernel.data.decisions import MAX_ROWS


@dataclass(frozen=True)
class SourceRows:
    """The rows of the file from which the rows of the table `staging` were read.

    `first` is the row number of the first row of data, counted from 1. `numbers` lists the row numbers of all rows of
    data if they are not consecutive, because rows between them were left out or have several lines.
    """

    first: int = 1
    numbers: Sequence[int] = ()

    def of(self, rowids: Sequence[int], most: int = MAX_ROWS) -> tuple[int, ...]:
        """The file's row numbers for the first `most` of these rows of `staging`, which are given by `rowid`."""
        return tuple(self.numbers[i] if i < len(self.numbers) else self.first + i for i in rowids[:most])
