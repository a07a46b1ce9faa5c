"""Recognizes columns that are periods side by side, such as `Jan` to `Dec`, `P01` to `P12`, or `2024-01-31`."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from cfo_kernel import fiscal_periods
from cfo_kernel.data.semantics.words import Sense, says, tokens
from cfo_kernel.data.tables import Column, Kind
from cfo_kernel.data.vocabulary import MONTHS

_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?(?:[ T].*)?|(\d{1,2})[/.](\d{4})")
_JAPANESE = re.compile(r"(?:(\d{4})年)?\s*(\d{1,2})月(?:度)?")
_YEARS = range(1950, 2101)
_FEWEST = 2


class Across(NamedTuple):
    """The period of each column that is one, and the columns of totals, each with the columns that it adds up."""

    periods: dict[str, str]
    totals: dict[str, tuple[str, ...]]


def period_in(name: str) -> str | None:
    """The period that a name denotes: 2024-01, 2024, `2024 Q1`, `P03`, or `01` for a month without a year.

    None otherwise.
    """
    text = name.strip()
    if found := _DATE.fullmatch(text):
        year, month, day, first, last = found.groups()
        year, month = (year, month) if year else (last, first)
        if int(year) in _YEARS and 1 <= int(month) <= 12:
            return f"{year}-{int(month):02}" + (f"-{int(day):02}" if day else "")
        return None
    if found := _JAPANESE.fullmatch(text):
        year, month = found.groups()
        return f"{year}-{int(month):02}" if year else f"{int(month):02}"
    if text.isdigit() and int(text) in _YEARS:
        return text
    return _month(tokens(text)) or _fiscal(text)


def _month(said: Sequence[str]) -> str | None:
    months = [MONTHS[word] for word in said if word in MONTHS]
    years = [word for word in said if word.isdigit()]
    if len(months) != 1 or len(months) + len(years) != len(said) or len(years) > 1:
        return None
    if not years:
        return f"{months[0]:02}"
    year = int(years[0]) if len(years[0]) == 4 else 2000 + int(years[0]) if len(years[0]) == 2 else 0
    return f"{year}-{months[0]:02}" if year in _YEARS else None


def _fiscal(text: str) -> str | None:
    found = fiscal_periods.period_of(text)
    if found is None or (found.unit == "period" and not found.number):
        return None
    year = str(found.year) if found.year else ""
    if found.unit == "year":
        return year
    number = f"{found.unit[0].upper()}{found.number:02}" if found.unit != "quarter" else f"Q{found.number}"
    return f"{year} {number}".strip()


def across(columns: Sequence[Column]) -> Across:
    """The periods among the numeric columns, if there are at least two of the same kind, and their totals."""
    named = {c.name: found for c in columns if _may_be_figures(c) and (found := _period_of(c.name))}
    kinds: dict[str, list[str]] = {}
    for name, found in named.items():
        kinds.setdefault(_kind(found), []).append(name)
    largest = max(kinds.values(), key=len) if kinds else []
    if len(largest) < _FEWEST or len({named[name] for name in largest}) < _FEWEST:
        return Across({}, {})
    periods = {name: named[name] for name in largest}
    totals: dict[str, tuple[str, ...]] = {}
    for column in columns:
        if column.name in periods or column.kind is not Kind.NUMBER:
            continue
        is_year = _kind(named.get(column.name, "")) == "year" and _kind(periods[largest[0]]) != "year"
        if is_year or says(column.name, Sense.TOTAL):
            totals[column.name] = tuple(largest)
    return Across(periods, totals)


def _period_of(name: str) -> str | None:
    """The period in a name, or in its last word, as in `Target 2025`."""
    if found := period_in(name):
        return found
    said = tokens(name)
    if len(said) > 1 and said[-1].isdigit() and len(said[-1]) == 4 and int(said[-1]) in _YEARS:
        return None if says(name, Sense.TOTAL) else said[-1]
    return None


def _may_be_figures(column: Column) -> bool:
    is_empty = column.distinct == 0
    return column.kind is Kind.NUMBER or is_empty


def _kind(period: str) -> str:
    if re.fullmatch(r"\d{4}", period):
        return "year"
    return re.sub(r"\d", "0", period)
