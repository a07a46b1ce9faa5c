"""Parses JSON without losing a digit: a number keeps its text, and a key that occurs twice is refused."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from cfo_kernel.clean_text import storable_text

_MAX_EXPONENT = 60
_HALF = re.compile(r"\\ud[89a-f]", re.IGNORECASE)  # half a character, written by programs that cut strings anywhere


class Number(str):
    """A number, as the string that the file contains."""

    __slots__ = ()

    @property
    def plain(self) -> str:
        """The number without an exponent, or unchanged if that would take too many digits."""
        if self.isdigit() or "e" not in self.lower():
            return str(self)
        try:
            value = Decimal(self)
        except InvalidOperation:  # the exponent itself has too many digits
            return str(self)
        exponent = value.as_tuple().exponent
        is_short = isinstance(exponent, int) and abs(exponent) <= _MAX_EXPONENT
        return format(value, "f") if is_short else str(self)


class NotFinite:
    """NaN or an infinity, which JSON does not have but some programs write."""


class RepeatedKey(ValueError):
    """A key occurs twice in one object, so one of its values would be lost."""


NOT_FINITE = NotFinite()
Object = dict[str, Any]


def _object(pairs: list[tuple[str, Any]]) -> Object:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise RepeatedKey(f"the key {storable_text(repeated[:80])} occurs twice in one object")
    return made


_DECODER = json.JSONDecoder(
    parse_int=Number, parse_float=Number, parse_constant=lambda _: NOT_FINITE, object_pairs_hook=_object
)


def parse(text: str) -> Any:
    """Parses a JSON string. Raises `JSONDecodeError`, `RepeatedKey` or `RecursionError`."""
    value = _DECODER.decode(text)
    return _storable(value) if _HALF.search(text) else value


def _storable(value: Any) -> Any:
    """The value without incomplete characters, which no table can hold."""
    match value:
        case Number():
            return value
        case str():
            return storable_text(value)
        case list():
            return [_storable(inner) for inner in cast("list[Any]", value)]
        case dict():
            return _object([(storable_text(key), _storable(inner)) for key, inner in cast("Object", value).items()])
        case _:
            return value


def to_text(value: Any) -> str:
    """The parsed value as a JSON string, with its numbers as they were written."""
    match value:
        case Number():
            return str(value)
        case NotFinite():
            return "null"
        case list():
            return f"[{', '.join(map(to_text, cast('list[Any]', value)))}]"
        case dict():
            items = cast("Object", value).items()
            return f"{{{', '.join(f'{json.dumps(key, ensure_ascii=False)}: {to_text(v)}' for key, v in items)}}}"
        case _:
            return json.dumps(value, ensure_ascii=False)
