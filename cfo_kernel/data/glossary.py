"""The company's glossary, `data/datasets.yaml`: what people know about the tables beyond the files.

It is optional and written by hand, so every error names its line. Columns are written `table.column`.
"""

from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field

from cfo_kernel.data.plan import Scalar
from cfo_kernel.data.tables import Column
from cfo_kernel.values import Value

_Notes = TypeVar("_Notes")
_Members = Annotated[tuple[str, ...], BeforeValidator(lambda value: () if value is False else value)]


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
    """The whole file: the company's name, notes on each table by its name, and the files that form each combined table.

    If a table in `union` has no files, or `false` instead, the files that would form it stay apart.
    """

    company: str | None = None
    tables: dict[str, TableNotes] = Field(default_factory=dict)
    union: dict[str, _Members] = Field(default_factory=dict)

    def table(self, name: str) -> TableNotes:
        return _find(self.tables, name) or TableNotes()

    def column(self, table: str, column: str) -> ColumnNotes:
        return _find(self.table(table).columns, column) or ColumnNotes()


def without_hierarchy(file: GlossaryFile, table: str) -> GlossaryFile:
    """The glossary without the hierarchy of a table whose rows do not form one."""
    tables = {
        name: notes.model_copy(update={"hierarchy": None}) if name.lower() == table.lower() else notes
        for name, notes in file.tables.items()
    }
    return file.model_copy(update={"tables": tables})


def _find(notes: dict[str, _Notes], name: str) -> _Notes | None:
    """The notes under that name, ignoring case as SQL does."""
    return notes.get(name) or next((note for key, note in notes.items() if key.lower() == name.lower()), None)


def label(glossary: GlossaryFile, table: str, column: Column) -> str:
    """The column's display name: its name in the glossary, or else its own name with spaces."""
    return glossary.column(table, column.name).name or column.name.replace("_", " ")
