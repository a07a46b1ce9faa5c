"""Decides which columns refer to rows of another table, or to parents in their own table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cfo_kernel.data.semantics.facts import Inclusion, RelationFacts, TableFacts
from cfo_kernel.data.semantics.periods_across import across
from cfo_kernel.data.semantics.relation_facts import shape
from cfo_kernel.data.semantics.words import Sense, about_same, says, subject
from cfo_kernel.data.tables import Column, Kind, Table, Tables

_ALL = 0.98
_MOST_OF = 0.9
_MANY = 20
_SOME = 5


@dataclass(frozen=True)
class References:
    """The best inclusion of each column, by table and column; the parents; and joins that are not references.

    Such a join leads to a table that only has figures for the same thing, such as targets for a grade.
    """

    of: Mapping[tuple[str, str], Inclusion]
    parents: Mapping[str, Inclusion]
    joins: tuple[Inclusion, ...]

    def targets(self) -> frozenset[str]:
        """The tables that others refer to."""
        return frozenset(i.to_table for i in self.of.values() if i.to_table != i.table)


def references(tables: Tables, facts: Mapping[str, TableFacts], relations: RelationFacts) -> References:
    """The references: columns of which nearly all values occur in the key of a table."""
    by_column: dict[tuple[str, str], list[Inclusion]] = {}
    for inclusion in _with_series(relations.inclusions, tables):
        by_column.setdefault((inclusion.table, inclusion.columns[0]), []).append(inclusion)
    found: dict[tuple[str, str], Inclusion] = {}
    parents: dict[str, Inclusion] = {}
    joins: list[Inclusion] = []
    for place, inclusions in by_column.items():
        holding = [i for i in inclusions if _holds(i, tables)]
        own = [i for i in holding if i.to_table == i.table and _is_parent(i, tables, facts)]
        if own:
            parents[place[0]] = found[place] = own[0]
            continue
        others = [i for i in holding if i.to_table != i.table]
        things = sorted(_things(others, tables, facts), key=lambda i: _rank(i, tables, facts))
        best = [i for i in things if _one_form(i, things[0], tables)]
        if best:
            found[place] = best[0]
        joins += best[1:]
        taken = {i.to_table for i in best}
        joins += [i for i in others if i.to_table not in taken and _is_join(i, tables, facts)]
    return References(found, parents, tuple(joins))


def _with_series(inclusions: Sequence[Inclusion], tables: Tables) -> Iterator[Inclusion]:
    """The inclusions, with those in tables of the same form, such as the orders of two years, counted together."""
    together: dict[tuple[object, ...], list[Inclusion]] = {}
    for inclusion in inclusions:
        form, own = _form(tables[inclusion.to_table]), _form(tables[inclusion.table])
        alone = inclusion.to_table if own == form else ""  # files of one form do not refer to each other
        place = (inclusion.table, inclusion.columns, inclusion.to_columns, form, alone)
        together.setdefault(place, []).append(inclusion)
    for found in together.values():
        matched = sum(i.matched for i in found)
        if len(found) > 1 and matched <= found[0].distinct:
            yield from (i.model_copy(update={"matched": matched}) for i in found)
        else:
            yield from found


def _form(table: Table) -> tuple[tuple[str, Kind], ...]:
    return tuple((c.name, c.kind) for c in table.columns)


def _one_form(one: Inclusion, other: Inclusion, tables: Tables) -> bool:
    is_same = one.to_columns == other.to_columns and one.matched == other.matched
    return is_same and _form(tables[one.to_table]) == _form(tables[other.to_table])


def _column(tables: Tables, table: str, name: str) -> Column:
    column = tables[table].column(name)
    if column is None:
        raise KeyError(name)
    return column


def _holds(inclusion: Inclusion, tables: Tables) -> bool:
    column = _column(tables, inclusion.table, inclusion.columns[0])
    target = inclusion.to_columns[0]
    is_named = about_same(column.name, target) or about_same(column.name, inclusion.to_table)
    if column.kind is Kind.TIME:
        return inclusion.share >= _ALL and column.distinct > 1
    if is_named:
        return inclusion.share >= _MOST_OF
    other = _column(tables, inclusion.to_table, target)
    is_coded = shape(column.minimum or "") == shape(other.minimum or "") and _has_code(column) and _has_code(other)
    return inclusion.share >= _ALL and inclusion.distinct >= (_SOME if is_coded else _MANY)


def _has_code(column: Column) -> bool:
    """Whether the first value is a code with digits and other characters, such as LS-009 or 00417."""
    text = column.minimum or ""
    return column.kind is Kind.TEXT and len(text) >= 3 and any(c.isdigit() for c in text) and " " not in text


def _is_parent(inclusion: Inclusion, tables: Tables, facts: Mapping[str, TableFacts]) -> bool:
    """Whether the column names a row's parent: a key of the same table, empty for the top of the tree."""
    column = _column(tables, inclusion.table, inclusion.columns[0])
    is_key = (inclusion.to_columns[0],) in facts[inclusion.table].keys
    has_top = column.nulls > 0 or says(column.name, Sense.PARENT)
    is_few = column.distinct < tables[inclusion.table].row_count
    return is_key and has_top and is_few and inclusion.share == 1


def _things(inclusions: Sequence[Inclusion], tables: Tables, facts: Mapping[str, TableFacts]) -> Iterator[Inclusion]:
    """The inclusions whose target is the key of a thing that has attributes, or the number of a document."""
    for inclusion in inclusions:
        table, target = tables[inclusion.table], tables[inclusion.to_table]
        source, key = inclusion.columns[0], inclusion.to_columns[0]
        is_key = (key,) in facts[target.name].keys
        is_document = any(g.by == key and (g.once or len(g.constant) > 1) for g in facts[target.name].groups)
        if across(target.columns).periods or not (is_key or is_document) or not has_attributes(target, key):
            continue
        column, other = _column(tables, table.name, source), _column(tables, target.name, key)
        if column.kind is Kind.TIME:
            continue
        is_own_key = facts[table.name].keys[:1] == ((source,),)
        is_smaller = column.distinct < other.distinct or _attributes(table, source) < _attributes(target, key)
        if is_own_key and not (is_key and is_smaller):
            continue
        yield inclusion


def has_attributes(table: Table, key: str) -> bool:
    """Whether a table has more than figures about the things that it lists."""
    return _attributes(table, key) > 0


def _attributes(table: Table, key: str) -> int:
    return sum(c.kind in (Kind.TEXT, Kind.TIME) and c.name != key for c in table.columns)


def _rank(inclusion: Inclusion, tables: Tables, facts: Mapping[str, TableFacts]) -> tuple[bool, bool, bool, int]:
    """A sort key that puts the best reference first: a real key, with the same name, in a small table."""
    source, key = inclusion.columns[0], inclusion.to_columns[0]
    is_key = (key,) in facts[inclusion.to_table].keys
    same = subject(source) == subject(key) or about_same(source, inclusion.to_table)
    return (not is_key, source != key, not same, tables[inclusion.to_table].row_count)


def _is_join(inclusion: Inclusion, tables: Tables, facts: Mapping[str, TableFacts]) -> bool:
    """Whether the column leads to a row in a table of figures for the same thing, by a key with the same name."""
    source, key = inclusion.columns[0], inclusion.to_columns[0]
    column = _column(tables, inclusion.table, source)
    is_key = (key,) in facts[inclusion.to_table].keys
    if column.kind is Kind.TIME:
        return is_key and inclusion.share == 1 and subject(source) == subject(key)
    is_own_key = (source,) in facts[inclusion.table].keys
    return is_key and not is_own_key and column.distinct > 1 and about_same(source, key)
