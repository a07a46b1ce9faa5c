"""Processes long texts without keeping the event loop from its other tasks.

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
"""The characters of a text that is processed in a thread."""
_STEP = 100_000


async def aside(length: int, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Calls the function, in a thread if the texts that it works on have a total length of at least `LONG`."""
    return function(*args, **kwargs) if length < LONG else await asyncio.to_thread(function, *args, **kwargs)


def length_of(answer: ModelResponse) -> int:
    """The length of the texts and arguments of an answer."""
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
    """The end of the text without the matches, and the white space between them, with which it ends."""
    kept, last = 0, 0
    for found in matches(pattern, text, longest):
        if text[last : found.start()].strip():
            kept = found.start()
        last = found.end()
    return len(text) if text[last:].strip() else kept
