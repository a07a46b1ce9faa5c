"""Counts the values that several tables have in common: columns that refer to others, and ranges of codes."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice

from cfo_kernel.data.semantics.facts import Between, Inclusion, RelationFacts, TableFacts
from cfo_kernel.data.semantics.key_facts import Ask, may_be_key
from cfo_kernel.data.semantics.words import Sense, about_same, says, subject
from cfo_kernel.data.tables import Column, Kind, Table, Tables
from cfo_kernel.errors import QueryError
from cfo_kernel.sql_text import quoted

_MOST_PAIRS = 400
_MOST_COMPARED = 200_000
_FEWEST_COMPARED = 50
_MOST_RANGES = 40
_BATCH = 8
_FEW = 20
_DENSE = 0.5
Place = tuple[Table, Column]


async def relation_facts(tables: Tables, facts: Mapping[str, TableFacts], ask: Ask) -> RelationFacts:
    """The facts about all tables together. Raises a `QueryError` if their rows cannot be read."""
    everything = list(tables.values())
    pairs = await asyncio.to_thread(likely_pairs, everything, facts)
    inclusions = [counted for source, target in pairs if (counted := _from_profiles(source, target))]
    known = {(i.table, i.columns, i.to_table, i.to_columns) for i in inclusions}
    left = [
        (source, target)
        for source, target in pairs
        if (source[0].name, (source[1].name,), target[0].name, (target[1].name,)) not in known
    ]
    for start in range(0, len(left), _BATCH):
        inclusions += await _counted(left[start : start + _BATCH], ask)
    between = await _between(everything, facts, ask)
    return RelationFacts(inclusions=tuple(i for i in inclusions if i.matched), between=tuple(between))


def identities(table: Table, facts: TableFacts) -> Iterator[Column]:
    """The columns of a table whose values identify something: keys, parts of dated keys, and numbers of documents."""
    names = [key[0] for key in facts.keys if len(key) == 1]
    if facts.panel:
        names += facts.panel.entity
    names += [group.by for group in facts.groups if group.once or len(group.constant) > 1]
    yield from (c for name in dict.fromkeys(names) if (c := table.column(name)))


def likely_pairs(tables: Sequence[Table], facts: Mapping[str, TableFacts]) -> list[tuple[Place, Place]]:
    """Pairs of a column and a column of identities that it may refer to, the most likely first.

    With many columns, not each is compared with each identity, but those with a word in common first.
    """
    places = [(t, c) for t in tables for c in t.columns if may_be_key(c) and c.distinct]
    keys = [(t, c) for t in tables for c in identities(t, facts[t.name])]
    each = max(_MOST_COMPARED // max(len(keys), 1), _FEWEST_COMPARED)
    by_word: dict[str, list[Place]] = {}
    if len(places) > each:
        for place in places:
            for word in subject(place[1].name):
                by_word.setdefault(word, []).append(place)
    found: list[tuple[int, Place, Place]] = []
    for target, key in keys:
        words = subject(key.name) | subject(target.name)
        near = chain.from_iterable(by_word.get(word, ()) for word in sorted(words))
        for table, column in islice(chain(near, places), each) if by_word else places:
            if (table is target and column is key) or not _may_refer(column, key, target):
                continue
            is_named = about_same(column.name, key.name) or about_same(column.name, target.name)
            found.append((0 if is_named else 1, (table, column), (target, key)))
    pairs = ((source, target) for _, source, target in sorted(found, key=lambda one: one[0]))
    different = {(s[0].name, s[1].name, t[0].name, t[1].name): (s, t) for s, t in pairs}
    return list(islice(different.values(), _MOST_PAIRS))


def _may_refer(column: Column, key: Column, target: Table) -> bool:
    if not column.is_comparable(key):
        return False
    if column.kind is Kind.TIME:
        return column.type == key.type and key.distinct == target.row_count
    is_named = about_same(column.name, key.name) or about_same(column.name, target.name)
    if column.kind is Kind.NUMBER:
        low, high = _ends(column), _ends(key)
        is_inside = low[0] >= high[0] and low[1] <= high[1]
        is_dense = key.distinct > _DENSE * (high[1] - high[0] + 1)  # anything between its ends is one of its values
        return is_named or (is_inside and not is_dense and says(column.name, Sense.CODE))
    if column.values is not None and key.values is not None:
        return True
    return is_named or (key.distinct >= _FEW and _shape(column) == _shape(key))


def _ends(column: Column) -> tuple[float, float]:
    try:
        return float(column.minimum or 0), float(column.maximum or 0)
    except ValueError:
        return 0, 0


def shape(text: str) -> str:
    """The form of a code, in which consecutive letters or digits count once: `LS-009` has the form `A-0`."""
    return re.sub(r"[^\W\d_]+", "A", re.sub(r"\d+", "0", text))


def _shape(column: Column) -> str:
    return shape(column.minimum or "")


def _from_profiles(source: Place, target: Place) -> Inclusion | None:
    """The inclusion of a text column if both columns' profiles list all values, or else None."""
    column, key = source[1].values, target[1].values
    if column is None or key is None:
        return None
    return _inclusion(source, target, sum(value in key for value in column), len(column))


def _inclusion(source: Place, target: Place, matched: int, distinct: int) -> Inclusion:
    (table, column), (other, key) = source, target
    return Inclusion(
        table=table.name, columns=(column.name,), to_table=other.name, to_columns=(key.name,),
        matched=matched, distinct=distinct,
    )  # fmt: skip


async def _counted(pairs: Sequence[tuple[Place, Place]], ask: Ask) -> list[Inclusion]:
    queries = [
        f"SELECT {i} AS i, count(*), count(*) FILTER (v IN (SELECT {quoted(key.name)} FROM {quoted(other.name)}))"  # noqa: S608
        f" FROM ({_distinct(table, column)}) AS s{i}"
        for i, ((table, column), (other, key)) in enumerate(pairs)
    ]
    rows: list[tuple[int, int, int]] = [(i, distinct, matched) for i, distinct, matched in await ask(_united(queries))]
    return [_inclusion(*pairs[i], matched, distinct) for i, distinct, matched in rows]


def _united(queries: Sequence[str]) -> str:
    return " UNION ALL ".join(queries)


def _distinct(table: Table, column: Column) -> str:
    name = quoted(column.name)
    return f"SELECT DISTINCT {name} AS v FROM {quoted(table.name)} WHERE {name} IS NOT NULL"  # noqa: S608 - quoted


async def _between(tables: Sequence[Table], facts: Mapping[str, TableFacts], ask: Ask) -> list[Between]:
    """For columns that may refer to the ranges of another table, how many values lie in a range.

    Ranges that take too long to compare are left out with those after them, because each would take as long.
    """
    found: list[Between] = []
    try:
        for place, target, low, high in islice(_ranges(tables, facts), _MOST_RANGES):
            found.append(await _lies(*place, target, low, high, ask))
    except QueryError:
        return found
    return found


def _ranges(tables: Sequence[Table], facts: Mapping[str, TableFacts]) -> Iterator[tuple[Place, Table, Column, Column]]:
    for target in tables:
        for first, second in facts[target.name].ordered:
            low, high = target.column(first), target.column(second)
            if low is None or high is None or low.kind is Kind.TIME:
                continue
            for table in tables:
                for column in table.columns if table is not target else ():
                    if may_be_key(column) and column.is_comparable(low) and about_same(column.name, first):
                        yield (table, column), target, low, high


async def _lies(table: Table, column: Column, target: Table, low: Column, high: Column, ask: Ask) -> Between:
    """How many distinct values of the column lie in one of the ranges."""
    ends = f"t.{quoted(low.name)} AND t.{quoted(high.name)}"
    inside = f"EXISTS (SELECT 1 FROM {quoted(target.name)} AS t WHERE v BETWEEN {ends})"  # noqa: S608 - quoted
    [[distinct, matched]] = await ask(
        f"SELECT count(*), count(*) FILTER ({inside}) FROM ({_distinct(table, column)}) AS s"  # noqa: S608 - quoted
    )
    return Between(
        table=table.name, column=column.name, to_table=target.name, low=low.name, high=high.name,
        matched=matched, distinct=distinct,
    )  # fmt: skip
