"""The company's glossary, `data/datasets.yaml`: what people know about the tables that the files do not say.

It is optional and written by hand, so every error names its line. Columns are written `table.column`.
"""

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import Field, ValidationError

from cfo_kernel.data.plan import Scalar
from cfo_kernel.data.tables import Column, Kind, Table, Tables
from cfo_kernel.errors import GlossaryInvalid, StorageFailed
from cfo_kernel.values import Value

FILE_NAME = "datasets.yaml"
_MAX_BYTES = 1_000_000
_Notes = TypeVar("_Notes")


class Unit(Value):
    """The column that holds the unit of a measure, such as a currency code.

    `unless` lists rows that do not have that unit, such as `{accounts.value_type: [Units]}`.
    """

    source: str
    unless: dict[str, list[str]] = Field(default_factory=dict)


class ColumnNotes(Value):
    """What people say about a column; `note` is added to every answer that uses the column.

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
    """What people say about a table.

    `date`: the column with the date of a row. `defaults`: the value of a column if a question names none.
    `balances`: the rows that are stocks (`{column: values}`) and never summed over time. `kept_apart`: columns whose
    values are never added up into one figure. `hierarchy`: the name of a parent means everything below it.
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


def load(data_dir: Path) -> tuple[GlossaryFile, yaml.Node | None]:
    """Reads the glossary of a `data/` folder (empty if there is none), with its YAML tree for line numbers.

    Raises `GlossaryInvalid` with the line of the first error, or `StorageFailed`.
    """
    found = stamp(data_dir)
    if found is None:
        return GlossaryFile(), None
    try:
        if found[1] > _MAX_BYTES:
            raise GlossaryInvalid(FILE_NAME, 1, "the file is larger than 1 MB")
        with _storage_errors():
            written = (data_dir / FILE_NAME).read_text(encoding="utf-8-sig")
        loader = _Loader(written)
        node = loader.get_single_node()
        _check_nodes(node, set())
        value: Any = loader.construct_document(node) if node else {}  # pyright: ignore[reportUnknownMemberType] - untyped
    except UnicodeDecodeError as error:
        raise GlossaryInvalid(FILE_NAME, 1, "the file is not UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise GlossaryInvalid(FILE_NAME, mark.line + 1 if mark else 1, str(error.problem)) from error
    except yaml.YAMLError as error:
        raise GlossaryInvalid(FILE_NAME, 1, str(error)) from error
    except RecursionError as error:
        raise GlossaryInvalid(FILE_NAME, 1, "the file is nested too deeply") from error
    try:
        return GlossaryFile.model_validate(value), node
    except ValidationError as error:
        first = error.errors()[0]
        message = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise GlossaryInvalid(FILE_NAME, _line(node, first["loc"]), message) from error


def stamp(data_dir: Path) -> tuple[int, int] | None:
    """Modification time and size of the file, which tell whether it has changed; None if there is no file.

    Raises `StorageFailed`.
    """
    with _storage_errors():
        try:
            found = (data_dir / FILE_NAME).stat()
        except FileNotFoundError:
            return None
    return found.st_mtime_ns, found.st_size


@contextlib.contextmanager
def _storage_errors() -> Generator[None]:
    """Raises an `OSError` as `StorageFailed`."""
    try:
        yield
    except OSError as error:
        reason = f"{FILE_NAME} cannot be read ({error.strerror})"
        raise StorageFailed(f"{reason}. Check the file and its permissions, then try again.") from error


class _Loader(yaml.SafeLoader):
    """Names the line of a value that looks like a date or a number but is not one, which YAML itself does not do."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)  # pyright: ignore[reportUnknownMemberType] - untyped
        except (ValueError, LookupError, AttributeError, OverflowError) as error:
            problem = f"{str(node.value)[:80]} cannot be read ({error}); put quotes around it if it is text"
            raise GlossaryInvalid(FILE_NAME, node.start_mark.line + 1, problem) from error


def check(glossary: GlossaryFile, node: yaml.Node | None, tables: Tables) -> None:
    """Raises `GlossaryInvalid` for the first name in the glossary that the tables do not have."""

    def need(column: str, *loc: str) -> None:
        table, _, name = column.partition(".")
        if table not in tables or tables[table].column(name) is None:
            raise GlossaryInvalid(FILE_NAME, _line(node, ("tables", *loc)), f"there is no column {column}")

    for table, notes in glossary.tables.items():
        if table not in tables:
            known = ", ".join(sorted(t.name for t in tables.values()))
            line = _line(node, ("tables", table))
            raise GlossaryInvalid(FILE_NAME, line, f"there is no table {table}; the tables are {known}")
        for column, column_notes in notes.columns.items():
            need(f"{table}.{column}", table, "columns", column)
            if column_notes.unit:
                for name in (column_notes.unit.source, *column_notes.unit.unless):
                    need(name, table, "columns", column, "unit")
        if notes.date:
            need(f"{table}.{notes.date}", table, "date")
        for field in ("defaults", "balances", "kept_apart"):
            for name in getattr(notes, field):
                need(name, table, field)
        if notes.hierarchy:
            for field, name in notes.hierarchy:
                if name is not None:
                    need(f"{table}.{name}", table, "hierarchy", field)
            _check_types(tables[table], notes.hierarchy, node, table)


def _check_types(table: Table, notes: Hierarchy, node: yaml.Node | None, written: str) -> None:
    """Raises `GlossaryInvalid` if the columns cannot form a hierarchy: names must be text, and parents must be keys."""
    columns = {field: column for field, name in notes if name and (column := table.column(name))}
    for field in ("label", "operator"):
        if (column := columns.get(field)) and column.kind is not Kind.TEXT:
            raise error_at(node, ("tables", written, "hierarchy", field), f"{column.name} is {column.type}, not text")
    key, parent = columns["key"], columns["parent"]
    if key.kind not in (Kind.NUMBER, Kind.TEXT) or not (key.is_comparable(parent) or parent.nulls == table.row_count):
        types = f"{parent.name} is {parent.type}, {key.name} is {key.type}, so their values cannot be equal"
        raise error_at(node, ("tables", written, "hierarchy", "parent"), types)


def error_at(node: yaml.Node | None, loc: tuple[int | str, ...], problem: str) -> GlossaryInvalid:
    """The error with the line of `loc`, a path of keys and positions in the file."""
    return GlossaryInvalid(FILE_NAME, _line(node, loc), problem)


def _find(notes: dict[str, _Notes], name: str) -> _Notes | None:
    """The notes under that name. As in SQL, case does not matter."""
    return notes.get(name) or next((note for key, note in notes.items() if key.lower() == name.lower()), None)


def _check_nodes(node: yaml.Node | None, visited: set[int]) -> None:
    """Raises `GlossaryInvalid` for a key that is given twice in one place, and for an alias.

    Of two equal keys YAML would silently drop the first. A few lines of aliases can stand for a billion values.
    """
    if node is None:
        return
    line = node.start_mark.line + 1
    if id(node) in visited:
        raise GlossaryInvalid(
            FILE_NAME, line, "this value is used again through an alias, which is not supported; write it out there"
        )
    visited.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _check_nodes(child, visited)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, child in node.value:
            if str(key.value).lower() in seen:
                raise GlossaryInvalid(
                    FILE_NAME, key.start_mark.line + 1, f"{key.value} is given here for the second time"
                )
            seen.add(str(key.value).lower())
            _check_nodes(child, visited)


def label(glossary: GlossaryFile, table: str, column: Column) -> str:
    """What people call the column: its name in the glossary, or else its own name with spaces."""
    return glossary.column(table, column.name).name or column.name.replace("_", " ")


def _line(node: yaml.Node | None, loc: tuple[int | str, ...]) -> int:
    """The line of the deepest node on the path `loc` that exists; that of a value is the line of its key."""
    line = node.start_mark.line + 1 if node else 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            entry = next(((key, child) for key, child in node.value if key.value == str(part)), None)
            if entry is None:
                break
            line, node = entry[0].start_mark.line + 1, entry[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            child: yaml.Node = node.value[part]
            line, node = child.start_mark.line + 1, child
    return line
