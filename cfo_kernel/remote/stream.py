"""Reads the events of a run from a server, without gaps or duplicates, however often the connection is lost."""

from collections.abc import AsyncGenerator
from typing import get_args

from httpx2 import EventSource, ServerSentEvent
from pydantic import TypeAdapter

from cfo_kernel.api_models import RunInfo
from cfo_kernel.errors import ServerUnavailable, TooManyStreams
from cfo_kernel.events import Done, Event, Numbered, Outcome
from cfo_kernel.remote.api_client import ApiClient

_NO_CONTENT = 204
_event: TypeAdapter[Event] = TypeAdapter(Event)
run_info: TypeAdapter[RunInfo] = TypeAdapter(RunInfo)


async def events(client: ApiClient, run_path: str, after: int | None) -> AsyncGenerator[Numbered]:
    """Yields the run's events live until it ends: all of them, or those numbered above `after`.

    Raises `ServerUnavailable` if there is no connection for longer than the client's timeout, and `TooManyStreams` if
    the server has reached its limit on streams.
    """
    last = -1 if after is None else after
    retry, full = client.retry_policy(), client.full_policy()
    has_ended = False
    while True:
        before, error = last, None
        try:
            async with client.stream(f"{run_path}/events", last) as response:
                retry.on_connected()
                full.on_connected()
                if response.status_code == _NO_CONTENT:
                    return
                async for sent in EventSource(response, max_event_size=None):
                    numbered = _numbered(client, sent)
                    if numbered.number <= last:
                        continue
                    if numbered.number > last + 1:
                        break  # an event was lost on the way, so reconnect after the last one
                    last = numbered.number
                    yield numbered
                    if isinstance(numbered.event, Done):
                        return
            # The stream ended without `done`: either the connection was cut, or the run had already ended and `after`
            # is its last event. Only a second empty stream after the run has ended proves that nothing is missing.
            if last == before and has_ended:
                return
            info = await client.fetch(run_info, "GET", f"{run_path}/status", may_repeat=False)
            has_ended = info.status in get_args(Outcome)
        except ServerUnavailable as lost:
            error = lost
        except TooManyStreams as no_room:
            await full.wait(no_room)
            continue
        if last > before:
            retry.on_progress()
        await retry.wait(error)


def _numbered(client: ApiClient, sent: ServerSentEvent) -> Numbered:
    if not sent.id.isdecimal():
        raise client.incompatible("sent an event without a number")
    return Numbered(number=int(sent.id), event=client.parse(_event, sent.data))
