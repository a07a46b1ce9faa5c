"""Lists the joins that the rows prove, and the dimensions that occur in several tables."""

from collections.abc import Iterator, Mapping, Sequence

from cfo_kernel.data.semantics.facts import Inclusion, RelationFacts
from cfo_kernel.data.semantics.meaning import DateKind, Dimension, JoinMeaning, Role, TableMeaning
from cfo_kernel.data.semantics.references import References
from cfo_kernel.data.semantics.words import about_same, tokens
from cfo_kernel.data.tables import Tables

_SHARE = 0.9
_FEWEST = 3
_MOST_PLACES = 1_000


def joins(meanings: Sequence[TableMeaning], found: References, relations: RelationFacts) -> Iterator[JoinMeaning]:
    """The joins by reference, between figures about the same thing, by ranges of codes, and by periods of validity."""
    for inclusion in (*found.of.values(), *found.joins):
        if inclusion.to_table != inclusion.table:
            yield _equal(inclusion)
    for between in relations.between:
        if between.share >= _SHARE:
            yield JoinMeaning(
                kind="range", table=between.table, to_table=between.to_table, column=between.column,
                low=between.low, high=between.high, matched=between.matched, rows=between.distinct,
                confidence=0.6 + 0.3 * between.share,
            )  # fmt: skip
    for target in meanings:
        yield from _intervals(target, meanings, found, relations)


def _equal(inclusion: Inclusion) -> JoinMeaning:
    pairs = tuple(zip(inclusion.columns, inclusion.to_columns, strict=True))
    return JoinMeaning(
        table=inclusion.table, to_table=inclusion.to_table, equal=pairs, matched=inclusion.matched,
        rows=inclusion.distinct, confidence=0.6 + 0.35 * inclusion.share,
    )  # fmt: skip


def _intervals(
    target: TableMeaning, meanings: Sequence[TableMeaning], found: References, relations: RelationFacts
) -> Iterator[JoinMeaning]:
    """Joins to rates or prices that are valid from a date, by a date of the table or of a table that refers to it."""
    low = next((c.column for c in target.columns if c.date is DateKind.VALID_FROM), None)
    if low is None:
        return
    high = next((c.column for c in target.columns if c.date is DateKind.VALID_TO), None)
    entity = [name for name in target.grain if name not in (low, high)]
    if len(entity) != 1:
        return
    sources = [(m, s) for m in meanings if (s := _same_thing(m, target, entity[0], found, relations))]
    dated = {meaning.table for meaning, _ in sources if meaning.time_axis}
    for meaning, source in sources:
        through = [a for a in _axes_of(meaning.table, meanings, found) if a.partition(".")[0] not in dated]
        for axis in [meaning.time_axis] if meaning.time_axis else through:
            yield JoinMeaning(
                kind="interval", table=meaning.table, to_table=target.table, equal=((source.columns[0], entity[0]),),
                column=axis, low=low, high=high, matched=source.matched, rows=source.distinct, confidence=0.85,
            )  # fmt: skip


def _same_thing(
    meaning: TableMeaning, target: TableMeaning, entity: str, found: References, relations: RelationFacts
) -> Inclusion | None:
    """The column of a table with the things that the target's rates are for, or None."""
    if meaning.table == target.table:
        return None
    direct = [
        i for i in relations.inclusions
        if (i.table, i.to_table, i.to_columns) == (meaning.table, target.table, (entity,))
        and i.share >= _SHARE and about_same(i.columns[0], entity)
    ]  # fmt: skip
    if direct:
        return max(direct, key=lambda i: i.share)
    own = found.of.get((target.table, entity))
    place = (own.to_table, own.to_columns) if own else None
    through = (i for (table, _), i in found.of.items() if table == meaning.table)
    return next((i for i in through if (i.to_table, i.to_columns) == place), None)


def _axes_of(table: str, meanings: Sequence[TableMeaning], found: References) -> list[str]:
    """The time axes, as `table.column`, of the tables that refer to a table that has none."""
    axes = {m.table: m.time_axis for m in meanings if m.time_axis}
    referring = [source for (source, _), i in found.of.items() if i.to_table == table and source in axes]
    return [f"{source}.{axes[source]}" for source in dict.fromkeys(referring)]


def dimensions(tables: Tables, meanings: Sequence[TableMeaning], found: References) -> Iterator[Dimension]:
    """Keys with all columns that refer to them, and attributes whose values occur in several tables."""
    by_key: dict[str, list[str]] = {}
    for (table, column), inclusion in found.of.items():
        key = f"{inclusion.to_table}.{inclusion.to_columns[0]}"
        by_key.setdefault(key, [key]).append(f"{table}.{column}")
    for key, columns in by_key.items():
        yield Dimension(name=_noun(key.partition(".")[2]), columns=tuple(dict.fromkeys(columns)))
    yield from _shared(tables, meanings, {c for columns in by_key.values() for c in columns})


def _shared(tables: Tables, meanings: Sequence[TableMeaning], taken: set[str]) -> Iterator[Dimension]:
    """Text columns in several tables with the same name and nearly the same values."""
    places: list[tuple[str, str, Mapping[str, int]]] = []
    for meaning in meanings:
        profiles = {c.name: c for c in tables[meaning.table].columns}
        for column in meaning.columns:
            profile = profiles.get(column.column)
            may_be = column.role in (Role.ATTRIBUTE, Role.NAME, Role.CODE, Role.KEY)
            if may_be and profile and profile.values and len(profile.values) >= _FEWEST:
                places.append((meaning.table, column.column, profile.values))
    del places[_MOST_PLACES:]  # each is compared with all others
    while places:
        table, name, values = places.pop(0)
        same = [p for p in places if p[0] != table and about_same(p[1], name) and _overlap(values, p[2])]
        if same and f"{table}.{name}" not in taken:
            places = [p for p in places if p not in same]
            yield Dimension(name=_noun(name), columns=(f"{table}.{name}", *(f"{t}.{c}" for t, c, _ in same)))


def _overlap(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    return len(one.keys() & other.keys()) >= 0.8 * min(len(one), len(other))


def _noun(name: str) -> str:
    return " ".join(tokens(name)) or name
