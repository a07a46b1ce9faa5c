"""Streams a run's events as server-sent events.

A stream ends when the run ends, the client disconnects, or the server stops. A client that reconnects with
`Last-Event-ID` continues after that event.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, cast, get_args

from pydantic import TypeAdapter
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from cfo_api.event_feeds import EventFeeds
from cfo_kernel import Event
from cfo_kernel.events import Outcome
from cfo_kernel.interface import Run

_SCHEMAS = "#/components/schemas/"
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The events.", "content": {"text/event-stream": {"schema": {"$ref": f"{_SCHEMAS}Frame"}}}},
    204: {"description": "The run has ended, and there are no events after the given one."},
}
"""The documentation of a response that streams events."""
_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


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


async def events(run: Run, after: int | None, feeds: EventFeeds, headers: Mapping[str, str] | None = None) -> Response:
    """Returns a response that streams the run's events after the given number. Raises `EventsPruned`.

    If no more events can follow, the response is empty (204), so that a browser's `EventSource` stops reconnecting.
    """
    if await run.status() in get_args(Outcome):
        probe = run.events(after)
        first = await anext(probe, None)
        await _close(probe)
        if first is None:
            return Response(status_code=204)
    return Stream(feeds.frames(run, after), headers={**_HEADERS, **(headers or {})})


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


async def _close(source: AsyncIterator[Any]) -> None:
    if isinstance(source, AsyncGenerator):
        await cast("AsyncGenerator[Any]", source).aclose()
