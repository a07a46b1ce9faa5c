"""Finds sums across the columns of a table: totals of other columns, and balances that run from row to row."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from cfo_kernel.data.semantics.facts import SumFact
from cfo_kernel.data.semantics.key_facts import Ask
from cfo_kernel.data.tables import Column, Table
from cfo_kernel.sql_text import quoted

_SAMPLE = 120
_MOST_COLUMNS = 14
_CENT = 0.011
_FEWEST = 5
_MOST_FOUND = 12
_MOST_RUNNING = 30


async def sums(table: Table, columns: Sequence[Column], ask: Ask) -> tuple[SumFact, ...]:
    """The columns that are the sum of others in every row. Candidates come from a sample, and all rows confirm them."""
    if len(columns) < 3:
        return ()
    names = ", ".join(f"CAST({quoted(c.name)} AS DOUBLE)" for c in columns)
    half = table.row_count // 2 if table.row_count > 2 * _SAMPLE else 0
    rows = [*await ask(f"SELECT {names} FROM {quoted(table.name)} LIMIT {_SAMPLE}")]  # noqa: S608 - quoted
    if half:
        rows += await ask(f"SELECT {names} FROM {quoted(table.name)} LIMIT {_SAMPLE} OFFSET {half}")  # noqa: S608
    found = list(candidates([c.name for c in columns], rows))[:_MOST_FOUND]
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


def candidates(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[SumFact]:
    """The sums that hold in all rows of a sample. The longest run of neighbouring columns is tried first."""
    columns = [[float(row[i]) if row[i] is not None else 0.0 for row in rows] for i in range(len(names))]
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


async def running(table: Table, columns: Sequence[Column], ask: Ask) -> tuple[tuple[str, str], ...]:
    """Pairs (balance, amount) in which each balance is that of the row before or after, plus the amount."""
    named = [c for c in columns if c.distinct > 2][:8]
    pairs = [(a, b) for a in named for b in named if a is not b][:_MOST_RUNNING]
    if not pairs or table.row_count < _FEWEST:
        return ()
    at = {c.name: i for i, c in enumerate(named)}
    values = ", ".join(f"CAST({quoted(c.name)} AS DOUBLE) AS v{i}" for i, c in enumerate(named))
    lags = ", ".join(f"lag(v{i}) OVER (ORDER BY r) AS b{i}, lead(v{i}) OVER (ORDER BY r) AS n{i}" for i in at.values())
    tests = ", ".join(
        f"count(*) FILTER (abs(v{i} - b{i} - v{j}) < {_CENT} AND v{j} <> 0),"
        f" count(*) FILTER (abs(v{i} - n{i} - v{j}) < {_CENT} AND v{j} <> 0),"
        f" count(*) FILTER (v{i} IS NOT NULL AND v{j} <> 0)"
        for i, j in ((at[a.name], at[b.name]) for a, b in pairs)
    )
    numbered = f"SELECT {values}, row_number() OVER () AS r FROM {quoted(table.name)} LIMIT 20000"  # noqa: S608 - quoted
    [row] = await ask(f"SELECT {tests} FROM (SELECT *, {lags} FROM ({numbered}) AS a) AS b")  # noqa: S608 - quoted
    return tuple(
        (a.name, b.name)
        for (a, b), (down, up, rows) in zip(pairs, zip(*[iter(row)] * 3, strict=True), strict=True)
        if rows >= _FEWEST and max(down, up) >= 0.9 * (rows - 2)
    )
