"""Finds the tables in a JSON value, in the shapes that programs usually write.

A table is a list of objects, one for each row. Other shapes are converted to it: lists of lists, an object with a list
for each column, and objects by key.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from cfo_kernel.data import headers
from cfo_kernel.data.json_values import Number, Object

_DEPTH = 5  # objects around a list
_KEY = "key"


@dataclass(frozen=True)
class Records:
    """The rows of a table.

    `name` is empty if it is the only table, and `beside` lists the keys of values next to it.
    """

    name: str
    rows: Sequence[Any]
    beside: tuple[str, ...] = ()


def tables(value: Any) -> list[Records]:
    """The tables in a value. A value that is neither a list nor an object has none."""
    if _is_list(value):
        return [Records("", _as_objects(value))]
    if not _is_object(value):
        return []
    if (rows := _columns(value) or _by_key(value)) is not None:
        return [Records("", rows)]
    lists = list(_lists(value, (), _DEPTH))
    if not lists:
        return [Records("", [value])]
    inside = {path[0] for path, _ in lists}
    beside = tuple(key for key in value if key not in inside and key not in ("columns", "index"))
    return [Records("_".join(path) if len(lists) > 1 else "", rows, beside) for path, rows in lists]


def _lists(value: Object, path: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], Sequence[Any]]]:
    """The lists of objects or lists in an object, each with the keys that lead to it."""
    for key, child in value.items():
        if _is_list(child) and child and (all(map(_is_object, child)) or all(map(_is_list, child))):
            names = value.get("columns")
            width = len(child[0])
            is_split = _is_list(child[0]) and _is_list(names) and len(names) == width
            yield (*path, key), _as_objects([names, *child] if is_split else child)
        elif _is_object(child) and depth:
            yield from _lists(child, (*path, key), depth - 1)


def _as_objects(rows: list[Any]) -> Sequence[Any]:
    """The rows as objects, if they are lists with a header."""
    if not rows or not all(map(_is_list, rows)):
        return rows
    width = max(map(len, rows))
    header = headers.find_header([[_cell(cell) for cell in row] for row in rows[:100]], width)
    names = header.names if header else headers.column_names([None] * width)
    body = rows[header.first_row :] if header else rows
    return [dict(zip(names, row, strict=False)) for row in body]


def _cell(value: Any) -> Any:
    """The value as `headers` expects it."""
    return float(value) if isinstance(value, Number) else value if value != "" else None


def _columns(value: Object) -> Sequence[Any] | None:
    """The rows of an object with a list, or an object of numbered cells, for each column. None for any other object."""
    columns = list(value.values())
    if columns and all(map(_is_list, columns)):
        is_even = len({len(column) for column in columns}) == 1
        if is_even and not any(_is_object(cell) or _is_list(cell) for column in columns for cell in column):
            return [dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True)]
        return None
    if not _are_alike(columns) or not all(key.isdigit() for key in columns[0]):
        return None
    return [{name: cells[key] for name, cells in value.items()} for key in columns[0]]


def _by_key(value: Object) -> Sequence[Any] | None:
    """The rows of an object that contains objects with the same keys."""
    return [{_KEY: key, **row} for key, row in value.items()] if _are_alike(list(value.values())) else None


def _are_alike(values: list[Any]) -> bool:
    """Whether these are two or more objects with the same keys, which have at least one key and no lists as values."""
    if len(values) < 2 or not all(map(_is_object, values)) or not values[0]:
        return False
    keys = values[0].keys()
    return all(row.keys() == keys and not any(map(_is_list, row.values())) for row in values)


def _is_object(value: Any) -> TypeGuard[Object]:
    return isinstance(value, dict)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)
