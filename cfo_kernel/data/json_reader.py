"""Reads the tables of a JSON file, or the records of a file with one JSON value on each line (NDJSON).

Runs in the ingest worker. An object inside a record becomes columns; a list inside a record is kept as JSON text.
"""

import codecs
import json
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from cfo_kernel.data import headers, json_shapes, json_values
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.exact_types import MAX_DIGITS
from cfo_kernel.data.json_values import NotFinite, Number
from cfo_kernel.data.read_limits import MAX_SHEETS, check_columns
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.data.workbook_reader import Sheet
from cfo_kernel.errors import EmptyFile, FileTooLarge, UnreadableFile
from cfo_kernel.executors.nested_types import MAX_DEPTH

_MAX_BYTES = 512 << 20
_LINES = (".ndjson", ".jsonl")
_LISTED = 10
_INT64 = 18  # digits that fit for certain
_Path = tuple[str, ...]


def read_tables(path: Path) -> Iterator[Sheet]:
    """The tables of the file. The name of a single table is empty. Raises a `FileProblem`."""
    if path.stat().st_size > _MAX_BYTES:
        limit = f"larger than {_MAX_BYTES >> 20} MB"
        raise FileTooLarge(f"{path.name} is {limit}, the limit for JSON. Split it, or send CSV or Parquet.")
    text, decisions = _text(path)
    if not text.strip():
        raise EmptyFile(f"{path.name} is empty. Export it again and send the new file.")
    try:
        if _has_lines(path, text):
            yield _table(path.name, json_shapes.Records("", _lines(path.name, text)), decisions)
            return
        found = json_shapes.tables(_parsed(path.name, text))
        if not found:
            raise _no_records(path.name)
        if len(found) > MAX_SHEETS:
            problem = f"{path.name} has {len(found):,} tables, and at most {MAX_SHEETS:,} can be read"
            raise FileTooLarge(f"{problem}. Split the file.")
        for records in found:
            yield _table(path.name, records, decisions)
    except RecursionError as error:
        raise UnreadableFile(f"{path.name} is nested too deeply. Unnest it before you export it.") from error


def _text(path: Path) -> tuple[str, list[Decision]]:
    data = path.read_bytes()
    encoding = "utf-8-sig" if data.startswith(codecs.BOM_UTF8) else json.detect_encoding(data)
    try:
        return data.decode(encoding), []
    except UnicodeDecodeError:
        text = "The file is not UTF-8; it was read as Windows-1252."
        return data.decode("cp1252", "replace"), [Decision(kind=DecisionKind.FORMAT, text=text)]


def _has_lines(path: Path, text: str) -> bool:
    """Whether each line has a value, judging by the suffix, or by a first line that is a value followed by others."""
    first, _, rest = text.strip().partition("\n")
    if path.suffix.lower() in _LINES and not text.lstrip().startswith("["):
        return True
    try:
        json_values.parse(first)
    except ValueError:
        return False
    return bool(rest.strip())


def _parsed(name: str, text: str, line: int | None = None) -> Any:
    try:
        return json_values.parse(text)
    except json.JSONDecodeError as error:
        where = f"line {line or error.lineno:,}, column {error.colno:,}"
        message = f"{name} is not valid JSON at {where}. Export it again; it may have been cut off."
        raise UnreadableFile(message) from error
    except json_values.RepeatedKey as error:
        raise UnreadableFile(f"{name} is not valid JSON: {error}. Export it again.") from error


def _lines(name: str, text: str) -> list[Any]:
    return [_parsed(name, line, number) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


class _Columns:
    """The columns of a table while its records are read, by the keys that lead to them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.count = 0
        self.values: dict[_Path, list[Any]] = {}

    def add(self, record: Any) -> None:
        if isinstance(record, dict):
            self._add_object(cast("json_values.Object", record), (), MAX_DEPTH)
        else:
            self._add_value(("value",), record)
        self.count += 1

    def finish(self) -> None:
        """Fills up the columns with nulls, and removes those that contain only objects and nulls."""
        for values in self.values.values():
            values += [None] * (self.count - len(values))
        around = {path[:length] for path in self.values for length in range(1, len(path))}
        empty = [path for path in around if path in self.values and not any(v is not None for v in self.values[path])]
        for path in empty:
            del self.values[path]

    def _add_object(self, record: json_values.Object, path: _Path, depth: int) -> None:
        for key, value in record.items():
            if isinstance(value, dict) and depth:
                self._add_object(cast("json_values.Object", value), (*path, key), depth - 1)
            else:
                self._add_value((*path, key), value)

    def _add_value(self, path: _Path, value: Any) -> None:
        values = self.values.get(path)
        if values is None:
            check_columns(self._name, len(self.values) + 1)
            values = self.values[path] = []
        values += [None] * (self.count - len(values))
        values.append(value)


def _table(name: str, records: json_shapes.Records, decisions: list[Decision]) -> Sheet:
    columns = _Columns(name)
    for record in records.rows:
        columns.add(record)
    columns.finish()
    if not columns.values:
        raise _no_records(name)
    found = list(decisions)
    if records.beside:
        left_out = ", ".join(records.beside[:_LISTED])[:300]
        found.append(_layout(f"Values outside the records were left out: {left_out}."))
    names = headers.column_names(["_".join(path) for path in columns.values])
    if nested := [n for n, path in zip(names, columns.values, strict=True) if len(path) > 1]:
        shown = ", ".join(nested[:_LISTED])[:300]
        found.append(_layout(f"Objects inside records became separate columns: {shown}.", count=len(nested)))
    arrays: dict[str, pa.Array[Any]] = {}
    for column, values in zip(names, columns.values.values(), strict=True):
        arrays[column], more = _column(column, values)
        found += more
    return Sheet(headers.clean_name(records.name, 100), pa.table(arrays), SourceRows(), found)


def _no_records(name: str) -> EmptyFile:
    return EmptyFile(f"{name} contains no records. Export it again and send the new file.")


def _layout(text: str, column: str | None = None, count: int = 0) -> Decision:
    return Decision(kind=DecisionKind.LAYOUT, text=text, column=column, count=count)


def _column(name: str, values: list[Any]) -> tuple["pa.Array[Any]", list[Decision]]:
    """The values as an array of one type. Text is examined later (`type_inference`), like text from a text file."""
    decisions: list[Decision] = []
    kinds: set[type] = {type(v) for v in values if v is not None}
    if NotFinite in kinds:
        count = sum(isinstance(v, NotFinite) for v in values)
        values = [None if isinstance(v, NotFinite) else v for v in values]
        kinds.remove(NotFinite)
        cells = "1 value was" if count == 1 else f"{count:,} values were"
        text = f"{name}: {cells} infinite or not a number, and read as empty."
        decisions.append(Decision(kind=DecisionKind.EMPTY_CELLS, text=text, column=name, count=count))
    if kinds == {bool}:
        return pa.array(values, pa.bool_()), decisions
    if kinds == {Number} and (numbers := _numbers(values)) is not None:
        return numbers, decisions
    if kinds & {list, dict}:
        count = sum(isinstance(v, list | dict) for v in values)
        decisions.append(_layout(f"{name}: lists were kept as JSON text.", name, count))
    elif Number in kinds and len(kinds) > 1:
        count = sum(isinstance(v, Number) for v in values)
        text = f"{name}: {count} of {sum(v is not None for v in values)} values are numbers; the rest are text."
        decisions.append(Decision(kind=DecisionKind.NUMBERS, text=text, column=name))
    return pa.array([_cell(v) for v in values], pa.string()), decisions


def _numbers(values: list[Number | None]) -> "pa.Array[Any] | None":
    """The numbers as an array of one type, or None if no type can hold them."""
    texts = [None if v is None else v.plain for v in values]
    whole = scale = 0
    for text in {t for t in texts if t is not None}:
        if "e" in text.lower():
            doubles = [None if t is None else float(t) for t in texts]
            return pa.array(doubles, pa.float64()) if all(d is None or isfinite(d) for d in doubles) else None
        digits, _, decimals = text.lstrip("-").partition(".")
        whole, scale = max(whole, len(digits)), max(scale, len(decimals))
    if not scale and whole <= _INT64:
        return pa.array([None if t is None else int(t) for t in texts], pa.int64())
    if whole + scale > MAX_DIGITS:
        return None
    return pa.array(texts, pa.string()).cast(pa.decimal128(max(18, whole + scale), scale))


def _cell(value: Any) -> str | None:
    match value:
        case None:
            return None
        case Number():
            return value.plain
        case bool() | list() | dict():
            return json_values.to_text(value)
        case _:
            return str(value)
