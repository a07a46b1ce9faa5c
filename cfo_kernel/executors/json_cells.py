"""Converts cells of a table to JSON without losing a digit."""

import math
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, cast

_MAX_EXACT_INT = 2**53  # JSON numbers are read as doubles, which are exact for whole numbers up to here


def leaves(value: Any) -> Iterator[Any]:
    """The individual values of a cell: the cell itself, or the values in its lists and structs."""
    match value:
        case dict():
            for pair in cast("dict[Any, Any]", value).items():
                for part in pair:
                    yield from leaves(part)
        case list() | tuple():
            for part in cast("list[Any]", value):
                yield from leaves(part)
        case _:
            yield value


def to_json(value: Any) -> Any:
    """The cell as JSON: a number if a double represents it exactly, and otherwise a string.

    Dates and times become ISO strings, NaN and infinity become null, and bytes become hexadecimal.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= _MAX_EXACT_INT else str(value)
        case float():
            return value + 0.0 if math.isfinite(value) else None  # -0.0 becomes 0.0
        case Decimal() if value.as_tuple().exponent == 0:
            return to_json(int(value))
        case Decimal():
            as_float = float(value)
            return as_float if Decimal(repr(as_float)) == value else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case dict():
            return {str(key): to_json(cell) for key, cell in cast("dict[Any, Any]", value).items()}
        case list() | tuple():
            return [to_json(cell) for cell in cast("list[Any]", value)]
        case _:
            return str(value)
