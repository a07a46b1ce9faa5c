"""Makes waiting interruptible in a notebook."""

import asyncio
import contextlib
from collections.abc import Generator

_INTERVAL = 0.2  # seconds


@contextlib.contextmanager
def periodic_wakeup() -> Generator[None]:
    """Wakes the event loop five times a second.

    To interrupt a cell, a kernel cancels its task, but the cancellation takes effect only when the loop wakes next, and
    the kernel does not wake it (ipykernel #881). Without this, a cell that waits for a silent server could not be
    stopped. An embedded engine needs no such help, since its own timers wake the loop.
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
