"""Limits the size of an answer and of its events, and how long reading them can block other tasks."""

import asyncio
import json
import re
import time

from cfo_kernel.errors import TokenLimitReached

LONGEST_ANSWER = 1_000_000
"""How many characters of text, thoughts and arguments an answer can have."""
MOST_CALLS = 100
"""How many calls an answer can have. Models make ten at most."""
LONGEST_EVENT = 1_000_000
"""How many bytes an event can have. A complete answer can be one event."""
_MOST_VALUES = 20_000
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_LONGEST_TURN = 0.005


def event_value(text: str) -> object:
    """The JSON value in an event. Raises `ValueError` if it is not JSON or too large."""
    if len(text) > LONGEST_EVENT:
        raise ValueError("The event is too long.")
    # Counted before parsing, because parsing a million characters of empty lists takes a second.
    if _marks(text) > _MOST_VALUES and _marks(_STRING.sub("", text)) > _MOST_VALUES:
        raise ValueError("The event has too many values.")
    return json.loads(text)


def endless() -> TokenLimitReached:
    """The error for an answer that is too long."""
    return TokenLimitReached(
        f"The model's answer had not ended after {LONGEST_ANSWER:,} characters. Ask a narrower question."
    )


def _marks(text: str) -> int:
    return text.count(",") + text.count("[") + text.count("{")


class Pace:
    """Lets other tasks run at least every few milliseconds while events that have already arrived are read."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    async def turn(self) -> None:
        """Call this before each event."""
        if time.monotonic() - self._since > _LONGEST_TURN:
            await asyncio.sleep(0)
            self._since = time.monotonic()
