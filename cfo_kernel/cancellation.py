"""Cancels tasks reliably, because a library may swallow a cancellation, and the task then simply continues."""

import asyncio
from typing import Any

CANCEL_AGAIN = 5.0  # seconds; cleaning up takes less, so a task that is still running has lost its cancellation


async def cancel_and_wait(*tasks: "asyncio.Future[Any] | None", again: float = CANCEL_AGAIN) -> None:
    """Cancels the tasks, and returns when all of them have ended, however they end.

    The cancellation is repeated every `again` seconds. Database drivers and HTTP clients sometimes swallow a
    `CancelledError` while they close a connection. If it were raised only once, waiting for such a task would never
    end.
    """
    left = {task for task in tasks if task is not None and not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=again)
    for task in tasks:
        if task is not None and not task.cancelled():
            task.exception()  # marks it as retrieved: the caller has no use for it
