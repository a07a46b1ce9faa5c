"""Finds names in the glossary that are not tables or columns, or that do not fit, and says how to write them."""

from collections.abc import Iterator
from typing import NamedTuple

from cfo_kernel.data.glossary import ColumnNotes, GlossaryFile, Hierarchy, JoinNotes, TableNotes
from cfo_kernel.data.glossary_reader import Location
from cfo_kernel.data.measures import wrong_measures
from cfo_kernel.data.tables import Column, Kind, Table, Tables
from cfo_kernel.errors import GlossaryInvalid, GlossaryNameUnknown, GlossaryProblem, MeasureCircular
from cfo_kernel.similar_names import similar

_LIKENESS = 0.6


class WrongPart(NamedTuple):
    """A part of the glossary that cannot be used, with the problem and the kind of its error."""

    loc: Location
    problem: str
    kind: type[GlossaryProblem] = GlossaryNameUnknown


def wrong_names(file: GlossaryFile, tables: Tables) -> Iterator[WrongPart]:
    """The parts of the glossary that name unknown tables or columns, or unsuitable ones."""
    known = ", ".join(sorted(table.name for table in tables.values()))
    for name, notes in file.tables.items():
        if name not in tables:
            yield WrongPart(("tables", name), f"there is no table {name}; the tables are {known}")
            continue
        for part in _wrong_parts(notes, tables[name], tables):
            yield part._replace(loc=("tables", name, *part.loc))
    for table, name, error in wrong_measures(file, tables):
        kind = MeasureCircular if error.in_circle else GlossaryInvalid
        yield WrongPart(("tables", table, "measures", name), str(error), kind)


def _wrong_parts(notes: TableNotes, table: Table, tables: Tables) -> Iterator[WrongPart]:
    for name, column_notes in notes.columns.items():
        column = table.column(name)
        if column is None:
            yield WrongPart(("columns", name), _unknown_own(name, table) or "")
            continue
        for part in _wrong_column(column_notes, column, table, tables):
            yield part._replace(loc=("columns", name, *part.loc))
    if notes.date and (problem := _unknown_own(notes.date, table)):
        yield WrongPart(("date",), problem)
    for field, names in (("defaults", notes.defaults), ("balances", notes.balances)):
        for name in names:
            if problem := _unknown(name, table, tables):
                yield WrongPart((field, name), problem)
    for at, name in enumerate(notes.kept_apart):
        if problem := _unknown(name, table, tables):
            yield WrongPart(("kept_apart", at), problem)
    if problem := _first(_unknown_own(name, table) for name in notes.one_row_per):
        yield WrongPart(("one_row_per",), problem)  # the other columns alone would state another grain
    if notes.hierarchy and (wrong_part := _wrong_part(table, notes.hierarchy)):
        yield WrongPart(("hierarchy", wrong_part[0]), wrong_part[1])
    for at, join in enumerate(notes.joins):
        if part := _wrong_join(join, table, tables):
            yield part._replace(loc=("joins", at, *part.loc))
    for name, measure in notes.measures.items():
        if problem := _first(_unknown(column, table, tables) for column in measure.where):
            yield WrongPart(("measures", name), problem)


def _wrong_column(notes: ColumnNotes, column: Column, table: Table, tables: Tables) -> Iterator[WrongPart]:
    if unit := notes.unit:
        names = (*filter(None, [unit.source]), *unit.unless)
        if problem := _first(_unknown(name, table, tables) for name in names):
            yield WrongPart(("unit",), problem)
    if notes.refers_to and (problem := _unknown(notes.refers_to, table, tables)):
        yield WrongPart(("refers_to",), problem)
    for field, names in (("once_per", notes.once_per), ("total_of", notes.total_of)):
        if problem := _first(_unknown_own(name, table) for name in names):
            yield WrongPart((field,), problem)
    if notes.role and notes.role.facts.is_measure and column.kind is not Kind.NUMBER:
        problem = f"{table.name}.{column.name} is {column.type}, and only numbers can have the role {notes.role}"
        yield WrongPart(("role",), problem, GlossaryInvalid)


def _wrong_join(join: JoinNotes, table: Table, tables: Tables) -> WrongPart | None:
    """The first problem with the columns of a join, or None."""
    if join.to not in tables:
        near = similar(join.to, [each.name for each in tables.values()], 1, _LIKENESS)
        advice = f"; the most similar is {near[0]}" if near else ""
        return WrongPart(("to",), f"there is no table {join.to}{advice}")
    other = tables[join.to]
    pairs = [("by", own, its) for own, its in join.by.items()]
    pairs += [("between", own, its) for own, ends in join.between.items() for its in ends]
    for field, own, its in pairs:
        if problem := _unknown_own(own, table) or _unknown_own(its, other):
            return WrongPart((field,), problem)
        left, right = table.column(own), other.column(its)
        if left and right and not left.is_comparable(right):
            types = f"{table.name}.{left.name} is {left.type}, {other.name}.{right.name} is {right.type}"
            return WrongPart((field,), f"{types}, so their values cannot be compared", GlossaryInvalid)
    return None


def _first(problems: Iterator[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)


def _wrong_part(table: Table, notes: Hierarchy) -> tuple[str, str] | None:
    """Why the columns cannot form a hierarchy: names must be text, and parents must be keys."""
    for field, name in notes:
        if name is not None and (problem := _unknown_own(name, table)):
            return field, problem
    columns = {field: column for field, name in notes if name and (column := table.column(name))}
    for field in ("label", "operator"):
        if (column := columns.get(field)) and column.kind is not Kind.TEXT:
            return field, f"{column.name} is {column.type}, not text"
    key, parent = columns["key"], columns["parent"]
    if key.kind not in (Kind.NUMBER, Kind.TEXT) or not (key.is_comparable(parent) or parent.nulls == table.row_count):
        return "parent", f"{parent.name} is {parent.type}, {key.name} is {key.type}, so their values cannot be equal"
    return None


def _unknown_own(name: str, table: Table) -> str | None:
    """The problem with a name that must be a column of the table, written without the table. None if it is valid."""
    if table.column(name) is not None:
        return None
    first, _, last = name.partition(".")
    problem = f"there is no column {table.name}.{name}"
    if first.lower() == table.name.lower() and (column := table.column(last)):
        return f"there is no column {name} in {table.name}; here, write the name without the table: {column.name}"
    nearest = similar(name, [column.name for column in table.columns], 1, _LIKENESS)
    return f"{problem}; the most similar is {nearest[0]}" if nearest else problem


def _unknown(name: str, table: Table, tables: Tables) -> str | None:
    """The problem with a name that must have the form `table.column`, even for a column of this table.

    None if it is valid.
    """
    first, dot, last = name.partition(".")
    problem = f"there is no column {name}"
    if not dot:
        having = [(each, column) for each in (table, *tables.values()) if (column := each.column(name))]
        written = f"{having[0][0].name}.{having[0][1].name}" if having else "table.column"
        return f"{problem}; write {written}, with the name of its table"
    if first not in tables:
        return f"{problem}, because there is no table {first}"
    if tables[first].column(last) is not None:
        return None
    nearest = similar(last, [column.name for column in tables[first].columns], 1, _LIKENESS)
    return f"{problem}; the most similar is {first}.{nearest[0]}" if nearest else problem
