"""Reads thresholds and ranks: 'over 1 million', 'more than 100 postings', 'top 5 departments'."""

from dataclasses import replace
from itertools import pairwise
from typing import Literal

from cfo_kernel.agent.analyst.draft import Draft
from cfo_kernel.agent.analyst.marks import Mark, Sort
from cfo_kernel.agent.analyst.numbers import Number
from cfo_kernel.agent.analyst.period_words import year_of
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.reading import NotUnderstood, Threshold
from cfo_kernel.agent.analyst.words import Word

_COMPARISONS: dict[Ask, Literal["=", "<", "<=", ">", ">="]] = {
    Ask.ABOVE: ">", Ask.AT_LEAST: ">=", Ask.BELOW: "<", Ask.AT_MOST: "<=", Ask.EQUAL: "=",
}  # fmt: skip


def years_that_are_numbers(words: tuple[Word, ...], marks: list[Mark]) -> list[Mark]:
    """Reads the year in 'above 2000' as a number. 'over 2012' is a period, unless the question has another period."""
    result = list(marks)
    for at, mark in enumerate(marks):
        if mark.is_ask(Ask.BETWEEN):
            _both_numbers(words, result, at)
    for at, (mark, year) in enumerate(pairwise(marks)):
        value = year_of(words[year.start]) if year.sort is Sort.PERIOD and year.length == 1 else None
        if value is None or not mark.is_ask(*_COMPARISONS):
            continue
        if at and marks[at - 1].sort is Sort.PERIOD:
            result[at] = replace(mark, ask=Ask.VERSUS)  # 'growth in 2012 over 2011'
            continue
        others = any(m.sort is Sort.PERIOD for m in marks if m is not year)
        if others or words[mark.start].norm != "over":
            result[at + 1] = replace(year, sort=Sort.NUMBER, period=None, number=Number(value))
        elif not any(m.is_ask(Ask.WHICH, Ask.ROWS) for m in marks):
            result[at] = mark.filler()
    return result


def _both_numbers(words: tuple[Word, ...], marks: list[Mark], at: int) -> None:
    """Reads both ends of 'between 1000 and 2000' as numbers: 2000 looks like a year, but 1000 does not."""
    ends = [i for i in (at + 1, at + 3) if i < len(marks)]
    if len(ends) < 2 or not marks[at + 2].is_ask(Ask.AND) or not any(marks[i].sort is Sort.NUMBER for i in ends):
        return
    for i in ends:
        value = year_of(words[marks[i].start]) if marks[i].sort is Sort.PERIOD and marks[i].length == 1 else None
        if value is not None:
            marks[i] = replace(marks[i], sort=Sort.NUMBER, period=None, number=Number(value))


def bounds(draft: Draft) -> None:
    """Reads thresholds: 'over 1 million', 'between 10k and 20k', 'more than 100 postings', '5 or more'."""
    for at, mark in enumerate(draft.marks):
        if at in draft.used or not mark.is_ask(*_COMPARISONS, Ask.BETWEEN, Ask.UNTIL):
            continue
        number = draft.next(at, Ask.OF, Ask.SUM)
        if number is None:
            continue
        if mark.is_ask(Ask.BETWEEN):
            other = draft.next(number, Ask.AND)
            if _is_number(draft, number) and other is not None and _is_number(draft, other):
                _bound(draft, "between", (number, other), at)
                draft.used |= set(range(at, other + 1))
        elif _is_number(draft, number):
            op = "<=" if mark.is_ask(Ask.UNTIL) else _COMPARISONS[mark.ask or Ask.EQUAL]
            _bound(draft, op, (number,), at)
            draft.used |= {at, number}
        elif mark.is_ask(Ask.ABOVE, Ask.BELOW) and _is_scenario(draft, draft.marks[number]):
            draft.over_scenario = ">" if mark.is_ask(Ask.ABOVE) else "<"
            draft.used.add(at)


def _is_scenario(draft: Draft, mark: Mark) -> bool:
    defaults = [draft.schema.notes(f.name).defaults for f in draft.schema.facts()]
    return any(value.path in named for value in mark.values for named in defaults)


def _is_number(draft: Draft, at: int) -> bool:
    return draft.marks[at].sort is Sort.NUMBER and at not in draft.used


def _bound(draft: Draft, op: Literal["=", "<", "<=", ">", ">=", "between"], numbers: tuple[int, ...], at: int) -> None:
    found = [n for i in numbers if (n := draft.marks[i].number)]
    values = tuple(n.value for n in found)
    if any(n.percent for n in found):
        draft.thresholds.append(Threshold(op, tuple(v / 100 for v in values), "percent"))
        return
    after = draft.next(numbers[-1])
    while after is not None and draft.marks[after].values:
        after = draft.next(after)
    if draft.is_rows(after):
        draft.thresholds.append(Threshold(op, values, "count"))
        draft.take_rows(after or 0)
        return
    before = draft.previous(at)
    if before is not None and draft.marks[before].sort is Sort.NAME and draft.is_measure(draft.marks[before].names):
        names = draft.marks[before].names
        if not draft.schema.is_fact(names[0].table):
            draft.bounds.append((names[0], Threshold(op, values)))
            draft.used.add(before)
            return
    draft.thresholds.append(Threshold(op, values))


def ranks(draft: Draft) -> None:
    """Reads ranks: 'top 5 departments', 'the 3 lowest months', 'which month had the highest', 'largest posting'."""
    if draft.asks(Ask.HIGH, Ask.DESCENDING) and draft.asks(Ask.LOW, Ask.ASCENDING):
        raise NotUnderstood("I can look for either the highest or the lowest, but not for both at once.")
    for at, mark in enumerate(draft.marks):
        if at in draft.used:
            continue
        if mark.is_ask(Ask.DESCENDING, Ask.ASCENDING, Ask.SORTED):
            said = "asc" if mark.is_ask(Ask.ASCENDING) else "desc"
            draft.order = draft.order or said if mark.is_ask(Ask.SORTED) else said
            draft.used.add(at)
        if not mark.is_ask(Ask.HIGH, Ask.LOW):
            continue
        draft.order = "desc" if mark.is_ask(Ask.HIGH) else "asc"
        draft.used.add(at)
        for number in (draft.next(at), draft.previous(at)):
            if number is not None and _is_plain_number(draft, number) and draft.top is None:
                draft.top = int(draft.marks[number].number.value)  # type: ignore[union-attr]
                draft.used.add(number)
        _ranked_entity(draft, at)
    if draft.order and draft.top is None:
        _number_of_entities(draft)
    number = draft.first(Ask.WHICH)
    if number is not None and draft.order and draft.top is None:
        following = draft.next(number)
        if following is not None and _is_plain_number(draft, following):
            draft.top = int(draft.marks[following].number.value)  # type: ignore[union-attr]
            draft.used.add(following)


def _number_of_entities(draft: Draft) -> None:
    """Reads the number in 'the 2 departments with the highest Rent'."""
    for at in range(len(draft.marks)):
        following = draft.next(at)
        if _is_plain_number(draft, at) and following is not None and draft.entity(following):
            draft.top = int(draft.marks[at].number.value)  # type: ignore[union-attr]
            draft.used.add(at)
            return


def _is_plain_number(draft: Draft, at: int) -> bool:
    number = draft.marks[at].number
    return bool(
        number and _is_number(draft, at) and not number.percent and not number.money and 0 < number.value <= 1000
    )


def _ranked_entity(draft: Draft, at: int) -> None:
    """Ranks the first entity after 'top N', skipping values ('top 5 Expenditures accounts')."""
    place = at
    while (following := draft.next(place)) is not None:
        mark = draft.marks[following]
        if (following in draft.used and mark.sort is Sort.NUMBER) or mark.is_ask(Ask.SINGLE) or mark.values:
            place = following
            continue
        if draft.is_rows(following):
            draft.rows = True
            draft.take_rows(following)
        elif entity := draft.entity(following):
            draft.ranked = entity
            draft.groups.append(entity)
            draft.used.add(following)
        return
