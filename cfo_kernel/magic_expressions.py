"""Replaces Python expressions in the text of a magic: `{region}` becomes its value, as in IPython's own magics."""

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

from cfo_kernel.errors import InvalidInput

_ADVICE = "Correct it, or write {{ and }} if the braces are part of the text."
_DOLLAR = re.compile(r"\$([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")


def expanded(text: str, namespace: Mapping[str, Any]) -> str:
    """Returns the text with each `{expression}` replaced with its value, and doubled braces with single ones.

    Raises `InvalidInput` if an expression cannot be evaluated.
    """
    return "".join(_parts(text, namespace, dollars=False))


def expanded_line(text: str, namespace: Mapping[str, Any]) -> str:
    """Like `expanded`, but for the line of a magic, where `$name` is also replaced if a variable has this name."""
    return "".join(_parts(text, namespace, dollars=True))


def _parts(text: str, namespace: Mapping[str, Any], *, dollars: bool) -> list[str]:
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise InvalidInput(f"The braces do not match ({error}). {_ADVICE}") from error
    parts: list[str] = []
    for literal, expression, rest, conversion in parsed:
        parts.append(_with_dollars(literal, namespace) if dollars else literal)
        if expression is not None:
            # As in IPython, the text after a colon is part of the expression, so that {rows[1:3]} is a slice.
            code = f"{expression}:{rest}" if rest else expression
            parts.append(_value(code, conversion, namespace))
    return parts


def _value(code: str, conversion: str | None, namespace: Mapping[str, Any]) -> str:
    shown = f"{{{code[:80]}}}"
    try:
        value: Any = eval(code.strip(), dict(namespace))  # noqa: S307 - the code of the notebook's own cell
        return format(Formatter().convert_field(value, conversion), "")  # pyright: ignore[reportArgumentType]
    except NameError as error:
        raise InvalidInput(f"{shown} cannot be replaced: there is no variable {error.name}. {_ADVICE}") from error
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise InvalidInput(f"{shown} cannot be replaced: {reason}. {_ADVICE}") from error


def _with_dollars(text: str, namespace: Mapping[str, Any]) -> str:
    def value(found: re.Match[str]) -> str:
        name, *attributes = found[1].split(".")
        if name not in namespace:
            return found[0]
        value = namespace[name]
        for attribute in attributes:
            value = getattr(value, attribute, found[0])
        return str(value)

    return _DOLLAR.sub(value, text)
