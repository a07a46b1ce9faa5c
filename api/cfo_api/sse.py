"""Streams a run's events as server-sent events, with comments as heartbeats while there are no events.

A stream ends when the run ends, the client disconnects, or the server stops. A client that reconnects with
`Last-Event-ID` continues after that event.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, cast, get_args

from pydantic import TypeAdapter
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from cfo_kernel import CfoError, Event, Numbered
from cfo_kernel.cancellation import cancel_and_wait
from cfo_kernel.events import Outcome
from cfo_kernel.interface import Run

HEARTBEAT = 15.0
"""After this many seconds without an event, a heartbeat is sent, so that proxies and clients keep the connection."""
_SCHEMAS = "#/components/schemas/"
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The events.", "content": {"text/event-stream": {"schema": {"$ref": f"{_SCHEMAS}Frame"}}}},
    204: {"description": "The run has ended, and there are no events after the given one."},
}
"""The documentation of a response that streams events."""
_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_log = logging.getLogger(__name__)
_cleanups: set[asyncio.Task[None]] = set()
"""References to running tasks, because the event loop keeps only weak ones."""


class Stream(StreamingResponse):
    """A streaming response that closes its source at once, however the response ends."""

    def __init__(self, source: AsyncIterator[bytes], **options: Any) -> None:
        super().__init__(source, **options)
        self._source: AsyncIterator[bytes] = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await _close(self._source)


async def events(
    run: Run, after: int | None, closing: asyncio.Event, headers: Mapping[str, str] | None = None
) -> Response:
    """Returns a response that streams the run's events after the given number. Raises `EventsPruned`.

    If no more events can follow, the response is empty (204), so that a browser's `EventSource` stops reconnecting.
    """
    if await run.status() in get_args(Outcome):
        probe = run.events(after)
        first = await anext(probe, None)
        await _close(probe)
        if first is None:
            return Response(status_code=204)
    return Stream(frames(run.events(after), closing), headers={**_HEADERS, **(headers or {})})


def schemas() -> dict[str, Any]:
    """Returns the OpenAPI components that the documentation of streams refers to: the frame and the events."""
    event = TypeAdapter[Any](Event).json_schema(mode="serialization", ref_template=_SCHEMAS + "{model}")
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": {"$ref": f"{_SCHEMAS}Event"}}
    frame = {
        "type": "object",
        "description": "One event of the stream, with its number.",
        "required": ["id", "event", "data"],
        "properties": {"id": {"type": "string"}, "event": {"type": "string"}, "data": data},
    }
    return {**event.pop("$defs"), "Event": event, "Frame": frame}


async def frames(
    source: AsyncIterator[Numbered], closing: asyncio.Event, heartbeat: float = HEARTBEAT
) -> AsyncGenerator[bytes]:
    """Yields the bytes of a stream, with a heartbeat after this many seconds without an event."""
    stop = asyncio.create_task(closing.wait())
    following: asyncio.Future[Numbered] | None = None
    try:
        while not stop.done():
            following = following or asyncio.ensure_future(anext(source))
            done, _ = await asyncio.wait({following, stop}, timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
            if following in done:
                yield _frame(following.result())
                following = None
            elif not done:
                yield b": heartbeat\n\n"
    except StopAsyncIteration:
        return
    except CfoError as error:  # too late for an error status: the response has started and can only end
        _log.warning("a stream of events ended early: %s (%s)", error.message, error.code)
    finally:
        stop.cancel()
        # In another task, since this one is cancelled at every await once its client has disconnected.
        cleanup = asyncio.create_task(_release(following, source))
        _cleanups.add(cleanup)
        cleanup.add_done_callback(_cleanups.discard)


async def _release(following: asyncio.Future[Numbered] | None, source: AsyncIterator[Numbered]) -> None:
    """Closes a source, which may be waiting for its next event."""
    await cancel_and_wait(following)
    await _close(source)


async def _close(source: AsyncIterator[Any]) -> None:
    if isinstance(source, AsyncGenerator):
        await cast("AsyncGenerator[Any]", source).aclose()


def _frame(numbered: Numbered) -> bytes:
    event = numbered.event
    return f"id: {numbered.number}\nevent: {event.type}\ndata: {event.model_dump_json(by_alias=True)}\n\n".encode()
