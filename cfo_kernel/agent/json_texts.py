"""Parses JSON as models write it: in fences, repeated, inside a string, with raw line breaks or single quotes.

Only complete JSON is parsed. Text that was cut off has more than one reading and stays unchanged.
"""

import ast
import json
import re
import warnings
from json import JSONDecoder
from typing import Any, cast

from cfo_kernel.clean_text import clean_text

_LONGEST = 200_000
_MOST_VALUES = 1000
_DEEPEST = 60
LONGEST_LITERAL = 30_000
_FENCE = re.compile(r"```[ \t]*[\w+-]*[ \t]*\r?\n?")
# Some servers strip the fence but leave its language.
_LANGUAGE = re.compile(r"\Ajson\s{0,9}(?=[{\[])")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_GAP = re.compile(r"[ \t\r\n,;]*")
_DECODER = JSONDecoder(strict=False)  # accepts a raw line break within a string
_PYTHON_NAMES = {"true": True, "false": False, "null": None}


def unfenced(text: str) -> str:
    """The text inside a Markdown fence, if the fence encloses all of it."""
    bare = text.strip()
    opening = _FENCE.match(bare)
    if opening is None or not bare.endswith("```"):
        return text
    inner = bare[opening.end() : -3]
    return text if "```" in inner else inner.strip()


def values_in(text: str) -> list[Any] | None:
    """The JSON values that the text consists of, or None if it contains anything else."""
    if len(text) > _LONGEST:
        return None
    text = _LANGUAGE.sub("", unfenced(text).strip(), count=1)
    values = _sequence(text)
    if values is None and len(text) <= LONGEST_LITERAL:
        values = _sequence(_ESCAPE.sub(_json_escape, text))
    if values is None:
        values = _literal(text)
    try:
        return None if values is None else [_cleaned(value, _DEEPEST) for value in values]
    except RecursionError:
        return None


def first_value(text: str, start: int) -> tuple[Any, int] | None:
    """The JSON value that begins at `start`, and its end."""
    try:
        value, end = _DECODER.raw_decode(text, start)
        return _cleaned(value, _DEEPEST), end
    except (ValueError, RecursionError):
        return None


def object_in(value: Any) -> dict[str, Any] | None:
    """The JSON object in the value: the value itself, a string that contains JSON, or the only item of a list."""
    for _ in range(4):
        if isinstance(value, dict):
            return cast("dict[str, Any]", value)
        values = values_in(value) if isinstance(value, str) else value
        if not isinstance(values, list) or len(cast("list[Any]", values)) != 1:
            return None
        [value] = cast("list[Any]", values)
    return None


def _json_escape(found: re.Match[str]) -> str:
    if found[1] in '"\\/bfnrtu':
        return found[0]
    return found[1] if found[1] == "'" else f"\\{found[0]}"


def _sequence(text: str) -> list[Any] | None:
    """One or more JSON values with only white space, commas or semicolons between them."""
    values: list[Any] = []
    position = 0
    while position < len(text):
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            return None
        values.append(value)
        position = _GAP.match(text, position).end()  # pyright: ignore[reportOptionalMemberAccess] - it may be empty
        if len(values) > _MOST_VALUES:
            return None
    return values or None


def _literal(text: str) -> list[Any] | None:
    """Parses a value that has single quotes, a trailing comma, or Python constants such as `True`."""
    if not text.startswith(("{", "[")) or len(text) > LONGEST_LITERAL:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # for escapes that Python does not support
            return [literal(ast.parse(text, mode="eval").body)]
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def literal(node: ast.expr) -> Any:
    """The value of a literal in Python's or JSON's notation. Raises `ValueError` for any other expression."""
    match node:
        case ast.Dict(keys=keys, values=values):
            # `None` stands for `**more`.
            return {_key(key): literal(value) for key, value in zip(keys, values, strict=True)}
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [literal(element) for element in elements]
        case ast.Constant(value=str() | bool() | int() | float() | None as value):
            return value
        case ast.Name(id=name) if name in _PYTHON_NAMES:
            return _PYTHON_NAMES[name]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case _:
            raise ValueError("not a literal")


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise ValueError("not a valid object key")


def _cleaned(value: Any, depth: int) -> Any:
    """The value with cleaned strings. Raises `RecursionError` if the value is nested too deeply."""
    if depth == 0:
        raise RecursionError
    match value:
        case str():
            return clean_text(value)
        case list():
            return [_cleaned(each, depth - 1) for each in cast("list[Any]", value)]
        case dict():
            return {clean_text(k): _cleaned(v, depth - 1) for k, v in cast("dict[str, Any]", value).items()}
        case _:
            return value


def as_json(value: Any) -> str:
    """The value as a JSON string."""
    return json.dumps(value, ensure_ascii=False)
