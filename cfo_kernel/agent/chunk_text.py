"""Handles the text in a chunk of an answer: removes characters that cannot be stored, and measures its length."""

from typing import Any, cast

from pydantic_core import to_json

from cfo_kernel.clean_text import storable_text


def storable(value: object) -> object:
    """The value with strings that every store can hold. Raises `RecursionError` if the value is nested too deeply."""
    return value if _is_storable(value) else _replaced(value)


def _is_storable(value: object) -> bool:
    """Whether no string needs to be changed. Serializes the value, which is far faster than walking through it."""
    try:
        return b"\\u0000" not in to_json(value)
    except ValueError:  # an unpaired surrogate, or nested too deeply
        return False


def _replaced(value: object) -> object:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return {_replaced(key): _replaced(inner) for key, inner in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_replaced(inner) for inner in cast("list[object]", value)]
    return value


def answer_length(chunk: object) -> int:
    """The number of characters of text, thoughts and arguments that the chunk adds to the answer."""
    choices = cast("dict[str, Any]", chunk).get("choices") if isinstance(chunk, dict) else None
    choice = cast("list[object]", choices)[0] if isinstance(choices, list) and choices else None
    return text_length(cast("dict[str, Any]", choice).get("delta")) if isinstance(choice, dict) else 0


def text_length(value: object) -> int:
    """The number of characters in all strings of the value."""
    length, values = 0, [value]
    while values:  # not recursive, because this runs for each chunk
        each = values.pop()
        if isinstance(each, str):
            length += len(each)
        elif isinstance(each, dict):
            values.extend(cast("dict[str, object]", each).values())
        elif isinstance(each, list):
            values.extend(cast("list[object]", each))
    return length
