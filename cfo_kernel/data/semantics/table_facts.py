"""Counts what the rows of a table show about its columns, with a few queries."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from cfo_kernel.data.semantics import arithmetic, key_facts
from cfo_kernel.data.semantics.facts import DateFacts, GroupFacts, NumberFacts, PanelFacts, TableFacts
from cfo_kernel.data.semantics.key_facts import Ask
from cfo_kernel.data.semantics.periods_across import across, period_in
from cfo_kernel.data.semantics.words import Sense, says
from cfo_kernel.data.tables import Column, Kind, Table
from cfo_kernel.sql_text import quoted

_MOST_DAYS = 4000
_MOST_PERIODS = 400
_MOST_COLUMNS = 200
_MOST_GROUPINGS = 3
_MOST_MEASURES = 24
_MONTH = range(28, 32)
_WEEK, _EVEN, _FEWEST = 7, 0.6, 3


async def table_facts(table: Table, ask: Ask) -> TableFacts:
    """The facts of a table. Raises a `QueryError` if its rows cannot be read."""
    if not table.row_count or not table.columns:
        return TableFacts()
    columns = table.columns[:_MOST_COLUMNS]
    wide = across(columns)
    numbers = [c for c in columns if c.kind is Kind.NUMBER]
    measures = [c for c in numbers if c.name not in wide.periods and not _names_thing(c)][:_MOST_MEASURES]
    keys = await key_facts.keys(table, ask)
    rows = await arithmetic.sample(table, measures, ask)
    dated = await _dates(table, columns, ask)
    if all(len(key) == 1 for key in keys):
        spaced = [c for c in columns if c.name in dated and _may_be_snapshot(table, dated[c.name])]
        dated_keys = await key_facts.dated_keys(table, spaced, ask) if spaced else ()
    else:
        dated_keys = ()
    return TableFacts(
        keys=keys,
        numbers=await _numbers(table, numbers, ask),
        dates=dated,
        groups=await _groups(table, columns, ask),
        panel=await _panel(table, (*keys, *dated_keys), measures, ask),
        sums=await arithmetic.sums(table, measures, rows, ask),
        running=await arithmetic.running(table, measures, rows, ask),
        ordered=await _ordered(table, columns, ask),
    )


def _names_thing(column: Column) -> bool:
    """Whether the numbers of a column name things, such as accounts, instead of measuring them."""
    is_named = says(column.name, Sense.CODE) or says(column.name, Sense.LINE) or is_period(column)
    return is_named and key_facts.may_be_key(column)


def _may_be_snapshot(table: Table, when: DateFacts) -> bool:
    """Whether many rows share each date, and the dates are weeks or months apart."""
    return when.days > 1 and when.gap >= _WEEK and when.even >= _EVEN and table.row_count >= _FEWEST * when.days


async def _numbers(table: Table, columns: Sequence[Column], ask: Ask) -> dict[str, NumberFacts]:
    if not columns:
        return {}
    figures = [
        f"count({c}), count(*) FILTER ({c} < 0), count(*) FILTER ({c} = 0), count(*) FILTER ({c} = floor({c}))"
        for c in (quoted(column.name) for column in columns)
    ]
    [row] = await ask(f"SELECT {', '.join(figures)} FROM {quoted(table.name)}")  # noqa: S608 - quoted
    return {
        column.name: NumberFacts(filled=f, negative=n, zero=z, whole=w)
        for column, (f, n, z, w) in zip(columns, zip(*[iter(row)] * 4, strict=True), strict=True)
    }


async def _dates(table: Table, columns: Sequence[Column], ask: Ask) -> dict[str, DateFacts]:
    """Facts about each column of dates, and of periods such as 2024-01."""
    found: dict[str, DateFacts] = {}
    for column in columns:
        if column.kind is Kind.TIME:
            name = quoted(column.name)
            sql = f"SELECT DISTINCT CAST({name} AS DATE) FROM {quoted(table.name)} WHERE {name} IS NOT NULL"  # noqa: S608
            rows = await ask(f"{sql} ORDER BY 1 LIMIT {_MOST_DAYS}")
            found[column.name] = days([date.fromisoformat(str(row[0])[:10]) for row in rows])
        elif is_period(column):
            found[column.name] = _periods(column)
    return found


def is_period(column: Column) -> bool:
    """Whether all strings in a column are periods, such as 2024-01, or all its numbers are years or other periods."""
    if column.kind is Kind.TEXT and column.values:
        return len(column.values) <= _MOST_PERIODS and all(period_in(text) for text in column.values)
    if column.kind is not Kind.NUMBER or column.scale or not column.minimum or not column.maximum:
        return False
    ends = [column.minimum, column.maximum]
    if not all(end.lstrip("-").isdigit() for end in ends):
        return False
    low, high = map(int, ends)
    is_named = says(column.name, Sense.PERIOD)
    is_years = 1980 <= low <= high <= 2100 and (is_named or (high - low < 30 and column.distinct <= 30))
    return is_named and (is_years or 1 <= low <= high <= 53 or 198001 <= low <= high <= 210012)


def days(found: Sequence[date]) -> DateFacts:
    """The facts about these distinct days, which are in order."""
    if not found:
        return DateFacts()
    gaps = [(later - earlier).days for earlier, later in pairwise(found)]
    usual = max(set(gaps), key=gaps.count, default=0)
    if usual in _MONTH:
        even = sum(gap in _MONTH for gap in gaps)
    elif usual in range(89, 93):
        even = sum(gap in range(89, 93) for gap in gaps)
    else:
        even = gaps.count(usual)
    return DateFacts(
        days=len(found),
        month_ends=sum(_is_month_end(day) for day in found),
        month_starts=sum(day.day == 1 for day in found),
        gap=usual,
        even=even / len(gaps) if gaps else 0,
        first=found[0].isoformat(),
        last=found[-1].isoformat(),
    )


def _is_month_end(day: date) -> bool:
    return day.toordinal() < date.max.toordinal() and date.fromordinal(day.toordinal() + 1).day == 1


def _periods(column: Column) -> DateFacts:
    texts = sorted(column.values or [column.minimum or "", column.maximum or ""])
    return DateFacts(days=column.distinct, even=1, gap=30, first=texts[0], last=texts[-1])


async def _groups(table: Table, columns: Sequence[Column], ask: Ask) -> tuple[GroupFacts, ...]:
    """Which columns are constant, or filled only once, in rows with the same value in a column of codes or text."""
    found: list[GroupFacts] = []
    for by in list(_groupings(table, columns))[:_MOST_GROUPINGS]:
        others = [c for c in columns if c.name != by.name]
        name = quoted(by.name)
        inner = ", ".join(
            f"(min({c}) = max({c})) AS s{i}, count({c}) AS f{i}"
            for i, c in enumerate(quoted(column.name) for column in others)
        )
        outer = ", ".join(
            f"count(*) FILTER (s{i} AND f{i} = n), count(*) FILTER (f{i} = 1), count(*) FILTER (f{i} > 1)"
            for i in range(len(others))
        )
        source = f"SELECT count(*) AS n, {inner} FROM {quoted(table.name)} WHERE {name} IS NOT NULL GROUP BY {name}"  # noqa: S608
        [[groups, *rest]] = await ask(f"SELECT count(*), {outer} FROM ({source} HAVING count(*) > 1) AS g")  # noqa: S608
        if not groups:
            continue
        counts = list(zip(others, zip(*[iter(rest)] * 3, strict=True), strict=True))
        constant = tuple(c.name for c, (same, _, _) in counts if same == groups)
        once = tuple(c.name for c, (_, one, more) in counts if one and not more and one >= 0.02 * groups)
        found.append(GroupFacts(by=by.name, groups=groups, constant=constant, once=once))
    return tuple(found)


def _groupings(table: Table, columns: Sequence[Column]) -> Iterator[Column]:
    """Columns that may group rows into things with several rows each, those with the most distinct values first."""
    may = [
        c
        for c in columns
        if key_facts.may_be_key(c) and c.kind is not Kind.TIME and 1 < c.distinct < table.row_count - c.nulls
    ]
    first = [c for c in columns[:1] if c in may and c.distinct > 2]
    ranked = [*first, *sorted((c for c in may if c not in first), key=lambda c: -c.distinct)]
    yield from (c for c in ranked if c.distinct > 2)


async def _panel(
    table: Table, keys: Sequence[Sequence[str]], measures: Sequence[Column], ask: Ask
) -> PanelFacts | None:
    """How the figures of each thing change from date to date, if a key consists of a date and that thing."""
    for key in keys:
        columns = [c for name in key if (c := table.column(name))]
        dates = [c for c in columns if c.kind is Kind.TIME or is_period(c)]
        if len(dates) == 1 and dates[0].distinct > 1:
            break
    else:
        return None
    entity = tuple(c.name for c in columns if c is not dates[0])
    part = f"PARTITION BY {', '.join(map(quoted, entity))} " if entity else ""
    over = f"OVER ({part}ORDER BY {quoted(dates[0].name)})"
    figures = [c for c in measures if c.name not in key]
    pairs = [(a, b) for a in figures for b in figures if a is not b][:60] if 2 <= len(figures) <= 8 else []
    lags = ", ".join(f"CAST({quoted(c.name)} AS DOUBLE) AS v{i}" for i, c in enumerate(figures))
    before = ", ".join(f"lag(CAST({quoted(c.name)} AS DOUBLE)) {over} AS b{i}" for i, c in enumerate(figures))
    at = {c.name: i for i, c in enumerate(figures)}
    wanted = ["count(*)", f"count(DISTINCT ({', '.join(map(quoted, entity))}))" if entity else "1"]
    wanted += [
        f"avg(CASE WHEN v{i} = b{i} THEN 1.0 WHEN b{i} IS NOT NULL THEN 0.0 END), avg(abs(v{i} - b{i})), avg(abs(v{i}))"
        for i in range(len(figures))
    ]
    wanted += [
        f"count(*) FILTER (v{i} = b{j}), count(*) FILTER (v{i} <> b{j})"
        for i, j in ((at[b.name], at[a.name]) for a, b in pairs)
    ]
    keyed = ", ".join(map(quoted, entity))
    shown = ", ".join(part for part in (keyed, lags, before) if part) or "1"
    [[_, entities, *row]] = await ask(
        f"SELECT {', '.join(wanted)} FROM (SELECT {shown} FROM {quoted(table.name)}) AS r"  # noqa: S608 - quoted
    )
    unchanged: dict[str, float] = {}
    change: dict[str, float] = {}
    for i, column in enumerate(figures):
        same, moved, level = (_number(value) for value in row[3 * i : 3 * i + 3])
        unchanged[column.name] = same
        change[column.name] = moved / level if level else 0
    rest = row[3 * len(figures) :]
    carried = tuple(
        (a.name, b.name)
        for (a, b), (same, other) in zip(pairs, zip(*[iter(rest)] * 2, strict=True), strict=True)
        if same >= 3 and same > 20 * other
    )
    varying = tuple(pair for pair in carried if change.get(pair[0], 0) > 0 and unchanged.get(pair[0], 1) < 0.9)
    return PanelFacts(
        date=dates[0].name, entity=entity, dates=dates[0].distinct, entities=int(entities or 1),
        fill=table.row_count / (dates[0].distinct * int(entities or 1)),
        unchanged=unchanged, change=change, carried=varying,
    )  # fmt: skip


async def _ordered(table: Table, columns: Sequence[Column], ask: Ask) -> tuple[tuple[str, str], ...]:
    """Pairs of dates, or of neighbouring codes, in which the first is never greater than the second."""
    usable = [c for c in columns if c.kind is Kind.TIME or (key_facts.may_be_key(c) and c.distinct > 2)][:16]
    pairs = [(a, b) for i, a in enumerate(usable) for b in usable[i + 1 :] if a.type == b.type]
    pairs = [(a, b) for a, b in pairs if a.kind is Kind.TIME or (says(a.name, Sense.LOW) and says(b.name, Sense.HIGH))]
    if not pairs:
        return ()
    counts = ", ".join(
        f"count(*) FILTER ({quoted(a.name)} > {quoted(b.name)}), count(*) FILTER ({quoted(a.name)} <= {quoted(b.name)})"
        for a, b in pairs
    )
    [row] = await ask(f"SELECT {counts} FROM {quoted(table.name)}")  # noqa: S608 - quoted
    return tuple(
        (a.name, b.name) for (a, b), (wrong, right) in zip(pairs, zip(*[iter(row)] * 2, strict=True), strict=True)
        if right and not wrong
    )  # fmt: skip


def _number(value: Any) -> float:
    return float(value) if value is not None else 0.0
