"""Resolves the measures of the finance library, if each of their parts has exactly one fit in a company's data.

A measure with all parts in one table gets the expression that computes it in a plan. A measure with parts in several
tables, or one that needs the number of days in a period, gets its parts instead: each is a separate figure, and the
caller combines them as `text` says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from cfo_kernel.data.measure_expressions import Call, Name, Node, Number, Operation, parse
from cfo_kernel.data.plan import Arithmetic, Constant, Expression, Filter, Ratio
from cfo_kernel.data.semantics.concept_fits import ConceptFit, concept_fits
from cfo_kernel.data.semantics.finance_library import DAYS, FinanceLibrary, LibraryMeasure, finance_library
from cfo_kernel.data.semantics.meaning import Meaning, MeasureMeaning, MeasurePart
from cfo_kernel.data.tables import Tables
from cfo_kernel.sql_text import quoted, text_literal

Fits = Mapping[tuple[str, str], ConceptFit]
"""The fit of a concept in a table, by table and concept."""


@dataclass(frozen=True)
class SignQuery:
    """A query for the sign of a cost. It returns one row with -1, 0, 1 or null."""

    key: tuple[str, str]
    sql: str


def sign_queries(fits: Fits, meaning: Meaning) -> Iterator[SignQuery]:
    """Queries for the signs that the profiles do not show."""
    for key, fit in fits.items():
        if fit.is_negative is None and fit.figure.column:
            table, _, column = fit.figure.column.partition(".")
            conditions = [_condition(fit.table, filter_, meaning) for filter_ in fit.figure.where]
            where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
            yield SignQuery(key, f"SELECT sign(sum({quoted(column)})) FROM {quoted(table)}{where}")  # noqa: S608 - quoted


def _condition(table: str, filter_: Filter, meaning: Meaning) -> str:
    """SQL for the rows of a table with this value, in one of its own columns or in a table that its rows refer to."""
    other, _, column = filter_.column.partition(".")
    value = f"{quoted(column)} = {text_literal(str(filter_.value))}"
    if other.lower() == table.lower():
        return value
    join = next(j for j in meaning.joins if (j.table, j.to_table) == (table, other) and len(j.equal) == 1)
    [(own, key)] = join.equal
    return f"{quoted(own)} IN (SELECT {quoted(key)} FROM {quoted(other)} WHERE {value})"  # noqa: S608 - quoted


def with_signs(fits: Fits, signs: Mapping[tuple[str, str], int | None]) -> Fits:
    """The fits, with the signs that the queries returned. A cost without rows counts as positive."""
    return {
        key: replace(fit, is_negative=(signs.get(key) or 0) < 0) if fit.is_negative is None else fit
        for key, fit in fits.items()
    }


def library_fits(tables: Tables, meaning: Meaning) -> Fits:
    """The fits of all concepts in the library."""
    return concept_fits(finance_library(), tables, meaning)


def library_measures(fits: Fits) -> tuple[MeasureMeaning, ...]:
    """The measures that have exactly one fit, each described with the columns that it uses."""
    library = finance_library()
    found = [_resolved(name, measure, library, fits) for name, measure in library.measures.items()]
    return tuple(measure for measure in found if measure)


def _resolved(name: str, measure: LibraryMeasure, library: FinanceLibrary, fits: Fits) -> MeasureMeaning | None:
    node = _expanded(parse(measure.expression), library)
    concepts = list(dict.fromkeys(concepts_in(node)))
    needed = [concept for concept in concepts if concept != DAYS]
    whole = [table for table in dict.fromkeys(t for t, _ in fits) if all((table, c) in fits for c in needed)]
    if len(whole) > 1:
        return None
    parts = [fits[whole[0], concept] for concept in needed] if whole else [_only(fits, concept) for concept in needed]
    if any(part is None for part in parts):
        return None
    used = {concept: part for concept, part in zip(needed, parts, strict=True) if part}
    one_plan = len(whole) == 1 and DAYS not in concepts
    places = "; ".join(f"{_words(concept)} is {part.place}" for concept, part in used.items())
    return MeasureMeaning(
        table=used[needed[0]].table,
        name=name,
        expression=_expression(node, used) if one_plan else None,
        parts=() if one_plan else tuple(_part(concept, part) for concept, part in used.items()),
        text=_words(_text(node)),
        description=f"{measure.explanation} Here, {places}.",
        synonyms=measure.synonyms,
        unit=measure.unit,
        better=measure.better,
        source="library",
    )


def _only(fits: Fits, concept: str) -> ConceptFit | None:
    found = [fit for (_, name), fit in fits.items() if name == concept]
    return found[0] if len(found) == 1 else None


def _part(concept: str, fit: ConceptFit) -> MeasurePart:
    return MeasurePart(name=_words(concept), table=fit.table, expression=_figure(fit))


def _figure(fit: ConceptFit) -> Expression:
    """The figure of a fit, as a positive number if it is a cost."""
    if not fit.is_negative:
        return fit.figure
    return Arithmetic(op="-", left=Constant(constant=0), right=fit.figure)


def _expanded(node: Node, library: FinanceLibrary) -> Node:
    """The expression, with other measures replaced by their expressions."""
    match node:
        case Name() if node.name in library.measures:
            return _expanded(parse(library.measures[node.name].expression), library)
        case Call():
            return Call(node.function, tuple(_expanded(argument, library) for argument in node.arguments))
        case Operation():
            return Operation(node.op, _expanded(node.left, library), _expanded(node.right, library))
        case _:
            return node


def concepts_in(node: Node) -> Iterator[str]:
    """The names in an expression, including repeated ones."""
    match node:
        case Name():
            yield node.name
        case Call():
            for argument in node.arguments:
                yield from concepts_in(argument)
        case Operation():
            yield from concepts_in(node.left)
            yield from concepts_in(node.right)
        case Number():
            return


def _expression(node: Node, used: Mapping[str, ConceptFit]) -> Expression:
    match node:
        case Number():
            return Constant(constant=node.value)
        case Name():
            return _figure(used[node.name])
        case Operation():
            return Arithmetic(op=node.op, left=_expression(node.left, used), right=_expression(node.right, used))
        case Call():
            figure, base = (_expression(argument, used) for argument in node.arguments)
            return Ratio(ratio=figure, base=base)


def _text(node: Node) -> str:
    """The expression as a string, with parentheses around each sum or difference inside another operation."""
    match node:
        case Number():
            return f"{node.value:g}"
        case Name():
            return node.name
        case Call():
            return f"{node.function}({', '.join(_text(argument) for argument in node.arguments)})"
        case Operation():
            return f"{_side(node.left, node.op)} {node.op} {_side(node.right, node.op)}"


def _side(node: Node, op: str) -> str:
    inner = isinstance(node, Operation) and node.op in "+-" and op in "*/-"
    return f"({_text(node)})" if inner else _text(node)


def _words(name: str) -> str:
    return name.replace("_", " ")
