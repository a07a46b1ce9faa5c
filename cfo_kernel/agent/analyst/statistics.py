"""Finds what an average, median, minimum or maximum is taken over: individual postings or the totals of periods.

'average Rent posting' averages postings; 'average monthly Rent' and 'Rent in an average month' average monthly totals.
"""

from dataclasses import replace

from cfo_kernel.agent.analyst.draft import Draft, Entity
from cfo_kernel.agent.analyst.marks import Sort
from cfo_kernel.agent.analyst.phrases import FUNCTIONS, Ask
from cfo_kernel.agent.analyst.reading import NotUnderstood
from cfo_kernel.data.plan import Grain

EXTREMES = (Ask.MINIMUM, Ask.MAXIMUM, Ask.HIGH, Ask.LOW)
MEANS = tuple(ask for ask in FUNCTIONS if ask not in EXTREMES)
"""The functions that differ between rows and totals, so that a question has to say which it means."""
_POSTED = ("posted", "booked", "recorded", "registered")


def statistics(draft: Draft) -> None:
    """Finds what the question's statistics are taken over. Must run before its periods are read as groups."""
    _typical(draft)
    _single(draft)
    means, extremes = draft.asks(*MEANS), draft.asks(*EXTREMES)
    if not means and not extremes:
        return
    for at, mark in enumerate(draft.marks):
        if means and mark.sort is Sort.PERIOD and draft.words[mark.start].norm == "year" and _directly(draft, at):
            draft.per = draft.per or Grain.YEAR  # the 'year' in 'in an average year 2011 to 2012'
        if mark.sort is not Sort.GRAIN or mark.grain is None or draft.per:
            continue
        if means and (mark.adjective or _one_period(draft, at)):
            draft.per = mark.grain
            draft.used |= {at, *_per(draft, at)}
        elif extremes and not means and mark.adjective and not _said_again(draft, at):
            _highest_period(draft, at)


def _typical(draft: Draft) -> None:
    """Reads 'in a typical month' as 'in an average month'. 'typical Rent' remains ambiguous."""
    for at, mark in enumerate(draft.marks[:-1]):
        if mark.is_ask(Ask.TYPICAL) and draft.marks[at + 1].sort is Sort.GRAIN:
            draft.marks[at] = replace(mark, ask=Ask.AVERAGE)


def _single(draft: Draft) -> None:
    """Reads 'largest single Rent amount' and 'average amount booked' as statistics over postings."""
    if not draft.asks(*MEANS, *EXTREMES):
        return
    for at, mark in enumerate(draft.marks):
        if mark.is_ask(Ask.SINGLE) and not _grouped(draft, at):
            draft.rows = True
            draft.used.add(at)
        following = draft.marks[at + 1] if at + 1 < len(draft.marks) else None
        if following is None or not draft.is_measure(mark.names):
            continue
        words = (w.norm for w in draft.words[following.start : following.end])
        if following.sort is Sort.FILLER and any(w in _POSTED for w in words):
            draft.rows = True


def _grouped(draft: Draft, at: int) -> bool:
    """Whether the mark belongs to a group: 'by each single department'."""
    before = draft.previous(at, Ask.DISTINCT, Ask.ALL)
    return before is not None and draft.marks[before].is_ask(Ask.BY, Ask.PER)


def _one_period(draft: Draft, at: int) -> bool:
    """Whether an average is taken over these periods: 'average month', 'per month', 'a month', 'of a month'.

    In a question about postings, 'per month' asks for groups instead.
    """
    before = draft.marks[at - 1] if at else None
    if before is None:
        return False
    if _directly(draft, at):
        return draft.marks[at].length == 1
    if before.is_ask(Ask.PER):
        return not draft.says_rows() or draft.asks(Ask.COUNT)
    return before.sort is Sort.FILLER and draft.words[before.start].norm in ("a", "an")


def _directly(draft: Draft, at: int) -> bool:
    """Whether 'average' or 'median' comes just before the mark."""
    before = draft.marks[at - 1] if at else None
    return before is not None and before.is_ask(*MEANS) and draft.words[before.start].norm != "on"


def _per(draft: Draft, at: int) -> set[int]:
    return {at - 1} if at and draft.marks[at - 1].is_ask(Ask.PER) else set()


def _said_again(draft: Draft, at: int) -> bool:
    """Whether another mark has the same grain, as in 'which month had the highest monthly Rent'."""
    grain = draft.marks[at].grain
    return any(m.grain is grain and i != at for i, m in enumerate(draft.marks))


def _highest_period(draft: Draft, at: int) -> None:
    """Ranks periods by their totals for 'highest monthly Rent' or 'minimum quarterly Rent'."""
    high, low = draft.asks(Ask.HIGH, Ask.MAXIMUM), draft.asks(Ask.LOW, Ask.MINIMUM)
    if high and low:
        raise NotUnderstood("I can look for either the highest or the lowest, but not for both at once.")
    draft.order = "desc" if high else "asc"
    draft.ranked = Entity(at, grain=draft.marks[at].grain)
    draft.groups.append(draft.ranked)
    draft.used |= {at, *(i for i, m in enumerate(draft.marks) if m.is_ask(Ask.MINIMUM, Ask.MAXIMUM))}
    draft.ranks_totals = True
