"""How the engine and its worker processes talk: a length of four bytes, then one JSON object, over a pipe.

JSON and not pickle, because a worker that was taken over must not be able to run code in the engine.
"""

import json
import math
import struct
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, BinaryIO, cast

HEADER = struct.Struct(">I")
MAX_FRAME = 256 * 1024 * 1024
_EXACT_INT = 2**53


def pack(message: dict[str, Any]) -> bytes:
    """One frame; NaN and infinity are refused, for they are not JSON."""
    body = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
    return HEADER.pack(len(body)) + body


def read(stream: BinaryIO) -> dict[str, Any] | None:
    """The next frame, or None at the end of the stream, also where that comes in the middle of a frame."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    body = stream.read(length)
    return json.loads(body) if len(body) == length else None


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


def plain(value: Any) -> Any:
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
            return plain(int(value))
        case Decimal():
            as_float = float(value)
            return as_float if Decimal(repr(as_float)) == value else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case dict():
            return {str(key): plain(cell) for key, cell in cast("dict[Any, Any]", value).items()}
        case list() | tuple():
            return [plain(cell) for cell in cast("list[Any]", value)]
        case _:
            return str(value)
