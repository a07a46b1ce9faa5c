"""Turns the marks of a question into a draft: groups, counts, ranks, thresholds and filters.

Rules record every mark that they understand in `used`. The user is asked about any mark that remains unused.
"""

from dataclasses import replace

from cfo_kernel.agent.analyst.bounds import bounds, ranks, years_that_are_numbers
from cfo_kernel.agent.analyst.draft import Draft, Entity, Said
from cfo_kernel.agent.analyst.lexicon import Name
from cfo_kernel.agent.analyst.marks import Mark, Sort
from cfo_kernel.agent.analyst.periods import Period
from cfo_kernel.agent.analyst.phrases import FUNCTIONS, MONEY_TALK, Ask
from cfo_kernel.agent.analyst.ranges import when
from cfo_kernel.agent.analyst.reading import NotUnderstood
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.statistics import statistics
from cfo_kernel.agent.analyst.words import Word
from cfo_kernel.data.plan import Grain

_ENDS = (Grain.MONTH, Grain.QUARTER, Grain.YEAR)
_CHANGES = (Ask.CHANGE, Ask.GROWTH, Ask.DIFFERENCE, Ask.COMPARE)
_FIGURES = (Ask.SUM, Ask.COUNT, Ask.SHARE, Ask.GROWTH, Ask.CHANGE, Ask.VARIANCE, *FUNCTIONS)
_CONNECTORS = (Ask.AND, Ask.OR, Ask.IN, Ask.OF, Ask.FROM, Ask.ALL, Ask.AS, Ask.COMPARE)


def read(words: tuple[Word, ...], marks: list[Mark], schema: Schema) -> Draft:
    """Applies all rules to the marks, the most specific rules first."""
    marks = years_that_are_numbers(words, marks)
    draft = Draft(words, marks, schema)
    finer = any(m.sort is Sort.GRAIN for m in marks) or draft.asks(Ask.MOM, Ask.QOQ, Ask.YOY, Ask.RUNNING)
    between = draft.asks(Ask.DIFFERENCE) and not _set_against(marks)
    from_to = between or (draft.asks(Ask.CHANGE, Ask.GROWTH) and not finer)
    ytd = draft.asks(Ask.YTD) and not draft.asks(Ask.RUNNING) and not any(m.sort is Sort.GRAIN for m in marks)
    draft.when = when(
        marks, words, from_to=from_to, listed=draft.asks(Ask.COMPARE) and not _set_against(marks), ytd=ytd
    )
    draft.used |= draft.when.used
    if draft.when.to_date:
        draft.used |= {i for i, m in enumerate(marks) if m.is_ask(Ask.YTD)}
    for rule in (_ends, statistics, bounds, ranks, _counts, _groups, _asked, _adjectives, _values, _rest):
        rule(draft)
    if not draft.facts:
        dated = [m.names for m in marks if draft.is_date(m.names) and len({n.table for n in m.names}) == 1]
        draft.facts += [names[0].table for names in dated[:1]]
    return draft


def _set_against(marks: list[Mark]) -> bool:
    """Whether the question names two values in one column, and therefore compares these values, not periods."""
    paths = [m.values[0].path for m in marks if m.values]
    return len(set(paths)) < len(paths)


def _counts(draft: Draft) -> None:
    """Reads counts: 'how many postings', 'number of different accounts', 'how many months'."""
    for at, mark in enumerate(draft.marks):
        if at in draft.used or not mark.is_ask(Ask.COUNT):
            continue
        place = draft.next(at, Ask.DISTINCT, Ask.ALL, Ask.OF, Ask.SINGLE, Ask.SUM)
        while place is not None and (draft.marks[place].values or draft.marks[place].sort is Sort.PERIOD):
            place = draft.next(place)
        if draft.is_rows(place):
            draft.count_rows = True
            draft.used.add(at)
            draft.take_rows(place or at)
        elif entity := draft.entity(place):
            draft.counted = entity
            draft.used |= {at, entity.at}
        elif draft.marks[at + 1 :] and any(m.values for m in draft.marks[at:]):
            draft.used.add(at)
            draft.rows = False
            draft.count_rows = False
            draft.counted = Entity(-1)


def _ends(draft: Draft) -> None:
    """Reads 'at the end of each quarter' and 'month-end', which ask for the balance at the end of each period."""
    for at, mark in enumerate(draft.marks):
        grain, place = None, at
        if mark.is_ask(Ask.END_OF) and at not in draft.used:
            each = draft.next(at)
            following = draft.next(at, Ask.BY, Ask.PER) if each is not None else None
            if each is None or following is None or not draft.marks[each].is_ask(Ask.BY, Ask.PER):
                continue
            last = draft.marks[following]
            grain, place = (last.grain if last.sort is Sort.GRAIN and not last.adjective else None), following
        elif mark.is_ask(Ask.YEAR_END):
            grain = _grain_of(draft, at)
            if at in draft.used:
                if not draft.when.moment or not all(_is_finer(grain, p) for p in draft.when.periods):
                    continue
                draft.when = replace(draft.when, moment=False)
        if grain not in _ENDS:
            continue
        before = draft.previous(at)
        if mark.is_ask(Ask.YEAR_END) and before is not None and draft.marks[before].is_ask(Ask.BY, Ask.PER, Ask.ALL):
            draft.used.add(before)
        draft.ends = grain
        draft.groups.append(Entity(place, grain=grain))
        draft.used |= set(range(at, place + 1))


def _grain_of(draft: Draft, at: int) -> Grain:
    """The kind of period whose end the mark names, such as a month for 'month end'."""
    mark = draft.marks[at]
    said = " ".join(w.norm for w in draft.words[mark.start : mark.end])
    return next((g for g in (Grain.MONTH, Grain.QUARTER) if g.value in said), Grain.YEAR)


def _is_finer(grain: Grain, period: Period) -> bool:
    """Whether the grain is finer than the period, which means that several such ends lie within the period."""
    order = (Grain.DAY, Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR)
    return period.grain is None or order.index(grain) < order.index(period.grain)


def _groups(draft: Draft) -> None:
    """Reads groups: 'by department and month', 'per organization', 'each quarter'."""
    for at, mark in enumerate(draft.marks):
        if at in draft.used or not mark.is_ask(Ask.BY, Ask.PER):
            continue
        place = draft.next(at, Ask.DISTINCT, Ask.ALL, Ask.SINGLE, Ask.ROWS if mark.is_ask(Ask.BY) else Ask.DISTINCT)
        entity = draft.entity(place)
        if entity is None:
            _not_a_group(draft, at, place)
            continue
        draft.used.add(at)
        while entity:
            draft.groups.append(entity)
            draft.used.add(entity.at)
            following = draft.next(entity.at, Ask.AND, Ask.BY, Ask.PER)
            linked = (following is not None and following - entity.at > 1) or (
                following is not None and "," in draft.words[draft.marks[following].start].before
            )
            entity = draft.entity(following) if linked and following not in draft.used else None
            if entity:
                draft.used |= set(range(draft.groups[-1].at, entity.at))


def _not_a_group(draft: Draft, at: int, place: int | None) -> None:
    """Reads 'by' and 'per' without a group: 'by amount' names the figure, and 'per posting' what to average."""
    if place is None:
        return
    mark = draft.marks[place]
    if mark.is_ask(Ask.PER, Ask.ROWS) or draft.is_rows(place):
        draft.rows = True
        draft.used.add(at)
        draft.take_rows(place)
        return
    figure = mark.values or (draft.marks[at].is_ask(Ask.BY) and draft.is_measure(mark.names))
    if mark.sort is Sort.PERIOD:
        said = " ".join(w.text for w in draft.words[draft.marks[at].start : mark.end])
        raise NotUnderstood(
            f"I do not know whether '{said}' means during that period or up to then. Say 'in' or 'until'."
        )
    if mark.is_ask(*_FIGURES) or mark.adjective or figure:
        draft.used.add(at)


def _asked(draft: Draft) -> None:
    """Reads 'which departments ...': groups by the entity after 'which', if it follows directly."""
    for at, mark in enumerate(draft.marks):
        if at in draft.used or not mark.is_ask(Ask.WHICH):
            continue
        draft.used.add(at)
        place = draft.next(at, Ask.OF, Ask.ALL, Ask.DISTINCT, Ask.SINGLE)
        while place is not None and (
            draft.marks[place].values or (place in draft.used and draft.marks[place].sort is Sort.NUMBER)
        ):
            place = draft.next(place)
        if place is not None and place not in draft.used and (entity := draft.entity(place)):
            draft.asked = entity
            draft.groups.insert(0, entity)
            draft.used.add(place)


def _adjectives(draft: Draft) -> None:
    """Reads 'monthly Rent' as Rent by month, unless a statistic has already used the adjective."""
    for at, mark in enumerate(draft.marks):
        if mark.sort is not Sort.GRAIN or not mark.adjective or at in draft.used:
            continue
        draft.used.add(at)
        if not any(g.grain is mark.grain for g in draft.groups):
            draft.groups.append(Entity(at, grain=mark.grain))


def _values(draft: Draft) -> None:
    """Reads values and their exclusions, and names that no other rule has used: measures, fact tables, columns."""
    negating = False
    excluded: Name | None = None  # 'without Germany Salaries' excludes Germany only
    joined: Ask | None = None
    for at, mark in enumerate(draft.marks):
        joined = mark.ask if mark.is_ask(Ask.IN, Ask.OF, Ask.FROM) else joined
        if mark.is_ask(Ask.EXCLUDE):
            negating, excluded = True, None
        elif mark.sort is Sort.NAME and mark.values:
            same = excluded is None or draft.schema.names_alike(mark.values[0].path, excluded.path)
            if negating and excluded:
                _one_exclusion(draft, at, joined, same=same)
            joined = None
            excluded = excluded or mark.values[0]
            negating = negating and same
            draft.values.append(Said(at, mark.values[0], negating))
            draft.used |= {at, *(_excluder(draft, at) if negating else ())}
        elif mark.sort is not Sort.FILLER and not mark.is_ask(Ask.AND, Ask.OR, Ask.IN, Ask.OF, Ask.FROM, Ask.ALL):
            negating = False
        if mark.sort is Sort.NAME and not mark.values and at not in draft.used:
            _by_itself(draft, at)
        if mark.sort is Sort.GRAIN and at not in draft.used:
            draft.bare.append(Entity(at, grain=mark.grain))
            draft.used.add(at)


def _one_exclusion(draft: Draft, at: int, joined: Ask | None, *, same: bool) -> None:
    """Raises for 'excluding A of B' and 'excluding A and B', where B may be excluded too or may limit the question."""
    before = draft.previous(at)
    listed = not same and before is not None and draft.marks[before].is_ask(Ask.AND, Ask.OR)
    within = " ".join(word.text for word in draft.words[draft.marks[at - 1].start : draft.marks[at].start])
    if listed or joined is Ask.OF or (same and (joined is not None or "within" in within)):
        name = draft.marks[at].values[0].value
        raise NotUnderstood(
            f"I do not know whether '{name}' is also excluded, or only limits the exclusion. "
            "Name what you want first: "
            f"'... of {name} excluding ...'."
        )


def _excluder(draft: Draft, at: int) -> tuple[int, ...]:
    return tuple(i for i in range(at - 1, -1, -1) if draft.marks[i].is_ask(Ask.EXCLUDE))[:1]


def _by_itself(draft: Draft, at: int) -> None:
    names = draft.marks[at].names
    if draft.is_fact(names):
        draft.facts.append(names[0].table)
        draft.rows = draft.rows or draft.means_rows(at)
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


def _everything(draft: Draft, at: int) -> bool:
    """Whether the name means everything, not a group: 'across all departments', 'the whole company'."""
    before = draft.previous(at)
    if before is None or not draft.marks[before].is_ask(Ask.ALL):
        return False
    following = draft.next(at)
    excluded = following is not None and draft.marks[following].is_ask(Ask.EXCLUDE)
    said = " ".join(w.norm for w in draft.words[draft.marks[before].start : draft.marks[before].end])
    across = said == "across" and draft.asks(Ask.SUM)
    return excluded or across or said in ("across all", "over all", "whole", "entire")


def _rest(draft: Draft) -> None:
    """Marks as used the connecting words, and the phrases whose meaning depends on the question as a whole."""
    ledger = draft.schema
    for at, mark in enumerate(draft.marks):
        if mark.sort is Sort.FILLER or mark.is_ask(*_CONNECTORS, *_CHANGES):
            draft.used.add(at)
        if mark.is_ask(
            *FUNCTIONS, Ask.SUM, Ask.TOGETHER, Ask.SHARE, Ask.MOM, Ask.QOQ, Ask.YOY, Ask.VARIANCE, Ask.VERSUS,
            Ask.RUNNING, Ask.YTD, Ask.RATIO, Ask.DIVIDED, Ask.LIST, Ask.CAME_FROM, Ask.CHART, Ask.BALANCE,
        ):  # fmt: skip
            draft.used.add(at)
        if draft.is_rows(at) and mark.sort is Sort.ASK:
            draft.rows = True
            draft.used.add(at)
        if mark.is_ask(Ask.TO) and _of_a_verb(draft, at):
            draft.used.add(at)
        if mark.is_ask(*MONEY_TALK) and any(ledger_like(ledger, f.name) for f in ledger.facts()):
            draft.used.add(at)
        if mark.is_ask(Ask.DISTINCT) and (draft.asks(Ask.COUNT, Ask.LIST, Ask.WHICH) or _before_group(draft, at)):
            draft.used.add(at)
        if mark.is_ask(Ask.SINGLE) and _before_group(draft, at):
            draft.used.add(at)
        if mark.is_ask(Ask.SINGLE) and (draft.is_rows(draft.next(at)) or draft.is_rows(draft.previous(at))):
            draft.used.add(at)
        if mark.is_ask(Ask.BETWEEN) and draft.asks(*_CHANGES, Ask.SHARE, Ask.RATIO, Ask.VARIANCE):
            draft.used.add(at)
        if mark.is_ask(Ask.FIRST, Ask.LAST, Ask.WHEN) and draft.rows | draft.asks(Ask.WHEN) | _names_date(draft):
            draft.used.add(at)


def _of_a_verb(draft: Draft, at: int) -> bool:
    """Whether 'to' belongs to a verb ('posted to', 'want to know') or to a comparison that other rules handle."""
    beside = draft.marks[max(0, at - 1) : at] + draft.marks[at + 1 : at + 2]
    values = at + 1 < len(draft.marks) and bool(draft.marks[at + 1].values)
    if draft.is_rows(draft.previous(at)):
        return True
    return any(m.sort is Sort.FILLER for m in beside) or (values and draft.asks(Ask.COMPARE, Ask.RATIO, Ask.BETWEEN))


def _before_group(draft: Draft, at: int) -> bool:
    """Whether a group follows, as in 'by different departments' or 'each single organization'."""
    following = draft.next(at)
    return following is not None and any(e.at == following for e in draft.groups)


def _names_date(draft: Draft) -> bool:
    return any(draft.is_date(m.names) for m in draft.marks)


def ledger_like(schema: Schema, table: str) -> bool:
    """Whether any measure of the table is an amount of money."""
    return any(schema.is_ledger_amount(f"{table}.{c.name}") for c in schema.measures(schema.tables[table]))
