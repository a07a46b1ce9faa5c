"""Tries to reach a server a second time before reporting it as unavailable, because a restart takes only a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cfo_kernel.errors import ServerUnavailable

PAUSE = 1.0
"""Seconds between the two attempts."""
T = TypeVar("T")


async def with_second_look(look: Callable[[], Awaitable[T]]) -> T:
    """Returns the result of `look`, and tries once more if the server is unavailable. Raises the second error."""
    try:
        return await look()
    except (ServerUnavailable, TimeoutError):
        await asyncio.sleep(PAUSE)
        return await look()
