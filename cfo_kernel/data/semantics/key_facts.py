"""Finds the smallest sets of columns that identify the rows of a table."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import combinations
from typing import Any

from cfo_kernel.data.semantics.periods_across import across
from cfo_kernel.data.semantics.words import Sense, says
from cfo_kernel.data.tables import Column, Kind, Table
from cfo_kernel.sql_text import quoted

Ask = Callable[[str], Awaitable[Sequence[Sequence[Any]]]]
"""Runs a SELECT and returns its rows."""

_MOST_PARTS = 4
_MOST_COLUMNS = 10
_MOST_SETS = 60
_SAMPLE = 20_000
_MOST_KEYS = 3


async def keys(table: Table, ask: Ask) -> tuple[tuple[str, ...], ...]:
    """The keys with the fewest columns, best first: those without figures, then those further to the left.

    A set of columns is tried on the first rows before all of them, because most sets fail there.
    """
    periods, totals = across(table.columns)
    columns = [c for c in table.columns if may_be_key(c) and c.name not in periods and c.name not in totals]
    single = [c for c in columns if table.is_unique(c) and _names_rows(table, c)]
    if single:
        return tuple((c.name,) for c in sorted(single, key=_is_figure)[:_MOST_KEYS])
    parts = [c for c in columns if not c.nulls and c.distinct > 1]
    parts = sorted(parts, key=_is_figure)[:_MOST_COLUMNS]
    for count in range(2, _MOST_PARTS + 1):
        sets = list(_sets(table, parts, count))[:_MOST_SETS]
        rows = f"(SELECT * FROM {quoted(table.name)} LIMIT {_SAMPLE})"  # noqa: S608 - quoted
        found = await _unique(sets, rows, ask)
        if found and table.row_count > _SAMPLE:
            found = await _unique(found[:_MOST_KEYS], quoted(table.name), ask)
        if found:
            return tuple(tuple(c.name for c in columns) for columns in found[:_MOST_KEYS])
    return ()


async def dated_keys(table: Table, dates: Sequence[Column], ask: Ask) -> tuple[tuple[str, ...], ...]:
    """Keys of a date and other columns, in a table whose rows also have a number of their own."""
    others = [c for c in table.columns if c.kind is Kind.TEXT or says(c.name, Sense.CODE)]
    others = [c for c in others if may_be_key(c) and not c.nulls and 1 < c.distinct < table.row_count]
    for count in (1, 2):
        sets = [(day, *some) for day in dates for some in combinations(others[:_MOST_COLUMNS], count)][:_MOST_SETS]
        sets = [columns for columns in sets if _combinations(columns) >= table.row_count]
        if found := await _unique(sets, quoted(table.name), ask):
            return tuple(tuple(c.name for c in columns) for columns in found[:_MOST_KEYS])
    return ()


def _combinations(columns: Sequence[Column]) -> int:
    product = 1
    for column in columns:
        product *= max(column.distinct, 1)
    return product


def _names_rows(table: Table, column: Column) -> bool:
    """Whether a unique column may identify the rows, unlike whole numbers that are distinct by chance."""
    if not _is_figure(column) or column is table.columns[0]:
        return True
    span = int(column.maximum or 0) - int(column.minimum or 0)
    return span <= 2 * table.row_count


def may_be_key(column: Column) -> bool:
    """Whether a column can be part of a key: text, dates, and whole numbers that are not named like amounts."""
    if column.kind in (Kind.TEXT, Kind.TIME):
        return True
    if column.kind is not Kind.NUMBER or column.scale or column.type.startswith(("DOUBLE", "FLOAT")):
        return False
    if says(column.name, Sense.CODE) or says(column.name, Sense.LINE) or says(column.name, Sense.PERIOD):
        return True
    return not (says(column.name, Sense.FLOW) or says(column.name, Sense.STOCK) or says(column.name, Sense.COUNT))


def _is_figure(column: Column) -> bool:
    is_named = says(column.name, Sense.CODE) or says(column.name, Sense.LINE) or says(column.name, Sense.PERIOD)
    return column.kind is Kind.NUMBER and not is_named


def _sets(table: Table, parts: Sequence[Column], count: int) -> Iterator[tuple[Column, ...]]:
    """Sets of columns with enough combinations of values for all rows."""
    for columns in combinations(parts, count):
        if _combinations(columns) >= table.row_count:
            yield columns


async def _unique(sets: Sequence[tuple[Column, ...]], rows: str, ask: Ask) -> list[tuple[Column, ...]]:
    """The sets of columns in which no combination of values occurs twice."""
    if not sets:
        return []
    counts = ", ".join(f"count(DISTINCT ({', '.join(quoted(c.name) for c in columns)}))" for columns in sets)
    [[total, *found]] = await ask(f"SELECT count(*), {counts} FROM {rows} AS rows_of_table")  # noqa: S608 - quoted
    return [columns for columns, distinct in zip(sets, found, strict=True) if distinct == total]
