"""The company's glossary, `data/datasets.yaml`: what people know about the tables beyond the files.

It is optional and written by hand, so every error names its line. Columns are written `table.column`.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from cfo_kernel.data.glossary_reader import Written, drop
from cfo_kernel.data.plan import Scalar
from cfo_kernel.data.tables import Column, Kind, Table, Tables
from cfo_kernel.errors import GlossaryInvalid
from cfo_kernel.values import Value

_MOST_FAULTS = 100
_REASONS = {
    "extra_forbidden": "is not a known key here",
    "missing": "is missing",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must consist of keys and values",
    "model_type": "must consist of keys and values",
}
"""Reasons by pydantic's error types."""
_Notes = TypeVar("_Notes")


class Unit(Value):
    """The column that holds the unit of a measure, such as a currency code.

    `unless` lists rows that do not have that unit, such as `{accounts.value_type: [Units]}`.
    """

    source: str
    unless: dict[str, list[str]] = Field(default_factory=dict)


class ColumnNotes(Value):
    """The authors' notes on a column. `note` is added to every answer that uses the column.

    `values` gives other words for a value of the column: `{Salaries: [wages, payroll]}`.
    """

    name: str | None = None
    description: str | None = None
    synonyms: tuple[str, ...] = ()
    note: str | None = None
    unit: Unit | None = None
    values: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Hierarchy(Value):
    """A table whose rows form a tree: its columns with a row's key, its parent's key (null for a root) and its name.

    `operator` is the column that says how a row counts in its parent: + is added, - subtracted, ~ ignored.
    """

    key: str
    parent: str
    label: str
    operator: str | None = None


class TableNotes(Value):
    """The authors' notes on a table.

    - `date`: the column with the date of a row.
    - `defaults`: the value to use for a column if a question names none.
    - `balances`: the rows that are stocks (`{column: values}`) and never summed over time.
    - `kept_apart`: columns whose values are never added up into one figure.
    - `hierarchy`: makes the name of a parent mean everything below it.
    """

    name: str | None = None
    description: str | None = None
    synonyms: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    columns: dict[str, ColumnNotes] = Field(default_factory=dict)
    date: str | None = None
    defaults: dict[str, Scalar] = Field(default_factory=dict)
    balances: dict[str, list[str]] = Field(default_factory=dict)
    kept_apart: tuple[str, ...] = ()
    hierarchy: Hierarchy | None = None


class GlossaryFile(Value):
    """The whole file: the company's name and the notes by table name."""

    company: str | None = None
    tables: dict[str, TableNotes] = Field(default_factory=dict)

    def table(self, name: str) -> TableNotes:
        return _find(self.tables, name) or TableNotes()

    def column(self, table: str, column: str) -> ColumnNotes:
        return _find(self.table(table).columns, column) or ColumnNotes()


@dataclass(frozen=True)
class CheckedGlossary:
    """The valid part of a glossary, with an error for each part that is left out."""

    file: GlossaryFile
    faults: tuple[GlossaryInvalid, ...] = ()


def checked(written: Written, tables: Tables | None = None) -> CheckedGlossary:
    """The part of the glossary that has the right form. With `tables`, also drops parts that refer to unknown names."""
    value = copy.deepcopy(written.value)
    faults = list(written.faults)
    file = _valid(value, written, faults)
    while tables is not None and (wrong := list(_wrong_names(file, tables))):
        faults += [written.fault(loc, problem) for loc, problem in wrong[:_MOST_FAULTS]]
        for loc, _ in reversed(wrong):  # from the last to the first, so that positions in lists stay valid
            drop(value, loc)
        file = _valid(value, written, faults)
    faults.sort(key=lambda fault: int(fault.details["line"]))
    return CheckedGlossary(file=file, faults=tuple(faults[:_MOST_FAULTS]))


def without_hierarchy(file: GlossaryFile, table: str) -> GlossaryFile:
    """The glossary without the hierarchy of a table whose rows do not form one."""
    tables = {
        name: notes.model_copy(update={"hierarchy": None}) if name.lower() == table.lower() else notes
        for name, notes in file.tables.items()
    }
    return file.model_copy(update={"tables": tables})


def _valid(value: dict[Any, Any], written: Written, faults: list[GlossaryInvalid]) -> GlossaryFile:
    """The glossary built from these values. Parts that do not have the right form are removed from `value` first."""
    for _ in range(_MOST_FAULTS):
        try:
            return GlossaryFile.model_validate(value)
        except ValidationError as error:
            problems: dict[tuple[int | str, ...], str] = {}
            for one in error.errors(include_url=False, include_input=False):
                path = ".".join(map(str, one["loc"]))[:200]
                problems.setdefault(one["loc"], f"{path} {_reason(one['type'], one['msg'])}")
            faults += [written.fault(loc, problem) for loc, problem in list(problems.items())[:_MOST_FAULTS]]
            dropped: set[tuple[int | str, ...]] = set()
            for loc in reversed(problems):
                if any(loc[:length] in dropped for length in range(1, len(loc) + 1)):
                    continue  # a second error in the same part
                path = drop(value, loc)
                if not path:
                    return GlossaryFile()
                dropped.add(path)
    return GlossaryFile()


def _reason(type: str, message: str) -> str:
    """Pydantic's reason, in words for people who write YAML."""
    return _REASONS.get(type) or message.replace("Input should be", "must be").removeprefix("Value error, ")


def _wrong_names(file: GlossaryFile, tables: Tables) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """The parts of the glossary that name unknown tables or columns, or unsuitable ones, each with the problem."""

    def missing(column: str) -> bool:
        table, _, name = column.partition(".")
        return table not in tables or tables[table].column(name) is None

    known = ", ".join(sorted(table.name for table in tables.values()))
    for table, notes in file.tables.items():
        if table not in tables:
            yield ("tables", table), f"there is no table {table}; the tables are {known}"
            continue
        for column, column_notes in notes.columns.items():
            loc = ("tables", table, "columns", column)
            if missing(f"{table}.{column}"):
                yield loc, f"there is no column {table}.{column}"
            elif column_notes.unit:
                names = (column_notes.unit.source, *column_notes.unit.unless)
                if wrong := next(filter(missing, names), None):
                    yield (*loc, "unit"), f"there is no column {wrong}"
        if notes.date and missing(f"{table}.{notes.date}"):
            yield ("tables", table, "date"), f"there is no column {table}.{notes.date}"
        for field in ("defaults", "balances"):
            for name in filter(missing, getattr(notes, field)):
                yield ("tables", table, field, name), f"there is no column {name}"
        for at, name in enumerate(notes.kept_apart):
            if missing(name):
                yield ("tables", table, "kept_apart", at), f"there is no column {name}"
        if notes.hierarchy and (wrong_part := _wrong_part(tables[table], notes.hierarchy)):
            yield ("tables", table, "hierarchy", wrong_part[0]), wrong_part[1]


def _wrong_part(table: Table, notes: Hierarchy) -> tuple[str, str] | None:
    """Why the columns cannot form a hierarchy: names must be text, and parents must be keys."""
    for field, name in notes:
        if name is not None and table.column(name) is None:
            return field, f"there is no column {table.name}.{name}"
    columns = {field: column for field, name in notes if name and (column := table.column(name))}
    for field in ("label", "operator"):
        if (column := columns.get(field)) and column.kind is not Kind.TEXT:
            return field, f"{column.name} is {column.type}, not text"
    key, parent = columns["key"], columns["parent"]
    if key.kind not in (Kind.NUMBER, Kind.TEXT) or not (key.is_comparable(parent) or parent.nulls == table.row_count):
        return "parent", f"{parent.name} is {parent.type}, {key.name} is {key.type}, so their values cannot be equal"
    return None


def _find(notes: dict[str, _Notes], name: str) -> _Notes | None:
    """The notes under that name, ignoring case as SQL does."""
    return notes.get(name) or next((note for key, note in notes.items() if key.lower() == name.lower()), None)


def label(glossary: GlossaryFile, table: str, column: Column) -> str:
    """The column's display name: its name in the glossary, or else its own name with spaces."""
    return glossary.column(table, column.name).name or column.name.replace("_", " ")
