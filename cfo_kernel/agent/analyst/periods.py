"""Calendar periods, with arithmetic on months, quarters and years."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from cfo_kernel.agent.analyst.words import listed
from cfo_kernel.data.plan import Grain

MONTHS = listed("january february march april may june july august september october november december")
_LENGTHS = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}


@dataclass(frozen=True, slots=True)
class Period:
    """All days from `start` to `end`, where None means open-ended. `grain` is set for exactly one calendar period."""

    start: date | None
    end: date | None
    label: str
    grain: Grain | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A month, quarter or half-year without its year: `Q1`, `March`."""

    months: int
    number: int
    day: int | None = None

    def of(self, year: int) -> Period | None:
        first = (self.number - 1) * self.months + 1
        if self.day is not None:
            return day_of(year, first, self.day)
        return span(year, first, self.months)

    @property
    def label(self) -> str:
        return {1: MONTHS[self.number - 1].title(), 3: f"Q{self.number}", 6: f"H{self.number}"}[self.months]


@dataclass(frozen=True, slots=True)
class Fiscal:
    """A period in the company's fiscal calendar, looked up in its dates table rather than computed."""

    year: int | None
    quarter: int | None = None


Found = Period | Part | Fiscal


def span(year: int, month: int, months: int) -> Period:
    """The period of `months` whole months that begins with this month."""
    last = month + months - 1
    start, end = date(year, month, 1), date(year, last, monthrange(year, last)[1])
    match months:
        case 1:
            return Period(start, end, f"{MONTHS[month - 1].title()} {year}", Grain.MONTH)
        case 3:
            return Period(start, end, f"Q{last // 3} {year}", Grain.QUARTER)
        case 12:
            return Period(start, end, str(year), Grain.YEAR)
        case _:
            return Period(start, end, f"H{last // 6} {year}")


def before(period: Period, grain: Grain) -> Period | None:
    """The period of the same length that begins one `grain` earlier."""
    if period.start is None or period.grain is None:
        return None
    if grain not in _LENGTHS or period.grain not in _LENGTHS:
        return None
    return later(period, -_LENGTHS[grain], _LENGTHS[period.grain])


def holding(day: date, months: int) -> Period:
    """The month, quarter or year that contains the day."""
    return span(day.year, (day.month - 1) // months * months + 1, months)


def later(period: Period, months: int, size: int) -> Period:
    """The period of `size` months that begins `months` months later, or earlier if negative."""
    start = period.start or date.min
    place = start.year * 12 + start.month - 1 + months
    return span(place // 12, place % 12 + 1, size)


def month_of(day: date) -> tuple[int, int]:
    return day.year, day.month


def place_in(day: date, grain: Grain | None) -> tuple[int, ...]:
    """A key shared by all days in one calendar period. Without a grain, all days share one key."""
    match grain:
        case None:
            return ()
        case Grain.YEAR:
            return (day.year,)
        case Grain.QUARTER:
            return (day.year, (day.month - 1) // 3)
        case Grain.MONTH:
            return month_of(day)
        case Grain.WEEK:
            return tuple(day.isocalendar()[:2])
        case Grain.DAY:
            return (day.year, day.month, day.day)


def name_of(value: object, grain: Grain) -> str:
    """The display name of a period, from its label in a result (`2012-03`, `2012-Q1`, 2012)."""
    text = str(value)
    if grain is Grain.MONTH and re.fullmatch(r"\d{4}-\d{2}", text):
        return span(int(text[:4]), int(text[5:]), 1).label
    if grain is Grain.QUARTER and re.fullmatch(r"\d{4}-Q\d", text):
        return f"{text[5:]} {text[:4]}"
    return text


def number_of(period: Period, grain: Grain) -> int:
    """The number of months, quarters or years that the period touches. 0 if it is open-ended or the grain is finer."""
    if period.start is None or period.end is None or grain not in _LENGTHS:
        return 0
    return _place(period.end, grain) - _place(period.start, grain) + 1


def runs(labels: list[object], grain: Grain) -> list[str]:
    """Display names of the periods, with consecutive periods merged: `January 2011`, `March 2011 to May 2011`."""
    if grain not in _LENGTHS:
        return [name_of(value, grain) for value in labels]
    joined: list[list[int]] = []
    for place in sorted(p for p in (_context_of(value) for value in labels) if p is not None):
        if joined and joined[-1][-1] == place - 1:
            joined[-1].append(place)
        else:
            joined.append([place])
    named = [(_named(run[0], grain), _named(run[-1], grain)) for run in joined]
    return [first if first == last else f"{first} to {last}" for first, last in named]


def _place(day: date, grain: Grain) -> int:
    return (day.year * 12 + day.month - 1) // _LENGTHS[grain]


def _context_of(value: object) -> int | None:
    """The number of months, quarters or years since year 0, computed from a period's label in a result."""
    found = re.fullmatch(r"(\d{4})(?:-(Q?)(\d{1,2}))?", str(value))
    if found is None:
        return None
    year, quarter, number = found.groups()
    if number is None:
        return int(year)
    return int(year) * (4 if quarter else 12) + int(number) - 1


def _named(place: int, grain: Grain) -> str:
    month = place * _LENGTHS[grain]
    return span(month // 12, month % 12 + 1, _LENGTHS[grain]).label


def day_of(year: int, month: int, day: int) -> Period | None:
    if not 1 <= day <= monthrange(year, month)[1]:
        return None
    when = date(year, month, day)
    return Period(when, when, when.isoformat(), Grain.DAY)


def day_before(day: date) -> date:
    return day - timedelta(days=1)


def day_after(day: date) -> date:
    return day + timedelta(days=1)


def gaps(periods: tuple[Period, ...]) -> bool:
    """Whether there are days between the periods that belong to none of them."""
    ordered = sorted((p for p in periods if p.start and p.end), key=lambda p: p.start or date.min)
    return any(a.end and b.start and day_after(a.end) < b.start for a, b in pairwise(ordered))


def as_date(value: object) -> date | None:
    """Parses an ISO date from a result; None if it is not a date."""
    try:
        return date.fromisoformat(str(value)[:10]) if value is not None else None
    except ValueError:
        return None
