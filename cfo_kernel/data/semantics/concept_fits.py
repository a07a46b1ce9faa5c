"""Finds the parts of finance measures in a company's tables: a column, or a line, whose name is that of the part.

A line is a value of an account, category or line item column, in the table itself or in a table that its rows refer to.
The figure of a line comes from the only column that can be summed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from cfo_kernel.data import currencies
from cfo_kernel.data.plan import Aggregate, Filter, Scalar
from cfo_kernel.data.semantics.finance_library import Concept, FinanceLibrary
from cfo_kernel.data.semantics.meaning import ColumnMeaning, Meaning, Role, TableMeaning
from cfo_kernel.data.semantics.words import tokens
from cfo_kernel.data.tables import Column, Kind, Table, Tables

_LABELS = (Role.NAME, Role.ATTRIBUTE, Role.KEY, Role.CODE)
_ADDITIONS = frozenset(
    ("amount", "value", "betrag", "wert", "montant", "importe", "importo", "valor", "bedrag", "belopp", "kwota")
)
_CODES = frozenset(code.lower() for code in currencies.CODES)
_YES = frozenset(
    ("y", "yes", "true", "1", "x", "ja", "j", "oui", "si", "sí", "sim", "tak", "t", "billable", "chargeable")
)


@dataclass(frozen=True)
class ConceptFit:
    """A part of a measure in a table: its figure, and `place`, which describes where it is.

    `is_negative` says whether a cost is stored as a negative number. It is None as long as only the rows can show that.
    """

    table: str
    figure: Aggregate
    place: str
    is_negative: bool | None = False
    is_name: bool = False


def concept_fits(library: FinanceLibrary, tables: Tables, meaning: Meaning) -> Mapping[tuple[str, str], ConceptFit]:
    """The fit of each concept in each table that has exactly one, by table and concept."""
    found: dict[tuple[str, str], ConceptFit] = {}
    for described in meaning.tables:
        table = tables.get(described.table)
        if table is None:
            continue
        for name, concept in library.concepts.items():
            columns = list(_columns(concept, table, described))
            fits = columns or list(_lines(concept, table, described, tables, meaning))
            names = [fit for fit in fits if fit.is_name]  # a line called Revenue, rather than the type of many lines
            fits = names or fits
            if len(fits) == 1:
                found[described.table, name] = fits[0]
    for name, concept in library.concepts.items():
        for described in meaning.tables:
            table, whole = tables.get(described.table), found.get((described.table, concept.of or ""))
            if table and whole and (described.table, name) not in found and (part := _flagged(concept, table, whole)):
                found[described.table, name] = part
    return found


def _columns(concept: Concept, table: Table, described: TableMeaning) -> Iterator[ConceptFit]:
    """The columns of the table that the concept names."""
    for column in described.columns:
        profile = table.column(column.column)
        if profile is None or column.role not in concept.roles or column.period or not _names(concept, column.column):
            continue
        place = f"{table.name}.{column.column}"
        figure = Aggregate(fn="count_distinct" if concept.counts else "sum", column=place)
        yield ConceptFit(table.name, figure, place, _is_negative(profile) if concept.is_cost else False)


def _is_negative(column: Column) -> bool | None:
    """Whether all figures in a column are negative, or None if they have mixed signs."""
    low, high = (Decimal(end) if end else Decimal(0) for end in (column.minimum, column.maximum))
    return None if low < 0 < high else low < 0


def _lines(
    concept: Concept, table: Table, described: TableMeaning, tables: Tables, meaning: Meaning
) -> Iterator[ConceptFit]:
    """The lines of the table that the concept names, provided that a single column contains their figures."""
    if concept.counts or (figure := _only_figure(concept, described)) is None:
        return
    for label_table, column, role in _labels(table, tables, meaning):
        values = [value for value in column.values or () if _names(concept, value)]
        if len(values) != 1:
            continue
        where = Filter(column=f"{label_table}.{column.name}", op="=", value=values[0])
        yield ConceptFit(
            table.name,
            Aggregate(fn="sum", column=f"{table.name}.{figure.column}", where=(where,)),
            f"{table.name}.{figure.column} where {label_table}.{column.name} is {values[0]}",
            None if concept.is_cost else False,
            role is Role.NAME,
        )


def _only_figure(concept: Concept, described: TableMeaning) -> ColumnMeaning | None:
    """The column that contains the figure of each line, or None if there is not exactly one."""
    figures = [c for c in described.columns if c.role.facts.adds_over_rows and not c.period and not c.total_of]
    return figures[0] if len(figures) == 1 and figures[0].role in concept.roles else None


def _labels(table: Table, tables: Tables, meaning: Meaning) -> Iterator[tuple[str, Column, Role]]:
    """The text columns that may name lines, in the table and in the tables that its rows refer to."""
    joins = [j for j in meaning.joins if j.table.lower() == table.name.lower() and len(j.equal) == 1 and not j.column]
    reached = [table.name, *(join.to_table for join in joins)]
    for name in dict.fromkeys(reached):
        described, other = meaning.table(name), tables.get(name)
        for column in described.columns if described and other else ():
            profile = other.column(column.column) if other else None
            if profile and profile.kind is Kind.TEXT and column.role in _LABELS:
                yield name, profile, column.role


def _flagged(concept: Concept, table: Table, whole: ConceptFit) -> ConceptFit | None:
    """The part of another concept's figure in rows with a yes in a column that is named like one of the flags."""
    for column in table.columns:
        if column.kind is Kind.TEXT and any(tokens(column.name) == tokens(word) for word in concept.flag):
            yes = [value for value in column.values or () if value.strip().lower() in _YES]
            if len(yes) == 1:
                where = Filter(column=f"{table.name}.{column.name}", op="=", value=_scalar(yes[0]))
                figure = whole.figure.model_copy(update={"where": (*whole.figure.where, where)})
                return replace(whole, figure=figure, place=f"{whole.place} where {column.name} is {yes[0]}")
    return None


def _scalar(value: str) -> Scalar:
    return value


def _names(concept: Concept, name: str) -> bool:
    """Whether a name is one of the concept's words, ignoring a currency or a word such as "amount" at its end."""
    said = _plain(name)
    while len(said) > 1 and (said[-1] in _CODES or said[-1] in _ADDITIONS):
        said = said[:-1]
    return any(said == _plain(word) for word in concept.words)


def _plain(name: str) -> tuple[str, ...]:
    return tokens(name) or (name.strip(),)
