"""Sends the events of runs to many listeners. Each event is read and encoded once, however many clients follow its run.

A listener holds only its position, so a client that stops reading uses no extra memory: its stream waits in `send`.
When the client continues, frames that the feed no longer keeps are read from the journal.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from cfo_kernel import CfoError, Numbered
from cfo_kernel.interface import Run

HEARTBEAT = 15.0
"""Seconds without an event after which a heartbeat is sent, so that proxies and clients keep the connection."""
_KEPT = 4 << 20
"""How many bytes of a run's latest events are kept for its listeners."""
_PIECE = 1 << 16
"""How many bytes are sent at once. A client that stops reading uses one piece at most, besides its socket's buffers."""
_GROUP = 50
"""How many listeners are woken at once. The event loop serves other requests between two groups."""
_log = logging.getLogger(__name__)


class EventFeeds:
    """The feeds of all runs that have listeners. All streams end when `closing` is set."""

    def __init__(self, closing: asyncio.Event) -> None:
        self._closing = closing
        self._feeds: dict[str, _Feed] = {}

    async def frames(self, run: Run, after: int | None, heartbeat: float = HEARTBEAT) -> AsyncGenerator[bytes]:
        """The events after the given number as server-sent events, with heartbeats, until the run ends."""
        feed = self._feeds.get(run.id)
        if feed is None or feed.has_failed:
            feed = self._feeds[run.id] = _Feed(run, self._closing)
        try:
            async with aclosing(feed.follow(-1 if after is None else after, heartbeat)) as pieces:
                async for piece in pieces:
                    yield piece
        except CfoError as error:  # too late for an error status: the response has begun, so it can only end
            _log.warning("a stream of events ended early: %s (%s)", error.message, error.code)
        finally:
            if not feed.has_listeners:
                feed.close()
                if self._feeds.get(run.id) is feed:
                    del self._feeds[run.id]


class _Feed:
    """The last events of one run, and its listeners."""

    def __init__(self, run: Run, closing: asyncio.Event) -> None:
        self._run = run
        self._closing = closing
        self._frames: dict[int, bytes] = {}
        self._first = 0
        self._size = 0
        self._has_ended = False
        self._error: Exception | None = None
        self._listeners: set[asyncio.Event] = set()
        self._news = asyncio.Event()
        self._tasks = [asyncio.create_task(work) for work in (self._read(), self._wake(), self._wait_for_closing())]

    @property
    def has_listeners(self) -> bool:
        return bool(self._listeners)

    @property
    def has_failed(self) -> bool:
        return self._error is not None

    def close(self) -> None:
        self._end()
        for task in self._tasks:
            task.cancel()

    async def follow(self, after: int, heartbeat: float) -> AsyncGenerator[bytes]:
        """Yields the frames after the given number, in pieces. Raises the error if the events could not be read."""
        news = asyncio.Event()
        self._listeners.add(news)
        try:
            following = after + 1
            while not self._closing.is_set():
                news.clear()
                if following < self._first:
                    async with aclosing(self._missed(following)) as missed:
                        async for number, frame in missed:
                            for piece in _pieces(frame):
                                yield piece
                            following = number + 1
                elif frames := self._kept_from(following):
                    for piece in _pieces(b"".join(frames)):
                        yield piece
                    following += len(frames)
                elif self._has_ended:
                    break
                elif not await _is_set_within(news, heartbeat):
                    yield b": heartbeat\n\n"
            if self._error:
                raise self._error
        finally:
            self._listeners.discard(news)

    async def _missed(self, following: int) -> AsyncGenerator[tuple[int, bytes]]:
        """Reads from the journal the frames that are no longer kept, starting with this number."""
        async with aclosing(_events(self._run, following - 1)) as events:
            async for numbered in events:
                yield numbered.number, frame(numbered)
                if numbered.number + 1 >= self._first or self._closing.is_set():
                    return

    def _kept_from(self, following: int) -> list[bytes]:
        """The next frames that are still kept: as many as fit in a piece, but at least one if there are any.

        Joining frames copies at most one piece. A single frame is shared by all listeners, however large it is.
        """
        found: list[bytes] = []
        size = 0
        while (kept := self._frames.get(following + len(found))) is not None:
            size += len(kept)
            if found and size > _PIECE:
                break
            found.append(kept)
        return found

    async def _read(self) -> None:
        """Reads the run's events and keeps them as they arrive."""
        try:
            async with aclosing(_events(self._run, None)) as events:
                async for numbered in events:
                    self._keep(numbered.number, frame(numbered))
                    self._news.set()
                    if self._has_ended:
                        return
        except Exception as error:  # noqa: BLE001 - whatever the error is, the listeners must get it
            self._error = error
        finally:
            self._end()

    def _keep(self, number: int, encoded: bytes) -> None:
        self._frames[number] = encoded
        self._size += len(encoded)
        while self._size > _KEPT and self._first < number:
            self._size -= len(self._frames.pop(self._first, b""))
            self._first += 1

    async def _wake(self) -> None:
        """Wakes the listeners after new events, one group at a time, with a pause as long as it took to wake the group.

        They therefore take at most half of the event loop's time, and events that arrive during a pause are sent
        together.
        """
        clock = asyncio.get_running_loop().time
        has_ended = False
        while not has_ended:
            await self._news.wait()
            self._news.clear()
            has_ended, started = self._has_ended, clock()
            waiting = tuple(self._listeners)
            for start in range(0, len(waiting), _GROUP):
                for listener in waiting[start : start + _GROUP]:
                    listener.set()
                await asyncio.sleep(0)
            await asyncio.sleep(clock() - started if len(waiting) > _GROUP else 0)

    async def _wait_for_closing(self) -> None:
        await self._closing.wait()
        self._end()

    def _end(self) -> None:
        self._has_ended = True
        self._news.set()


def frame(numbered: Numbered) -> bytes:
    """An event in the format of server-sent events."""
    event = numbered.event
    return f"id: {numbered.number}\nevent: {event.type}\ndata: {event.model_dump_json(by_alias=True)}\n\n".encode()


async def _events(run: Run, after: int | None) -> AsyncGenerator[Numbered]:
    """The run's events, as a generator that can be closed."""
    events = run.events(after)
    try:
        async for numbered in events:
            yield numbered
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[start : start + _PIECE] for start in range(0, len(data), _PIECE))


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Waits for the event for at most this many seconds. Returns whether it is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
