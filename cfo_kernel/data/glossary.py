"""The company's glossary, `data/datasets.yaml`: what people know about the tables and the files do not say.

It is optional and written by hand, so every error names the line. Columns are written `table.column`.
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
    """What the unit of a measure depends on: the values of the column `source`, e.g. a currency code.

    `unless` lists rows without that unit, e.g. `{accounts.value_type: [Units]}`.
    """

    source: str
    unless: dict[str, list[str]] = Field(default_factory=dict)


class ColumnNotes(Value):
    """What people say about a column; `note` is added to every answer that uses it.

    `values` gives other words for a value of the column: `{Salaries: [wages, payroll]}`.
    """

    name: str | None = None
    description: str | None = None
    synonyms: tuple[str, ...] = ()
    note: str | None = None
    unit: Unit | None = None
    values: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Hierarchy(Value):
    """A table whose rows are a tree: the columns of a row's key, of its parent's key (null at a root) and of its name.

    `operator` is the column that says how a row counts in its parent: + adds, - subtracts, ~ is left out.
    """

    key: str
    parent: str
    label: str
    operator: str | None = None


class TableNotes(Value):
    """What people say about a table.

    `date`: the column that places its rows in time. `defaults`: a column that is one value where a question names none.
    `balances`: the rows that are stocks (`{column: values}`), never summed over time. `kept_apart`: columns whose
    different values are never added into one figure. `hierarchy`: the name of a parent stands for what is below it.
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
        return _found(self.tables, name) or TableNotes()

    def column(self, table: str, column: str) -> ColumnNotes:
        return _found(self.table(table).columns, column) or ColumnNotes()


def load(data_dir: Path) -> tuple[GlossaryFile, yaml.Node | None]:
    """Reads the glossary of a `data/` folder (empty where there is none) with its YAML tree, for line numbers.

    Raises `GlossaryInvalid` with the line of the first error, or `StorageFailed`.
    """
    found = stamp(data_dir)
    if found is None:
        return GlossaryFile(), None
    try:
        if found[1] > _MAX_BYTES:
            raise GlossaryInvalid(FILE_NAME, 1, "the file is larger than 1 MB")
        with _reading():
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
        raise GlossaryInvalid(FILE_NAME, 1, "what stands in the file is nested too deeply") from error
    try:
        return GlossaryFile.model_validate(value), node
    except ValidationError as error:
        first = error.errors()[0]
        message = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise GlossaryInvalid(FILE_NAME, _line(node, first["loc"]), message) from error


def stamp(data_dir: Path) -> tuple[int, int] | None:
    """Time of change and size of the file, by which it is known again; None where there is none.

    Raises `StorageFailed`.
    """
    with _reading():
        try:
            found = (data_dir / FILE_NAME).stat()
        except FileNotFoundError:
            return None
    return found.st_mtime_ns, found.st_size


@contextlib.contextmanager
def _reading() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"{FILE_NAME} cannot be read ({error.strerror}). Mend that, then ask again.") from error


class _Loader(yaml.SafeLoader):
    """Names the line of a value that looks like a date or a number and is none, which YAML itself does not."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)  # pyright: ignore[reportUnknownMemberType] - untyped
        except (ValueError, LookupError, AttributeError, OverflowError) as error:
            problem = f"{str(node.value)[:80]} cannot be read ({error}); put quotes around a text"
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
    """Raises where the columns of a hierarchy cannot be one: names are texts, a parent is a key."""
    columns = {field: column for field, name in notes if name and (column := table.column(name))}
    for field in ("label", "operator"):
        if (column := columns.get(field)) and column.kind is not Kind.TEXT:
            raise fault(node, ("tables", written, "hierarchy", field), f"{column.name} is {column.type}, not text")
    key, parent = columns["key"], columns["parent"]
    if key.kind not in (Kind.NUMBER, Kind.TEXT) or not (key.is_comparable(parent) or parent.nulls == table.row_count):
        types = f"{parent.name} is {parent.type}, {key.name} is {key.type}: they cannot be equal"
        raise fault(node, ("tables", written, "hierarchy", "parent"), types)


def fault(node: yaml.Node | None, loc: tuple[int | str, ...], problem: str) -> GlossaryInvalid:
    """The error of what stands at `loc` in the file, with its line."""
    return GlossaryInvalid(FILE_NAME, _line(node, loc), problem)


def _found(notes: dict[str, _Notes], name: str) -> _Notes | None:
    """What stands under the name; as in SQL, upper and lower case are the same."""
    return notes.get(name) or next((note for key, note in notes.items() if key.lower() == name.lower()), None)


def _check_nodes(node: yaml.Node | None, met: set[int]) -> None:
    """Raises for a key that stands twice in one place, of which YAML would silently drop the first, and for an alias:
    a few lines of them can stand for a billion values."""
    if node is None:
        return
    line = node.start_mark.line + 1
    if id(node) in met:
        raise GlossaryInvalid(FILE_NAME, line, "what stands here is used again through an alias; write it out there")
    met.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _check_nodes(child, met)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, child in node.value:
            if str(key.value).lower() in seen:
                raise GlossaryInvalid(
                    FILE_NAME, key.start_mark.line + 1, f"{key.value} stands here for the second time"
                )
            seen.add(str(key.value).lower())
            _check_nodes(child, met)


def label(glossary: GlossaryFile, table: str, column: Column) -> str:
    """What people call the column: its name in the glossary, or its own in words."""
    return glossary.column(table, column.name).name or column.name.replace("_", " ")


def _line(node: yaml.Node | None, loc: tuple[int | str, ...]) -> int:
    """The line of the deepest node on the way to `loc` (keys count as the place of their value)."""
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
