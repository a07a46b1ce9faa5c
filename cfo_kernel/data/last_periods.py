"""The values of `in period` that count back from the last date: `last 3 months`, `last quarter to 2024-06-30`."""

import re
from dataclasses import dataclass

from cfo_kernel.data.literals import period
from cfo_kernel.data.plan import Filter
from cfo_kernel.data.table_joins import ColumnRef
from cfo_kernel.data.tables import Kind
from cfo_kernel.errors import PlanInvalid

_LAST = re.compile(
    r"\s*(?:last|past)[\s_]+(?:(\d{1,4})[\s_]+)?(day|week|month|quarter|year)s?(?:\s+(?:to|until)\s+(\S+))?\s*", re.I
)
_STEPS = {"day": ("DAY", 1), "week": ("DAY", 7), "month": ("MONTH", 1), "quarter": ("MONTH", 3), "year": ("YEAR", 1)}


@dataclass(frozen=True)
class LastPeriods:
    """A number of periods up to the one with the day `until`, or with the last row if that is empty."""

    count: int
    unit: str
    until: str

    def start(self, day: str) -> str:
        """SQL for the first day. `day` is SQL for the last one."""
        return f"date_trunc('{self.unit}', {day}) - {self._interval(self.count - 1)}"

    def condition(self, ref: ColumnRef, day: str) -> str:
        """The condition that a date lies in the periods."""
        if ref.column.kind is not Kind.TIME:
            raise PlanInvalid(f"{ref.name} is {ref.column.type}, not a date. Use a date column for periods.")
        if self.until:
            day = f"DATE '{period(self.until, ref.name)[1]}'"
        end = f"date_trunc('{self.unit}', {day}) + {self._interval(1)}"
        return f"({ref.sql} >= {self.start(day)} AND {ref.sql} < {end})"

    def _interval(self, count: int) -> str:
        unit, size = _STEPS[self.unit]
        return f"INTERVAL {count * size} {unit}"


def last_periods(wanted: Filter) -> LastPeriods | None:
    """The periods that a filter counts back, or None if it names periods of the calendar."""
    value = wanted.value[0] if isinstance(wanted.value, list) and len(wanted.value) == 1 else wanted.value
    if wanted.op != "in period" or not isinstance(value, str) or not (match := _LAST.fullmatch(value)):
        return None
    return LastPeriods(max(int(match[1] or 1), 1), match[2].lower(), match[3] or "")
