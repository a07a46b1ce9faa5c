"""The company's glossary, `data/datasets.yaml`: what people know about the tables beyond the files.

It is optional and written by hand, so every error names its line. Columns are written `table.column`.
"""

from collections.abc import Collection
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from cfo_kernel.data.glossary_words import (
    listed,
    month_number,
    named_role,
    pairs_of_names,
    scale_number,
    text_of_period,
)
from cfo_kernel.data.plan import Scalar
from cfo_kernel.data.semantics.meaning import DateKind, Role, TableKind
from cfo_kernel.data.tables import Column
from cfo_kernel.values import Value

_Notes = TypeVar("_Notes")
_Members = Annotated[tuple[str, ...], BeforeValidator(lambda value: () if value is False else value)]
_Names = Annotated[tuple[str, ...], BeforeValidator(listed)]


class Unit(Value):
    """The unit of a measure: the column that holds it, such as a currency code, or its `name` if all rows share it.

    In the file, a unit that is only a name is written without a key: `unit: EUR`. `unless` lists rows that do not have
    that unit, such as `{accounts.value_type: [Units]}`.
    """

    source: str = ""
    name: Annotated[str, Field(max_length=40)] = ""
    unless: dict[str, list[str]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if bool(self.source) == bool(self.name):
            problem = "needs either a source (the column with the unit) or a name (the unit of all rows)"
            raise PydanticCustomError("unit_of_two_kinds", problem)
        return self


_Unit = Annotated[Unit, BeforeValidator(lambda value: {"name": value} if isinstance(value, str) else value)]


class ColumnNotes(Value):
    """The authors' notes on a column. `note` is added to every answer that uses the column.

    `values` gives other words for a value of the column: `{Salaries: [wages, payroll]}`.

    The other fields state what is otherwise inferred (`cfo_kernel.data.semantics.meaning.ColumnMeaning`).
    """

    name: str | None = None
    description: str | None = None
    synonyms: tuple[str, ...] = ()
    note: str | None = None
    unit: _Unit | None = None
    values: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    role: Annotated[Role | None, BeforeValidator(named_role)] = None
    scale: Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(scale_number)] = None
    date_kind: DateKind | None = None
    refers_to: str | None = None
    once_per: _Names = ()
    total_of: _Names = ()
    period: Annotated[str | None, BeforeValidator(text_of_period)] = None

    @property
    def unit_of_row(self) -> Unit | None:
        """The unit if each row has its own, or None."""
        return self.unit if self.unit and self.unit.source else None


class Hierarchy(Value):
    """A table whose rows form a tree: its columns with a row's key, its parent's key (null for a root) and its name.

    `operator` is the column that says how a row counts in its parent: + is added, - subtracted, ~ ignored.
    """

    key: str
    parent: str
    label: str
    operator: str | None = None


class JoinNotes(Value):
    """How a row of the table finds its row in another table, `to`.

    `by` lists columns with the same value, as `{own column: its column}`, or just the names if both tables use the same
    ones. `between` is for ranges and periods of validity: `{own column: [first, last]}`. These are two columns of the
    other table, or only the first one if a row is valid until the next one.
    """

    to: str
    by: Annotated[dict[str, str], BeforeValidator(pairs_of_names)] = Field(default_factory=dict)
    between: Annotated[
        dict[str, Annotated[tuple[str, ...], Field(min_length=1, max_length=2), BeforeValidator(listed)]],
        Field(max_length=1),
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_columns(self) -> Self:
        if not self.by and not self.between:
            problem = "needs by (columns with the same value) or between (a column and the two that enclose it)"
            raise PydanticCustomError("join_without_columns", problem)
        return self


class MeasureNotes(Value):
    """A figure that people ask for by name, computed from columns and other measures (`cfo_kernel.data.measures`).

    `where` limits the rows: `{accounts.account_type: [Revenue]}`. `better` says whether higher or lower is better.
    """

    expression: Annotated[str, Field(min_length=1, max_length=2_000)]
    where: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    description: str | None = None
    synonyms: tuple[str, ...] = ()
    unit: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    better: Literal["higher", "lower"] | None = None


class TableNotes(Value):
    """The authors' notes on a table.

    - `kind`, `one_row_per`: what a row represents, and the columns that identify it.
    - `date`: the column with the date of a row.
    - `defaults`: the value to use for a column if a question names none.
    - `balances`: the rows that are stocks (`{column: values}`) and never summed over time.
    - `kept_apart`: columns whose values are never added up into one figure.
    - `hierarchy`: makes the name of a parent mean everything below it.
    - `joins`, `measures`: how rows find those of other tables, and named figures.
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
    kind: TableKind | None = None
    one_row_per: _Names = ()
    joins: tuple[JoinNotes, ...] = ()
    measures: dict[str, MeasureNotes] = Field(default_factory=dict)

    @property
    def has_balances(self) -> bool:
        """Whether the notes state that some rows or columns are balances."""
        return bool(self.balances) or any(notes.role is Role.STOCK for notes in self.columns.values())


class GlossaryFile(Value):
    """The whole file: the company's name, notes on each table by its name, and the files that form each combined table.

    `fiscal_year_start` is the first month of a fiscal year, 1 to 12. If a table in `union` has no files, or `false`
    instead, the files that would form it stay apart.
    """

    company: str | None = None
    fiscal_year_start: Annotated[Annotated[int, Field(ge=1, le=12)] | None, BeforeValidator(month_number)] = None
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


def without_joins(file: GlossaryFile, wrong: Collection[tuple[str, int]]) -> GlossaryFile:
    """The glossary without the joins at these positions in the notes on their tables."""
    tables = {
        name: notes.model_copy(
            update={"joins": tuple(join for at, join in enumerate(notes.joins) if (name, at) not in wrong)}
        )
        for name, notes in file.tables.items()
    }
    return file.model_copy(update={"tables": tables}) if wrong else file


def _find(notes: dict[str, _Notes], name: str) -> _Notes | None:
    """The notes under that name, ignoring case as SQL does."""
    return notes.get(name) or next((note for key, note in notes.items() if key.lower() == name.lower()), None)


def label(glossary: GlossaryFile, table: str, column: Column) -> str:
    """The column's display name: its name in the glossary, or else its own name with spaces."""
    return glossary.column(table, column.name).name or column.name.replace("_", " ")
