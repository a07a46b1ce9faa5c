"""What must not be added up because of what the tables mean, without any glossary."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from cfo_kernel.data.aggregates import AggregateFunction
from cfo_kernel.data.semantics.meaning import ColumnMeaning, Meaning, Role, TableKind, TableMeaning

_SURE = 0.7


class Guard(NamedTuple):
    """All rows that a figure combines must have one value of `column` (`table.column`).

    - `balance`: it is the date of a balance.
    - `running`: it is a balance after each row, which only the last row says.
    - `repeated`: it is the key of what the figure belongs to, which may count only once.
    - `apart`: it is a currency or a scenario.
    """

    column: str
    kind: Literal["balance", "running", "repeated", "apart"]


def guards(
    table: str, column: str, function: AggregateFunction, meaning: Meaning, *, is_added: bool
) -> Iterator[Guard]:
    """The guards for an aggregate over a column. `is_added`: its values, or the figures of groups, are added up."""
    known = meaning.table(table)
    found = known.column(column) if known else None
    if known is None or found is None or not found.role.facts.is_measure:
        return
    if is_added:
        yield from _of_balance(known, found)
    if function.is_total and len(found.once_for) == 1:
        yield Guard(f"{known.table}.{found.once_for[0]}", "repeated")
    # The glossary may name a currency in another table, for amounts that people do add up.
    for name in dict.fromkeys(filter(None, (found.unit_column, known.scenario))):
        if known.column(name):
            yield Guard(f"{known.table}.{name}", "apart")
    if known.scenario is None:
        yield from _scenarios_beyond(known, meaning)


def _of_balance(table: TableMeaning, column: ColumnMeaning) -> Iterator[Guard]:
    """The guard for a sum of balances."""
    if column.role is Role.STOCK and column.confidence >= _SURE and column.period is None:
        if table.kind is TableKind.FACT:
            yield Guard(f"{table.table}.{column.column}", "running")
        elif table.time_axis:
            yield Guard(f"{table.table}.{table.time_axis}", "balance")


def _scenarios_beyond(table: TableMeaning, meaning: Meaning) -> Iterator[Guard]:
    """The scenarios in tables to which the table refers."""
    for column in table.columns:
        target = meaning.table((column.refers_to or "").partition(".")[0])
        if target and target.scenario and target.table != table.table:
            yield Guard(f"{target.table}.{target.scenario}", "apart")
