"""The events of a run from a server: without a gap and without a repeat, however often the connection is lost."""

from collections.abc import AsyncGenerator
from typing import get_args

from httpx2 import EventSource, ServerSentEvent
from pydantic import TypeAdapter

from cfo_kernel.errors import ServerUnavailable
from cfo_kernel.events import Done, Event, Numbered, Outcome, Status
from cfo_kernel.remote.http import RetryPolicy, Server
from cfo_kernel.values import Value

_NOTHING_MORE = 204
_event: TypeAdapter[Event] = TypeAdapter(Event)


class RunStatus(Value):
    """Where a run stands."""

    run_id: str
    thread_id: str
    status: Status


run_status: TypeAdapter[RunStatus] = TypeAdapter(RunStatus)


async def events(server: Server, run: str, after: int | None) -> AsyncGenerator[Numbered]:
    """All events of the run at the path `run` after the number `after`, live until it ends.

    Raises `ServerUnavailable` where there is no connection for longer than the server's patience.
    """
    last = -1 if after is None else after
    tries = RetryPolicy(server.patience)
    has_ended = False
    while True:
        before, error = last, None
        try:
            async with server.stream(f"{run}/events", last) as response:
                tries.connected()
                if response.status_code == _NOTHING_MORE:
                    return
                async for sent in EventSource(response, max_event_size=None):
                    numbered = _numbered(server, sent)
                    if numbered.number <= last:
                        continue
                    if numbered.number > last + 1:
                        break  # something was lost on the way: asked for once more
                    last = numbered.number
                    yield numbered
                    if isinstance(numbered.event, Done):
                        return
            if last == before and has_ended:
                return  # nothing comes after the last event
            state = await server.value(run_status, "GET", f"{run}/status", repeat=False)
            has_ended = state.status in get_args(Outcome)
        except ServerUnavailable as lost:
            error = lost
        if last > before:
            tries.went_on()
        await tries.wait(error)


def _numbered(server: Server, sent: ServerSentEvent) -> Numbered:
    if not sent.id.isdecimal():
        raise server.incompatible("sends events without a number")
    return Numbered(number=int(sent.id), event=server.read(_event, sent.data))
