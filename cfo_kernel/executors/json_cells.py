"""Cells of a table as JSON, without losing a digit."""

import math
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, cast

_EXACT_INT = 2**53


def leaves(value: Any) -> Iterator[Any]:
    """What a cell holds: itself, or what stands in its lists and structs."""
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
    """A cell as JSON without losing a digit: a number where a double holds it exactly, else its text.

    Dates and times are ISO texts; NaN and infinity are null; bytes are hexadecimal.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= _EXACT_INT else str(value)
        case float():
            return value if math.isfinite(value) else None
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
