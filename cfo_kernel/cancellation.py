"""Cancels tasks reliably, and waits for work that cannot be cancelled."""

import asyncio
import contextvars
import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

CANCEL_AGAIN = 5.0  # seconds; cleaning up takes less, so a task that is still running then has lost its cancellation


async def cancel_and_wait(*tasks: "asyncio.Future[Any] | None", again: float = CANCEL_AGAIN) -> None:
    """Cancels the tasks, and returns when all of them have ended, however they end.

    The cancellation is repeated every `again` seconds. Database drivers and HTTP clients sometimes swallow a
    `CancelledError` while they close a connection. If the cancellation were requested only once, waiting for such a
    task would never end.
    """
    left = {task for task in tasks if task is not None and not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=again)
    for task in tasks:
        if task is not None and not task.cancelled():
            task.exception()  # marks it as retrieved: the caller has no use for it


async def finish_in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs the work in a thread, and returns its result when it has ended.

    A thread cannot be cancelled. If the caller is cancelled, this still waits for the work, so that the caller can
    remove the files that the work uses, and then raises `CancelledError`. An interpreter that is exiting cannot start
    threads, so the work is then done in the calling thread.
    """
    call = functools.partial(contextvars.copy_context().run, work, *args, **kwargs)
    try:
        task = asyncio.get_running_loop().run_in_executor(None, call)
    except RuntimeError:  # raised for a thread that cannot be started, not by the work
        return call()
    is_cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            is_cancelled = True
    if is_cancelled:
        if not task.cancelled():
            task.exception()  # marks it as retrieved
        raise asyncio.CancelledError
    return task.result()
