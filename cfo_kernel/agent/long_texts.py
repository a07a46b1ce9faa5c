"""Processes long texts without blocking the event loop.

A thread alone is not enough, because a regular expression holds Python's global lock until it has found a match or the
end of the text. `matches` therefore searches a long text in steps.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from pydantic_ai.messages import ModelResponse

P = ParamSpec("P")
R = TypeVar("R")

LONG = 20_000
"""The length in characters from which a text is processed in a thread."""
_STEP = 100_000


async def aside(length: int, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Calls the function. If the total length of the texts that it works on is at least `LONG`, runs it in a thread."""
    return function(*args, **kwargs) if length < LONG else await asyncio.to_thread(function, *args, **kwargs)


def length_of(answer: ModelResponse) -> int:
    """The total length of the texts and arguments in an answer."""
    return sum(len(str(getattr(part, "content", getattr(part, "args", "")))) for part in answer.parts)


def matches(pattern: re.Pattern[str], text: str, longest: int) -> Iterator[re.Match[str]]:
    """The same matches as `pattern.finditer(text)`, provided that none is empty or longer than `longest`."""
    start = 0
    while start < len(text):
        end = start + _STEP
        for found in pattern.finditer(text, start, end + longest):
            if found.start() >= end:
                break
            yield found
            start = found.end()
        start = max(start, end)


def end_without(pattern: re.Pattern[str], text: str, longest: int) -> int:
    """Where the text ends when trailing matches, and the white space between them, are left out."""
    kept, last = 0, 0
    for found in matches(pattern, text, longest):
        if text[last : found.start()].strip():
            kept = found.start()
        last = found.end()
    return len(text) if text[last:].strip() else kept
