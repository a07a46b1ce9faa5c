"""Finds sums across the columns of a table: totals of other columns, and balances that run from row to row."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

from cfo_kernel.data.semantics.facts import SumFact
from cfo_kernel.data.semantics.key_facts import Ask
from cfo_kernel.data.tables import Column, Table
from cfo_kernel.sql_text import quoted

_SAMPLE = 120
_MOST_COLUMNS = 14
_CENT = 0.011
_FEWEST = 5
_MOST_FOUND = 12
_MOST_RUNNING = 6
_MOST_ROWS = 20_000


Sample = Sequence[Sequence[float | None]]
"""The values of some rows, in the order of the file."""


async def sample(table: Table, columns: Sequence[Column], ask: Ask) -> Sample:
    """The first rows of the table, and some from its middle."""
    if len(columns) < 2:
        return ()
    names = ", ".join(f"CAST({quoted(c.name)} AS DOUBLE)" for c in columns)
    rows = [*await ask(f"SELECT {names} FROM {quoted(table.name)} LIMIT {_SAMPLE}")]  # noqa: S608 - quoted
    if table.row_count > 4 * _SAMPLE:
        half = table.row_count // 2
        rows += await ask(f"SELECT {names} FROM {quoted(table.name)} LIMIT {_SAMPLE} OFFSET {half}")  # noqa: S608
    return [[float(cell) if cell is not None else None for cell in row] for row in rows]


async def sums(table: Table, columns: Sequence[Column], rows: Sample, ask: Ask) -> tuple[SumFact, ...]:
    """The columns that are the sum of others in every row. Candidates come from a sample, and all rows confirm them."""
    names = [c.name for c in columns]
    found = (await asyncio.to_thread(lambda: [*candidates(names, rows)]))[:_MOST_FOUND] if len(columns) > 2 else []
    if not found:
        return ()
    wrong = ", ".join(f"count(*) FILTER (abs({_difference(fact)}) > {_CENT})" for fact in found)
    [row] = await ask(f"SELECT {wrong} FROM {quoted(table.name)}")  # noqa: S608 - quoted
    return tuple(fact for fact, count in zip(found, row, strict=True) if count <= 0.001 * table.row_count)


def _difference(fact: SumFact) -> str:
    def value(name: str) -> str:
        return f"coalesce(CAST({quoted(name)} AS DOUBLE), 0)"

    terms = "".join(f" - {value(name)}" for name in fact.plus) + "".join(f" + {value(name)}" for name in fact.minus)
    return f"CASE WHEN {quoted(fact.total)} IS NOT NULL THEN {value(fact.total)}{terms} END"


def candidates(names: Sequence[str], rows: Sample) -> Iterator[SumFact]:
    """The sums that hold in all rows of a sample. The longest run of neighbouring columns is tried first."""
    columns = [[row[i] or 0.0 for row in rows] for i in range(len(names))]
    live = [i for i, values in enumerate(columns) if any(values)][:_MOST_COLUMNS]
    done: set[int] = set()
    for total in live:
        for parts in _runs(total, live):
            if _adds_up(columns, total, parts, ()):
                done.add(total)
                yield SumFact(total=names[total], plus=tuple(names[i] for i in parts))
                break
    for total in live:
        if total in done:
            continue
        others = [i for i in live if i != total]
        for a, b in combinations(others, 2):
            for plus, minus in (((a, b), ()), ((a,), (b,)), ((b,), (a,))):
                if _adds_up(columns, total, plus, minus) and not (minus and minus[0] in done):
                    done.add(total)
                    yield SumFact(
                        total=names[total], plus=tuple(names[i] for i in plus), minus=tuple(names[i] for i in minus)
                    )
                    break
            if total in done:
                break


def _runs(total: int, live: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The runs of three or more columns directly before or after the total, the longest first."""
    at = live.index(total)
    for length in range(len(live) - 1, 2, -1):
        if at >= length:
            yield tuple(live[at - length : at])
        if at + length < len(live):
            yield tuple(live[at + 1 : at + 1 + length])


def _adds_up(columns: Sequence[Sequence[float]], total: int, plus: Sequence[int], minus: Sequence[int]) -> bool:
    """Whether the sum holds in all rows, and enough rows have at least two parts that are not zero."""
    telling = 0
    for row, value in enumerate(columns[total]):
        parts = [columns[i][row] for i in plus] + [-columns[i][row] for i in minus]
        if abs(sum(parts) - value) > _CENT:
            return False
        telling += value != 0 and sum(part != 0 for part in parts) > 1
    return telling >= _FEWEST


async def running(table: Table, columns: Sequence[Column], rows: Sample, ask: Ask) -> tuple[tuple[str, str], ...]:
    """Pairs (balance, amount) in which each balance is that of the row before or after, plus the amount."""
    at = {c.name: i for i, c in enumerate(columns) if c.distinct > 2}
    pairs = [(a, b) for a in at for b in at if a != b and _runs_on(rows, at[a], at[b])][:_MOST_RUNNING]
    if not pairs:
        return ()
    values = ", ".join(f"CAST({quoted(name)} AS DOUBLE) AS v{i}" for name, i in at.items())
    lags = ", ".join(f"lag(v{i}) OVER (ORDER BY r) AS b{i}, lead(v{i}) OVER (ORDER BY r) AS n{i}" for i in at.values())
    tests = ", ".join(
        f"count(*) FILTER (abs(v{i} - b{i} - v{j}) < {_CENT} AND v{j} <> 0),"
        f" count(*) FILTER (abs(v{i} - n{i} - v{j}) < {_CENT} AND v{j} <> 0),"
        f" count(*) FILTER (v{i} IS NOT NULL AND v{j} <> 0)"
        for i, j in ((at[a], at[b]) for a, b in pairs)
    )
    numbered = f"SELECT {values}, row_number() OVER () AS r FROM {quoted(table.name)} LIMIT {_MOST_ROWS}"  # noqa: S608
    [row] = await ask(f"SELECT {tests} FROM (SELECT *, {lags} FROM ({numbered}) AS a) AS b")  # noqa: S608 - quoted
    return tuple(
        pair
        for pair, (down, up, rows) in zip(pairs, zip(*[iter(row)] * 3, strict=True), strict=True)
        if _is_most(max(down, up), rows)
    )


def _runs_on(rows: Sample, balance: int, amount: int) -> bool:
    """Whether the balance runs on by the amount in the rows of a sample."""
    down = up = tested = 0
    for before, after in pairwise(rows):
        values = before[balance], after[balance], before[amount], after[amount]
        if None in values or not values[3] or not values[2]:
            continue
        first, last, earlier, later = (value or 0.0 for value in values)
        tested += 1
        down += abs(last - first - later) < _CENT
        up += abs(first - last - earlier) < _CENT
    return _is_most(max(down, up), tested)


def _is_most(right: int, tested: int) -> bool:
    return tested >= _FEWEST and right >= 0.9 * (tested - 2)
