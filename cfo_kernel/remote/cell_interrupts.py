"""Lets users interrupt a notebook cell that is waiting for a server."""

import asyncio
import contextlib
from collections.abc import Generator

_INTERVAL = 0.2  # seconds


@contextlib.contextmanager
def periodic_wakeup() -> Generator[None]:
    """Wakes the event loop five times a second.

    To interrupt a cell, a kernel cancels its task. But the cancellation takes effect only when the loop next wakes, and
    the kernel does not wake it (ipykernel #881). Without this, a cell that is waiting for a silent server could not be
    interrupted. An embedded engine does not need this, since its own timers wake the loop.
    """
    loop = asyncio.get_running_loop()

    def wake() -> None:
        nonlocal handle
        handle = loop.call_later(_INTERVAL, wake)

    handle = loop.call_later(_INTERVAL, wake)
    try:
        yield
    finally:
        handle.cancel()
