"""Finds the month in which the fiscal year starts, from periods side by side and from files for a fiscal year."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise

from cfo_kernel.data.semantics.facts import TableFacts
from cfo_kernel.data.semantics.meaning import TableMeaning
from cfo_kernel.data.tables import Tables

_FISCAL = re.compile(r"(?:^|[^a-z])(?:fy|gj)[ _-]?(?:\d{2}|\d{4})(?:[^\d]|$)", re.IGNORECASE)
_MONTHS = 12
_NEAR = 7  # days around a start of a year


def fiscal_year_start(tables: Tables, facts: Mapping[str, TableFacts], meanings: Sequence[TableMeaning]) -> int:
    """The month on which most tables agree, or 1 if no table shows it."""
    votes: Counter[int] = Counter()
    for meaning in meanings:
        table = tables[meaning.table]
        periods = [c.period for c in meaning.periods if c.period and re.fullmatch(r"(\d{4}-)?\d{2}(-\d{2})?", c.period)]
        if len(periods) == _MONTHS:
            months = [int(p.split("-")[1] if "-" in p else p) for p in periods]
            if all((b - a) % _MONTHS == 1 for a, b in pairwise(months)):
                votes[months[0]] += 2
        if meaning.time_axis and _FISCAL.search(" ".join((table.name, *table.files))):
            when = facts[table.name].dates.get(meaning.time_axis)
            if when and (month := _start(when.first, when.last)):
                votes[month] += 1
    return votes.most_common(1)[0][0] if votes else 1


def _start(first: str | None, last: str | None) -> int | None:
    """The month of the first day, if the two days span whole years."""
    try:
        start, end = date.fromisoformat(first or ""), date.fromisoformat(last or "")
    except ValueError:
        return None
    if start.day > _NEAR or (end.toordinal() - start.toordinal()) % 365 < 365 - 2 * _NEAR:
        return None
    return start.month
