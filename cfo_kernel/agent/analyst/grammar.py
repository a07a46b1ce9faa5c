"""Reads the marks of a question into a draft: who is grouped, what is counted, ranked, bounded, filtered.

Every mark that a rule understands is ticked off in `used`; what is not ticked at the end is asked back.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from cfo_kernel.agent.analyst.lexicon import Name
from cfo_kernel.agent.analyst.marks import Mark, Sort
from cfo_kernel.agent.analyst.numbers import Number
from cfo_kernel.agent.analyst.periods import year_of
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.ranges import When, when
from cfo_kernel.agent.analyst.reading import Threshold
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.words import Word
from cfo_kernel.data.plan import Grain

_COMPARISONS: dict[Ask, Literal["=", "<", "<=", ">", ">="]] = {
    Ask.ABOVE: ">", Ask.AT_LEAST: ">=", Ask.BELOW: "<", Ask.AT_MOST: "<=", Ask.EQUAL: "=",
}  # fmt: skip
_CHANGES = (Ask.CHANGE, Ask.GROWTH, Ask.DIFFERENCE, Ask.COMPARE)
_CONNECTORS = (Ask.AND, Ask.OR, Ask.IN, Ask.OF, Ask.TO, Ask.FROM, Ask.ALL, Ask.AS, Ask.COMPARE, Ask.SINGLE, Ask.BETWEEN)


@dataclass(frozen=True, slots=True)
class Said:
    """A value at its place in the question."""

    at: int
    name: Name
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Entity:
    """Something to group by or to count, at its place: a column, or the periods of the date."""

    at: int
    names: tuple[Name, ...] = ()
    grain: Grain | None = None


@dataclass
class Draft:
    """What has been read so far."""

    words: tuple[Word, ...]
    marks: list[Mark]
    schema: Schema
    used: set[int] = field(default_factory=set[int])
    when: When = field(default_factory=When)
    values: list[Said] = field(default_factory=list[Said])
    groups: list[Entity] = field(default_factory=list[Entity])
    ranked: Entity | None = None
    asked: Entity | None = None
    counted: Entity | None = None
    measure: tuple[Name, ...] = ()
    facts: list[str] = field(default_factory=list[str])
    thresholds: list[Threshold] = field(default_factory=list[Threshold])
    bounds: list[tuple[Name, Threshold]] = field(default_factory=list[tuple[Name, Threshold]])
    over_scenario: Literal["<", ">"] | None = None
    order: Literal["asc", "desc"] | None = None
    top: int | None = None
    per: Grain | None = None
    count_rows: bool = False
    rows: bool = False
    bare: list[Entity] = field(default_factory=list[Entity])

    def asks(self, *asks: Ask) -> bool:
        return any(m.is_ask(*asks) for m in self.marks)

    def first(self, *asks: Ask) -> int | None:
        return next((i for i, m in enumerate(self.marks) if m.is_ask(*asks)), None)

    def next(self, at: int, *skip: Ask) -> int | None:
        """The next mark that says something."""
        for i in range(at + 1, len(self.marks)):
            if self.marks[i].sort is not Sort.FILLER and not self.marks[i].is_ask(*skip):
                return i
        return None

    def previous(self, at: int, *skip: Ask) -> int | None:
        for i in range(at - 1, -1, -1):
            if self.marks[i].sort is not Sort.FILLER and not self.marks[i].is_ask(*skip):
                return i
        return None

    def is_measure(self, names: tuple[Name, ...]) -> bool:
        """Whether the name is a column of figures."""
        columns = [n for n in names if n.kind == "column"]
        if not columns:
            return False
        table, column = self.schema.column(columns[0].path)
        return column in self.schema.measures(table)

    def is_fact(self, names: tuple[Name, ...]) -> bool:
        return bool(names) and names[0].kind == "table" and self.schema.is_fact(names[0].table)

    def is_date(self, names: tuple[Name, ...]) -> bool:
        return any(n.kind == "column" and self.schema.date(n.table) == n.path for n in names)

    def is_rows(self, at: int | None) -> bool:
        return at is not None and (self.marks[at].is_ask(Ask.ROWS) or self.is_fact(self.marks[at].names))

    def entity(self, at: int | None) -> Entity | None:
        """The group that this mark can be."""
        if at is None:
            return None
        mark = self.marks[at]
        if mark.sort is Sort.GRAIN and not mark.adjective:
            return Entity(at, grain=mark.grain)
        if mark.sort is not Sort.NAME or mark.values or self.is_measure(mark.names) or self.is_fact(mark.names):
            return None
        if self.is_date(mark.names):
            return Entity(at, grain=Grain.DAY)
        return Entity(at, names=mark.names)


def read(words: tuple[Word, ...], marks: list[Mark], schema: Schema) -> Draft:
    """Runs all rules over the marks; the most specific go first."""
    marks = _years_that_are_numbers(words, marks)
    draft = Draft(words, marks, schema)
    finer = any(m.sort is Sort.GRAIN for m in marks) or draft.asks(Ask.MOM, Ask.QOQ, Ask.YOY, Ask.RUNNING)
    between = draft.asks(Ask.DIFFERENCE) and not _set_against(marks)
    from_to = between or draft.asks(Ask.CHANGE, Ask.GROWTH) and not finer
    draft.when = when(marks, words, from_to=from_to, listed=draft.asks(Ask.COMPARE) and not _set_against(marks))
    draft.used |= draft.when.used
    for rule in (_bounds, _ranks, _counts, _groups, _asked, _averages, _values, _rest):
        rule(draft)
    return draft


def _set_against(marks: list[Mark]) -> bool:
    """Whether two values of one column are named, so that these are what is compared, and not periods."""
    paths = [m.values[0].path for m in marks if m.values]
    return len(set(paths)) < len(paths)


def _years_that_are_numbers(words: tuple[Word, ...], marks: list[Mark]) -> list[Mark]:
    """'above 2000' is a number; 'over 2012' is a time, unless the question has another one."""
    result = list(marks)
    for at, (mark, year) in enumerate(pairwise(marks)):
        value = year_of(words[year.start]) if year.sort is Sort.PERIOD and year.length == 1 else None
        if value is None or not mark.is_ask(*_COMPARISONS):
            continue
        others = any(m.sort is Sort.PERIOD for m in marks if m is not year)
        if others or words[mark.start].norm != "over":
            result[at + 1] = replace(year, sort=Sort.NUMBER, period=None, number=Number(value))
        elif not any(m.is_ask(Ask.WHICH, Ask.ROWS) for m in marks):
            result[at] = mark.filler()
    return result


def _bounds(draft: Draft) -> None:
    """Thresholds: 'over 1 million', 'between 10k and 20k', 'more than 100 postings', '5 or more'."""
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
        elif mark.is_ask(Ask.ABOVE, Ask.BELOW) and draft.marks[number].values:
            if _is_scenario(draft, draft.marks[number].values[0]):
                draft.over_scenario = ">" if mark.is_ask(Ask.ABOVE) else "<"
                draft.used.add(at)
        elif mark.is_ask(Ask.AT_LEAST, Ask.AT_MOST) and (before := draft.previous(at)) is not None:
            if draft.marks[before].sort is Sort.NUMBER and before not in draft.used:
                _bound(draft, _COMPARISONS[mark.ask or Ask.EQUAL], (before,), at)
                draft.used |= {at, before}


def _is_scenario(draft: Draft, value: Name) -> bool:
    return any(value.path in draft.schema.notes(f.name).defaults for f in draft.schema.facts())


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
        draft.used.add(after or 0)
        return
    before = draft.previous(at)
    if before is not None and draft.marks[before].sort is Sort.NAME and draft.is_measure(draft.marks[before].names):
        names = draft.marks[before].names
        if not draft.schema.is_fact(names[0].table):
            draft.bounds.append((names[0], Threshold(op, values)))
            draft.used.add(before)
            return
    draft.thresholds.append(Threshold(op, values))


def _ranks(draft: Draft) -> None:
    """'top 5 departments', 'the 3 lowest months', 'which month had the highest', 'largest posting'."""
    for at, mark in enumerate(draft.marks):
        if at in draft.used:
            continue
        if mark.is_ask(Ask.DESCENDING, Ask.ASCENDING, Ask.SORTED):
            draft.order = draft.order if mark.is_ask(Ask.SORTED) and draft.order else "asc" if mark.is_ask(Ask.ASCENDING) else "desc"
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
    number = draft.first(Ask.WHICH)
    if number is not None and draft.order and draft.top is None:
        following = draft.next(number)
        if following is not None and _is_plain_number(draft, following):
            draft.top = int(draft.marks[following].number.value)  # type: ignore[union-attr]
            draft.used.add(following)


def _is_plain_number(draft: Draft, at: int) -> bool:
    number = draft.marks[at].number
    return bool(number and _is_number(draft, at) and not number.percent and not number.money and 0 < number.value <= 1000)


def _ranked_entity(draft: Draft, at: int) -> None:
    """The first group after 'top N', past values ('top 5 Expenditures accounts')."""
    place = at
    while (following := draft.next(place)) is not None:
        mark = draft.marks[following]
        if following in draft.used and mark.sort is Sort.NUMBER or mark.is_ask(Ask.SINGLE) or mark.values:
            place = following
            continue
        if draft.is_rows(following):
            draft.rows = True
            draft.used.add(following)
        elif entity := draft.entity(following):
            draft.ranked = entity
            draft.groups.append(entity)
            draft.used.add(following)
        return


def _counts(draft: Draft) -> None:
    """'how many postings', 'number of different accounts', 'how many months'."""
    for at, mark in enumerate(draft.marks):
        if at in draft.used or not mark.is_ask(Ask.COUNT):
            continue
        place = draft.next(at, Ask.DISTINCT, Ask.ALL, Ask.OF, Ask.SINGLE)
        while place is not None and (draft.marks[place].values or draft.marks[place].sort is Sort.PERIOD):
            place = draft.next(place)
        if draft.is_rows(place):
            draft.count_rows = True
            draft.used |= {at, place or at}
        elif entity := draft.entity(place):
            draft.counted = entity
            draft.used |= {at, entity.at}
        elif draft.marks[at + 1 :] and any(m.values for m in draft.marks[at:]):
            draft.used.add(at)
            draft.rows = False
            draft.count_rows = False
            draft.counted = Entity(-1)
        draft.used |= {i for i, m in enumerate(draft.marks) if m.is_ask(Ask.DISTINCT)}


def _groups(draft: Draft) -> None:
    """'by department and month', 'per organization', 'each quarter'."""
    for at, mark in enumerate(draft.marks):
        if at in draft.used or not mark.is_ask(Ask.BY, Ask.PER):
            continue
        place = draft.next(at, Ask.DISTINCT, Ask.ALL, Ask.SINGLE, Ask.ROWS if mark.is_ask(Ask.BY) else Ask.DISTINCT)
        entity = draft.entity(place)
        if entity is None:
            _not_a_group(draft, at, place)
            continue
        if mark.is_ask(Ask.PER) and entity.grain and draft.asks(Ask.AVERAGE) and draft.per is None:
            draft.per = entity.grain
            draft.used |= {at, entity.at}
            continue
        draft.used.add(at)
        while entity:
            draft.groups.append(entity)
            draft.used.add(entity.at)
            following = draft.next(entity.at, Ask.AND, Ask.BY, Ask.PER)
            linked = following is not None and following - entity.at > 1 or (
                following is not None and "," in draft.words[draft.marks[following].start].before
            )
            entity = draft.entity(following) if linked and following not in draft.used else None
            if entity:
                draft.used |= set(range(draft.groups[-1].at, entity.at))


def _not_a_group(draft: Draft, at: int, place: int | None) -> None:
    """'by amount' and 'by Trade Sales' name the figure; 'per posting' says how the average is meant."""
    if place is None:
        return
    mark = draft.marks[place]
    if mark.is_ask(Ask.PER, Ask.ROWS) or draft.is_rows(place):
        draft.rows = True
        draft.used |= {at, place}
    elif mark.is_ask(Ask.SUM, Ask.COUNT, Ask.SHARE, Ask.GROWTH, Ask.CHANGE, Ask.VARIANCE) or mark.sort is Sort.PERIOD:
        draft.used.add(at)
    elif draft.marks[at].is_ask(Ask.BY) and (mark.values or draft.is_measure(mark.names)):
        draft.used.add(at)


def _asked(draft: Draft) -> None:
    """'which departments ...': the first group after the word, if one follows it directly."""
    for at, mark in enumerate(draft.marks):
        if at in draft.used or not mark.is_ask(Ask.WHICH):
            continue
        draft.used.add(at)
        place = draft.next(at, Ask.OF, Ask.ALL, Ask.DISTINCT, Ask.SINGLE)
        while place is not None and (draft.marks[place].values or place in draft.used and draft.marks[place].sort is Sort.NUMBER):
            place = draft.next(place)
        if place is not None and place not in draft.used and (entity := draft.entity(place)):
            draft.asked = entity
            draft.groups.insert(0, entity)
            draft.used.add(place)


def _averages(draft: Draft) -> None:
    """'average monthly', 'monthly average'; without an average the adjective groups: 'monthly Rent'."""
    averaged = draft.asks(Ask.AVERAGE)
    for at, mark in enumerate(draft.marks):
        if mark.sort is not Sort.GRAIN or not mark.adjective or at in draft.used:
            continue
        draft.used.add(at)
        if averaged and draft.per is None:
            draft.per = mark.grain
        elif not any(g.grain is mark.grain for g in draft.groups):
            draft.groups.append(Entity(at, grain=mark.grain))


def _values(draft: Draft) -> None:
    """Values, with what excludes them; and the measure, the fact table and columns that stand by themselves."""
    negating = False
    for at, mark in enumerate(draft.marks):
        if mark.is_ask(Ask.EXCLUDE):
            negating = True
        elif mark.sort is Sort.NAME and mark.values:
            draft.values.append(Said(at, mark.values[0], negating))
            draft.used |= {at, *(_excluder(draft, at) if negating else ())}
        elif mark.sort is not Sort.FILLER and not mark.is_ask(Ask.AND, Ask.OR, Ask.IN, Ask.OF, Ask.FROM, Ask.ALL):
            negating = False
        if mark.sort is Sort.NAME and not mark.values and at not in draft.used:
            _by_itself(draft, at)
        if mark.sort is Sort.GRAIN and at not in draft.used:
            draft.bare.append(Entity(at, grain=mark.grain))
            draft.used.add(at)


def _excluder(draft: Draft, at: int) -> tuple[int, ...]:
    return tuple(i for i in range(at - 1, -1, -1) if draft.marks[i].is_ask(Ask.EXCLUDE))[:1]


def _by_itself(draft: Draft, at: int) -> None:
    names = draft.marks[at].names
    if draft.is_fact(names):
        draft.facts.append(names[0].table)
        draft.rows = draft.rows or _means_rows(draft, at)
        draft.used.add(at)
    elif draft.is_measure(names):
        if not draft.measure or {n.path for n in draft.measure} == {n.path for n in names}:
            draft.measure = names
            draft.used.add(at)
    elif draft.is_date(names):
        if draft.asks(Ask.FIRST, Ask.LAST, Ask.WHEN):
            draft.used.add(at)
    elif _everything(draft, at):
        draft.used.add(at)
    else:
        draft.bare.append(Entity(at, names=names))
        draft.used.add(at)


def _means_rows(draft: Draft, at: int) -> bool:
    """'posting' is a word for rows, 'general ledger' for the table."""
    notes = draft.schema.notes(draft.marks[at].names[0].table)
    said = " ".join(w.norm for w in draft.words[draft.marks[at].start : draft.marks[at].end])
    return said not in ("ledger", "gl", "general ledger", (notes.name or "").lower())


def _everything(draft: Draft, at: int) -> bool:
    """'all departments except ...', 'across all departments', 'the whole company': no group is meant."""
    before = draft.previous(at)
    if before is None or not draft.marks[before].is_ask(Ask.ALL):
        return False
    following = draft.next(at)
    excluded = following is not None and draft.marks[following].is_ask(Ask.EXCLUDE)
    said = " ".join(w.norm for w in draft.words[draft.marks[before].start : draft.marks[before].end])
    return excluded or said in ("across", "across all", "over all", "whole", "entire")


def _rest(draft: Draft) -> None:
    """Phrases whose meaning the intent takes from the question as a whole, and those that only connect."""
    ledger = draft.schema
    for at, mark in enumerate(draft.marks):
        if mark.sort is Sort.FILLER or mark.is_ask(*_CONNECTORS, *_CHANGES):
            draft.used.add(at)
        if mark.is_ask(
            Ask.SUM, Ask.TOGETHER, Ask.AVERAGE, Ask.MEDIAN, Ask.MINIMUM, Ask.MAXIMUM, Ask.SHARE, Ask.MOM, Ask.QOQ, Ask.YOY,
            Ask.VARIANCE, Ask.VERSUS, Ask.RUNNING, Ask.YTD, Ask.RATIO, Ask.DIVIDED, Ask.LIST, Ask.CAME_FROM, Ask.CHART,
            Ask.BALANCE, Ask.DISTINCT,
        ):  # fmt: skip
            draft.used.add(at)
        if draft.is_rows(at) and mark.sort is Sort.ASK:
            draft.rows = True
            draft.used.add(at)
        if mark.is_ask(Ask.LEDGER_TALK) and any(_ledger_like(ledger, f.name) for f in ledger.facts()):
            draft.used.add(at)
        if mark.is_ask(Ask.FIRST, Ask.LAST, Ask.WHEN) and draft.rows | draft.asks(Ask.WHEN) | _names_date(draft):
            draft.used.add(at)


def _names_date(draft: Draft) -> bool:
    return any(draft.is_date(m.names) for m in draft.marks)


def _ledger_like(schema: Schema, table: str) -> bool:
    return any(schema.is_ledger_amount(f"{table}.{c.name}") for c in schema.measures(schema.tables[table]))

