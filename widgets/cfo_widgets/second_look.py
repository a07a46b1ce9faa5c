"""A server counts as absent only after a second failed look: one that is being restarted is back in a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cfo_kernel.errors import ServerUnavailable

PAUSE = 1.0
"""Seconds between the two looks."""
T = TypeVar("T")


async def with_second_look(look: Callable[[], Awaitable[T]]) -> T:
    """Returns what `look` returns, called again if the server was not there. Raises the error of the second call."""
    try:
        return await look()
    except (ServerUnavailable, TimeoutError):
        await asyncio.sleep(PAUSE)
        return await look()
