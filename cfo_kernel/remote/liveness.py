"""Distinguishes a slow server from a dead one.

A query may take minutes, so silence alone proves nothing. But a live server still answers `/healthz`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import httpx2

from cfo_kernel.cancellation import cancel_and_wait

T = TypeVar("T")
_CHECK_INTERVAL = 2.0  # seconds without an answer before each health check
_CHECK_TIMEOUT = 4.0  # seconds that a health check may take
_MAX_FAILURES = 2  # failed health checks in a row after which the server counts as dead


class ServerSilent(httpx2.ReadTimeout):
    """Raised when the server accepted a request and then stopped answering altogether."""


async def fail_when_silent(
    client: httpx2.AsyncClient, work: Coroutine[Any, Any, T], *, sent: Callable[[], int] = lambda: 0
) -> T:
    """Awaits `work` and returns its result. Raises `ServerSilent` about ten seconds after the server has died.

    `sent` returns the number of pieces of a long body sent so far. While it grows, the server is alive, even if the
    upload saturates the connection so that no health check gets through.
    """
    task, failures, sent_before = asyncio.ensure_future(work), 0, sent()
    try:
        while not (await asyncio.wait({task}, timeout=_CHECK_INTERVAL))[0]:
            if (sent_now := sent()) > sent_before:
                sent_before, failures = sent_now, 0
                continue
            check = asyncio.ensure_future(_is_healthy(client))
            try:
                await asyncio.wait({task, check}, return_when=asyncio.FIRST_COMPLETED)
                if not task.done():
                    failures = 0 if check.result() else failures + 1
            finally:
                check.cancel()
            if failures == _MAX_FAILURES:
                raise ServerSilent("the server has stopped answering")
        return task.result()
    finally:
        await cancel_and_wait(task)


async def _is_healthy(client: httpx2.AsyncClient) -> bool:
    try:
        await client.get("/healthz", timeout=_CHECK_TIMEOUT)
    except httpx2.RequestError:
        return False
    return True
