"""The last periods with data, such as `last 3 months`: as a condition, and as a note that says which they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from cfo_kernel.data.compiler import Compiler
from cfo_kernel.data.last_periods import last_periods
from cfo_kernel.data.plan import Filter, QueryPlan, aggregates_in


@dataclass(frozen=True)
class RelativePeriods:
    """A query that returns one row: the first day of the periods, and the last day with rows."""

    sql: str
    wanted: Filter
    width: ClassVar[int] = 2

    def evaluate(self, row: Sequence[Any]) -> list[str]:
        """Notes for the result."""
        first, last = row
        if last is None:
            return []
        return [f"The {str(self.wanted.value).strip()} ({self.wanted.column}) are those from {first} to {last}."]


def relative_periods(plan: QueryPlan, compiler: Compiler) -> Iterator[RelativePeriods]:
    """The queries for a plan that compiles, one for each filter by the last periods."""
    figures = [node.where for measure in plan.select for node in aggregates_in(measure.expression)]
    seen = set[str]()
    for filters in (plan.filters, *figures):
        for wanted in filters:
            periods = last_periods(wanted)
            if periods is None or periods.until:
                continue
            day = compiler.last_day(wanted, () if filters is plan.filters else filters)
            sql = f"SELECT CAST(CAST({periods.start(day)} AS DATE) AS VARCHAR), CAST({day} AS VARCHAR)"
            if sql not in seen:
                seen.add(sql)
                yield RelativePeriods(sql, wanted)
