"""Finds the names in the glossary that are not tables or columns, and says how to write them."""

from collections.abc import Iterator

from cfo_kernel.data.glossary import GlossaryFile, Hierarchy, TableNotes
from cfo_kernel.data.glossary_reader import Location
from cfo_kernel.data.tables import Kind, Table, Tables
from cfo_kernel.similar_names import similar

_LIKENESS = 0.6


def wrong_names(file: GlossaryFile, tables: Tables) -> Iterator[tuple[Location, str]]:
    """The parts of the glossary that name unknown tables or columns, or unsuitable ones, each with the problem."""
    known = ", ".join(sorted(table.name for table in tables.values()))
    for name, notes in file.tables.items():
        if name not in tables:
            yield ("tables", name), f"there is no table {name}; the tables are {known}"
            continue
        for loc, problem in _wrong_columns(notes, tables[name], tables):
            yield ("tables", name, *loc), problem


def _wrong_columns(notes: TableNotes, table: Table, tables: Tables) -> Iterator[tuple[Location, str]]:
    for column, column_notes in notes.columns.items():
        if problem := _unknown_own(column, table):
            yield ("columns", column), problem
        elif unit := column_notes.unit:
            for name in (unit.source, *unit.unless):
                if problem := _unknown(name, table, tables):
                    yield ("columns", column, "unit"), problem
                    break
    if notes.date and (problem := _unknown_own(notes.date, table)):
        yield ("date",), problem
    for field, names in (("defaults", notes.defaults), ("balances", notes.balances)):
        for name in names:
            if problem := _unknown(name, table, tables):
                yield (field, name), problem
    for at, name in enumerate(notes.kept_apart):
        if problem := _unknown(name, table, tables):
            yield ("kept_apart", at), problem
    if notes.hierarchy and (wrong_part := _wrong_part(table, notes.hierarchy)):
        yield ("hierarchy", wrong_part[0]), wrong_part[1]


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
