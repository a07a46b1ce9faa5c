"""Decides what the dates in a table mean, and which of them a row belongs to."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cfo_kernel.data.semantics.facts import DateFacts, TableFacts
from cfo_kernel.data.semantics.meaning import DateKind
from cfo_kernel.data.semantics.table_facts import is_period
from cfo_kernel.data.semantics.words import Sense, says, word_of
from cfo_kernel.data.tables import Column, Kind, Table

_NAMED = (
    (Sense.SNAPSHOT, DateKind.SNAPSHOT),
    (Sense.DUE, DateKind.DUE),
    (Sense.PLANNED, DateKind.PLANNED),
    (Sense.SETTLEMENT, DateKind.SETTLEMENT),
    (Sense.VALUE, DateKind.VALUE),
    (Sense.DOCUMENT, DateKind.DOCUMENT),
    (Sense.ORDER, DateKind.ORDER),
    (Sense.POSTING, DateKind.EVENT),
    (Sense.END, DateKind.END),
    (Sense.START, DateKind.START),
)
"""The kinds of dates that a name may suggest, the most specific first."""
_AXES = (
    DateKind.SNAPSHOT,
    DateKind.EVENT,
    DateKind.PERIOD,
    DateKind.DOCUMENT,
    DateKind.ORDER,
    DateKind.START,
    DateKind.VALUE,
    DateKind.DUE,
    DateKind.SETTLEMENT,
)
"""The kinds of dates that may say when a row belongs, the best first."""
_WRITTEN = re.compile(r"(19|20)\d\d-[01]\d-[0-3]\d([ T].*)?")
_FROM_ROWS = 0.7
_MOST_OPEN = 0.02


@dataclass(frozen=True)
class DateMeaning:
    """What a date means, with the evidence and a confidence."""

    kind: DateKind
    evidence: str
    confidence: float


def is_date(column: Column) -> bool:
    """Whether all values are dates, periods, or strings that begin with an ISO 8601 date."""
    return column.kind is Kind.TIME or is_period(column) or is_written(column)


def is_written(column: Column) -> bool:
    """Whether a text column contains ISO 8601 dates, such as times with a zone."""
    ends = (column.minimum, column.maximum)
    return column.kind is Kind.TEXT and all(end and _WRITTEN.fullmatch(end) for end in ends)


def date_meanings(table: Table, facts: TableFacts, *, is_valid_from: bool) -> dict[str, DateMeaning]:
    """The meaning of each date column in a table. In a table of rates or prices, dates say when these are valid."""
    columns = [c for c in table.columns if is_date(c)]
    found = {c.name: _named(c, facts) for c in columns}
    ends = {high for _, high in _date_pairs(facts, columns)}
    for low, high in _date_pairs(facts, columns):
        is_open = says(high, Sense.END) or says(high, Sense.HIGH)
        if is_valid_from and low not in ends and is_open:
            evidence = f"{low} is never after {high}, and the figures are rates or prices"
            found[low] = DateMeaning(DateKind.VALID_FROM, evidence, 0.95)
            found[high] = DateMeaning(DateKind.VALID_TO, evidence, 0.95)
    kinds = {meaning.kind for meaning in found.values()}
    if is_valid_from and DateKind.VALID_FROM not in kinds and facts.panel and facts.panel.date in found:
        when = facts.dates.get(facts.panel.date, DateFacts())
        if not _is_regular(when) and not is_period(columns[[c.name for c in columns].index(facts.panel.date)]):
            evidence = "each key has rows at several dates, and the figures are rates or prices"
            found[facts.panel.date] = DateMeaning(DateKind.VALID_FROM, evidence, 0.9)
    return found


def _date_pairs(facts: TableFacts, columns: Sequence[Column]) -> list[tuple[str, str]]:
    names = {c.name for c in columns}
    return [(low, high) for low, high in facts.ordered if low in names and high in names]


def _is_regular(when: DateFacts) -> bool:
    return when.days > 2 and when.even >= _FROM_ROWS and when.gap <= 31


def _named(column: Column, facts: TableFacts) -> DateMeaning:
    """The meaning suggested by the name and the days."""
    when = facts.dates.get(column.name, DateFacts())
    is_week_end = when.gap == 7 and when.even >= _FROM_ROWS
    for sense, kind in _NAMED:
        if says(column.name, sense):
            if kind is DateKind.END and is_week_end:
                break
            return DateMeaning(kind, f"the name says {word_of(column.name, sense)!r}", 0.85)
    if is_period(column):
        return DateMeaning(DateKind.PERIOD, "all values are periods", 0.95)
    in_key = facts.panel is not None and facts.panel.date == column.name
    if is_week_end and not in_key:
        return DateMeaning(DateKind.PERIOD, "all days are seven days apart", 0.85)
    if when.days > 2 and when.days in (when.month_ends, when.month_starts) and says(column.name, Sense.PERIOD):
        return DateMeaning(DateKind.PERIOD, "all days are the first or the last of a month", 0.85)
    return DateMeaning(DateKind.EVENT, "it is a date, and its name says nothing else", 0.6)


def time_axis(table: Table, facts: TableFacts, found: Mapping[str, DateMeaning]) -> tuple[str | None, tuple[str, ...]]:
    """The date column that places a row in time, and other columns that would do just as well."""
    if facts.panel and facts.panel.date in found and any(facts.panel.date in key for key in facts.keys):
        return facts.panel.date, ()
    ranked: list[tuple[int, bool, int, str]] = []
    for at, column in enumerate(table.columns):
        meaning = found.get(column.name)
        if meaning is None or meaning.kind not in _AXES:
            continue
        is_open = column.nulls > _MOST_OPEN * table.row_count
        weekly = meaning.kind is DateKind.PERIOD and facts.dates.get(column.name, DateFacts()).gap == 7
        ranked.append((_AXES.index(meaning.kind) + 3 * weekly, is_open, at, column.name))
    if not ranked:
        return None, ()
    best = min(ranked)
    doubts = [name for rank, is_open, _, name in ranked if (rank, is_open) == best[:2] and name != best[3]]
    return best[3], tuple(doubts)
