"""Combines the periods of a question into ranges, lists, comparisons, open ends and moments."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from cfo_kernel.agent.analyst.marks import Mark, Sort
from cfo_kernel.agent.analyst.periods import Fiscal, Part, Period, day_after, day_before
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.reading import NotUnderstood
from cfo_kernel.agent.analyst.words import Word
from cfo_kernel.data.plan import Grain

_BETWEEN_PERIODS = (
    Ask.AND, Ask.OR, Ask.TO, Ask.FROM, Ask.VERSUS, Ask.UNTIL, Ask.END_OF, Ask.BEGIN, Ask.IN, Ask.OF, Ask.DIFFERENCE,
)  # fmt: skip
_BEFORE_PERIODS = (
    Ask.FROM, Ask.BETWEEN, Ask.SINCE, Ask.AFTER, Ask.BEFORE, Ask.UNTIL, Ask.END_OF, Ask.BEGIN, Ask.TO, Ask.YEAR_END,
)  # fmt: skip

Link = Literal["", "to", "and", "or", "versus", "apart"]


@dataclass(frozen=True, slots=True)
class When:
    """The periods of a question; `used` holds the indexes of the marks that were read."""

    periods: tuple[Period, ...] = ()
    fiscal: tuple[Fiscal, ...] = ()
    link: Link = ""
    moment: bool = False
    to_date: bool = False
    used: frozenset[int] = frozenset()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Item:
    """A period, with the phrases between it and the previous period."""

    at: int
    found: Period | Part | Fiscal
    asks: tuple[Ask, ...]
    between: tuple[int, ...]
    apart: bool
    dash: bool
    comma: bool
    to: bool = False

    def has(self, *asks: Ask) -> bool:
        return any(a in asks for a in self.asks)


def when(marks: list[Mark], words: tuple[Word, ...], *, from_to: bool, listed: bool, ytd: bool) -> When:
    """Combines the periods in the marks.

    With `from_to`, 'from A to B' and any other pair of periods are compared. With `listed`, 'A and B' are compared as
    well. With `ytd`, a single period means the year up to the period's end.
    """
    items = [_throughout(item, marks) for item in _items(marks, words)]
    if not items:
        return When()
    used = frozenset(i for item in items for i in (item.at, *item.between))
    items = _dated(items)
    if any(isinstance(item.found, Fiscal) for item in items):
        return _fiscal(items, used)
    periods = [item.found for item in items if isinstance(item.found, Period)]
    moments = [item.has(Ask.END_OF, Ask.YEAR_END) for item in items]
    if any(moments) and not all(moments) and not (len(items) == 2 and moments[1]):
        raise NotUnderstood("I cannot combine a date, such as 'the end of March', with a whole period here.")
    links = [_link(item) for item in items[1:]]
    first = items[0]
    if first.has(Ask.BEGIN) or any(item.has(Ask.BEGIN) for item in items):
        raise NotUnderstood(
            "I do not know which date 'the start of' means here. Name the date, for example 2012-01-29."
        )
    ranged = [i for i, link in enumerate(links) if link == "to"]
    if ranged and not from_to:
        if len(periods) != 2:
            raise NotUnderstood(
                "I cannot combine these periods. Name one range, for example 'from January to June 2012'."
            )
        return When((_range(periods[0], periods[1]),), moment=all(moments), used=used)
    if first.has(Ask.BETWEEN) and len(periods) == 2 and not from_to:
        return When((_range(periods[0], periods[1]),), used=used)
    if len(periods) == 1:
        to_date = ytd and periods[0].grain in (Grain.DAY, Grain.MONTH, Grain.QUARTER)
        opened, remark = _opened(first, periods[0], to_date=to_date)
        return When((opened,), moment=moments[0], to_date=to_date, used=used, remarks=remark)
    link: Link = "versus" if from_to or listed or "versus" in links else "or" if "or" in links else "and"
    if "apart" in links and link != "versus":
        raise NotUnderstood("I cannot tell what each period applies to. Ask for one of them at a time.")
    if _opens(first):
        raise NotUnderstood("I cannot combine 'since', 'before' or 'until' with several periods.")
    return When(tuple(periods), link=link, moment=all(moments), used=used)


def _opens(item: _Item) -> bool:
    return item.has(Ask.SINCE, Ask.AFTER, Ask.BEFORE, Ask.UNTIL)


def _items(marks: list[Mark], words: tuple[Word, ...]) -> list[_Item]:
    items: list[_Item] = []
    last: int | None = None
    for at, mark in enumerate(marks):
        if mark.sort is not Sort.PERIOD or mark.period is None:
            continue
        begin = last + 1 if last is not None else _phrases_before(marks, at)
        between = [i for i in range(begin, at) if marks[i].sort is Sort.ASK]
        others = [i for i in range(begin, at) if marks[i].sort not in (Sort.ASK, Sort.FILLER)]
        wrong = [i for i in between if marks[i].ask not in (*_BETWEEN_PERIODS, *_BEFORE_PERIODS)]
        apart = last is not None and bool(others or wrong)
        if apart:
            begin = _phrases_before(marks, at)
            between = [i for i in range(begin, at) if marks[i].sort is Sort.ASK]
        if at + 1 < len(marks) and marks[at + 1].is_ask(Ask.YEAR_END):
            between.append(at + 1)  # '2012 year-end'
        if last is None or apart:
            between = _without_verb(marks, between)
        asks = tuple(a for i in between if (a := marks[i].ask))
        to = [i for i in between if words[marks[i].start].norm == "to" and marks[i].is_ask(Ask.TO)]
        before = words[mark.start].before
        items.append(_Item(at, mark.period, asks, tuple(between), apart, _dashed(before), "," in before, bool(to)))
        last = at
    return items


def _without_verb(marks: list[Mark], between: list[int]) -> list[int]:
    """Drops the 'to' of 'posted to in 2012', which belongs to the verb."""
    to = next((i for i in between if marks[i].is_ask(Ask.TO)), None)
    inside = to is not None and to + 1 in between and marks[to + 1].is_ask(Ask.IN)
    return [i for i in between if i != to] if inside else between


def _throughout(item: _Item, marks: list[Mark]) -> _Item:
    """Reads 'month by month through 2013' as the whole year; a plain 'through 2013' still means until its end."""
    first = min(item.between, default=item.at)
    along = first > 0 and marks[first - 1].sort is Sort.GRAIN and marks[first - 1].length > 1
    return replace(item, asks=()) if along and item.asks == (Ask.TO,) else item


def _dashed(before: str) -> bool:
    return any(sign in before for sign in "-–—−")


def _phrases_before(marks: list[Mark], at: int) -> int:
    """The index of the first phrase that leads up to this mark."""
    begin = at
    while begin and (marks[begin - 1].sort is Sort.FILLER or marks[begin - 1].is_ask(*_BEFORE_PERIODS, Ask.IN, Ask.OF)):
        begin -= 1
    return begin


def _link(item: _Item) -> Link:
    if item.apart:
        return "apart"
    if item.has(Ask.VERSUS, Ask.DIFFERENCE):
        return "versus"
    if item.has(Ask.TO, Ask.UNTIL) or item.dash:
        return "to"
    if item.has(Ask.OR):
        return "or"
    return "and" if item.has(Ask.AND) or item.comma else "apart"


def _dated(items: list[_Item]) -> list[_Item]:
    """Adds the year to each part ('Q1', 'March'), taken from a later period or from the years in the question."""
    if not any(isinstance(item.found, Part) for item in items):
        return items
    years = [i for i in items if isinstance(i.found, Period) and i.found.grain is Grain.YEAR and i.found.start]
    parts = [i for i in items if isinstance(i.found, Part)]
    if years and len(years) + len(parts) == len(items) and (len(years) == 1 or len(parts) == 1):
        if len(years) > 1 and any(_link(y) in ("to", "apart") for y in years[1:]):
            raise NotUnderstood("I cannot tell which years you mean. Name each period with its year.")
        kept = parts if len(years) == 1 else years
        dated = [
            replace(p, found=_of(part.found, y.found))
            for y in years
            for part in parts
            for p in (part if kept is parts else y,)
        ]
        lead = tuple(dict.fromkeys(a for i in items[: items.index(kept[0]) + 1] for a in i.asks))
        return [replace(dated[0], asks=lead), *dated[1:]]
    result: list[_Item] = []
    year: date | None = None
    for item in reversed(items):
        if isinstance(item.found, Period):
            year = item.found.start
        elif isinstance(item.found, Part):
            if year is None:
                raise NotUnderstood(f"The year for {item.found.label} is missing.")
            item = replace(item, found=_of(item.found, Period(year, year, "")))
        result.append(item)
    return result[::-1]


def _of(part: Period | Part | Fiscal, year: Period | Part | Fiscal) -> Period:
    period = part.of(year.start.year) if isinstance(part, Part) and isinstance(year, Period) and year.start else None
    if period is None:
        raise NotUnderstood("I do not know that date.")
    return period


def _range(first: Period, last: Period) -> Period:
    if first.start and last.end and first.start > last.end:
        raise NotUnderstood(f"The range from {first.label} to {last.label} ends before it begins.")
    return Period(first.start, last.end, f"{first.label} to {last.label}")


def _opened(item: _Item, period: Period, *, to_date: bool) -> tuple[Period, tuple[str, ...]]:
    start, end = period.start, period.end
    if start is None or end is None:
        return period, ()
    if to_date:
        return Period(date(end.year, 1, 1), end, f"January {end.year} to {period.label}"), ()
    if item.has(Ask.AFTER):
        return Period(day_after(end), None, f"after {period.label}"), ()
    if item.has(Ask.BEFORE):
        return Period(None, day_before(start), f"before {period.label}"), ()
    if item.has(Ask.SINCE) or (item.has(Ask.FROM) and not item.has(Ask.END_OF)):
        if item.has(Ask.FROM) and not item.has(Ask.SINCE) and period.grain is Grain.YEAR:
            return period, ()  # 'from 2012' means in 2012, as in 'postings from 2012'
        if item.has(Ask.FROM) and not item.has(Ask.SINCE):
            raise NotUnderstood(f"'from {period.label}' has no end. Say 'since {period.label}' or 'in {period.label}'.")
        return Period(start, None, f"since {period.label}"), ()
    if item.to:
        raise NotUnderstood(
            f"I do not know whether 'to {period.label}' means during that period or up to its end. "
            f"Say 'in {period.label}' or 'until {period.label}'."
        )
    if item.has(Ask.UNTIL) or (item.has(Ask.TO) and not item.has(Ask.END_OF)):
        return Period(None, end, f"until {period.label}"), (f"'until {period.label}' includes {period.label}.",)
    return period, ()


def _fiscal(items: list[_Item], used: frozenset[int]) -> When:
    found = [item.found for item in items if isinstance(item.found, Fiscal)]
    years = {f.year for f in found if f.year is not None}
    quarters = {f.quarter for f in found if f.quarter is not None}
    if len(found) < len(items) or len(years) != 1 or len(quarters) > 1 or any(i.has(*_BEFORE_PERIODS) for i in items):
        raise NotUnderstood(
            "I can read only one fiscal year, or one fiscal quarter, at a time: 'in fiscal year 2012' or 'in "
            "fiscal Q1 2012'."
        )
    return When(fiscal=(Fiscal(next(iter(years)), next(iter(quarters), None)),), used=used)
