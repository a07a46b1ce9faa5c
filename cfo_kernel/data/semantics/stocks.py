"""Decides which figures are balances at a date, from evidence in the rows and in the names.

It is wrong to sum a balance over time, and just as wrong not to sum a flow. A name alone never proves a balance: the
rows must also be states at dates (one row per key and date), or each must continue the previous one.
"""

from dataclasses import dataclass

from cfo_kernel.data.semantics.facts import DateFacts, TableFacts
from cfo_kernel.data.semantics.words import Sense, says, word_of
from cfo_kernel.data.tables import Column, Table

_EVEN = 0.6
_FULL = 0.6
"""The share of dates and entities that have a row, if rows with numbers of their own are states and not events."""
_STILL = 0.5
_CALM = 0.12
_WEEK = 7


@dataclass(frozen=True)
class StockEvidence:
    """The evidence for a balance. `is_doubtful` means that a person should be asked."""

    evidence: tuple[str, ...]
    confidence: float
    is_doubtful: bool = False


def stock_evidence(table: Table, facts: TableFacts, column: Column) -> StockEvidence | None:
    """The evidence that a column of figures is a balance, or None if it is a flow."""
    for balance, amount in facts.running:
        if balance == column.name and not any(b == amount and a == balance for b, a in facts.running):
            return StockEvidence((f"each value is that of the previous row plus {amount}",), 0.97)
    panel = facts.panel
    if panel is None or (_has_own_number(facts) and panel.fill < _FULL):
        return None
    for closing, opening in panel.carried:
        if column.name in (closing, opening) and (says(closing, Sense.CLOSING) or says(opening, Sense.OPENING)):
            return StockEvidence((f"each {opening} is the {closing} of the previous date",), 0.97)
    return _at_dates(table, facts, column)


def _has_own_number(facts: TableFacts) -> bool:
    """Whether each row has its own number, like a transaction."""
    return any(len(key) == 1 and (facts.panel is None or key[0] != facts.panel.date) for key in facts.keys)


def _at_dates(table: Table, facts: TableFacts, column: Column) -> StockEvidence | None:
    """The evidence for a balance in a table with one row for each key and date, or None."""
    panel = facts.panel
    if panel is None:
        return None
    when = facts.dates.get(panel.date, DateFacts())
    key = " and ".join(panel.entity) or "the table"
    once = f"{key} has one row for each {panel.date}"
    is_even = when.even >= _EVEN or when.days <= 2
    spaced = (f"the dates are about {when.gap} days apart",) if is_even and when.gap else ()
    names = _names_balance(column.name)
    if names:
        return StockEvidence((f"the name says {names!r}", once, *spaced), 0.95 if is_even else 0.8)
    if _names_flow(column.name):
        return None
    about = _names_balance(table.name)
    if about and is_even:
        return StockEvidence((f"the table's name says {about!r}", once, *spaced), 0.85)
    if says(panel.date, Sense.SNAPSHOT) and is_even:
        word = word_of(panel.date, Sense.SNAPSHOT)
        return StockEvidence((f"the name of {panel.date} says {word!r}", once, *spaced), 0.8)
    still = panel.unchanged.get(column.name, 0)
    is_calm = 0 < panel.change.get(column.name, 1) <= _CALM or still >= _STILL
    at_ends = says(panel.date, Sense.PERIOD_END) or (when.days > 1 and when.month_ends == when.days)
    if is_even and is_calm and (at_ends or still >= _STILL) and when.gap >= _WEEK:
        change = round(100 * panel.change.get(column.name, 0))
        evidence = (once, *spaced, f"the values change by only {change}% from date to date")
        return StockEvidence(evidence, 0.5, is_doubtful=True)
    return None


def _names_balance(name: str) -> str | None:
    """The word for a balance in a name. None if other words indicate a movement (`New MRR`, `headcount cost`)."""
    if says(name, Sense.CHANGE) or says(name, Sense.RATE):
        return None
    if says(name, Sense.STOCK):
        return word_of(name, Sense.STOCK)
    return word_of(name, Sense.HELD) if says(name, Sense.HELD) and not _names_flow(name) else None


def _names_flow(name: str) -> bool:
    return says(name, Sense.CHANGE) or (says(name, Sense.FLOW) and not says(name, Sense.VALUED))


def wide_stock(table: Table, label: str) -> StockEvidence | None:
    """The evidence that periods side by side are balances, from the name of the table or from its titles."""
    for name in (table.name, label):
        if word := _names_balance(name):
            return StockEvidence((f"the name of the table says {word!r}", "each column is a date"), 0.9)
    return None
