"""The row numbers of a file, for decisions about single rows and cells."""

from collections.abc import Sequence
from dataclasses import dataclass

from cfo_kernel.data.decisions import MAX_ROWS


@dataclass(frozen=True)
class SourceRows:
    """The rows of the file from which the rows of the table `staging` were read.

    `first` is the file's row with the first row of data, counted from 1. `numbers` lists the row of each row of data if
    they do not follow one another, because rows between them were left out or have several lines.
    """

    first: int = 1
    numbers: Sequence[int] = ()

    def of(self, rowids: Sequence[int], most: int = MAX_ROWS) -> tuple[int, ...]:
        """The rows of the file for the first of these rows of `staging`, by their `rowid`."""
        return tuple(self.numbers[i] if i < len(self.numbers) else self.first + i for i in rowids[:most])
