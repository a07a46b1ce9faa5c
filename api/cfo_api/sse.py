"""A run's events as server-sent events: id, event, data; a comment where nothing happens, so that nobody hangs up.

A stream ends with its run, with its client, or when the server closes: whoever reconnects with `Last-Event-ID` goes on
where it was.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, cast, get_args

from pydantic import TypeAdapter
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from cfo_kernel import CfoError, Event, Numbered
from cfo_kernel.events import Outcome
from cfo_kernel.interface import Run

HEARTBEAT = 15.0  # seconds
_SCHEMAS = "#/components/schemas/"
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The events.", "content": {"text/event-stream": {"schema": {"$ref": f"{_SCHEMAS}Frame"}}}},
    204: {"description": "The run has ended, and there is nothing after that event."},
}
"""How an answer that streams events is documented."""
_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_log = logging.getLogger(__name__)
_leaving: set[asyncio.Task[None]] = set()


class Stream(StreamingResponse):
    """A streamed answer that lets go of its source at once, however it ends."""

    def __init__(self, source: AsyncIterator[bytes], **options: Any) -> None:
        super().__init__(source, **options)
        self._source: AsyncIterator[bytes] = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await _closed(self._source)


async def events(
    run: Run, after: int | None, closing: asyncio.Event, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer that streams the run's events after that number. Raises `EventsPruned` before it begins.

    Where none will come any more it is empty (204), and a browser's `EventSource` asks no further.
    """
    if await run.status() in get_args(Outcome):  # all that it has to say is there, or nothing of it
        probe = run.events(after)
        first = await anext(probe, None)
        await _closed(probe)
        if first is None:
            return Response(status_code=204)
    return Stream(frames(run.events(after), closing), headers={**_HEADERS, **(headers or {})})


def schemas() -> dict[str, Any]:
    """The components that a documented stream refers to: a frame of it, and the events."""
    event = TypeAdapter[Any](Event).json_schema(mode="serialization", ref_template=_SCHEMAS + "{model}")
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": {"$ref": f"{_SCHEMAS}Event"}}
    frame = {
        "type": "object",
        "description": "One of the stream's events, each with its number.",
        "required": ["id", "event", "data"],
        "properties": {"id": {"type": "string"}, "event": {"type": "string"}, "data": data},
    }
    return {**event.pop("$defs"), "Event": event, "Frame": frame}


async def frames(
    source: AsyncIterator[Numbered], closing: asyncio.Event, heartbeat: float = HEARTBEAT
) -> AsyncGenerator[bytes]:
    """The bytes of a stream; `heartbeat` is in seconds."""
    end = asyncio.create_task(closing.wait())
    following: asyncio.Future[Numbered] | None = None
    try:
        while not end.done():
            following = following or asyncio.ensure_future(anext(source))
            done, _ = await asyncio.wait({following, end}, timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
            if following in done:
                yield _frame(following.result())
                following = None
            elif not done:
                yield b": heartbeat\n\n"
    except StopAsyncIteration:
        return
    except CfoError as error:  # the answer has begun, so all that is left is to end it
        _log.warning("a stream of events ended early: %s (%s)", error.message, error.code)
    finally:
        end.cancel()
        # In a task of its own: where a client vanished, this one is cancelled at every await.
        leaving = asyncio.create_task(_leave(following, source))
        _leaving.add(leaving)
        leaving.add_done_callback(_leaving.discard)


async def _leave(following: asyncio.Future[Numbered] | None, source: AsyncIterator[Numbered]) -> None:
    """Lets go of a source, which may be waiting for its next event."""
    if following is not None:
        following.cancel()
        await asyncio.wait({following})
    await _closed(source)


async def _closed(source: AsyncIterator[Any]) -> None:
    if isinstance(source, AsyncGenerator):
        await cast("AsyncGenerator[Any]", source).aclose()


def _frame(numbered: Numbered) -> bytes:
    event = numbered.event
    return f"id: {numbered.number}\nevent: {event.type}\ndata: {event.model_dump_json(by_alias=True)}\n\n".encode()
