"""Notes on gaps: a period that follows a period without rows has no direct predecessor to be compared with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from cfo_kernel.data.compiler import Compiler
from cfo_kernel.data.plan import Grain


@dataclass(frozen=True)
class PeriodGaps:
    """A query that returns one row: the first period after a gap, and the number of rows that follow a gap."""

    sql: str
    grain: Grain
    width: ClassVar[int] = 2

    def evaluate(self, row: Sequence[Any]) -> list[str]:
        """Returns notes for the result."""
        first, count = row
        if not count:
            return []
        more = "1 more row" if count == 2 else f"{count - 1:,} more rows"
        rows, them = (f"{first} follows", "it") if count == 1 else (f"{first} and {more} follow", "them")
        return [
            f"{rows} a {self.grain} without rows, so there is no {self.grain} directly before to compare {them} with."
        ]


@dataclass(frozen=True)
class YearsBefore:
    """A query that returns one row: the number of rows, and of those that find the same period of the year before."""

    sql: str
    grain: Grain
    width: ClassVar[int] = 2

    def evaluate(self, row: Sequence[Any]) -> list[str]:
        """Notes for the result."""
        rows, found = row
        if not rows or found:
            return []
        return [f"No {self.grain} of the year before is in the result. Let the filters include that year too."]


def period_gaps(compiler: Compiler) -> list[PeriodGaps | YearsBefore]:
    """The queries for a plan that compiles, one for each window that compares periods."""
    gaps = [PeriodGaps(sql, grain) for sql, grain in compiler.period_gaps()]
    return [*gaps, *(YearsBefore(sql, grain) for sql, grain in compiler.years_before())]
