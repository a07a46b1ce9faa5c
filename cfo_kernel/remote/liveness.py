"""Waiting for a server that may have gone silent: what takes long is told from what nobody works on any more.

A query may take minutes, so a long silence says nothing. But a server that lives answers `/healthz` meanwhile.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import httpx2

T = TypeVar("T")
_LOOK = 2.0  # seconds without an answer after which the server is asked whether it lives, again and again
_ANSWER = 4.0  # seconds that it has for that
_MISSED = 2  # times in a row that it does not answer, after which it is taken for gone


class ServerSilent(httpx2.ReadTimeout):
    """The server took a request, and answers nothing any more."""


async def watched(
    client: httpx2.AsyncClient, work: Coroutine[Any, Any, T], *, moved: Callable[[], int] = lambda: 0
) -> T:
    """What the work gives. Raises `ServerSilent` some ten seconds after the server has gone.

    `moved` is how much of a long body was sent: a server that takes more of it lives, and has its line full.
    """
    task, missed, sent = asyncio.ensure_future(work), 0, moved()
    try:
        while not (await asyncio.wait({task}, timeout=_LOOK))[0]:
            if (now := moved()) > sent:
                sent, missed = now, 0
                continue
            asking = asyncio.ensure_future(_lives(client))
            try:
                await asyncio.wait({task, asking}, return_when=asyncio.FIRST_COMPLETED)
                if not task.done():
                    missed = 0 if asking.result() else missed + 1
            finally:
                asking.cancel()
            if missed == _MISSED:
                raise ServerSilent("it has gone silent")
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, httpx2.HTTPError):
                await task


async def _lives(client: httpx2.AsyncClient) -> bool:
    try:
        await client.get("/healthz", timeout=_ANSWER)
    except httpx2.RequestError:
        return False
    return True
