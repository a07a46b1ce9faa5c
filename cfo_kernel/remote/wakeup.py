"""Waiting that a notebook can interrupt."""

import asyncio
import contextlib
from collections.abc import Generator

_BEAT = 0.2  # seconds


@contextlib.contextmanager
def periodic_wakeup() -> Generator[None]:
    """Has the event loop wake now and then.

    A kernel that is told to interrupt a cell cancels it when its loop wakes next, and does not wake it itself
    (ipykernel #881): a cell that waits for a silent server could not be stopped. An engine wakes its loop anyway.
    """
    loop = asyncio.get_running_loop()

    def beat() -> None:
        nonlocal handle
        handle = loop.call_later(_BEAT, beat)

    handle = loop.call_later(_BEAT, beat)
    try:
        yield
    finally:
        handle.cancel()
