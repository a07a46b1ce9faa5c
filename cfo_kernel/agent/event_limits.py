"""Limits the size of one event of an answer, and how long reading events can keep other tasks from running."""

import asyncio
import json
import re
import time

from cfo_kernel.errors import ModelMisbehaved

LONGEST_EVENT = 1_000_000
"""How many bytes an event can have. A complete answer can be one event."""
_MOST_VALUES = 20_000
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_LONGEST_TURN = 0.005


def event_value(text: str) -> object:
    """The JSON value in an event. Raises `ValueError` if it is not JSON, and `ModelMisbehaved` if it is too large."""
    if len(text) > LONGEST_EVENT:
        raise _too_large(f"{LONGEST_EVENT:,} characters")
    # Counted before parsing, which takes a second for a million characters of empty lists.
    if _marks(text) > _MOST_VALUES and _marks(_STRING.sub("", text)) > _MOST_VALUES:
        raise _too_large(f"{_MOST_VALUES:,} values")
    return json.loads(text)


def _marks(text: str) -> int:
    return text.count(",") + text.count("[") + text.count("{")


def _too_large(most: str) -> ModelMisbehaved:
    return ModelMisbehaved(
        f"The model's server sent more than {most} in one event of its answer. Ask a narrower question, or check the "
        "server."
    )


class Pace:
    """Lets other tasks run at least every few milliseconds while events are read that have already arrived."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    async def turn(self) -> None:
        """Call this before each event."""
        if time.monotonic() - self._since > _LONGEST_TURN:
            await asyncio.sleep(0)
            self._since = time.monotonic()
